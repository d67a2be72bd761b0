"""Stripe's test cards and bank accounts, and their effects.

See https://docs.stripe.com/testing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django_checkout.emulator.reference import testing_page
from django_checkout.emulator.reference.action_methods import ACTION_METHODS
from django_checkout.emulator.reference.testing_page import _


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline:
    """Why a payment is refused. The message is in English, as the API returns it; pages translate it."""

    code: str
    decline_code: str | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A test card.

    ``effect`` names what happens besides the charge, ``authentication`` when 3-D Secure is required: ``always``,
    ``on_session``, ``unless_saved``, ``if_requested`` or never. ``names`` are those after ``pm_card_`` and ``tok_``.
    Pages translate ``title``.
    """

    number: str
    title: str = ""
    names: tuple[str, ...] = ()
    brand: str = "visa"
    country: str = "US"
    funding: str = "credit"
    effect: str = ""
    decline: Decline | None = None
    authentication: str = ""
    risk: str = "normal"
    #: The results of checks that do not pass, by the names that Stripe gives them.
    checks: Mapping[str, str] = field(default_factory=dict)

    def needs_authentication(self, *, is_saved: bool, off_session: bool = False, is_requested: bool = False) -> bool:
        """Return whether the bank asks for 3-D Secure."""
        needed = {
            "always": True,
            "on_session": not off_session,
            "unless_saved": not is_saved,
            "if_requested": is_requested and not off_session,
        }
        return needed.get(self.authentication, False)

    @property
    def spaced(self) -> str:
        """The number in groups of four digits."""
        return " ".join(re.findall(".{1,4}", self.number))

    @property
    def last4(self) -> str:
        """The last four digits."""
        return self.number[-4:]


@dataclass(frozen=True, slots=True, kw_only=True)
class BankAccount:
    """A test account for delayed debits."""

    number: str
    title: str
    succeeds: bool

    @property
    def spaced(self) -> str:
        """The number as it is printed."""
        return self.number

    @property
    def last4(self) -> str:
        """The last four characters."""
        return self.number[-4:]


DECLINED = _("Your card was declined.")
EXPIRED = Decline(code="expired_card", decline_code="expired_card", message=_("Your card has expired."))
INCOMPLETE = Decline(code="incorrect_number", decline_code=None, message=_("Your card number is incorrect."))
INCOMPLETE_CVC = Decline(code="invalid_cvc", decline_code=None, message=_("Your card's security code is invalid."))
UNKNOWN = Decline(
    code="card_declined",
    decline_code="live_mode_test_card",
    message=_(
        "Your card was declined. Your request was in test mode, but used a non test card. "
        "For a list of valid test cards, visit: https://stripe.com/docs/testing."
    ),
)
UNAUTHENTICATED = Decline(
    code="payment_intent_authentication_failure",
    decline_code=None,
    message=_(
        "We are unable to authenticate your payment method. Please choose a different payment method and try again."
    ),
)
#: stripe/stripe-node#1904
UNAUTHENTICATED_SETUP = Decline(
    code="setup_intent_authentication_failure",
    decline_code=None,
    message=_("The latest attempt to set up the payment method has failed because authentication failed."),
)
AUTHENTICATION_REQUIRED = Decline(
    code="authentication_required",
    decline_code="authentication_required",
    message=_("Your card was declined. This transaction requires authentication."),
)
REFUSED = Decline(code="card_declined", decline_code="generic_decline", message=DECLINED)
DECLINES = {
    "generic_decline": REFUSED,
    "insufficient_funds": Decline(
        code="card_declined", decline_code="insufficient_funds", message=_("Your card has insufficient funds.")
    ),
    "lost_card": Decline(code="card_declined", decline_code="lost_card", message=DECLINED),
    "stolen_card": Decline(code="card_declined", decline_code="stolen_card", message=DECLINED),
    "card_velocity_exceeded": Decline(
        code="card_declined",
        decline_code="card_velocity_exceeded",
        message=_("Your card was declined for making repeated attempts too frequently or exceeding its amount limit."),
    ),
    "fraudulent": Decline(code="card_declined", decline_code="fraudulent", message=DECLINED),
    "expired_card": EXPIRED,
    "incorrect_cvc": Decline(
        code="incorrect_cvc", decline_code="incorrect_cvc", message=_("Your card's security code is incorrect.")
    ),
    "processing_error": Decline(
        code="processing_error",
        decline_code="processing_error",
        message=_("An error occurred while processing your card. Try again in a little bit."),
    ),
}
#: The words of ``testing_page`` that are not effects.
_MEANINGS: Mapping[str, Mapping[str, str]] = {
    "authenticate": {"authentication": "always"},
    "authenticate_on_session": {"authentication": "on_session"},
    "authenticate_unless_saved": {"authentication": "unless_saved"},
    "authenticate_if_requested": {"authentication": "if_requested"},
    "risk_elevated": {"risk": "elevated"},
    "risk_highest": {"risk": "highest"},
}
_CHECKS = {
    "cvc_fails": {"cvc_check": "fail"},
    "zip_fails": {"address_postal_code_check": "fail"},
    "line1_fails": {"address_line1_check": "fail"},
    "unchecked": {"address_line1_check": "unavailable", "address_postal_code_check": "unavailable"},
}


