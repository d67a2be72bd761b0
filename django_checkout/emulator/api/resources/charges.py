"""Charges, and the payment methods of payment attempts."""

from __future__ import annotations

from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import Doc, without_hidden
from django_checkout.emulator.reference.cards import BankAccount, Card, Decline
from django_checkout.emulator.state.state import State

AUTHORIZATION_SECONDS = 7 * 24 * 3600
ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")
CARD_BRANDS = {"4": "visa", "5": "mastercard"}
#: Fields of a new object that are null.
NULLS = (
    "application application_fee application_fee_amount balance_transaction failure_balance_transaction "
    "on_behalf_of receipt_number receipt_url review source_transfer transfer_data"
)


def new_method(state: State, method: Card | BankAccount, kind: str, billing: Doc) -> Doc:
    """Create a PaymentMethod."""
    details: Doc = {"fingerprint": random_text(16), "last4": method.last4}
    if isinstance(method, Card):
        brand = CARD_BRANDS[method.number[0]]
        details = {
            "brand": brand,
            "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
            "country": "US",
            "display_brand": brand,
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": random_text(16),
            "funding": "credit",
            "generated_from": None,
            "last4": method.last4,
            "networks": {"available": [brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        }
    elif kind in ("konbini", "boleto", "oxxo"):
        details = {"tax_id": "00000000000"} if kind == "boleto" else {}
    document = state.new(
        "payment_method",
        allow_redisplay="limited",
        billing_details=billing,
        customer=None,
        customer_account=None,
        metadata={},
        type=kind,
    )
    document[kind] = details
    document["_number"] = method.number
    return state.store.insert(document)


def new_charge(state: State, intent: Doc, method: Doc, *, status: str, decline: Decline | None = None) -> Doc:
    """Create a Charge with status succeeded, pending or failed. The caller emits its event."""
    is_card = method["type"] == "card"
    captured = status != "failed" and intent["capture_method"] != "manual"
    charge = state.new(
        "charge",
        NULLS,
        amount=intent["amount"],
        amount_captured=intent["amount"] if captured and status == "succeeded" else 0,
        amount_refunded=0,
        billing_details=method["billing_details"],
        calculated_statement_descriptor="EXAMPLE SHOP" if is_card else None,
        captured=captured,
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        disputed=False,
        failure_code=decline.code if decline else None,
        failure_message=decline.message if decline else None,
        fraud_details={},
        metadata=dict(intent["metadata"]),
        outcome=_outcome(decline),
        paid=status == "succeeded",
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details={"type": method["type"], method["type"]: _details(state, intent, method, status)},
        radar_options={},
        receipt_email=intent["receipt_email"],
        refunded=False,
        shipping=intent["shipping"],
        statement_descriptor=intent["statement_descriptor"],
        statement_descriptor_suffix=intent["statement_descriptor_suffix"],
        status=status,
        transfer_group=intent["transfer_group"],
    )
    if not is_card:
        charge["id"] = charge["id"].replace("ch_", "py_")
    return state.store.insert(charge)


def _details(state: State, intent: Doc, method: Doc, status: str) -> Doc:
    known: Doc = method[method["type"]]
    if method["type"] != "card":
        return dict(known)
    details = {name: known[name] for name in ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint")}
    details.update(
        amount_authorized=intent["amount"] if status == "succeeded" else None,
        authorization_code=random_text(6).upper() if status == "succeeded" else None,
        funding=known["funding"],
        installments=None,
        last4=known["last4"],
        mandate=None,
        network=known["brand"],
        network_token={"used": False},
        network_transaction_id=random_text(15),
        regulated_status="unregulated",
        three_d_secure=None,
        wallet=None,
    )
    if intent["capture_method"] == "manual" and status == "succeeded":
        details["capture_before"] = state.clock.now() + AUTHORIZATION_SECONDS
    return details


def _outcome(decline: Decline | None) -> Doc:
    refused = "The bank did not return any further details with this decline."
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": "02" if decline else None,
        "network_status": "declined_by_network" if decline else "approved_by_network",
        "reason": decline.decline_code if decline else None,
        "risk_level": "normal",
        "risk_score": 18,
        "seller_message": refused if decline else "Payment complete.",
        "type": "issuer_declined" if decline else "authorized",
    }


def payment_error(decline: Decline, method: Doc, charge: Doc | None) -> Doc:
    """Return the ``last_payment_error`` of an intent."""
    is_card = method["type"] == "card" and decline.code != "payment_intent_authentication_failure"
    error: Doc = {
        "code": decline.code,
        "doc_url": f"https://stripe.com/docs/error-codes/{decline.code.replace('_', '-')}",
        "message": decline.message,
        "payment_method": without_hidden(method),
        "type": "card_error" if is_card else "invalid_request_error",
    }
    if charge:
        error["charge"] = charge["id"]
    if decline.decline_code:
        error["decline_code"] = decline.decline_code
    return error


def blank_billing(**known: object) -> Doc:
    """Return ``billing_details`` with the known fields."""
    return {"address": dict.fromkeys(ADDRESS), "email": None, "name": None, "phone": None, "tax_id": None, **known}
