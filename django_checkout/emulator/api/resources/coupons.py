"""Coupons and promotion codes."""

from __future__ import annotations

import re
from functools import partial

from django_checkout.emulator.api.calls import Call, Route, list_kind, list_objects, merged_metadata, retrieve
from django_checkout.emulator.api.resources.pricing import missing, one_of
from django_checkout.emulator.api.resources.session_values import invalid_integer
from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.reference.currencies import check_currency
from django_checkout.emulator.state.state import State

COUPON, CODE = "coupon", "promotion_code"
CODE_LENGTH = 8
MAX_REDEEM_SECONDS = 5 * 366 * 24 * 3600 - 1
#: Integers that are positive if they are sent.
POSITIVE = ("amount_off", "duration_in_months", "max_redemptions")


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
    if "amount_off" in params:
        coupon["_currency_options"] = {coupon["currency"]: {"amount_off": coupon["amount_off"]}, **_options(params)}
    if "applies_to" in params:
        coupon["_applies_to"] = {"products": params["applies_to"].get("products", [])}
    state.store.insert(coupon)
    state.emit("coupon.created", coupon)
    if coupon["redeem_by"]:
        state.schedule("end_coupon", coupon["id"], coupon["redeem_by"])
    return coupon


def _options(params: Doc) -> Doc:
    """Return ``currency_options``: https://docs.stripe.com/api/coupons/create#create_coupon-currency_options"""
    options: Doc = {}
    for code, option in params.get("currency_options", {}).items():
        currency = check_currency(code, "currency_options")
        if option["amount_off"] < 1:
            raise invalid_integer("Invalid positive integer", f"currency_options[{code}][amount_off]")
        options[currency] = {"amount_off": option["amount_off"]}
    return options


def in_currency(coupon: Doc, currency: str) -> Doc:
    """Return a coupon with its reduction in a currency, or as it is if it has none in it."""
    option = (coupon.get("_currency_options") or {}).get(currency)
    return {**coupon, **option, "currency": currency} if option else coupon


def _check_coupon(state: State, params: Doc) -> None:
    if "amount_off" in params and "percent_off" in params:
        raise one_of("amount_off", "percent_off")
    if "amount_off" not in params and "percent_off" not in params:
        raise ApiError("You must pass either `percent_off` or `amount_off`.", code="parameter_missing")
    if "percent_off" in params and not 0 < params["percent_off"] <= 100:
        raise ApiError("Invalid percent_off: must be above 0 and at most 100", param="percent_off")
    if "amount_off" in params and "currency" not in params:
        raise missing("currency")
    _check_positive(params)
    if params.get("redeem_by", 0) > state.clock.now() + MAX_REDEEM_SECONDS:
        raise ApiError("`redeem_by` can be at most five years in the future.", param="redeem_by")
    if (params.get("duration") == "repeating") != ("duration_in_months" in params):
        message = "You must pass `duration_in_months` if, and only if, `duration` is `repeating`."
        raise ApiError(message, param="duration_in_months")
    if "id" in params and state.store.find(params["id"]):
        raise ApiError("Coupon already exists.", code="resource_already_exists", param="id")
    for product in params.get("applies_to", {}).get("products", []):
        state.get("product", product, "applies_to[products]")


def _check_positive(params: Doc) -> None:
    for name in POSITIVE:
        if params.get(name, 1) < 1:
            raise invalid_integer("Invalid positive integer", name)


def end_coupon(state: State, coupon: Doc) -> None:
    """Invalidate an expired coupon."""
    state.update(coupon, "coupon.updated", valid=False)


def update_coupon(call: Call) -> Doc:
    """POST /v1/coupons/:coupon, for name, metadata and the amounts in other currencies only."""
    coupon = call.target(COUPON)
    changes = call.changes(coupon, "name")
    if "currency_options" in call.params:
        changes["_currency_options"] = {**(coupon.get("_currency_options") or {}), **_options(call.params)}
    return call.state.update(coupon, "coupon.updated", **changes)


def delete_coupon(call: Call) -> Doc:
    """DELETE /v1/coupons/:coupon. Existing discounts stay."""
    coupon = call.target(COUPON)
    call.state.store.delete(coupon["id"])
    call.state.emit("coupon.deleted", coupon)
    return {"id": coupon["id"], "object": COUPON, "deleted": True}


