"""Payment methods and charges: made by an attempt to pay, read."""

from __future__ import annotations

from ..calls import Call, list_objects
from ..cards import BankAccount, Card, Decline
from ..ids import random_text
from ..messages import Doc, without_hidden
from ..world import World

AUTHORIZATION_SECONDS = 7 * 24 * 3600
ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")
CARD_BRANDS = {"4": "visa", "5": "mastercard"}


def new_method(world: World, method: Card | BankAccount, kind: str, billing: Doc) -> Doc:
    """Make and keep a PaymentMethod."""
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
    document = world.new(
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
    return world.store.insert(document)


def new_charge(world: World, intent: Doc, method: Doc, *, status: str, decline: Decline | None = None) -> Doc:
    """Make and keep a Charge that is succeeded, pending or failed; the caller emits."""
    is_card = method["type"] == "card"
    captured = status != "failed" and intent["capture_method"] != "manual"
    charge = world.new(
        "charge",
        amount=intent["amount"],
        amount_captured=intent["amount"] if captured and status == "succeeded" else 0,
        amount_refunded=0,
        application=None,
        application_fee=None,
        application_fee_amount=None,
        balance_transaction=None,
        billing_details=method["billing_details"],
        calculated_statement_descriptor="EXAMPLE SHOP" if is_card else None,
        captured=captured,
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        disputed=False,
        failure_balance_transaction=None,
        failure_code=decline.code if decline else None,
        failure_message=decline.message if decline else None,
        fraud_details={},
        metadata=dict(intent["metadata"]),
        on_behalf_of=None,
        outcome=_outcome(status, decline),
        paid=status == "succeeded",
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details={"type": method["type"], method["type"]: _details(world, intent, method, status)},
        radar_options={},
        receipt_email=intent["receipt_email"],
        receipt_number=None,
        receipt_url=None,
        refunded=False,
        review=None,
        shipping=intent["shipping"],
        source_transfer=None,
        statement_descriptor=intent["statement_descriptor"],
        statement_descriptor_suffix=intent["statement_descriptor_suffix"],
        status=status,
        transfer_data=None,
        transfer_group=intent["transfer_group"],
    )
    if not is_card:
        charge["id"] = charge["id"].replace("ch_", "py_")
    return world.store.insert(charge)


def _details(world: World, intent: Doc, method: Doc, status: str) -> Doc:
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
        details["capture_before"] = world.clock.now() + AUTHORIZATION_SECONDS
    return details


def _outcome(status: str, decline: Decline | None) -> Doc:
    if decline:
        return {
            "advice_code": None,
            "network_advice_code": None,
            "network_decline_code": "02",
            "network_status": "declined_by_network",
            "reason": decline.decline_code,
            "risk_level": "normal",
            "risk_score": 18,
            "seller_message": "The bank did not return any further details with this decline.",
            "type": "issuer_declined",
        }
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network",
        "reason": None,
        "risk_level": "normal",
        "risk_score": 18,
        "seller_message": "Payment complete.",
        "type": "authorized",
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


def retrieve_charge(call: Call) -> Doc:
    """GET /v1/charges/:charge."""
    return call.world.get("charge", call.ids["charge"], "charge")


def list_charges(call: Call) -> Doc:
    """GET /v1/charges."""
    return list_objects(call, "charge", ("customer", "payment_intent", "transfer_group"))


def blank_billing(**known: object) -> Doc:
    """Return ``billing_details`` with what is known."""
    return {"address": dict.fromkeys(ADDRESS), "email": None, "name": None, "phone": None, "tax_id": None, **known}
