"""Charges, and the payment methods of payment attempts."""

from __future__ import annotations

from functools import partial

from django_checkout.emulator.api.calls import Call, Route, list_kind, list_objects, retrieve
from django_checkout.emulator.api.resources import documents
from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import ApiError, Doc, without_hidden
from django_checkout.emulator.reference.action_methods import ActionPayment
from django_checkout.emulator.reference.cards import BankAccount, Card, Decline, find_card
from django_checkout.emulator.state.state import State

AUTHORIZATION_SECONDS = 7 * 24 * 3600
ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")
CHECKS = ("address_line1_check", "address_postal_code_check", "cvc_check")
BRANDS_SHOWN = {"amex": "american_express", "diners": "diners_club", "unionpay": "union_pay"}
#: Fields of a new object that are null.
NULLS = (
    "application application_fee application_fee_amount balance_transaction failure_balance_transaction "
    "on_behalf_of receipt_number review source_transfer transfer_data"
)


def new_method(state: State, method: Card | BankAccount, kind: str, billing: Doc) -> Doc:
    """Create a PaymentMethod."""
    details: Doc = {"fingerprint": random_text(16), "last4": method.last4}
    if isinstance(method, Card):
        details = {
            "brand": method.brand,
            "checks": {**dict.fromkeys(CHECKS), "cvc_check": "pass", **method.checks},
            "country": method.country,
            "display_brand": BRANDS_SHOWN.get(method.brand, method.brand),
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": random_text(16),
            "funding": method.funding,
            "generated_from": None,
            "last4": method.last4,
            "networks": {"available": [method.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": method.brand != "amex"},
            "wallet": None,
        }
    return _new_method(state, kind, details, billing, method.number)


def new_action_method(state: State, payment: ActionPayment, billing: Doc) -> Doc:
    """Create the PaymentMethod of a voucher, a QR code or a bank transfer."""
    kind = payment.method.type
    details: dict[str, Doc] = {"boleto": {"tax_id": payment.tax_id}, "pix": {"fingerprint": None}}
    return _new_method(state, kind, details.get(kind, {}), {**billing, "tax_id": payment.tax_id or None}, "")


def _new_method(state: State, kind: str, details: Doc, billing: Doc, number: str) -> Doc:
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
    document["_number"] = number
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
        outcome=_outcome(decline, find_card(method["_number"])),
        paid=status == "succeeded",
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details={"type": method["type"], method["type"]: _details(state, intent, method, status)},
        radar_options={},
        receipt_email=intent["receipt_email"],
        receipt_url=documents.new_url(state, "receipt") if status == "succeeded" else None,
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
    if method["type"] == "sepa_debit":
        return {**known, "mandate": method.get("_mandate")}
    if method["type"] != "card":
        return dict(known)
    details = {name: known[name] for name in ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint")}
    details.update(
        amount_authorized=intent["amount"] if status == "succeeded" else None,
        authorization_code=random_text(6).upper() if status == "succeeded" else None,
        electronic_commerce_indicator=None,
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
        options = intent["payment_method_options"].get("card") or {}
        if options.get("request_incremental_authorization") == "if_available":
            details["incremental_authorization"] = {"status": "available"}
    return details


RISK_SCORES = {"normal": 18, "elevated": 67, "highest": 91}


def _outcome(decline: Decline | None, card: Card | None) -> Doc:
    risk = card.risk if card else "normal"
    outcome = {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": "02" if decline else None,
        "network_status": "declined_by_network" if decline else "approved_by_network",
        "reason": decline.decline_code if decline else None,
        "risk_level": risk,
        "risk_score": RISK_SCORES[risk],
        "seller_message": "Payment complete.",
        "type": "issuer_declined" if decline else "authorized",
    }
    if decline:
        outcome["seller_message"] = "The bank did not return any further details with this decline."
    if decline and risk == "highest":
        outcome |= {"network_status": "not_sent_to_network", "network_decline_code": None, "type": "blocked"}
        outcome |= {"reason": "highest_risk_level", "seller_message": "Stripe blocked this payment as too risky."}
    return outcome


def payment_error(decline: Decline, method: Doc, charge: Doc | None) -> Doc:
    """Return the ``last_payment_error`` of an intent."""
    is_card = method["type"] == "card" and not decline.code.endswith("_authentication_failure")
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


def full_shipping(params: Doc | None) -> Doc | None:
    """Return the shipping of a payment with all of Stripe's fields."""
    if params is None:
        return None
    address = {**dict.fromkeys(ADDRESS), **params["address"]}
    return {"carrier": None, "phone": None, "tracking_number": None, **params, "address": address}


def update(call: Call) -> Doc:
    """POST /v1/charges/:charge."""
    charge, params = call.target("charge"), call.params
    changes = call.changes(charge, "description", "receipt_email", "transfer_group")
    if "shipping" in params:
        changes["shipping"] = full_shipping(params["shipping"])
    if "fraud_details" in params:
        # stripe/params/_charge_update_params.py ChargeUpdateParams.fraud_details
        report = params["fraud_details"].get("user_report")
        changes["fraud_details"] = {"user_report": report} if report else {}
    if "customer" in params:
        changes["customer"] = _new_customer(call, charge)
    return call.state.update(charge, "charge.updated", **changes)


def _new_customer(call: Call, charge: Doc) -> str:
    """Return the customer of a charge that has none: ChargeUpdateParams.customer."""
    customer = call.state.get("customer", call.params["customer"], "customer")
    if charge["customer"] not in (None, customer["id"]):
        raise ApiError("You can only set a customer on a charge that has none.", param="customer")
    return str(customer["id"])


def list_refunds(call: Call) -> Doc:
    """GET /v1/charges/:charge/refunds."""
    return list_objects(call, "refund", (), {"charge": call.target("charge")["id"]})


def retrieve_dispute(call: Call) -> Doc:
    """GET /v1/charges/:charge/dispute."""
    charge = call.target("charge")
    found = call.state.store.select("dispute", {"charge": charge["id"]}, limit=1)
    if not found:
        raise ApiError(f"No dispute for charge: {charge['id']}", status=404, code="resource_missing", param="charge")
    return found[0]


def blank_billing(**known: object) -> Doc:
    """Return ``billing_details`` with the known fields."""
    return {"address": dict.fromkeys(ADDRESS), "email": None, "name": None, "phone": None, "tax_id": None, **known}


EXPANDABLE = {
    "charge": ("balance_transaction", "customer", "failure_balance_transaction", "payment_intent", "refunds"),
}
ROUTES = {
    "GET /v1/charges": Route(partial(list_kind, "charge", "customer payment_intent transfer_group")),
    "GET /v1/charges/{charge}": Route(partial(retrieve, "charge")),
    "GET /v1/charges/{charge}/dispute": Route(retrieve_dispute),
    "GET /v1/charges/{charge}/refunds": Route(list_refunds),
    "POST /v1/charges/{charge}": Route(update),
}
