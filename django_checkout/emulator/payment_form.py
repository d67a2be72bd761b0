"""What a person types on the payment page, and whether it can be sent to the bank at all."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from .cards import BankAccount, Card, Decline, find_bank_account, find_card
from .messages import Doc
from .shopper import Shopper

FIELDS = (
    "email",
    "method",
    "card_number",
    "card_expiry",
    "card_cvc",
    "name",
    "country",
    "postal_code",
    "iban",
    "shipping_rate",
    "shipping_name",
    "shipping_line1",
    "shipping_city",
    "shipping_postal_code",
    "shipping_country",
)


@dataclass(slots=True)
class PaymentForm:
    """The fields as typed, and one message per field that is wrong."""

    values: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)
    #: By the position of the line.
    quantities: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, session: Doc, typed: dict[str, str] | None = None) -> PaymentForm:
        """Return the form of a session, empty or as typed."""
        values = dict.fromkeys(FIELDS, "")
        known = known_email(session)
        values.update(method="card", country="US", email=known)
        if session["shipping_cost"]:
            values["shipping_rate"] = session["shipping_cost"]["shipping_rate"]
        values.update({name: value.strip() for name, value in (typed or {}).items() if name in values})
        if known:
            values["email"] = known
        typed_quantities = {name: value for name, value in (typed or {}).items() if name.startswith("quantity_")}
        quantities = {
            int(name.removeprefix("quantity_")): int(value)
            for name, value in typed_quantities.items()
            if re.fullmatch(r"quantity_[0-9]{1,2}", name) and re.fullmatch(r"[0-9]{1,6}", value)
        }
        return cls(values, quantities=quantities)

    @property
    def is_bank(self) -> bool:
        """Whether the delayed method was chosen."""
        return self.values["method"] == "bank"

    def check(self, session: Doc, now: int) -> bool:
        """Fill ``errors``; return whether there are none."""
        values, errors = self.values, self.errors
        if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", values["email"]):
            errors["email"] = _("Enter an e-mail address, such as name@example.com.")
        if session["amount_total"]:
            if self.is_bank:
                self._check_bank()
            else:
                self._check_card(now)
        if session["shipping_address_collection"]:
            for name in ("shipping_name", "shipping_line1", "shipping_city"):
                if not values[name]:
                    errors[name] = _("Needed to ship your order.")
            if values["shipping_country"] not in session["shipping_address_collection"]["allowed_countries"]:
                errors["shipping_country"] = _("Choose a country that is shipped to.")
        return not errors

    def method(self) -> Card | BankAccount | Decline:
        """Return what is paid with; call ``check`` first."""
        if self.is_bank:
            return find_bank_account(self.values["iban"]) or _unusable()
        return find_card(self.values["card_number"]) or _unusable()

    def shopper(self) -> Shopper:
        """Return who pays."""
        values = self.values
        name = values["name"] or values["shipping_name"] or values["email"].partition("@")[0]
        return Shopper(
            email=values["email"], name=name, country=values["country"] or "US", postal_code=values["postal_code"]
        )

    def shipping(self) -> Doc | None:
        """Return the shipping details as typed, or None where none are asked for."""
        if not self.values["shipping_line1"]:
            return None
        address = {
            name: self.values[f"shipping_{name}"] or None for name in ("line1", "city", "postal_code", "country")
        }
        return {"name": self.values["shipping_name"], "address": {"line2": None, "state": None, **address}}

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
            self.errors["card_number"] = _("This page takes test cards only. Choose one of those below.")
        match = re.fullmatch(r"(\d{1,2})\s*/?\s*(\d{2}|\d{4})", self.values["card_expiry"])
        if match is None or not 1 <= int(match[1]) <= 12:
            self.errors["card_expiry"] = _("Enter a month and a year, such as 12 / 34.")
        elif (_full_year(match[2]), int(match[1])) < _month_of(now):
            self.errors["card_expiry"] = _("Your card's expiry date is in the past.")
        if not re.fullmatch(r"\d{3,4}", self.values["card_cvc"]):
            self.errors["card_cvc"] = _("Enter the three digits on the back of the card.")


def known_email(session: Doc) -> str:
    """Return the address that the shop gave, itself or with the customer; it cannot be changed on the page."""
    return session.get("_known_email") or ""


def is_luhn(digits: str) -> bool:
    """Return whether the check digit of a card number is right."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _full_year(text: str) -> int:
    return int(text) if len(text) == 4 else 2000 + int(text)


def _month_of(now: int) -> tuple[int, int]:
    moment = datetime.fromtimestamp(now, UTC)
    return moment.year, moment.month


def _unusable() -> Decline:
    return Decline(code="incorrect_number", decline_code=None, message=_("Your card number is incorrect."))
