"""The context of the page with the instructions of a payment that the shopper makes elsewhere."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from django_checkout.emulator.api.resources import bank_transfers, vouchers
from django_checkout.emulator.api.resources.account import NAME
from django_checkout.emulator.messages import Doc
from django_checkout.emulator.payer import branding
from django_checkout.emulator.payer.rendering import format_minor, format_moment
from django_checkout.emulator.reference.action_methods import ActionMethod
from django_checkout.emulator.reference.currencies import to_decimal
from django_checkout.emulator.state.state import State

STORES = {"familymart": "FamilyMart", "lawson": "Lawson", "ministop": "Ministop", "seicomart": "Seicomart"}
#: The hours between UTC and the country of a method without an end at midnight.
OFFSETS = {"multibanco": 0, "pix": -3}


def context(state: State, intent: Doc, kind: ActionMethod) -> Doc:
    """Return the context of the page of an intent. Use it inside ``store.transaction()``."""
    session = state.store.find(intent["_session"])
    voucher, action = intent["_voucher"], (intent["next_action"] or {}).get(kind.action)
    left = intent["amount"] - voucher.get("funded", 0)
    ends_at = voucher.get("ends_at")
    return {
        "session": session or {"id": intent["id"]},
        "shop_name": (session.get("branding_settings") or {}).get("display_name") or NAME if session else NAME,
        "branding": branding.stylesheet(session) if session else "",
        "intent": intent,
        "method": kind.type,
        "title": _(kind.title),
        "condition": condition_of(intent),
        "amount": format_minor(left, intent["currency"]),
        "left": str(to_decimal(left, intent["currency"])),
        "total": format_minor(intent["amount"], intent["currency"]),
        "received": format_minor(voucher["funded"], intent["currency"]) if voucher.get("funded") else "",
        "deadline": format_moment(ends_at, OFFSETS.get(kind.type, kind.utc_offset_hours)) if ends_at else "",
        "is_transfer": kind.type == bank_transfers.KIND,
        "is_qr_code": kind.is_qr_code,
        "currency": intent["currency"].upper(),
        "action": action,
        "codes": _codes(kind.type, action) if action else [],
        "steps": _steps(kind.type, has_reference=bool(voucher.get("reference"))),
    }


def condition_of(intent: Doc) -> str:
    """Return what the page says: that the payment is awaited, late, paid, expired or canceled."""
    if vouchers.is_waiting(intent):
        return "late" if intent["status"] == "processing" else "waiting"
    return {"succeeded": "paid", "canceled": "canceled"}.get(intent["status"], "expired")


def _codes(kind: str, action: Doc) -> list[Doc]:
    """Return groups of codes: their heading, and names and values, as shown and as copied."""
    if kind == "konbini":
        number = action["stores"]["familymart"]["confirmation_number"]
        stores = [(_(name), action["stores"][store]["payment_code"]) for store, name in STORES.items()]
        confirmation = _group(_("At every store"), [(_("Confirmation number"), number)])
        return [_group(_("Payment code of your store"), stores), confirmation]
    if kind == "oxxo":
        return [_group("", [(_("Reference number"), _spaced(action["number"]))])]
    if kind == "boleto":
        return [_group("", [(_("Boleto number"), _boleto(action["number"]))])]
    if kind == "multibanco":
        reference = pgettext("of a payment", "Reference")
        return [_group("", [(_("Entity"), action["entity"]), (reference, _spaced(action["reference"], 3))])]
    if kind == bank_transfers.KIND:
        return [_address(address, action["reference"]) for address in action["financial_addresses"]]
    return [_group("", [(_("Code to copy"), action["data"])])] if kind == "pix" else []


def _group(heading: str, codes: list[tuple[str, str]]) -> Doc:
    return {
        "heading": heading,
        "codes": [{"name": name, "value": value, "copied": re.sub(r"[ .]", "", value)} for name, value in codes],
    }


def _spaced(digits: str, size: int = 4) -> str:
    return " ".join(re.findall(f".{{1,{size}}}", digits))


def _boleto(digits: str) -> str:
    """Return the number of a boleto with its usual points."""
    sizes = ((5, "."), (5, " "), (5, "."), (6, " "), (5, "."), (6, " "), (1, " "), (14, ""))
    shown, rest = "", digits
    for size, separator in sizes:
        shown, rest = f"{shown}{rest[:size]}{separator}", rest[size:]
    return shown


def _address(address: Doc, reference: str | None) -> Doc:
    """Return the group of a financial address, with the reference of the transfer."""
    own = address[address["type"]]
    names = {
        "account_holder_name": _("Recipient"),
        "iban": "IBAN",
        "bic": "BIC",
        "clabe": "CLABE",
        "sort_code": _("Sort code"),
        "routing_number": _("Routing number"),
        "swift_code": "SWIFT",
        "bank_name": _("Bank"),
        "bank_code": _("Bank code"),
        "branch_name": _("Branch"),
        "branch_code": _("Branch code"),
        "account_number": _("Account number"),
        "account_type": _("Account type"),
    }
    headings = {"aba": _("In the United States"), "swift": _("From other countries")}
    codes = [
        (name, _spaced(own[field]) if field == "iban" else own[field]) for field, name in names.items() if field in own
    ]
    if reference:
        codes.append((pgettext("of a payment", "Reference"), reference))
    group = _group(headings.get(address["type"], ""), codes)
    for code in group["codes"]:
        code["copied"] = code["value"] if code["name"] != "IBAN" else code["copied"]
    return group


def _steps(kind: str, *, has_reference: bool) -> list[str]:
    """Return what the shopper has to do."""
    steps = {
        "konbini": (
            _("Go to one of the stores with its payment code and the confirmation number."),
            _("Enter both at the terminal in the store, or show them at the register."),
            _("Pay in cash at the register, and keep the receipt."),
        ),
        "oxxo": (
            _("Print this page, or show it on your phone at an OXXO store."),
            _("The cashier scans or enters the reference number. Pay in cash."),
            _("Keep the receipt. The shop is told within a business day."),
        ),
        "boleto": (
            _("Copy the number into your bank's app, or take the printed boleto to a bank or lottery agency."),
            _("Pay the exact amount. The shop is told within a business day."),
        ),
        "multibanco": (
            _("Choose the payment of services at an ATM or in your online banking."),
            _("Enter the entity, the reference and the amount."),
        ),
        "customer_balance": (
            _("Transfer the amount to this account from your bank."),
            *((_("Enter the reference exactly as it is shown, so that your transfer is found."),) * has_reference),
        ),
    }
    return list(steps.get(kind, (_("Open your bank's app, and scan the code."), _("Confirm the payment in the app."))))
