"""The session as ``stripe.js`` returns it to a page, without fields for the server only.

https://docs.stripe.com/js/custom_checkout/session_object
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal

from django_checkout.emulator.api.resources import amounts, lines, methods, tax
from django_checkout.emulator.api.resources.coupons import CODE, COUPON
from django_checkout.emulator.messages import Doc
from django_checkout.emulator.payer.rendering import format_minor
from django_checkout.emulator.reference import conversion
from django_checkout.emulator.reference.currencies import exponent
from django_checkout.emulator.state.state import State

Amount = Callable[[int], Doc]


def snapshot(state: State, session: Doc) -> Doc:
    """Return a session as ``StripeCheckoutSession``. The browser adds ``canConfirm``."""
    shown = conversion.chosen_currency(session) or session["currency"] or "usd"
    amount = _amount_in(session["currency"] or "usd", shown)
    typed = session["_typed"]
    items = session.get("_lines", [])
    return {
        "id": session["id"],
        "livemode": False,
        "status": _status(session),
        "currency": shown,
        "minorUnitsAmountDivisor": 10 ** exponent(shown),
        "email": session.get("_known_email") or typed.get("email"),
        "phoneNumber": typed.get("phone"),
        "businessName": typed.get("business_name"),
        "billingAddress": typed.get("billing"),
        "shippingAddress": typed.get("shipping"),
        "lineItems": [_line(state, line, amount) for line in items],
        "optionalItems": None,
        "discountAmounts": [_discount(state, session, amount)] if session["discounts"] else None,
        "taxAmounts": _taxes(tax.breakdown(session), amount) if session["automatic_tax"]["enabled"] else None,
        "tax": {"status": _tax_status(session)},
        "taxIdInfo": _tax_id(typed),
        "shipping": _shipping(state, session, amount),
        "shippingOptions": [_option(state, session, option, amount) for option in session["shipping_options"]],
        "total": _total(session, amount),
        "recurring": _recurring(session, amount),
        "currencyOptions": _currencies(session),
        "savedPaymentMethods": _saved(state, session),
        "surcharge": None,
        "lastPaymentError": _last_error(state, session),
    }


def missing(session: Doc) -> list[str]:
    """Return the fields of the session that the shopper must still fill in."""
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
        return {"minorUnitsAmount": value, "amount": format_minor(value, shown)}

    return amount


def _status(session: Doc) -> Doc:
    if session["status"] != "complete":
        return {"type": session["status"]}
    return {"type": "complete", "paymentStatus": session["payment_status"]}


def _line(state: State, line: Doc, amount: Amount) -> Doc:
    price = line["price"]
    product = state.store.find(price["product"]) or {"description": None, "images": [], "unit_label": None}
    inclusive, exclusive = _split(line["_taxes"])
    bounds = line["adjustable_quantity"]
    per_unit = lines.full_amount(line, 1)
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


def _discount(state: State, session: Doc, amount: Amount) -> Doc:
    given = session["_discount"]
    coupon = state.store.find(given["coupon"], COUPON) or {"name": None, "percent_off": None, "duration": "once"}
    code = state.store.find(given["promotion_code"], CODE) if given["promotion_code"] else None
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


def _option(state: State, session: Doc, option: Doc, amount: Amount) -> Doc:
    rate = state.store.find(option["shipping_rate"]) or {"display_name": None, "delivery_estimate": None}
    return {
        **amount(option["shipping_amount"]),
        "id": option["shipping_rate"],
        "currency": session["currency"],
        "displayName": rate["display_name"],
        "deliveryEstimate": rate["delivery_estimate"],
    }


def _shipping(state: State, session: Doc, amount: Amount) -> Doc | None:
    cost = session["shipping_cost"]
    chosen = [
        option for option in session["shipping_options"] if cost and option["shipping_rate"] == cost["shipping_rate"]
    ]
    if not chosen:
        return None
    taxes = session.get("_shipping_taxes", [])
    return {
        "shippingOption": _option(state, session, chosen[0], amount),
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
    rate = Decimal(str(items[0]["_taxes"][0]["rate"]["percentage"])) if items[0]["_taxes"] else Decimal(0)
    taxes = {True: 0, False: 0}
    for line in items:
        # The session's own lines cost nothing during a trial.
        lines.set_subtotal(line)
        inclusive = line["price"]["tax_behavior"] == "inclusive"
        taxes[inclusive] += tax.portion(line["amount_subtotal"], rate, inclusive=inclusive)
    subtotal = lines.total(items, "amount_subtotal")
    interval = items[0]["price"]["recurring"]
    return {
        "interval": interval["interval"],
        "intervalCount": interval["interval_count"],
        "isProrated": False,
        "dueNext": {
            "subtotal": amount(subtotal),
            "discount": amount(0),
            "taxInclusive": amount(taxes[True]),
            "taxExclusive": amount(taxes[False]),
            "total": amount(subtotal + taxes[False]),
            "billingCycleAnchor": None,
        },
        "trial": _trial(session),
    }


def _trial(session: Doc) -> Doc | None:
    trial = amounts.trial_of(session)
    return None if trial is None else {"trialPeriodDays": trial[0], "trialEnd": trial[1]}


def _currencies(session: Doc) -> list[Doc] | None:
    source = session["currency"]
    target = conversion.offered_currency(session, conversion.country_of(session)) if source else None
    if target is None:
        return None
    total = session["amount_total"]
    rate = {"fxRate": float(conversion.rate(source, target)), "sourceCurrency": source}
    return [
        {"currency": source, **_amount_in(source, source)(total)},
        {"currency": target, **_amount_in(source, target)(total), "currencyConversion": rate},
    ]


def _saved(state: State, session: Doc) -> list[Doc] | None:
    if not session["customer"] or session["status"] != "open":
        return None
    return [
        {"id": method["id"], "type": "card", "card": _card(method["card"]), "billingDetails": _billing(method)}
        for method in methods.saved(state, session)
    ]


def _card(card: Doc) -> Doc:
    names = {"brand": "brand", "expMonth": "exp_month", "expYear": "exp_year", "last4": "last4"}
    return {shown: card[name] for shown, name in names.items()}


def _billing(method: Doc) -> Doc:
    return {name: method["billing_details"][name] for name in ("address", "email", "name", "phone")}


def _last_error(state: State, session: Doc) -> Doc | None:
    intent = state.store.find(session.get("_intent") or session.get("_setup"))
    error = intent and (intent.get("last_payment_error") or intent.get("last_setup_error"))
    return {"message": error["message"]} if error else None
