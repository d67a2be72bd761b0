"""Coupons and promotion codes: made, read, listed, changed, deleted."""

from __future__ import annotations

from ..calls import Call, list_objects, merged_metadata
from ..currencies import check_currency
from ..ids import random_text
from ..messages import ApiError, Doc
from ..world import World
from .catalog import missing, one_of

COUPON, CODE = "coupon", "promotion_code"
CODE_LENGTH = 8


def create_coupon(call: Call) -> Doc:
    """POST /v1/coupons."""
    world, params = call.world, call.params
    if "amount_off" in params and "percent_off" in params:
        raise one_of("amount_off", "percent_off")
    if "amount_off" not in params and "percent_off" not in params:
        raise ApiError("You must pass either `percent_off` or `amount_off`.", code="parameter_missing")
    if "percent_off" in params and not 0 < params["percent_off"] <= 100:
        raise ApiError("Invalid percent_off: must be above 0 and at most 100", param="percent_off")
    if "amount_off" in params:
        if "currency" not in params:
            raise missing("currency")
        if params["amount_off"] < 1:
            raise ApiError("Invalid positive integer", code="parameter_invalid_integer", param="amount_off")
    duration = params.get("duration", "once")
    if (duration == "repeating") != ("duration_in_months" in params):
        message = "`duration_in_months` goes with a `duration` of `repeating`, and only with it."
        raise ApiError(message, param="duration_in_months")
    if "id" in params and world.store.find(params["id"]):
        raise ApiError("Coupon already exists.", code="resource_already_exists", param="id")
    for product in params.get("applies_to", {}).get("products", []):
        world.get("product", product, "applies_to[products]")
    coupon = world.new(
        COUPON,
        amount_off=params.get("amount_off"),
        currency=check_currency(params["currency"], "currency") if "amount_off" in params else None,
        duration=duration,
        duration_in_months=params.get("duration_in_months"),
        max_redemptions=params.get("max_redemptions"),
        metadata=merged_metadata({}, params.get("metadata", {})),
        name=params.get("name"),
        percent_off=params.get("percent_off"),
        redeem_by=params.get("redeem_by"),
        times_redeemed=0,
        valid=True,
    )
    coupon["id"] = params.get("id", coupon["id"])
    if "applies_to" in params:
        coupon["_applies_to"] = {"products": params["applies_to"].get("products", [])}
    world.store.insert(coupon)
    world.emit("coupon.created", coupon)
    if coupon["redeem_by"]:
        world.schedule("end_coupon", coupon["id"], coupon["redeem_by"])
    return coupon


def end_coupon(world: World, coupon: Doc) -> None:
    """Make a coupon invalid whose time is over."""
    world.update(coupon, "coupon.updated", valid=False)


def retrieve_coupon(call: Call) -> Doc:
    """GET /v1/coupons/:coupon."""
    return call.world.get(COUPON, call.ids["coupon"], "coupon")


def list_coupons(call: Call) -> Doc:
    """GET /v1/coupons."""
    return list_objects(call, COUPON)


def update_coupon(call: Call) -> Doc:
    """POST /v1/coupons/:coupon; only its name and metadata can change."""
    coupon = retrieve_coupon(call)
    changes: Doc = {"name": call.params["name"] or None} if "name" in call.params else {}
    if "metadata" in call.params:
        changes["metadata"] = merged_metadata(coupon["metadata"], call.params["metadata"])
    return call.world.update(coupon, "coupon.updated", **changes)


def delete_coupon(call: Call) -> Doc:
    """DELETE /v1/coupons/:coupon; discounts that were given stay."""
    coupon = retrieve_coupon(call)
    call.world.store.delete(coupon["id"])
    call.world.emit("coupon.deleted", coupon)
    return {"id": coupon["id"], "object": COUPON, "deleted": True}


def create_code(call: Call) -> Doc:
    """POST /v1/promotion_codes."""
    world, params = call.world, call.params
    if "coupon" not in params["promotion"]:
        raise missing("promotion[coupon]")
    coupon = world.get(COUPON, params["promotion"]["coupon"], "promotion[coupon]")
    if "customer" in params:
        world.get("customer", params["customer"], "customer")
    text = params.get("code") or random_text(CODE_LENGTH).upper()
    if find_code(world, text):
        message = f"An active promotion code with `code: {text}` already exists."
        raise ApiError(message, code="resource_already_exists", param="code")
    asked = params.get("restrictions", {})
    if ("minimum_amount" in asked) != ("minimum_amount_currency" in asked):
        raise missing("restrictions[minimum_amount_currency]")
    code = world.new(
        CODE,
        active=params.get("active", True),
        code=text,
        customer=params.get("customer"),
        customer_account=None,
        expires_at=params.get("expires_at"),
        max_redemptions=params.get("max_redemptions"),
        metadata=merged_metadata({}, params.get("metadata", {})),
        promotion={"type": "coupon", "coupon": coupon["id"]},
        restrictions={
            "first_time_transaction": asked.get("first_time_transaction", False),
            "minimum_amount": asked.get("minimum_amount"),
            "minimum_amount_currency": asked.get("minimum_amount_currency"),
        },
        times_redeemed=0,
    )
    code["_folded"] = text.casefold()
    code["_coupon"] = coupon["id"]
    world.store.insert(code)
    world.emit("promotion_code.created", code)
    if code["expires_at"]:
        world.schedule("end_code", code["id"], code["expires_at"])
    return code


def end_code(world: World, code: Doc) -> None:
    """Make a promotion code inactive whose time is over."""
    if code["active"]:
        world.update(code, "promotion_code.updated", active=False)


def find_code(world: World, text: str) -> Doc | None:
    """Return the active promotion code that a shopper means, whatever the case of its letters."""
    found = world.store.select(CODE, {"_folded": text.strip().casefold()})
    return next((code for code in found if code["active"]), None)


def retrieve_code(call: Call) -> Doc:
    """GET /v1/promotion_codes/:promotion_code."""
    return call.world.get(CODE, call.ids["promotion_code"], "promotion_code")


def list_codes(call: Call) -> Doc:
    """GET /v1/promotion_codes."""
    where = {}
    if "code" in call.params:
        where["_folded"] = call.params["code"].casefold()
    if "coupon" in call.params:
        where["_coupon"] = call.params["coupon"]
    return list_objects(call, CODE, ("active", "customer"), where)


def update_code(call: Call) -> Doc:
    """POST /v1/promotion_codes/:promotion_code."""
    code = retrieve_code(call)
    changes: Doc = {"active": call.params["active"]} if "active" in call.params else {}
    if "metadata" in call.params:
        changes["metadata"] = merged_metadata(code["metadata"], call.params["metadata"])
    return call.world.update(code, "promotion_code.updated", **changes)
