"""Coupons and promotion codes."""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call, list_objects, merged_metadata
from django_checkout.emulator.api.resources.catalog import missing, one_of
from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.reference.currencies import check_currency
from django_checkout.emulator.state.state import State

COUPON, CODE = "coupon", "promotion_code"
CODE_LENGTH = 8


def create_coupon(call: Call) -> Doc:
    """POST /v1/coupons."""
    state, params = call.state, call.params
    _check_coupon(state, params)
    coupon = state.new(
        COUPON,
        amount_off=params.get("amount_off"),
        currency=check_currency(params["currency"], "currency") if "amount_off" in params else None,
        duration=params.get("duration", "once"),
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
    state.store.insert(coupon)
    state.emit("coupon.created", coupon)
    if coupon["redeem_by"]:
        state.schedule("end_coupon", coupon["id"], coupon["redeem_by"])
    return coupon


def _check_coupon(state: State, params: Doc) -> None:
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
    if (params.get("duration") == "repeating") != ("duration_in_months" in params):
        message = "You must pass `duration_in_months` if, and only if, `duration` is `repeating`."
        raise ApiError(message, param="duration_in_months")
    if "id" in params and state.store.find(params["id"]):
        raise ApiError("Coupon already exists.", code="resource_already_exists", param="id")
    for product in params.get("applies_to", {}).get("products", []):
        state.get("product", product, "applies_to[products]")


def end_coupon(state: State, coupon: Doc) -> None:
    """Invalidate an expired coupon."""
    state.update(coupon, "coupon.updated", valid=False)


def update_coupon(call: Call) -> Doc:
    """POST /v1/coupons/:coupon, for name and metadata only."""
    coupon = call.target(COUPON)
    return call.state.update(coupon, "coupon.updated", **call.changes(coupon, "name"))


def delete_coupon(call: Call) -> Doc:
    """DELETE /v1/coupons/:coupon. Existing discounts stay."""
    coupon = call.target(COUPON)
    call.state.store.delete(coupon["id"])
    call.state.emit("coupon.deleted", coupon)
    return {"id": coupon["id"], "object": COUPON, "deleted": True}


def create_code(call: Call) -> Doc:
    """POST /v1/promotion_codes."""
    state, params = call.state, call.params
    if "coupon" not in params["promotion"]:
        raise missing("promotion[coupon]")
    coupon = state.get(COUPON, params["promotion"]["coupon"], "promotion[coupon]")
    if "customer" in params:
        state.get("customer", params["customer"], "customer")
    text = params.get("code") or random_text(CODE_LENGTH).upper()
    if find_code(state, text):
        message = f"An active promotion code with `code: {text}` already exists."
        raise ApiError(message, code="resource_already_exists", param="code")
    asked = params.get("restrictions", {})
    if ("minimum_amount" in asked) != ("minimum_amount_currency" in asked):
        raise missing("restrictions[minimum_amount_currency]")
    code = state.new(
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
    state.store.insert(code)
    state.emit("promotion_code.created", code)
    if code["expires_at"]:
        state.schedule("end_code", code["id"], code["expires_at"])
    return code


def end_code(state: State, code: Doc) -> None:
    """Deactivate an expired promotion code."""
    if code["active"]:
        state.update(code, "promotion_code.updated", active=False)


def find_code(state: State, text: str) -> Doc | None:
    """Return the active promotion code with this text, case-insensitively, or None."""
    found = state.store.select(CODE, {"_folded": text.strip().casefold()})
    return next((code for code in found if code["active"]), None)


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
    code = call.target(CODE)
    return call.state.update(code, "promotion_code.updated", **call.changes(code, "active"))
