"""The payment methods that the shopper pays by a step of their own: vouchers, QR codes and bank transfers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from django_checkout.emulator.reference.testing_page import _

DAY_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionMethod:
    """A payment method whose PaymentIntent waits in ``requires_action`` until the shopper has paid.

    ``action`` is the type of ``next_action``; ``needs`` are the ``billing_details`` that Stripe requires; ``days``,
    ``max_days`` and ``utc_offset_hours`` say when a voucher ends: at midnight in its country.
    """

    type: str
    title: str
    action: str
    currencies: tuple[str, ...]
    needs: tuple[str, ...] = ()
    days: int = 0
    min_days: int = 1
    max_days: int = 0
    utc_offset_hours: int = 0
    #: How long a payment may still arrive after the end, and the intent then fails.
    buffer_seconds: int = 0
    min_minor: int = 0
    max_minor: int = 0
    #: Whether a voucher can be canceled before it ends.
    is_cancelable: bool = True

    @property
    def is_voucher(self) -> bool:
        """Whether Checkout completes and sends the shopper to a page with codes to pay with elsewhere."""
        return self.action.endswith("_display_details")

    @property
    def is_qr_code(self) -> bool:
        """Whether Checkout keeps the shopper on a page with a QR code until they have paid."""
        return self.action.endswith("_display_qr_code")

    def takes(self, amount: int) -> bool:
        """Return whether an amount in minor units can be paid."""
        return amount >= self.min_minor and (not self.max_minor or amount <= self.max_minor)

    def end(self, now: int, days: int | None) -> int:
        """Return the last second in which a voucher can be paid: at midnight in its country, ``days`` from now."""
        zone = timezone(timedelta(hours=self.utc_offset_hours))
        today = datetime.fromtimestamp(now, UTC).astimezone(zone)
        last = today.replace(hour=23, minute=59, second=59) + timedelta(days=self.days if days is None else days)
        return int(last.timestamp())


#: Ends, buffers and fields are from https://docs.stripe.com/payments/<method>/accept-a-payment; the smallest and the
#: largest amounts are from https://docs.stripe.com/payments/<method>.
ACTION_METHODS = {
    method.type: method
    for method in (
        # Fails "typically about an hour after its expiration deadline".
        ActionMethod(
            type="konbini",
            title=_("Konbini"),
            action="konbini_display_details",
            currencies=("jpy",),
            needs=("email", "name"),
            days=3,
            max_days=60,
            utc_offset_hours=9,
            buffer_seconds=3600,
            min_minor=120,
            max_minor=300_000,
        ),
        ActionMethod(
            type="oxxo",
            title="OXXO",
            action="oxxo_display_details",
            currencies=("mxn",),
            needs=("email", "name"),
            days=3,
            max_days=7,
            utc_offset_hours=-6,
            min_minor=1_000,
            max_minor=1_000_000,
            is_cancelable=False,
        ),
        ActionMethod(
            type="boleto",
            title="Boleto",
            action="boleto_display_details",
            currencies=("brl",),
            needs=("email", "name", "address"),
            days=3,
            min_days=0,
            max_days=60,
            utc_offset_hours=-3,
            min_minor=500,
            max_minor=4_999_999,
            is_cancelable=False,
        ),
        # Seven days, and four more in ``processing``.
        ActionMethod(
            type="multibanco",
            title="Multibanco",
            action="multibanco_display_details",
            currencies=("eur",),
            needs=("email",),
            buffer_seconds=4 * DAY_SECONDS,
            min_minor=50,
            max_minor=9_999_900,
        ),
        ActionMethod(type="paynow", title="PayNow", action="paynow_display_qr_code", currencies=("sgd",)),
        ActionMethod(type="pix", title="Pix", action="pix_display_qr_code", currencies=("brl",)),
        ActionMethod(
            type="promptpay",
            title="PromptPay",
            action="promptpay_display_qr_code",
            currencies=("thb",),
            needs=("email",),
        ),
        # https://docs.stripe.com/payments/bank-transfers/accept-a-payment
        ActionMethod(
            type="customer_balance",
            title=_("Bank transfer"),
            action="display_bank_transfer_instructions",
            currencies=("eur", "gbp", "jpy", "mxn", "usd"),
        ),
    )
}
#: The CPF of Stripe's testing page: https://docs.stripe.com/payments/boleto/accept-a-payment#test-integration
TEST_TAX_ID = "000.000.000-00"
MULTIBANCO_SECONDS = 7 * DAY_SECONDS
#: The bounds and the default of https://docs.stripe.com/payments/pix/accept-a-payment; OpenAPI has a day by default.
PIX_SECONDS, MIN_PIX_SECONDS, MAX_PIX_SECONDS = 14_400, 10, 1_209_600


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionPayment:
    """What the shopper chooses and enters: a method, and what only this method asks for."""

    method: ActionMethod
    confirmation_number: str = ""
    tax_id: str = ""


def is_tax_id(text: str) -> bool:
    """Return whether a text is a CPF or CNPJ by its check digits, or the one of Stripe's testing page, all zeros.

    https://docs.stripe.com/payments/boleto/accept-a-payment#test-integration
    """
    digits = [int(digit) for digit in re.sub(r"[.\-/\s]", "", text) if digit.isascii() and digit.isdecimal()]
    if len(digits) not in (11, 14) or not re.fullmatch(r"[\d.\-/\s]+", text):
        return False
    if not any(digits):
        return True
    return len(set(digits)) > 1 and all(_check_digit(digits[:end]) == digits[end] for end in (-2, len(digits) - 1))


def _check_digit(digits: list[int]) -> int:
    """Return the check digit of a CPF (weights 2, 3, 4 ...) or CNPJ (weights 2 to 9 in turn), from the right."""
    turn = 8 if len(digits) > 10 else len(digits)
    total = sum(digit * (2 + index % turn) for index, digit in enumerate(reversed(digits)))
    return (total * 10 % 11) % 10


def is_confirmation_number(text: str) -> bool:
    """Return whether a text can be a konbini confirmation number: 10 or 11 digits, not zeros only.

    ``confirmation_number`` of stripe/params/_payment_intent_confirm_params.py
    """
    return re.fullmatch(r"[0-9]{10,11}", text) is not None and text.strip("0") != ""
