"""The ``next_action`` of a PaymentIntent that waits for the shopper: codes, accounts, QR codes and their pages."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from django_checkout.emulator.api.resources.charges import ADDRESS
from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import Doc
from django_checkout.emulator.reference.action_methods import ActionMethod

STORES = ("familymart", "lawson", "ministop", "seicomart")
#: The accounts to transfer to. Where Stripe's documentation shows one, it is that one:
#: https://docs.stripe.com/payments/bank-transfers/accept-a-payment?payment-ui=direct-api
HOLDER = "Example Shop"
SPEI = {"bank_code": "002", "bank_name": "BANAMEX", "clabe": "002180650612345670"}
BANK = {"account_number": "111222333444", "account_type": "checking", "bank_name": "Wells Fargo Bank, NA"}
ABA = {**BANK, "routing_number": "444555666"}
SWIFT = {**BANK, "swift_code": "AAAA-BB-CC-123"}
SORT_CODE = {"account_number": "98765432", "sort_code": "200000"}
IBANS = {
    "BE": "BE71096123456769",
    "DE": "DE75512108001245126199",
    "ES": "ES7921000813610123456789",
    "FR": "FR7630006000011234567890189",
    "IE": "IE64IRCE92050112345678",
    "NL": "NL40CITI7000799556",
}
ZENGIN = {
    "account_number": "1234567",
    "account_type": "futsu",
    "bank_code": "0001",
    "bank_name": "Example Bank",
    "branch_code": "001",
    "branch_name": "Example Branch",
}


def digits(length: int) -> str:
    """Return random digits, the first one not 0."""
    return str(secrets.randbelow(9) + 1) + "".join(str(secrets.randbelow(10)) for _ in range(length - 1))


def page_url(base_url: str, intent: Doc, key: str) -> str:
    """Return the address of the page with instructions. Who knows it may open it, as at Stripe."""
    return f"{base_url}/pay/{intent['id']}/instructions/{key}"


def konbini(intent: Doc, url: str, ends_at: int, **_: object) -> Doc:
    """Return ``konbini_display_details``. A confirmation number is the shopper's own, or random."""
    number = intent["payment_method_options"]["konbini"]["confirmation_number"] or digits(11)
    stores = {store: {"confirmation_number": number, "payment_code": digits(6)} for store in STORES}
    return {"expires_at": ends_at, "hosted_voucher_url": url, "stores": stores}


def oxxo(url: str, ends_at: int, **_: object) -> Doc:
    """Return ``oxxo_display_details``."""
    return {"expires_after": ends_at, "hosted_voucher_url": url, "number": digits(32)}


def boleto(url: str, ends_at: int, **_: object) -> Doc:
    """Return ``boleto_display_details``."""
    return {"expires_at": ends_at, "hosted_voucher_url": url, "number": digits(47), "pdf": f"{url}.pdf"}


def multibanco(url: str, ends_at: int, **_: object) -> Doc:
    """Return ``multibanco_display_details``."""
    return {"entity": digits(5), "expires_at": ends_at, "hosted_voucher_url": url, "reference": digits(9)}


def qr_code(url: str, **_: object) -> Doc:
    """Return ``paynow_display_qr_code`` or ``promptpay_display_qr_code``. The code opens a page of test mode.

    https://docs.stripe.com/payments/paynow/accept-a-payment#test-your-integration
    """
    images = {f"image_url_{kind}": f"{url}.{kind}" for kind in ("png", "svg")}
    return {"data": f"{url}/test_payment", "hosted_instructions_url": url, **images}


def pix(url: str, ends_at: int, **_: object) -> Doc:
    """Return ``pix_display_qr_code``."""
    return {**qr_code(url), "expires_at": ends_at}


def transfer(intent: Doc, url: str, remaining: int, reference: str | None, **_: object) -> Doc:
    """Return ``display_bank_transfer_instructions``."""
    asked = intent["payment_method_options"]["customer_balance"]["bank_transfer"]
    country = (asked.get("eu_bank_transfer") or {}).get("country", "IE")
    return {
        "amount_remaining": remaining,
        "currency": intent["currency"],
        "financial_addresses": financial_addresses(asked["type"], country),
        "hosted_instructions_url": url,
        "reference": reference,
        "type": asked["type"],
    }


def financial_addresses(kind: str, country: str) -> list[Doc]:
    """Return the accounts of a type of bank transfer."""
    found: dict[str, list[tuple[str, tuple[str, ...], Doc]]] = {
        "eu_bank_transfer": [("iban", ("sepa",), _iban(country))],
        "gb_bank_transfer": [("sort_code", ("bacs", "fps"), _account("GB", SORT_CODE))],
        "jp_bank_transfer": [("zengin", ("zengin",), _account("JP", ZENGIN))],
        "mx_bank_transfer": [("spei", ("spei",), _account("MX", SPEI))],
        "us_bank_transfer": [
            ("aba", ("ach", "domestic_wire_us"), _account("US", ABA)),
            ("swift", ("swift",), _account("US", SWIFT)),
        ],
    }
    return [{"supported_networks": list(networks), "type": name, name: own} for name, networks, own in found[kind]]


def _iban(country: str) -> Doc:
    return _account(country, {"bic": f"TEST{country}2LEMU", "country": country, "iban": IBANS[country]})


def _account(country: str, own: Doc) -> Doc:
    address = {**dict.fromkeys(ADDRESS), "country": country}
    return {"account_holder_address": address, "account_holder_name": HOLDER, "bank_address": address, **own}


_BUILDERS: dict[str, Callable[..., Doc]] = {
    "konbini": konbini,
    "oxxo": oxxo,
    "boleto": boleto,
    "multibanco": multibanco,
    "paynow": qr_code,
    "promptpay": qr_code,
    "pix": pix,
    "customer_balance": transfer,
}


def build(method: ActionMethod, **known: Any) -> Doc:
    """Return the ``next_action`` of a method. ``known`` are the intent, its page and what the method needs."""
    return {"type": method.action, method.action: _BUILDERS[method.type](**known)}


def new_reference(currency: str) -> str | None:
    """Return the reference of a transfer. Japan has none, Mexico's has digits only, as in the same documentation."""
    if currency == "jpy":
        return None
    return digits(7) if currency == "mxn" else random_text(12).upper()
