"""PaymentIntents and Charges: made by a session that is paid, captured, canceled, read."""

from __future__ import annotations

from ..calls import Call, list_objects, merged_metadata
from ..cards import BankAccount, Card, Decline
from ..ids import random_text
from ..messages import ApiError, Doc, StateError, without_hidden
from ..world import World
from .balance import new_balance_transaction

AUTHORIZATION_SECONDS = 7 * 24 * 3600
ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")
CARD_BRANDS = {"4": "visa", "5": "mastercard"}


def new_intent(world: World, session: Doc) -> Doc:
    """Make and keep the PaymentIntent of a session that is being paid for the first time."""
    asked = session["_params"].get("payment_intent_data", {})
    intent = world.new(
        "payment_intent",
        amount=session["amount_total"],
        amount_capturable=0,
        amount_details={"tip": {}},
        amount_received=0,
        application=None,
        application_fee_amount=asked.get("application_fee_amount"),
        automatic_payment_methods=None,
        canceled_at=None,
        cancellation_reason=None,
        capture_method=asked.get("capture_method", "automatic_async"),
        client_secret=None,
        confirmation_method="automatic",
        currency=session["currency"],
        customer=session["customer"],
        customer_account=None,
        description=asked.get("description"),
        excluded_payment_method_types=None,
        last_payment_error=None,
        latest_charge=None,
        metadata=asked.get("metadata", {}),
        next_action=None,
        on_behalf_of=asked.get("on_behalf_of"),
        payment_method=None,
        payment_method_configuration_details=None,
        payment_method_options={"card": {"request_three_d_secure": "automatic"}},
        payment_method_types=session["payment_method_types"],
        processing=None,
        receipt_email=asked.get("receipt_email"),
        review=None,
        setup_future_usage=asked.get("setup_future_usage"),
        shipping=None,
        statement_descriptor=asked.get("statement_descriptor"),
        statement_descriptor_suffix=asked.get("statement_descriptor_suffix"),
        status="requires_payment_method",
        transfer_data=None,
        transfer_group=asked.get("transfer_group"),
    )
    intent["client_secret"] = f"{intent['id']}_secret_{random_text(25)}"
    intent["_session"] = session["id"]
    world.store.insert(intent)
    world.emit("payment_intent.created", intent)
    return intent


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


def succeed(world: World, intent: Doc, charge: Doc, amount: int) -> None:
    """Book the money of a charge and tell of it."""
    transaction = new_balance_transaction(
        world, charge, "charge", amount, available_at_once=charge.get("_effect") == "available"
    )
    previous = {"balance_transaction": None}
    charge["balance_transaction"] = transaction["id"]
    world.store.save(charge)
    world.update(
        intent,
        "payment_intent.succeeded",
        status="succeeded",
        amount_received=amount,
        amount_capturable=0,
        next_action=None,
        last_payment_error=None,
        processing=None,
        latest_charge=charge["id"],
    )
    world.emit("charge.updated", charge, previous)


def _get_intent(call: Call) -> Doc:
    return call.world.get("payment_intent", call.ids["intent"], "intent")


def _check_status(intent: Doc, allowed: tuple[str, ...], verb: str) -> None:
    if intent["status"] not in allowed:
        raise StateError(
            f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}. "
            f"Only a PaymentIntent with one of the following statuses may be {verb}d: {', '.join(allowed)}.",
            code="payment_intent_unexpected_state",
        )


def retrieve_intent(call: Call) -> Doc:
    """GET /v1/payment_intents/:intent."""
    return _get_intent(call)


def list_intents(call: Call) -> Doc:
    """GET /v1/payment_intents."""
    return list_objects(call, "payment_intent", ("customer",))


def update_intent(call: Call) -> Doc:
    """POST /v1/payment_intents/:intent."""
    intent = _get_intent(call)
    for name in ("description", "receipt_email"):
        if name in call.params:
            intent[name] = call.params[name] or None
    if "metadata" in call.params:
        intent["metadata"] = merged_metadata(intent["metadata"], call.params["metadata"])
    return call.world.store.save(intent)


def capture_intent(call: Call) -> Doc:
    """POST /v1/payment_intents/:intent/capture."""
    intent, world = _get_intent(call), call.world
    _check_status(intent, ("requires_capture",), "capture")
    capturable: int = intent["amount_capturable"]
    amount: int = call.params.get("amount_to_capture", capturable)
    if amount < 1:
        raise ApiError("Invalid positive integer", code="parameter_invalid_integer", param="amount_to_capture")
    if amount > capturable:
        raise ApiError(
            f"The amount to capture ({amount}) is greater than the capturable amount ({capturable}).",
            code="amount_too_large",
            param="amount_to_capture",
        )
    if "metadata" in call.params:
        intent["metadata"] = merged_metadata(intent["metadata"], call.params["metadata"])
    charge = world.get("charge", intent["latest_charge"])
    world.update(charge, "charge.captured", captured=True, amount_captured=amount)
    succeed(world, intent, charge, amount)
    session = world.store.find(intent["_session"])
    if session:
        world.update(session, payment_status="paid")
    return intent


def cancel_intent(call: Call) -> Doc:
    """POST /v1/payment_intents/:intent/cancel."""
    intent, world = _get_intent(call), call.world
    _check_status(intent, ("requires_capture", "requires_payment_method", "requires_action", "processing"), "cancel")
    session = world.store.find(intent["_session"])
    if intent["status"] != "requires_capture" and session and session["status"] == "open":
        raise StateError(
            "You cannot cancel this PaymentIntent because it was created by a Checkout Session. "
            "Expire the Checkout Session instead.",
            code="payment_intent_unexpected_state",
        )
    return void(world, intent, call.params.get("cancellation_reason"))


def void(world: World, intent: Doc, reason: str | None) -> Doc:
    """Cancel an intent."""
    now = world.clock.now()
    changes = {"status": "canceled", "canceled_at": now, "cancellation_reason": reason, "amount_capturable": 0}
    return world.update(intent, "payment_intent.canceled", **changes)


def expire_authorization(world: World, intent: Doc) -> None:
    """Cancel an authorization that nobody has captured in time."""
    if intent["status"] == "requires_capture":
        world.emit("charge.expired", world.get("charge", intent["latest_charge"]))
        void(world, intent, "automatic")


def retrieve_charge(call: Call) -> Doc:
    """GET /v1/charges/:charge."""
    return call.world.get("charge", call.ids["charge"], "charge")


def list_charges(call: Call) -> Doc:
    """GET /v1/charges."""
    return list_objects(call, "charge", ("customer", "payment_intent", "transfer_group"))


def blank_billing(**known: object) -> Doc:
    """Return ``billing_details`` with what is known."""
    return {"address": dict.fromkeys(ADDRESS), "email": None, "name": None, "phone": None, "tax_id": None, **known}
