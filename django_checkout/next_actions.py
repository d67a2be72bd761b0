"""What a shopper has to do outside of the payment page, as frozen values: a voucher, a bank transfer, a QR code.

Import them from ``values``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

#: Where a voucher ends at midnight, as ``expires_after_days`` of ``payment_method_options`` says.
_TIME_ZONES = {"boleto": "America/Sao_Paulo", "konbini": "Asia/Tokyo", "oxxo": "America/Mexico_City"}
#: The names of the methods, by Stripe's names; any other is shown in Stripe's words.
METHODS = {
    "boleto": _("Boleto"),
    "customer_balance": _("Bank transfer"),
    "konbini": _("Convenience store"),
    "multibanco": _("Multibanco"),
    "oxxo": _("OXXO"),
    "paynow": _("PayNow"),
    "pix": _("Pix"),
    "promptpay": _("PromptPay"),
    "verify_with_microdeposits": _("Verification of your bank account"),
}
#: Whether Stripe cancels what the shopper has got. Konbini and Multibanco: "Expiration and cancellation" of
#: https://docs.stripe.com/payments/konbini/accept-a-payment and Multibanco's page; bank transfers:
#: ``unapplied_from_payment`` of stripe/_customer_cash_balance_transaction.py. OXXO and boleto vouchers can't be
#: canceled before they expire: https://docs.stripe.com/payments/oxxo and https://docs.stripe.com/payments/boleto. Of
#: other kinds it is not known.
CANCELABLE: Mapping[str, bool] = {
    "boleto": False,
    "customer_balance": True,
    "konbini": True,
    "multibanco": True,
    "oxxo": False,
}
_DETAILS = {
    "account_holder_name": _("Account holder"),
    "account_number": _("Account number"),
    "account_type": _("Account type"),
    "bank_code": _("Bank code"),
    "bank_name": _("Bank"),
    "bic": _("BIC"),
    "branch_code": _("Branch code"),
    "branch_name": _("Branch"),
    "clabe": _("CLABE"),
    "confirmation_number": _("Confirmation number"),
    "entity": _("Entity"),
    "iban": _("IBAN"),
    "number": _("Number"),
    "payment_code": _("Payment code"),
    "reference": _("Payment reference"),
    "routing_number": _("Routing number"),
    "sort_code": _("Sort code"),
    "swift_code": _("SWIFT code"),
}
_GROUPS = {
    "familymart": _("FamilyMart"),
    "lawson": _("Lawson"),
    "ministop": _("Ministop"),
    "seicomart": _("Seicomart"),
    "aba": _("Transfer within the USA"),
    "iban": _("SEPA transfer"),
    "sort_code": _("Transfer within the United Kingdom"),
    "spei": _("SPEI transfer"),
    "swift": _("Transfer from abroad"),
    "zengin": _("Transfer within Japan"),
}


_INSTRUCTIONS = {
    "boleto": _("Pay the boleto in your bank's app, at a bank or at a lottery shop."),
    "customer_balance": _("Transfer the amount to this account, with the reference if there is one."),
    "konbini": _("Pay at one of these convenience stores, with its codes."),
    "multibanco": _("Pay at a Multibanco machine or in your bank's app, with this entity and reference."),
    "oxxo": _("Show the voucher at an OXXO store and pay there."),
    "verify_with_microdeposits": _("Confirm the small amounts that were sent to your bank account."),
    **dict.fromkeys(("paynow", "pix", "promptpay"), _("Scan the QR code with your bank's app.")),
}
_ELSE = _("Follow the instructions to pay.")


def _label(labels: Mapping[str, object], name: str) -> str:
    return str(labels.get(name) or name.replace("_", " "))


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionDetail:
    """A text that the shopper needs for their next step: a code, a reference, a part of a bank account."""

    #: Stripe's key: ``confirmation_number``, ``iban`` ...
    name: str
    value: str = field(repr=False)
    #: The store or the kind of account that it is for; "" for all.
    group: str = ""

    @property
    def label(self) -> str:
        """Return the label in the current language."""
        return _label(_DETAILS, self.name)

    @property
    def group_label(self) -> str:
        """Return the name of the store, or the kind of account, in the current language; "" for none."""
        return _label(_GROUPS, self.group) if self.group else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextAction:
    """What the shopper has to do to pay: use a voucher, make a bank transfer, scan a QR code."""

    #: Stripe's payment method: ``konbini``, ``oxxo``, ``boleto``, ``multibanco``, ``customer_balance``, ``paynow``,
    #: ``pix``, ``promptpay``; else Stripe's type of the action.
    kind: str
    #: Stripe's page with the voucher or the instructions, which shows them to anyone; "" if there is none.
    url: str = field(repr=False)
    #: What is still to be paid.
    amount_minor: int
    currency: str
    #: None if there is no deadline.
    expires_at: datetime | None = None
    #: The texts to copy, in Stripe's order.
    details: tuple[ActionDetail, ...] = field(default=(), repr=False)
    #: Stripe's image of a QR code; "" if there is none.
    image_url: str = field(default="", repr=False)
    #: What was received already of a bank transfer.
    received_minor: int = 0
    #: Stripe has refused to cancel it.
    is_refused: bool = False

    @property
    def is_cancelable(self) -> bool:
        """Whether Stripe is known to cancel it before it expires."""
        return CANCELABLE.get(self.kind, False) and not self.is_refused

    @property
    def is_replaceable(self) -> bool:
        """Whether the shopper may give it up: it can be canceled, and nothing was paid yet."""
        return self.is_cancelable and not self.received_minor

    @property
    def label(self) -> str:
        """Return the name of the payment method in the current language."""
        return _label(METHODS, self.kind)

    @property
    def instruction(self) -> str:
        """Return what the shopper has to do, as a sentence in the current language."""
        return str(_INSTRUCTIONS.get(self.kind, _ELSE))

    @property
    def time_zone(self) -> tzinfo:
        """Return the time zone in which the shopper reads the deadline: the voucher's, else the active one."""
        try:
            return ZoneInfo(_TIME_ZONES[self.kind])
        except (KeyError, ZoneInfoNotFoundError):
            return timezone.get_current_timezone()

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON types, with labels in the current language."""
        details = [
            {
                "name": detail.name,
                "label": detail.label,
                "group": detail.group,
                "group_label": detail.group_label,
                "value": detail.value,
            }
            for detail in self.details
        ]
        return {
            "kind": self.kind,
            "label": self.label,
            "instruction": self.instruction,
            "url": self.url,
            "image_url": self.image_url,
            "amount_minor": self.amount_minor,
            "received_minor": self.received_minor,
            "currency": self.currency,
            "expires_at": self.expires_at.isoformat() if self.expires_at is not None else None,
            "details": details,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFact(NextAction):
    """A next action at Stripe, of one attempt to pay."""

    #: The payment method's id, which each attempt has of its own.
    attempt: str
    #: The payment page stays open and shows it: a QR code.
    is_on_page: bool = False
