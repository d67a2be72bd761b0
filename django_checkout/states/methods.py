"""The names of payment methods, as shoppers know them: ``Visa ···· 4242 (Apple Pay)``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_checkout.next_actions import METHODS

#: Stripe's types and brands whose names are not their values with capital letters.
_NAMES: Final[Mapping[str, str | Promise]] = {
    **METHODS,
    "acss_debit": _("Pre-authorized debit"),
    "alipay": "Alipay",
    "amex": "American Express",
    "au_becs_debit": _("BECS Direct Debit"),
    "bacs_debit": _("Bacs Direct Debit"),
    "blik": "BLIK",
    "card": _("Card"),
    "cartes_bancaires": "Cartes Bancaires",
    "cashapp": "Cash App Pay",
    "diners": "Diners Club",
    "eftpos_au": "eftpos",
    "eps": "EPS",
    "fpx": "FPX",
    "ideal": "iDEAL",
    "jcb": "JCB",
    "mobilepay": "MobilePay",
    "nz_bank_account": _("BECS Direct Debit"),
    "p24": "Przelewy24",
    "paypal": "PayPal",
    "sepa_debit": _("SEPA Direct Debit"),
    "us_bank_account": _("Bank account"),
    "unionpay": "UnionPay",
    "wechat_pay": "WeChat Pay",
}


def describe_method(method: Mapping[str, str] | None) -> str:
    """Return a payment method in words, from ``PaymentFact.method``; "" if it is not known."""
    if not method or not method.get("type"):
        return ""
    kind, brand = method["type"], method.get("brand", "")
    text = _name(brand if kind == "card" and brand not in ("", "unknown") else kind)
    if last4 := method.get("last4"):
        text = f"{text} ···· {last4}"
    wallet = method.get("wallet")
    return f"{text} ({_name(wallet)})" if wallet else text


def _name(value: str) -> str:
    return str(_NAMES.get(value) or value.replace("_", " ").title())
