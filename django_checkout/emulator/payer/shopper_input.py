"""The shopper's input to a session: details, choices, and payment through Elements."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from django_checkout.emulator.api.resources import amounts, discounts, lines, methods, payments
from django_checkout.emulator.api.resources.charges import ADDRESS
from django_checkout.emulator.api.resources.session_rules import ELEMENTS, check_open
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.payer import action_form, checkout
from django_checkout.emulator.payer.shopper import PaymentOutcome, Shopper
from django_checkout.emulator.payer.snapshot import missing
from django_checkout.emulator.reference import conversion, currencies, tax_ids
from django_checkout.emulator.reference.action_methods import ACTION_METHODS, ActionPayment
from django_checkout.emulator.reference.cards import (
    INCOMPLETE,
    INCOMPLETE_CVC,
    UNKNOWN,
    BankAccount,
    Card,
    Decline,
    find_bank_account,
    find_card,
)
from django_checkout.emulator.state.state import State

Payload = dict[str, Any]
_AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{0,9})?")


def enter(state: State, session: Doc, entered: Payload) -> Doc:
    """Apply what the shopper has entered or chosen. Raises ``ApiError``; roll back then."""
    check_open(session)
    session["_typed"] = _typed(session, entered)
    if "currency" in entered:
        conversion.choose(session, _text(entered["currency"]))
    _set_quantities(state, session, entered)
    if "shipping_rate" in entered:
        amounts.choose_shipping(state, session, _text(entered["shipping_rate"]))
    if "promotion_code" in entered:
        if entered["promotion_code"] is None:
            discounts.remove_code(session)
        else:
            discounts.apply_code(state, session, _text(entered["promotion_code"]))
    amounts.recalculate(state, session)
    payments.withdraw_code(state, session)
    return state.store.save(session)


def confirm(state: State, session: Doc, entered: Payload) -> PaymentOutcome:
    """Pay a session with the input of the payment frame."""
    if session["ui_mode"] != ELEMENTS:
        raise ApiError("Only a Checkout Session with `ui_mode: elements` is confirmed by the page.")
    parts = ["email", "phone", "billing", "shipping"]
    if is_shipped_by_server(session):
        # The content of the Shipping Address Element counts only if the server has sent it.
        parts.remove("shipping")
    session = enter(state, session, {name: entered[name] for name in parts if entered.get(name)})
    open_fields = [name for name in missing(session) if name != "billingAddress"]
    if open_fields:
        raise ApiError(_("Please complete your details before paying: %(names)s") % {"names": ", ".join(open_fields)})
    if entered.get("saved"):
        return pay_saved(state, session, _text(entered["saved"]), _shopper(session, entered))
    method, shopper = entered.get("method") or {}, _shopper(session, entered)
    if kind := ACTION_METHODS.get(method.get("type", "")):
        errors: dict[str, str] = {}
        action_form.check(kind, own := _own_fields(method), errors)
        if errors:
            raise ApiError(next(iter(errors.values())), param=next(iter(errors)))
        shopper = replace(shopper, **action_form.details(kind, own))
    return checkout.pay(state, session, _test_method(method), shopper)


def pay_saved(state: State, session: Doc, method_id: str, shopper: Shopper) -> PaymentOutcome:
    """Pay a session with one of the customer's saved cards."""
    saved = next((known for known in methods.saved(state, session) if known["id"] == method_id), None)
    if saved is None:
        raise ApiError(_("This saved card is no longer available."))
    return checkout.pay(state, session, find_card(saved["_number"]) or UNKNOWN, shopper, saved=saved)


def checked_email(value: object) -> str | None:
    """Return an email address. Raises ``ApiError`` with the codes of ``stripe.js``."""
    text = _text(value)
    if not text:
        return None
    if "@" not in text or text.endswith("@"):
        raise ApiError(_("Your e-mail address is incomplete."), code="email_incomplete", param="email")
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s.]{2,}", text):
        raise ApiError(_("Your e-mail address is invalid."), code="email_invalid", param="email")
    return text


def is_shipped_by_server(session: Doc) -> bool:
    """Return whether only the shop's server may set the shipping address."""
    return bool((session["permissions"] or {}).get("update_shipping_details") == "server_only")


def checked_contact(session: Doc, kind: str, value: object) -> Doc | None:
    """Return a name and an address in Stripe's shape."""
    if value is None:
        return None
    if kind == "shipping" and is_shipped_by_server(session):
        raise ApiError("The shipping address of this Checkout Session can only be updated by the server.")
    address = value.get("address") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(address, dict) or not address.get("country"):
        raise ApiError(_("An address needs at least a country."), param=f"{kind}_address")
    country = _text(address["country"]).upper()
    allowed = (session["shipping_address_collection"] or {}).get("allowed_countries")
    if kind == "shipping" and allowed and country not in allowed:
        raise ApiError(_("We do not ship to this country."), param="shipping_address")
    parts = {name: _text(address.get(name)) or None for name in ADDRESS}
    return {"name": _text(value.get("name")) or None, "address": {**parts, "country": country}}


