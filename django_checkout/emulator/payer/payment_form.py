"""The form of the payment page and its validation."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from django_checkout.emulator.messages import Doc
from django_checkout.emulator.payer import action_form
from django_checkout.emulator.payer.checkout import needs_method
from django_checkout.emulator.payer.completion import known_email
from django_checkout.emulator.payer.shopper import Shopper
from django_checkout.emulator.reference.action_methods import ACTION_METHODS, ActionMethod, ActionPayment
from django_checkout.emulator.reference.cards import BankAccount, Card, Decline, find_bank_account, find_card, is_luhn

_FIELDS = (
    "email phone method card_number card_expiry card_cvc same_address name country postal_code line1 city iban "
    "shipping_rate "
    "shipping_name shipping_line1 shipping_city shipping_postal_code shipping_country tax_id_type tax_id "
    "business_name individual_name promotion_code currency save_card terms promotions"
)
FIELDS = (*_FIELDS.split(), *action_form.NAMES)
CUSTOM = "custom_"
ADDRESS = ("line1", "city", "postal_code", "country")


@dataclass(slots=True)
class PaymentForm:
    """The fields as typed, and one message per invalid field."""

    values: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)
    #: By line index.
    quantities: dict[int, int] = field(default_factory=dict)
    #: Amounts that the shopper chooses, in major units, by line index.
    amounts: dict[int, str] = field(default_factory=dict)
    #: Answers to the shop's custom fields, by key.
    answers: dict[str, str] = field(default_factory=dict)
    #: Indexes of the chosen optional items; None before the form is submitted.
    optional: list[int] | None = None

    @classmethod
    def of(cls, session: Doc, typed: dict[str, str] | None = None) -> PaymentForm:
        """Return the form of a session, with its initial values or as submitted."""
        values = dict.fromkeys(FIELDS, "")
        known = known_email(session)
        values.update(method=first_method(session), email=known)
        values.update(_entered_before(session) if typed is None or not session["shipping_address_collection"] else {})
        if session["shipping_cost"]:
            values["shipping_rate"] = session["shipping_cost"]["shipping_rate"]
        values.update({name: value.strip() for name, value in (typed or {}).items() if name in values})
        if known:
            values["email"] = known
        answers = {
            entry["key"]: (typed or {}).get(CUSTOM + entry["key"], entry[entry["type"]]["default_value"] or "").strip()
            for entry in session["custom_fields"]
        }
        form = cls(values, answers=answers)
        for name, value in (typed or {}).items():
            if re.fullmatch(r"quantity_[0-9]{1,2}", name) and re.fullmatch(r"[0-9]{1,6}", value):
                form.quantities[int(name.removeprefix("quantity_"))] = int(value)
            if re.fullmatch(r"amount_[0-9]{1,2}", name):
                form.amounts[int(name.removeprefix("amount_"))] = value.strip()
        if typed is not None and session["optional_items"]:
            indexes = range(len(session["optional_items"]))
            form.optional = [index for index in indexes if f"optional_{index}" in typed]
        return form

    @property
    def is_bank(self) -> bool:
        """Whether the shopper has chosen the delayed method."""
        return self.values["method"] == "bank"

    @property
    def action_method(self) -> ActionMethod | None:
        """The chosen voucher, QR code or bank transfer, or None."""
        return ACTION_METHODS.get(self.values["method"])

    @property
    def saved(self) -> str:
        """The id of the chosen saved card, or ""."""
        return self.values["method"] if self.values["method"].startswith("pm_") else ""

    @property
    def has_same_address(self) -> bool:
        """Whether the shipping address is the billing address too, which it is if none other is typed."""
        values = self.values
        return bool(values["same_address"]) or not any(values[name] for name in ("name", *ADDRESS))

    def _bill_to_shipping_address(self) -> None:
        self.values["same_address"] = "1"
        for name in ("name", *ADDRESS):
            self.values[name] = self.values[f"shipping_{name}"]

    def entered(self, session: Doc) -> Doc:
        """Return the input that is applied to the session before payment."""
        values = self.values
        if session["shipping_address_collection"] and self.has_same_address:
            self._bill_to_shipping_address()
        entered: Doc = {"custom_fields": self.answers, "consent": {"promotions": bool(values["promotions"])}}
        if values["phone"]:
            entered["phone"] = values["phone"]
        if session.get("name_collection"):
            entered["names"] = {f"{kind}_name": values[f"{kind}_name"] for kind in session["name_collection"]}
        if values["country"]:
            entered["billing"] = {"name": values["name"], "address": self._address("")}
        if session["shipping_address_collection"] and values["shipping_country"]:
            entered["shipping"] = {"name": values["shipping_name"], "address": self._address("shipping_")}
        if values["shipping_rate"] and session["shipping_options"]:
            entered["shipping_rate"] = values["shipping_rate"]
        if values["tax_id"]:
            kind = values["tax_id_type"]
            entered["tax_id"] = {"type": kind, "value": values["tax_id"], "business_name": values["business_name"]}
        if self.quantities:
            entered["quantities"] = self.quantities
        if self.amounts:
            entered["amounts"] = self.amounts
        if self.optional is not None:
            entered["optional"] = self.optional
        if values["currency"]:
            entered["currency"] = values["currency"]
        return entered

    def custom_fields(self, session: Doc) -> list[Doc]:
        """Return the context of the shop's custom fields."""
        return [
            {
                "name": CUSTOM + entry["key"],
                "label": _label(entry),
                "type": entry["type"],
                "mode": "numeric" if entry["type"] == "numeric" else "",
                "options": entry[entry["type"]].get("options", ()),
                "value": self.answers[entry["key"]],
                "error": self.errors.get(CUSTOM + entry["key"], ""),
            }
            for entry in session["custom_fields"]
        ]

    def check(self, session: Doc, now: int) -> bool:
        """Fill ``errors``. Return whether the form is valid."""
        values, errors = self.values, self.errors
        if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", values["email"]):
            errors["email"] = _("Enter an e-mail address, such as name@example.com.")
        for kind, asked in (session.get("name_collection") or {}).items():
            if asked["enabled"] and not asked["optional"]:
                self._require((f"{kind}_name",), _("Enter a name."))
        if session["phone_number_collection"]["enabled"] and not re.search(r"\d{4}", values["phone"]):
            errors["phone"] = _("Enter a phone number.")
        if needs_method(session) and not self.saved:
            if self.action_method:
                action_form.check(self.action_method, values, errors)
            elif self.is_bank:
                self._check_bank()
            else:
                self._check_card(now)
        if session["billing_address_collection"] == "required":
            prefix = "shipping_" if session["shipping_address_collection"] and values["same_address"] else ""
            names = tuple(f"{prefix}{name}" for name in ("line1", "city", "postal_code"))
            self._require(names, _("Required for your invoice."))
        if session["shipping_address_collection"]:
            self._check_shipping(session["shipping_address_collection"]["allowed_countries"])
        if (session["consent_collection"] or {}).get("terms_of_service") == "required":
            self._require(("terms",), _("Please accept the terms to continue."))
        if session["tax_id_collection"]["required"] == "if_supported":
            self._require(("tax_id",), _("Enter your tax ID."))
        answers = {
            CUSTOM + entry["key"]: answer_error(entry, self.answers[entry["key"]]) for entry in session["custom_fields"]
        }
        errors.update({name: error for name, error in answers.items() if error})
        return not errors

    def method(self) -> Card | BankAccount | ActionPayment | Decline:
        """Return the test card or account, or what is paid elsewhere. Call ``check`` first."""
        if self.action_method:
            return action_form.payment(self.action_method, self.values)
        if self.is_bank:
            return find_bank_account(self.values["iban"]) or _unusable()
        return find_card(self.values["card_number"]) or _unusable()

    def shopper(self) -> Shopper:
        """Return the shopper."""
        values = self.values
        name = values["name"] or values["shipping_name"] or values["email"].partition("@")[0]
        shopper = Shopper(
            email=values["email"],
            name=name,
            country=values["country"] or "US",
            postal_code=values["postal_code"],
            phone=values["phone"] or None,
            line1=values["line1"] or None,
            city=values["city"] or None,
            saves_card=bool(values["save_card"]),
        )
        if self.action_method is None:
            return shopper
        return replace(shopper, **action_form.details(self.action_method, values))

    def _address(self, prefix: str) -> Doc:
        return {name: self.values[prefix + name] or None for name in ADDRESS}

    def _require(self, names: tuple[str, ...], message: str) -> None:
        self.errors.update({name: message for name in names if not self.values[name]})

    def _check_shipping(self, allowed: list[str]) -> None:
        self._require(("shipping_name", "shipping_line1", "shipping_city"), _("Required for shipping."))
        if self.values["shipping_country"] not in allowed:
            self.errors["shipping_country"] = _("Choose a country that we ship to.")

    def _check_bank(self) -> None:
        if find_bank_account(self.values["iban"]) is None:
            self.errors["iban"] = _("Choose one of the test accounts below.")

    def _check_card(self, now: int) -> None:
        digits = re.sub(r"[\s-]", "", self.values["card_number"])
        if not digits:
            self.errors["card_number"] = _("Enter a card number.")
        elif not re.fullmatch(r"\d{13,19}", digits) or not is_luhn(digits):
            self.errors["card_number"] = _("Your card number is incomplete or incorrect.")
        elif find_card(digits) is None:
            self.errors["card_number"] = _("This page accepts test cards only. Choose one below.")
        match = re.fullmatch(r"(\d{1,2})\s*/?\s*(\d{2}|\d{4})", self.values["card_expiry"])
        if match is None or not 1 <= int(match[1]) <= 12:
            self.errors["card_expiry"] = _("Enter a month and a year, such as 12 / 34.")
        elif (_full_year(match[2]), int(match[1])) < _month_of(now):
            self.errors["card_expiry"] = _("Your card's expiry date is in the past.")
        if not re.fullmatch(r"\d{3,4}", self.values["card_cvc"]):
            self.errors["card_cvc"] = _("Enter the three digits on the back of the card.")