def create_code(call: Call) -> Doc:
    """POST /v1/promotion_codes."""
    state, params = call.state, call.params
    promotion = params["promotion"]
    if promotion["type"] == COUPON and "coupon" not in promotion:
        raise missing("promotion[coupon]")
    coupon = state.get(COUPON, promotion["coupon"], "promotion[coupon]")
    if "customer" in params:
        state.get("customer", params["customer"], "customer")
    text = params.get("code") or random_text(CODE_LENGTH).upper()
    _check_code(state, params, coupon, text)
    asked = params.get("restrictions", {})
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


def _check_code(state: State, params: Doc, coupon: Doc, text: str) -> None:
    """Raise Stripe's error for a new promotion code; see ``stripe/params/_promotion_code_create_params.py``."""
    if not re.fullmatch(r"[A-Za-z0-9-]+", text):
        raise ApiError("Promotion codes may only contain letters, digits and dashes.", param="code")
    _check_positive(params)
    for name, limit in (("expires_at", coupon["redeem_by"]), ("max_redemptions", coupon["max_redemptions"])):
        if limit is not None and params.get(name, limit) > limit:
            raise ApiError(f"`{name}` of a promotion code cannot exceed that of its coupon.", param=name)
    if params.get("active", True):
        _check_unique(state, text, params.get("customer"))
    asked = params.get("restrictions", {})
    if ("minimum_amount" in asked) != ("minimum_amount_currency" in asked):
        raise missing("restrictions[minimum_amount_currency]")


def _check_unique(state: State, text: str, customer: str | None) -> None:
    """Raise Stripe's error if the code is active already, for the same customer or for all."""
    if any(code["customer"] == customer for code in _active(state, text)):
        raise ApiError(f"An active promotion code with `code: {text}` already exists.", param="code")


def end_code(state: State, code: Doc) -> None:
    """Deactivate an expired promotion code."""
    if code["active"]:
        state.update(code, "promotion_code.updated", active=False)


def find_code(state: State, text: str, customer: str | None) -> Doc | None:
    """Return the active promotion code with this text, case-insensitively, or None; the customer's own comes first."""
    found = _active(state, text)
    return min(found, key=lambda code: (code["customer"] != customer, code["customer"] is not None), default=None)


def _active(state: State, text: str) -> list[Doc]:
    return state.store.select(CODE, {"_folded": text.strip().casefold(), "active": True})


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
    code, state = call.target(CODE), call.state
    if call.params.get("active") and not code["active"]:
        coupon = state.store.find(code["_coupon"], COUPON)
        if coupon is None or not coupon["valid"] or is_used_up(code, state.clock.now()):
            raise ApiError("This promotion code cannot be reactivated.", param="active")
        _check_unique(state, code["code"], code["customer"])
    return state.update(code, "promotion_code.updated", **call.changes(code, "active"))


def is_used_up(code: Doc, now: int) -> bool:
    """Return whether a promotion code has expired or has been redeemed as often as allowed."""
    is_redeemed = code["max_redemptions"] is not None and code["times_redeemed"] >= code["max_redemptions"]
    return is_redeemed or bool(code["expires_at"] and code["expires_at"] <= now)


EXPANDABLE = {
    "coupon": ("applies_to", "currency_options"),
    "promotion_code": ("customer", "promotion.coupon"),
}
ROUTES = {
    "GET /v1/coupons": Route(partial(list_kind, "coupon", "")),
    "POST /v1/coupons": Route(create_coupon),
    "GET /v1/coupons/{coupon}": Route(partial(retrieve, "coupon")),
    "POST /v1/coupons/{coupon}": Route(update_coupon),
    "DELETE /v1/coupons/{coupon}": Route(delete_coupon),
    "GET /v1/promotion_codes": Route(list_codes, "customer_account"),
    "POST /v1/promotion_codes": Route(create_code, "customer_account restrictions.currency_options"),
    "GET /v1/promotion_codes/{promotion_code}": Route(partial(retrieve, "promotion_code")),
    "POST /v1/promotion_codes/{promotion_code}": Route(update_code, "restrictions"),
}
