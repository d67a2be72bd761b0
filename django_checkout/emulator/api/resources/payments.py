"""PaymentIntents: created by a session, captured or canceled."""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call, merged_metadata
from django_checkout.emulator.api.resources.balance import new_balance_transaction
from django_checkout.emulator.api.resources.refunds import release
from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import ApiError, Doc, StateError
from django_checkout.emulator.state.state import State

#: Fields of a new object that are null.
NULLS = (
    "application automatic_payment_methods canceled_at cancellation_reason client_secret customer_account "
    "excluded_payment_method_types last_payment_error latest_charge next_action payment_method "
    "payment_method_configuration_details processing review shipping transfer_data"
)


def new_intent(state: State, session: Doc) -> Doc:
    """Create the PaymentIntent of a session at its first payment attempt."""
    asked = session["_params"].get("payment_intent_data", {})
    intent = state.new(
        "payment_intent",
        NULLS,
        amount=session["amount_total"],
        amount_capturable=0,
        amount_details={"tip": {}},
        amount_received=0,
        application_fee_amount=asked.get("application_fee_amount"),
        capture_method=asked.get("capture_method", "automatic_async"),
        confirmation_method="automatic",
        currency=session["currency"],
        customer=session["customer"],
        description=asked.get("description"),
        metadata=merged_metadata({}, asked.get("metadata", {})),
        on_behalf_of=asked.get("on_behalf_of"),
        payment_method_options={"card": {"request_three_d_secure": "automatic"}},
        payment_method_types=session["payment_method_types"],
        receipt_email=asked.get("receipt_email"),
        setup_future_usage=asked.get("setup_future_usage"),
        statement_descriptor=asked.get("statement_descriptor"),
        statement_descriptor_suffix=asked.get("statement_descriptor_suffix"),
        status="requires_payment_method",
        transfer_group=asked.get("transfer_group"),
    )
    intent["client_secret"] = f"{intent['id']}_secret_{random_text(25)}"
    intent["_session"] = session["id"]
    state.store.insert(intent)
    state.emit("payment_intent.created", intent)
    return intent


def new_off_session_intent(state: State, method: Doc, customer: str, amount: int, currency: str, data: Doc) -> Doc:
    """Create the PaymentIntent of a charge to a customer's saved payment method, without a session."""
    payer = {
        "_params": {"payment_intent_data": data},
        "amount_total": amount,
        "currency": currency,
        "customer": customer,
        "id": None,
        "payment_method_types": [method["type"]],
    }
    intent = new_intent(state, payer)
    intent["payment_method"] = method["id"]
    return intent


def succeed(state: State, intent: Doc, charge: Doc, amount: int) -> None:
    """Book a charge, and emit the events."""
    transaction = new_balance_transaction(
        state, charge, "charge", amount, available_at_once=charge.get("_effect") == "available"
    )
    previous = {"balance_transaction": None}
    charge["balance_transaction"] = transaction["id"]
    state.store.save(charge)
    state.update(
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
    state.emit("charge.updated", charge, previous)


def _check_status(intent: Doc, allowed: tuple[str, ...], verb: str) -> None:
    if intent["status"] not in allowed:
        raise StateError(
            f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}. "
            f"Only a PaymentIntent with one of the following statuses may be {verb}d: {', '.join(allowed)}.",
            code="payment_intent_unexpected_state",
        )


def update_intent(call: Call) -> Doc:
    """POST /v1/payment_intents/:intent."""
    intent = call.target("payment_intent")
    return call.state.update(intent, **call.changes(intent, "description", "receipt_email"))


def capture_intent(call: Call) -> Doc:
    """POST /v1/payment_intents/:intent/capture."""
    intent, state = call.target("payment_intent"), call.state
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
    intent.update(call.changes(intent))
    charge = state.get("charge", intent["latest_charge"])
    state.update(charge, "charge.captured", captured=True, amount_captured=amount)
    succeed(state, intent, charge, amount)
    if amount < capturable:
        release(state, charge, capturable - amount)
    session = state.store.find(intent["_session"])
    if session:
        state.update(session, payment_status="paid")
    return intent


def cancel_intent(call: Call) -> Doc:
    """POST /v1/payment_intents/:intent/cancel."""
    intent, state = call.target("payment_intent"), call.state
    _check_status(intent, ("requires_capture", "requires_payment_method", "requires_action"), "cancel")
    session = state.store.find(intent["_session"])
    if intent["status"] != "requires_capture" and session and session["status"] == "open":
        raise StateError(
            "You cannot cancel this PaymentIntent because it was created by a Checkout Session. "
            "Expire the Checkout Session instead.",
            code="payment_intent_unexpected_state",
        )
    return void(state, intent, call.params.get("cancellation_reason"))


def void(state: State, intent: Doc, reason: str | None) -> Doc:
    """Cancel an intent and release its authorized amount."""
    now = state.clock.now()
    if intent["status"] == "requires_capture":
        release(state, state.get("charge", intent["latest_charge"]), intent["amount_capturable"])
    changes = {"status": "canceled", "canceled_at": now, "cancellation_reason": reason, "amount_capturable": 0}
    return state.update(intent, "payment_intent.canceled", **changes)


def expire_authorization(state: State, intent: Doc) -> None:
    """Cancel an authorization that has not been captured in time."""
    if intent["status"] == "requires_capture":
        state.emit("charge.expired", state.get("charge", intent["latest_charge"]))
        void(state, intent, "automatic")
