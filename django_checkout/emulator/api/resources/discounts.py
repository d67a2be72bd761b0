"""Discounts of a session, from the shop or from the shopper's promotion code, distributed over the line items."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from django_checkout.emulator.api.resources import lines
from django_checkout.emulator.api.resources.coupons import CODE, COUPON, find_code, in_currency
from django_checkout.emulator.api.resources.pricing import missing, one_of
from django_checkout.emulator.messages import ApiError, Doc, not_implemented, without_hidden
from django_checkout.emulator.messages import gettext_noop as _
from django_checkout.emulator.reference.periods import end_of_period
from django_checkout.emulator.state.state import State

#: The codes of ``stripe.js`` for a refused promotion code.
INVALID_CODE, TOO_LITTLE, NOTHING_TO_APPLY_TO = (
    "invalidCode",
    "promotionCodeAmountInsufficient",
    "couponAppliesToNothing",
)
#: Fields of a new object that are null.
NULLS = "customer_account end invoice invoice_item subscription subscription_item"


def attach(state: State, session: Doc, params: list[Doc]) -> None:
    """Apply the ``discounts`` of a new session."""
    session["_discount"] = None
    for index, discount in enumerate(params):
        session["_discount"] = _given(state, discount, f"discounts[{index}]")
    _show(state, session)


def _given(state: State, params: Doc, param: str) -> Doc:
    """Return the coupon and promotion code that a request names."""
    if "coupon" in params and "promotion_code" in params:
        raise one_of("coupon", "promotion_code", param)
    if "promotion_code" in params:
        code = state.get(CODE, params["promotion_code"], f"{param}[promotion_code]")
        return {"coupon": code["promotion"]["coupon"], "promotion_code": code["id"]}
    if "coupon" not in params:
        raise missing(f"{param}[coupon]")
    return {"coupon": state.get(COUPON, params["coupon"], f"{param}[coupon]")["id"], "promotion_code": None}


def granted(state: State, params: list[Doc], customer: str, items: list[Doc], **fields: object) -> Doc | None:
    """Return the discount that a request gives without a session, checked, or None. One is played.

    ``fields`` name the subscription or invoice that it belongs to. ``until`` is the end of its duration, if it has one.
    """
    if not params:
        return None
    if len(params) > 1:
        raise not_implemented("more than one discount", "discounts[1]")
    given = _given(state, params[0], "discounts[0]")
    coupon = state.store.find(given["coupon"], COUPON)
    code = state.store.find(given["promotion_code"], CODE) if given["promotion_code"] else None
    offered = in_currency(coupon, items[0]["currency"]) if coupon else None
    basket = {"_lines": items, "currency": items[0]["currency"], "customer": customer, "customer_creation": None}
    for line in items:
        lines.set_subtotal(line)
    _check(state, basket, offered, code, _eligible(offered, items) if offered else [])
    now = state.clock.now()
    until = None
    if coupon and coupon["duration"] == "repeating":
        until = end_of_period(now, {"interval": "month", "interval_count": coupon["duration_in_months"]})
    shown = _new_discount(state, given, customer=customer, end=until, **fields)
    return {**given, "_coupon": coupon, "discount": shown, "until": until}


def lasting(given: Doc | None, at: int) -> Doc | None:
    """Return a subscription's discount for a period that begins at ``at``, or None if it has ended."""
    if given is None or (given["until"] is not None and given["until"] <= at):
        return None
    return given


def apply_code(state: State, session: Doc, text: str) -> None:
    """Apply the shopper's promotion code. The caller recalculates and saves the session."""
    if not session["allow_promotion_codes"]:
        message = _("Promotion codes are not accepted here.")
        raise ApiError(message, reason=INVALID_CODE, param="promotion_code")
    code = find_code(state, text, session["customer"])
    if code is None:
        raise ApiError(_("This code is invalid."), reason=INVALID_CODE, param="promotion_code")
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
    coupon = in_currency(coupon, session["currency"]) if coupon else None
    eligible = _eligible(coupon, session["_lines"]) if coupon else []
    if not is_given:
        _check(state, session, coupon, code, eligible)
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
    given["discount"] = _new_discount(state, given, checkout_session=session["id"], customer=session["customer"])


def _new_discount(state: State, given: Doc, **fields: object) -> Doc:
    source = {"type": "coupon", "coupon": given["coupon"]}
    discount = state.new("discount", NULLS, promotion_code=given["promotion_code"], source=source)
    discount["start"] = discount.pop("created")
    del discount["livemode"]
    return {"checkout_session": None, **without_hidden(discount), **fields}


def _eligible(coupon: Doc, items: list[Doc]) -> list[Doc]:
    products = coupon.get("_applies_to", {}).get("products")
    found = [line for line in items if line.get("_discountable", True)]
    return [line for line in found if products is None or (line["price"] and line["price"]["product"] in products)]


def _check(state: State, session: Doc, coupon: Doc | None, code: Doc | None, eligible: list[Doc]) -> None:
    if coupon is None or not coupon["valid"]:
        raise _refused(_("This code has expired."), code="coupon_expired")
    if code is not None and not code["active"]:
        raise _refused(_("This code has expired."))
    if coupon["amount_off"] is not None and coupon["currency"] != session["currency"]:
        # hugodemenez/deltalytix#508
        raise _refused(
            f"The {'promotion code' if code else 'coupon'} default currency ({coupon['currency']}) does not match the "
            f"line item currency ({session['currency']})."
        )
    if lines.total(session["_lines"], "amount_subtotal") and not lines.total(eligible, "amount_subtotal"):
        raise _refused(_("This code is for other products."), NOTHING_TO_APPLY_TO)
    if code is None:
        return
    if code["customer"] and code["customer"] != session["customer"]:
        raise _refused(_("This code is for another customer."))
    if code["restrictions"]["first_time_transaction"]:
        _check_first(state, session)
    _check_minimum(session, code["restrictions"])


def _check_first(state: State, session: Doc) -> None:
    """Raise Stripe's error unless this is the customer's first payment. Guests have none, and are refused."""
    customer = session["customer"]
    if not customer and session["customer_creation"] != "always":
        raise _refused(_("This code is for first-time customers only."))
    paid = {"customer": customer, "status": ["succeeded", "requires_capture"]}
    if customer and (state.store.select("payment_intent", paid, limit=1) or _has_invoices(state, customer)):
        # stripe/stripe-php#1146
        raise _refused("This promotion code cannot be redeemed because the associated customer has prior transactions.")


def _has_invoices(state: State, customer: str) -> bool:
    return bool(state.store.select("invoice", {"customer": customer, "status": "paid"}, limit=1))


def _check_minimum(session: Doc, restrictions: Doc) -> None:
    minimum = restrictions["minimum_amount"]
    if minimum is None:
        return
    if restrictions["minimum_amount_currency"] != session["currency"]:
        raise _refused(_("This code is for another currency."))
    if lines.total(session["_lines"], "amount_subtotal") < minimum:
        raise _refused(_("Your order is too small for this code."), TOO_LITTLE)


def _refused(message: str, reason: str = INVALID_CODE, code: str | None = None) -> ApiError:
    return ApiError(message, reason=reason, code=code, param="discounts")


EXPANDABLE = {
    "discount": ("customer", "promotion_code", "source.coupon"),
}
