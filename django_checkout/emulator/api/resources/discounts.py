"""Discounts of a session, from the shop or from the shopper's promotion code, distributed over the line items."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from django.utils.translation import gettext as _

from django_checkout.emulator.api.resources import lines
from django_checkout.emulator.api.resources.catalog import missing, one_of
from django_checkout.emulator.api.resources.coupons import CODE, COUPON, find_code
from django_checkout.emulator.messages import ApiError, Doc, without_hidden
from django_checkout.emulator.state.state import State

#: Codes of ``ApiError`` for a refused promotion code.
INVALID_CODE, TOO_LITTLE, NOTHING_TO_APPLY_TO = (
    "promotion_code_invalid",
    "promotion_code_amount_insufficient",
    "coupon_applies_to_nothing",
)
#: Fields of a new object that are null.
NULLS = "customer_account end invoice invoice_item subscription subscription_item"


def attach(state: State, session: Doc, params: list[Doc]) -> None:
    """Apply the ``discounts`` of a new session."""
    session["_discount"] = None
    for index, discount in enumerate(params):
        param = f"discounts[{index}]"
        if "coupon" in discount and "promotion_code" in discount:
            raise one_of("coupon", "promotion_code", param)
        if "promotion_code" in discount:
            code = state.get(CODE, discount["promotion_code"], f"{param}[promotion_code]")
            session["_discount"] = {"coupon": code["promotion"]["coupon"], "promotion_code": code["id"]}
        elif "coupon" in discount:
            coupon = state.get(COUPON, discount["coupon"], f"{param}[coupon]")
            session["_discount"] = {"coupon": coupon["id"], "promotion_code": None}
        else:
            raise missing(f"{param}[coupon]")
    _show(state, session)


def apply_code(state: State, session: Doc, text: str) -> None:
    """Apply the shopper's promotion code. The caller recalculates and saves the session."""
    if not session["allow_promotion_codes"]:
        raise ApiError(_("Promotion codes are not accepted here."), code=INVALID_CODE, param="promotion_code")
    code = find_code(state, text)
    if code is None:
        raise ApiError(_("This code is invalid."), code=INVALID_CODE, param="promotion_code")
    session["_discount"] = {"coupon": code["promotion"]["coupon"], "promotion_code": code["id"]}
    _show(state, session)


def remove_code(session: Doc) -> None:
    """Remove the discount of the shopper's promotion code. A discount from the shop stays."""
    if session["allow_promotion_codes"]:
        session["_discount"] = None
        session["discounts"] = []


def distribute(state: State, session: Doc, *, is_given: bool = False) -> None:
    """Set the discount of each line item. Raises ``ApiError`` if it is not valid, unless it ``is_given`` already."""
    for line in session["_lines"]:
        line.update(amount_discount=0, _discounts=[])
    given = session["_discount"]
    if given is None:
        return
    coupon = given.get("_coupon") or state.store.find(given["coupon"], COUPON)
    code = state.store.find(given["promotion_code"], CODE) if given["promotion_code"] else None
    eligible = _eligible(coupon, session["_lines"]) if coupon else []
    if not is_given:
        _check(session, coupon, code, eligible)
    shares = apportioned(reduction(coupon or {}, eligible), [line["amount_subtotal"] for line in eligible])
    for line, share in zip(eligible, shares, strict=True):
        line.update(amount_discount=share, _discounts=[{"amount": share, "discount": given["discount"]}])


def reduction(coupon: Doc, items: list[Doc]) -> int:
    """Return the total reduction of these lines by a coupon."""
    base = lines.total(items, "amount_subtotal")
    if coupon["percent_off"] is None:
        return min(int(coupon["amount_off"]), base)
    exact = Decimal(base) * Decimal(str(coupon["percent_off"])) * Decimal("0.01")
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def apportioned(amount: int, weights: list[int]) -> list[int]:
    """Split an amount by weights into integer shares with the same sum, by the largest remainders."""
    total = sum(weights)
    if not total:
        return [0] * len(weights)
    shares = [amount * weight // total for weight in weights]
    order = sorted(range(len(weights)), key=lambda at: (-(amount * weights[at] % total), at))
    for at in order[: amount - sum(shares)]:
        shares[at] += 1
    return shares


def redeem(state: State, session: Doc) -> None:
    """Count the redemption of a completed session's discount."""
    given = session["_discount"]
    for object_id in (given["coupon"], given["promotion_code"]) if given else ():
        document = state.store.find(object_id) if object_id else None
        if document is None:
            continue
        used = document["times_redeemed"] + 1
        ended = document["max_redemptions"] is not None and used >= document["max_redemptions"]
        changes: Doc = {"times_redeemed": used}
        if ended:
            changes["valid" if document["object"] == COUPON else "active"] = False
        state.update(document, f"{document['object']}.updated", **changes)


def breakdown(session: Doc) -> list[Doc]:
    """Return the discounts of ``total_details.breakdown``."""
    total = (session["total_details"] or {}).get("amount_discount", 0)
    given = session.get("_discount")
    return [{"amount": total, "discount": given["discount"]}] if given and total else []


def _show(state: State, session: Doc) -> None:
    given = session["_discount"]
    if given is None:
        session["discounts"] = []
        return
    code, coupon = given["promotion_code"], given["coupon"]
    session["discounts"] = [{"coupon": None if code else coupon, "promotion_code": code}]
    discount = state.new(
        "discount",
        NULLS,
        checkout_session=session["id"],
        customer=session["customer"],
        promotion_code=code,
        source={"type": "coupon", "coupon": coupon},
    )
    discount["start"] = discount.pop("created")
    del discount["livemode"]
    given["discount"] = without_hidden(discount)


def _eligible(coupon: Doc, items: list[Doc]) -> list[Doc]:
    products = coupon.get("_applies_to", {}).get("products")
    return [line for line in items if products is None or line["price"]["product"] in products]


def _check(session: Doc, coupon: Doc | None, code: Doc | None, eligible: list[Doc]) -> None:
    if coupon is None or not coupon["valid"] or (code is not None and not code["active"]):
        raise _refused(_("This code has expired."))
    if coupon["amount_off"] is not None and coupon["currency"] != session["currency"]:
        raise _refused(_("This code is for another currency."))
    if lines.total(session["_lines"], "amount_subtotal") and not lines.total(eligible, "amount_subtotal"):
        raise _refused(_("This code is for other products."), NOTHING_TO_APPLY_TO)
    if code is None:
        return
    if code["customer"] and code["customer"] != session["customer"]:
        raise _refused(_("This code is for another customer."))
    if code["restrictions"]["first_time_transaction"] and not session["customer"]:
        raise _refused(_("This code is for first-time customers only."))
    _check_minimum(session, code["restrictions"])


def _check_minimum(session: Doc, restrictions: Doc) -> None:
    minimum = restrictions["minimum_amount"]
    if minimum is None:
        return
    if restrictions["minimum_amount_currency"] != session["currency"]:
        raise _refused(_("This code is for another currency."))
    if lines.total(session["_lines"], "amount_subtotal") < minimum:
        raise _refused(_("Your order is too small for this code."), TOO_LITTLE)


def _refused(message: str, code: str = INVALID_CODE) -> ApiError:
    return ApiError(message, code=code, param="discounts")