def _old_names(name: str) -> tuple[str, ...]:
    """Return the name of a declined card before Stripe put the brand in front."""
    return (name.removeprefix("visa_"),) if name.startswith("visa_chargeDeclined") else ()


def _card(line: str) -> Card:
    number, names, brand, country, funding, words = line.split(" ")
    fields: dict[str, Any] = {}
    checks: dict[str, str] = {}
    decline = None
    for word in words.split("+"):
        if word in DECLINES:
            decline = DECLINES[word]
        elif word in _CHECKS:
            checks.update(_CHECKS[word])
        elif word != "-":
            fields.update(_MEANINGS.get(word, {"effect": word}))
    return Card(
        number=number,
        title=testing_page.TITLES.get(number, ""),
        names=() if names == "-" else (*names.split(","), *_old_names(names)),
        brand=brand,
        country=country,
        funding=funding,
        decline=decline,
        checks=checks,
        **fields,
    )


CARDS = tuple(_card(line) for line in testing_page.CARDS.strip().splitlines())
#: By the names after ``pm_card_`` and ``tok_``.
NAMED = {name: card for card in CARDS for name in card.names}
BANK_ACCOUNTS = (
    BankAccount(number="AT611904300234573201", title=_("Succeeds after three days"), succeeds=True),
    BankAccount(number="AT861904300235473202", title=_("Fails after three days"), succeeds=False),
)
#: Those with which Stripe's command line triggers ``payment_intent.processing`` and
#: ``checkout.session.async_payment_failed``. Pages do not offer them.
MORE_ACCOUNTS = (
    BankAccount(number="AT321904300235473204", title="", succeeds=True),
    BankAccount(number="IT60X0542811101000000123456", title="", succeeds=False),
)
#: The delayed payment method that the account offers of its own accord in each currency.
DELAYED_METHODS = {
    "eur": "sepa_debit",
    "gbp": "bacs_debit",
    "usd": "us_bank_account",
    "aud": "au_becs_debit",
    "cad": "acss_debit",
    "jpy": "konbini",
    "mxn": "oxxo",
    "brl": "boleto",
}
#: The currencies of each payment method except cards. ``acss_debit`` has a second one: ``currency`` of
#: ``payment_method_options[acss_debit]``.
METHOD_CURRENCIES: dict[str, tuple[str, ...]] = {
    **{method: (currency,) for currency, method in DELAYED_METHODS.items()},
    "acss_debit": ("cad", "usd"),
    **{method.type: method.currencies for method in ACTION_METHODS.values()},
}
#: The debits among them.
DEBITS = {currency: method for currency, method in DELAYED_METHODS.items() if method not in ACTION_METHODS}
PLAYED_TYPES = ("card", *METHOD_CURRENCIES)


def find_card(number: str) -> Card | None:
    """Return the test card with this number, spaces ignored, or None."""
    digits = re.sub(r"[\s-]", "", number)
    return next((card for card in CARDS if card.number == digits), None)


def is_not_played(number: str) -> bool:
    """Return whether a number is one of Stripe's test cards that the emulator does not play."""
    return re.sub(r"[\s-]", "", number) in testing_page.NOT_PLAYED.split()


def find_bank_account(number: str) -> BankAccount | None:
    """Return the test account with this number, spaces ignored, or None."""
    compact = re.sub(r"\s", "", number).upper()
    return next((account for account in (*BANK_ACCOUNTS, *MORE_ACCOUNTS) if account.number == compact), None)


def is_luhn(digits: str) -> bool:
    """Return whether the check digit of a card number is valid."""
    doubled = [int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
