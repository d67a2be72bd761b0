"""The session as ``stripe.js`` shows it to a page: nothing that only the shop's server may know.

https://docs.stripe.com/js/custom_checkout/session_object
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal

from django_checkout import money

from . import conversion
from .messages import Doc
from .resources import amounts, lines, methods, tax
from .resources.catalog import line_amount
from .resources.coupons import CODE, COUPON
from .world import World

Amount = Callable[[int], Doc]


def snapshot(world: World, session: Doc) -> Doc:
    """Return a session in the shape of ``StripeCheckoutSession``; ``canConfirm`` is the browser's to say."""
    shown = conversion.chosen_currency(session) or session["currency"] or "usd"
    amount = _amount_in(session["currency"] or "usd", shown)
    typed = session["_typed"]
    items = session.get("_lines", [])
    return {
        "id": session["id"],
        "livemode": False,
        "status": _status(session),
        "currency": shown,
        "minorUnitsAmountDivisor": 10 ** money.exponent(shown),
        "email": session.get("_known_email") or typed.get("email"),
        "phoneNumber": typed.get("phone"),
        "businessName": typed.get("business_name"),
        "billingAddress": typed.get("billing"),
        "shippingAddress": typed.get("shipping"),
        "lineItems": [_line(world, line, amount) for line in items],
        "optionalItems": None,
        "discountAmounts": [_discount(world, session, amount)] if session["discounts"] else None,
        "taxAmounts": _taxes(tax.breakdown(session), amount) if session["automatic_tax"]["enabled"] else None,
        "tax": {"status": _tax_status(session)},
        "taxIdInfo": _tax_id(typed),
        "shipping": _shipping(world, session, amount),
        "shippingOptions": [_option(world, session, option, amount) for option in session["shipping_options"]],
        "total": _total(session, amount),
        "recurring": _recurring(session, amount),
        "currencyOptions": _currencies(session),
        "savedPaymentMethods": _saved(world, session),
        "surcharge": None,
        "lastPaymentError": _last_error(world, session),
    }


def missing(session: Doc) -> list[str]:
    """Return what the shopper has yet to tell before paying, by the names of the session's fields."""
    typed = session["_typed"]
    needed = {
        "email": not (session.get("_known_email") or typed.get("email")),
        "shippingAddress": bool(session["shipping_address_collection"]) and not typed.get("shipping"),
        "billingAddress": session["billing_address_collection"] == "required" and not typed.get("billing"),
        "phoneNumber": session["phone_number_collection"]["enabled"] and not typed.get("phone"),
    }
    return [name for name, is_missing in needed.items() if is_missing]


def _amount_in(source: str, shown: str) -> Amount:
    def amount(minor: int) -> Doc:
        value = minor if source == shown else conversion.converted(minor, source, shown)
        return {"minorUnitsAmount": value, "amount": money.format_minor(value, shown)}

    return amount


def _status(session: Doc) -> Doc:
    if session["status"] != "complete":
        return {"type": session["status"]}
    return {"type": "complete", "paymentStatus": session["payment_status"]}


def _line(world: World, line: Doc, amount: Amount) -> Doc:
    price = line["price"]
    product = world.store.find(price["product"]) or {"description": None, "images": [], "unit_label": None}
    inclusive, exclusive = _split(line["_taxes"])
    bounds = line["adjustable_quantity"]
    per_unit = line_amount(price, 1)
    return {
        "id": line["id"],
        "name": line["description"],
        "description": product["description"],
        "images": product["images"],
        "priceId": price["id"],
        "quantity": line["quantity"],
        "adjustableQuantity": {name: bounds[name] for name in ("minimum", "maximum")} if bounds else None,
        "unitLabel": product["unit_label"],
        "unitAmount": amount(per_unit),
        "unitAmountDecimal": None if price["unit_amount"] is not None else amount(per_unit),
        "subtotal": amount(line["amount_subtotal"]),
        "discount": amount(line["amount_discount"]),
        "taxExclusive": amount(exclusive),
        "taxInclusive": amount(inclusive),
        "total": amount(line["amount_total"]),
        "discountAmounts": None,
        "taxAmounts": _taxes(line["_taxes"], amount) if line["_taxes"] else None,
        "recurring": _interval(price["recurring"]),
        "isRemovable": False,
        "pricing": None,
        "transformQuantity": None,
    }


def _interval(recurring: Doc | None) -> Doc | None:
    if recurring is None:
        return None
    return {
        "interval": recurring["interval"],
        "intervalCount": recurring["interval_count"],
        "usageType": recurring["usage_type"],
    }


def _split(taxes: list[Doc]) -> tuple[int, int]:
    inclusive = sum(entry["amount"] for entry in taxes if entry["rate"]["inclusive"])
    return inclusive, sum(entry["amount"] for entry in taxes) - inclusive


def _taxes(taxes: list[Doc], amount: Amount) -> list[Doc]:
    return [
        {
            **amount(entry["amount"]),
            "displayName": entry["rate"]["display_name"],
            "inclusive": entry["rate"]["inclusive"],
            "percentage": entry["rate"]["percentage"],
        }
        for entry in taxes
    ]


def _tax_status(session: Doc) -> str:
    if session["automatic_tax"]["status"] != "requires_location_inputs":
        return "ready"
    return "requires_shipping_address" if session["shipping_address_collection"] else "requires_billing_address"


def _tax_id(typed: Doc) -> Doc | None:
    if not typed.get("tax_id"):
        return None
    return {"taxId": typed["tax_id"], "businessName": typed.get("business_name") or ""}