def first_method(session: Doc) -> str:
    """Return the method that the page has chosen at first: the card, or the first one if there is no card."""
    types: list[str] = session["payment_method_types"]
    return "card" if "card" in types else types[0] if types[0] in ACTION_METHODS else "bank"


def _entered_before(session: Doc) -> dict[str, str]:
    """Return the initial values: what the shopper entered before, such as before a failed 3-D Secure challenge."""
    typed, known = session["_typed"], session.get("_shopper") or {}
    values = {"email": typed.get("email") or known.get("email") or "", "phone": typed.get("phone") or ""}
    contacts = {"": typed.get("billing") or {}, "shipping_": typed.get("shipping") or {}}
    for prefix, contact in contacts.items():
        address = contact.get("address") or {}
        values[f"{prefix}name"] = contact.get("name") or ""
        values.update({f"{prefix}{name}": address.get(name) or "" for name in ADDRESS})
    values["country"] = values["country"] or "US"
    is_same = all(values[name] == values[f"shipping_{name}"] for name in ADDRESS)
    return {**values, "same_address": "1" if is_same or not typed.get("billing") else ""}


def _label(entry: Doc) -> str:
    label = str(entry["label"]["custom"])
    return _("%(label)s (optional)") % {"label": label} if entry["optional"] else label


def answer_error(entry: Doc, answer: str) -> str:
    """Return the error of an answer to a custom field, or ""."""
    kind, rules = entry["type"], entry[entry["type"]]
    if not answer:
        return "" if entry["optional"] else _("This field is required.")
    if kind == "dropdown":
        is_known = answer in [option["value"] for option in rules["options"]]
        return "" if is_known else _("Choose one of the options.")
    if kind == "numeric" and not answer.isdecimal():
        return _("Enter digits only.")
    if len(answer) < (rules["minimum_length"] or 0):
        return _("Enter at least %(count)s characters.") % {"count": rules["minimum_length"]}
    if len(answer) > (rules["maximum_length"] or 255):
        return _("Enter at most %(count)s characters.") % {"count": rules["maximum_length"] or 255}
    return ""


def _full_year(text: str) -> int:
    return int(text) if len(text) == 4 else 2000 + int(text)


def _month_of(now: int) -> tuple[int, int]:
    today = datetime.fromtimestamp(now, UTC)
    return today.year, today.month


def _unusable() -> Decline:
    return Decline(code="incorrect_number", decline_code=None, message=_("This payment method cannot be used."))
