"""Stripe's test cards and bank accounts, and their effects.

See https://docs.stripe.com/testing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline:
    """Why a payment is refused."""

    code: str
    decline_code: str | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A test card. ``effect`` names what happens besides the charge."""

    number: str
    title: str
    effect: str = ""
    decline: Decline | None = None

    @property
    def spaced(self) -> str:
        """The number in groups of four digits."""
        return " ".join(re.findall("....", self.number))

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
    def last4(self) -> str:
        """The last four characters."""
        return self.number[-4:]


def _declined(number: str, title: str, code: str, decline_code: str | None, message: str) -> Card:
    return Card(number=number, title=title, decline=Decline(code=code, decline_code=decline_code, message=message))


DECLINED = "Your card was declined."
EXPIRED = Decline(code="expired_card", decline_code="expired_card", message="Your card has expired.")
INCOMPLETE = Decline(code="incorrect_number", decline_code=None, message="Your card number is incorrect.")
INCOMPLETE_CVC = Decline(code="invalid_cvc", decline_code=None, message="Your card's security code is invalid.")
UNKNOWN = Decline(
    code="card_declined",
    decline_code="live_mode_test_card",
    message="Your card was declined. Your request was in test mode, but used a non test card. "
    "For a list of valid test cards, visit: https://stripe.com/docs/testing.",
)
UNAUTHENTICATED = Decline(
    code="payment_intent_authentication_failure",
    decline_code=None,
    message="We are unable to authenticate your payment method. "
    "Please choose a different payment method and try again.",
)

CARDS = (
    Card(number="4242424242424242", title="Succeeds"),
    Card(number="5555555555554444", title="Succeeds (Mastercard)"),
    _declined("4000000000000002", "Declined", "card_declined", "generic_decline", DECLINED),
    _declined(
        "4000000000009995",
        "Insufficient funds",
        "card_declined",
        "insufficient_funds",
        "Your card has insufficient funds.",
    ),
    Card(number="4000002500003155", title="3-D Secure required", effect="challenge"),
    _declined("4000000000009987", "Lost card", "card_declined", "lost_card", DECLINED),
    _declined("4000000000009979", "Stolen card", "card_declined", "stolen_card", DECLINED),
    _declined("4000000000000069", "Expired card", "expired_card", "expired_card", EXPIRED.message),
    _declined(
        "4000000000000127", "Incorrect CVC", "incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect."
    ),
    _declined(
        "4000000000000119",
        "Processing error",
        "processing_error",
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
    ),
    Card(number="4000002760003184", title="3-D Secure, always", effect="challenge"),
    Card(number="4000000000003220", title="3-D Secure 2", effect="challenge"),
    Card(number="4000000000000341", title="Succeeds, later charges fail", effect="later_fails"),
    Card(number="4000000000000259", title="Succeeds, then disputed", effect="dispute"),
    Card(number="4000000000005423", title="Succeeds, early fraud warning", effect="fraud_warning"),
    Card(number="4000000000007726", title="Refund stays pending at first", effect="refund_pending"),
    Card(number="4000000000005126", title="Refund succeeds, later fails", effect="refund_fails"),
    Card(number="4000000000000077", title="Succeeds, funds available at once", effect="available"),
)
BANK_ACCOUNTS = (
    BankAccount(number="AT611904300234573201", title="Succeeds after three days", succeeds=True),
    BankAccount(number="AT861904300235473202", title="Fails after three days", succeeds=False),
)
#: The delayed payment method of each currency.
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


def find_card(number: str) -> Card | None:
    """Return the test card with this number, spaces ignored, or None."""
    digits = re.sub(r"[\s-]", "", number)
    return next((card for card in CARDS if card.number == digits), None)


def find_bank_account(number: str) -> BankAccount | None:
    """Return the test account with this number, spaces ignored, or None."""
    compact = re.sub(r"\s", "", number).upper()
    return next((account for account in BANK_ACCOUNTS if account.number == compact), None)