def _discount(world: World, session: Doc, amount: Amount) -> Doc:
    given = session["_discount"]
    coupon = world.store.find(given["coupon"], COUPON) or {"name": None, "percent_off": None, "duration": "once"}
    code = world.store.find(given["promotion_code"], CODE) if given["promotion_code"] else None
    recurring = {"type": coupon["duration"]} if coupon["duration"] != "once" else None
    if recurring and coupon["duration"] == "repeating":
        recurring["durationInMonths"] = coupon["duration_in_months"]
    return {
        **amount(session["total_details"]["amount_discount"]),
        "displayName": coupon["name"] or (code["code"] if code else given["coupon"]),
        "promotionCode": code["code"] if code else None,
        "percentOff": coupon["percent_off"],
        "recurring": recurring,
    }


def _option(world: World, session: Doc, option: Doc, amount: Amount) -> Doc:
    rate = world.store.find(option["shipping_rate"]) or {"display_name": None, "delivery_estimate": None}
    return {
        **amount(option["shipping_amount"]),
        "id": option["shipping_rate"],
        "currency": session["currency"],
        "displayName": rate["display_name"],
        "deliveryEstimate": rate["delivery_estimate"],
    }


def _shipping(world: World, session: Doc, amount: Amount) -> Doc | None:
    cost = session["shipping_cost"]
    chosen = [
        option for option in session["shipping_options"] if cost and option["shipping_rate"] == cost["shipping_rate"]
    ]
    if not chosen:
        return None
    taxes = session.get("_shipping_taxes", [])
    return {
        "shippingOption": _option(world, session, chosen[0], amount),
        "taxAmounts": _taxes(taxes, amount) if taxes else None,
    }


def _total(session: Doc, amount: Amount) -> Doc:
    details = session["total_details"] or {"amount_discount": 0, "amount_shipping": 0}
    inclusive, exclusive = _split(tax.breakdown(session))
    return {
        "subtotal": amount(session["amount_subtotal"] or 0),
        "discount": amount(details["amount_discount"]),
        "shippingRate": amount(details["amount_shipping"]),
        "taxInclusive": amount(inclusive),
        "taxExclusive": amount(exclusive),
        "surcharge": amount(0),
        "appliedBalance": amount(0),
        "balanceAppliedToNextInvoice": False,
        "total": amount(session["amount_total"] or 0),
    }


def _recurring(session: Doc, amount: Amount) -> Doc | None:
    items = [deepcopy(line) for line in session.get("_lines", []) if line["price"]["type"] == "recurring"]
    if not items:
        return None
    for line in items:
        lines.set_subtotal(line)
        line["amount_discount"] = 0
    rate = Decimal(str(items[0]["_taxes"][0]["rate"]["percentage"])) if items[0]["_taxes"] else Decimal(0)
    inclusive = exclusive = 0
    for line in items:
        is_inclusive = line["price"]["tax_behavior"] == "inclusive"
        part = tax.portion(line["amount_subtotal"], rate, inclusive=is_inclusive)
        inclusive, exclusive = inclusive + part * is_inclusive, exclusive + part * (not is_inclusive)
    subtotal = lines.total(items, "amount_subtotal")
    asked = session["_params"].get("subscription_data", {})
    trial = None
    if amounts.has_trial(session):
        days = asked.get("trial_period_days") or (asked["trial_end"] - session["created"]) // 86400
        trial = {"trialPeriodDays": days, "trialEnd": asked.get("trial_end") or session["created"] + days * 86400}
    interval = _interval(items[0]["price"]["recurring"]) or {}
    return {
        "interval": interval["interval"],
        "intervalCount": interval["intervalCount"],
        "isProrated": False,
        "dueNext": {
            "subtotal": amount(subtotal),
            "discount": amount(0),
            "taxInclusive": amount(inclusive),
            "taxExclusive": amount(exclusive),
            "total": amount(subtotal + exclusive),
            "billingCycleAnchor": None,
        },
        "trial": trial,
    }


def _currencies(session: Doc) -> list[Doc] | None:
    source = session["currency"]
    target = conversion.offered_currency(session, conversion.country_of(session)) if source else None
    if target is None:
        return None
    total = session["amount_total"]
    foreign = conversion.converted(total, source, target)
    conversion_of = {"fxRate": float(conversion.rate(source, target)), "sourceCurrency": source}
    return [
        {"currency": source, "minorUnitsAmount": total, "amount": money.format_minor(total, source)},
        {
            "currency": target,
            "minorUnitsAmount": foreign,
            "amount": money.format_minor(foreign, target),
            "currencyConversion": conversion_of,
        },
    ]


def _saved(world: World, session: Doc) -> list[Doc] | None:
    if not session["customer"] or session["status"] != "open":
        return None
    return [
        {
            "id": method["id"],
            "type": "card",
            "card": {
                "brand": method["card"]["brand"],
                "expMonth": method["card"]["exp_month"],
                "expYear": method["card"]["exp_year"],
                "last4": method["card"]["last4"],
            },
            "billingDetails": {name: method["billing_details"][name] for name in ("address", "email", "name", "phone")},
        }
        for method in methods.saved(world, session)
    ]


def _last_error(world: World, session: Doc) -> Doc | None:
    intent = world.store.find(session.get("_intent") or session.get("_setup"))
    error = intent and (intent.get("last_payment_error") or intent.get("last_setup_error"))
    return {"message": error["message"]} if error else None
