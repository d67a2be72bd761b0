"""The fields of the payment page for vouchers, QR codes and bank transfers, and their validation."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from django_checkout.emulator.messages import Doc
from django_checkout.emulator.reference import testing_page
from django_checkout.emulator.reference.action_methods import (
    ACTION_METHODS,
    TEST_TAX_ID,
    ActionMethod,
    ActionPayment,
    is_confirmation_number,
    is_tax_id,
)

ADDRESS = ("line1", "city", "state", "postal_code")
#: The fields of each method.
FIELDS = {
    "boleto": ("name", "tax_id", *ADDRESS),
    "konbini": ("name", "confirmation_number"),
    "oxxo": ("name",),
    "pix": ("tax_id",),
}
#: Their names in the form of the page: a session may have several methods.
NAMES = tuple(f"{kind}_{name}" for kind, names in FIELDS.items() for name in names)
#: The country of the shoppers of a method: https://docs.stripe.com/payments/konbini and so on. The others have several.
COUNTRIES = {
    "boleto": "BR",
    "konbini": "JP",
    "multibanco": "PT",
    "oxxo": "MX",
    "paynow": "SG",
    "pix": "BR",
    "promptpay": "TH",
}


def choices(
    session: Doc, values: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None
) -> list[Doc]:
    """Return the context of the methods that a session offers, with their fields as typed."""
    known = [ACTION_METHODS[name] for name in session["payment_method_types"] if name in ACTION_METHODS]
    return [
        {
            "type": method.type,
            "title": _(method.title),
            "note": _("takes up to five days") if method.type == "customer_balance" else "",
            "text": _text(method),
            "fields": [_field(method, name, values or {}, errors or {}) for name in FIELDS.get(method.type, ())],
            "outcomes": _outcomes(method),
        }
        for method in known
    ]


def _text(method: ActionMethod) -> str:
    if method.is_qr_code:
        return _("You scan a QR code with your bank's app.")
    if method.type == "konbini":
        return _("You receive codes, and pay at a store after the order. Your phone number becomes a part of them.")
    if method.is_voucher:
        return _("You receive a code, and pay with it after the order.")
    return _("You see the account to transfer to after the order.")


def _field(method: ActionMethod, name: str, values: Mapping[str, str], errors: Mapping[str, str]) -> Doc:
    labels = {
        "name": _("Full name"),
        "confirmation_number": _("Phone (optional)"),
        "tax_id": _("CPF or CNPJ"),
        "line1": _("Street and number"),
        "city": _("City"),
        "state": _("State or region"),
        "postal_code": _("Postal code"),
    }
    complete = {
        "name": "name",
        "confirmation_number": "tel-national",
        "tax_id": "off",
        "line1": "billing address-line1",
        "city": "billing address-level2",
        "state": "billing address-level1",
        "postal_code": "billing postal-code",
    }
    hints = {"confirmation_number": "09012345678", "tax_id": TEST_TAX_ID, "state": "SP"}
    full = f"{method.type}_{name}"
    return {
        "name": full,
        "label": labels[name],
        "value": values.get(full, ""),
        "error": errors.get(full, ""),
        "complete": complete[name],
        "hint": hints.get(name, ""),
        "mode": "numeric" if name in ("confirmation_number", "tax_id") else "",
        "is_required": name != "confirmation_number",
    }


def _outcomes(method: ActionMethod) -> list[Doc]:
    """Return the values of Stripe's testing page: what fills in the field, and what happens then."""
    if method.type in ("customer_balance", "paynow", "promptpay"):
        return []
    numbers = testing_page.CONFIRMATION_NUMBERS if method.type == "konbini" else ()
    return [
        {
            "value": numbers[index] if numbers else email_of(outcome.word),
            "field": "konbini_confirmation_number" if numbers else "email",
            "title": _(outcome.title),
        }
        for index, outcome in enumerate(testing_page.OUTCOMES)
    ]


def email_of(word: str) -> str:
    """Return an e-mail address with an outcome."""
    return f"{word or 'shopper'}@example.com"


def fill_in(values: dict[str, str], chosen: str) -> None:
    """Fill in a value of the testing page, and what else the chosen method asks for."""
    kind = values["method"]
    if "@" in chosen:
        values["email"] = chosen
    elif kind == "konbini":
        values["konbini_confirmation_number"] = chosen
    sample = {"name": "Sam Shopper", "tax_id": TEST_TAX_ID, "line1": "Rua 1", "city": "Santos", "state": "SP"}
    sample["postal_code"] = "11010-000"
    for name in FIELDS.get(kind, ()):
        values[f"{kind}_{name}"] = values[f"{kind}_{name}"] or sample.get(name, "")


def check(method: ActionMethod, values: Mapping[str, str], errors: dict[str, str]) -> None:
    """Add the errors of the fields of a method."""
    kind = method.type
    for name in FIELDS.get(kind, ()):
        if name != "confirmation_number" and not values[f"{kind}_{name}"]:
            errors[f"{kind}_{name}"] = _("Required for this payment method.")
    number = values.get("konbini_confirmation_number", "") if kind == "konbini" else ""
    if number and not is_confirmation_number(number):
        message = _("Enter a phone number of 10 or 11 digits, or leave this empty.")
        errors["konbini_confirmation_number"] = message
    elif number == testing_page.REJECTED_NUMBER:
        errors["konbini_confirmation_number"] = _("This number was rejected. Please enter another one.")
    tax_id = values.get(f"{kind}_tax_id")
    if tax_id and not is_tax_id(tax_id):
        errors[f"{kind}_tax_id"] = _("Enter a valid CPF or CNPJ.")


def payment(method: ActionMethod, values: Mapping[str, str]) -> ActionPayment:
    """Return what the shopper has chosen and entered."""
    kind = method.type
    number, tax_id = (values.get(f"{kind}_{name}", "") for name in ("confirmation_number", "tax_id"))
    return ActionPayment(method=method, confirmation_number=number, tax_id=tax_id)


def details(method: ActionMethod, values: Mapping[str, str]) -> Doc:
    """Return the shopper's details that only this method asks for."""
    found = {name: values.get(f"{method.type}_{name}", "") for name in ("name", *ADDRESS)}
    country = {"country": COUNTRIES[method.type]} if method.type in COUNTRIES else {}
    return {**{name: value for name, value in found.items() if value}, **country}