def _checked_tax_id(session: Doc, value: object) -> Doc:
    if value is None:
        return {"tax_id": None, "business_name": None}
    if not session["tax_id_collection"]["enabled"]:
        raise ApiError("Tax IDs are not collected by this Checkout Session.", code="tax_id_invalid")
    given = value if isinstance(value, dict) else {}
    kind, number = _text(given.get("type")), _text(given.get("value")).upper()
    if not kind or not tax_ids.is_valid(kind, number):
        raise ApiError(_("This tax ID is invalid."), code="tax_id_invalid", param="tax_id")
    return {"tax_id": {"type": kind, "value": number}, "business_name": _text(given.get("business_name")) or None}


def _typed(session: Doc, entered: Payload) -> Doc:
    """Return the session's ``_typed`` with the entered details, checked."""
    typed = dict(session["_typed"])
    if "email" in entered and not session.get("_known_email"):
        typed["email"] = checked_email(entered["email"])
    if "phone" in entered:
        typed["phone"] = _text(entered["phone"]) or None
    for kind in ("billing", "shipping"):
        if kind in entered:
            typed[kind] = checked_contact(session, kind, entered[kind])
    if "tax_id" in entered:
        typed.update(_checked_tax_id(session, entered["tax_id"]))
    typed.update({name: _text(value) or None for name, value in entered.get("names", {}).items()})
    return {**typed, **{name: entered[name] for name in ("consent", "custom_fields") if name in entered}}


def _set_quantities(state: State, session: Doc, entered: Payload) -> None:
    """Set the quantity of one line by id, or of lines by index, chosen amounts, and the optional items."""
    if "line_item" in entered:
        _set_quantity(session, entered)
    for index, quantity in entered.get("quantities", {}).items():
        if [line["quantity"] for line in session["_lines"][index : index + 1]] != [quantity]:
            amounts.adjust(state, session, index, quantity)
    for index, text in entered.get("amounts", {}).items():
        amounts.choose_amount(state, session, index, minor_units(text, session["currency"]))
    if "optional" in entered:
        _choose_optional(state, session, entered["optional"])


def _set_quantity(session: Doc, entered: Payload) -> None:
    found = [line for line in session["_lines"] if line["id"] == entered["line_item"]]
    quantity = entered.get("quantity")
    bounds = found[0]["adjustable_quantity"] if found else None
    if not bounds or type(quantity) is not int or not bounds["minimum"] <= quantity <= bounds["maximum"]:
        raise ApiError(_("This quantity cannot be chosen."), param="quantity")
    lines.set_quantity(found[0], quantity, "quantity")


def minor_units(text: str, currency: str) -> int:
    """Return an amount that the shopper typed in minor units."""
    typed = text.replace(",", ".")
    exact = Decimal(typed).scaleb(currencies.exponent(currency)) if _AMOUNT.fullmatch(typed) else Decimal("NaN")
    if not exact.is_finite() or exact != exact.to_integral_value():
        raise ApiError(_("This amount cannot be chosen."), param="amount")
    return int(exact)


def _choose_optional(state: State, session: Doc, chosen: list[int]) -> None:
    """Add the chosen optional items to the lines, and remove the others."""
    own = [line for line in session["_lines"] if line.get("_optional") is None or line["_optional"] in chosen]
    known = [line.get("_optional") for line in own]
    for index in chosen:
        if index not in known:
            item = session["optional_items"][index]
            param = f"optional_items[{index}]"
            line = lines.new_line(
                state, {"price": item["price"], "quantity": item["quantity"]}, param, session["currency"]
            )
            own.append({**line, "_optional": index})
    session["_lines"] = own


def _own_fields(method: Payload) -> dict[str, str]:
    """Return the fields of a method in the payment frame."""
    kind = method["type"]
    return {f"{kind}_{name}": _text(method.get(name)) for name in action_form.FIELDS.get(kind, ())}


def _test_method(method: Payload) -> Card | BankAccount | ActionPayment | Decline:
    if method.get("type") == "wallet":
        return find_card("4242424242424242") or UNKNOWN
    if method.get("type") in ACTION_METHODS:
        return action_form.payment(ACTION_METHODS[method["type"]], _own_fields(method))
    if method.get("type") == "bank":
        return find_bank_account(_text(method.get("iban"))) or INCOMPLETE
    digits = re.sub(r"[\s-]", "", _text(method.get("number")))
    if not re.fullmatch(r"\d{13,19}", digits):
        return INCOMPLETE
    if not re.fullmatch(r"\d{3,4}", _text(method.get("cvc"))):
        return INCOMPLETE_CVC
    return find_card(digits) or UNKNOWN


def _shopper(session: Doc, entered: Payload) -> Shopper:
    typed = session["_typed"]
    email = session.get("_known_email") or typed.get("email") or ""
    billing, shipping = typed.get("billing") or {}, typed.get("shipping") or {}
    own = entered.get("method") or {}
    address = billing.get("address") or {}
    same = shipping.get("address") or {}
    country = address.get("country") or _text(own.get("country")) or same.get("country") or "US"
    return Shopper(
        email=email,
        name=billing.get("name") or shipping.get("name") or email.partition("@")[0],
        country=country,
        postal_code=address.get("postal_code") or _text(own.get("postal_code")) or same.get("postal_code") or "",
        phone=typed.get("phone"),
        line1=address.get("line1"),
        line2=address.get("line2"),
        city=address.get("city"),
        state=address.get("state"),
        saves_card=bool(entered.get("save")),
    )


def _text(value: object) -> str:
    return value.strip()[:500] if isinstance(value, str) else ""
