"""PaymentIntents: made by a session that is paid, captured, canceled, read."""

from __future__ import annotations

from ..calls import Call, list_objects, merged_metadata
from ..ids import random_text
from ..messages import ApiError, Doc, StateError
from ..world import World
from .balance import new_balance_transaction
from .refunds import release


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
        metadata=merged_metadata({}, asked.get("metadata", {})),
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
    if amount < capturable:
        release(world, charge, capturable - amount)
    session = world.store.find(intent["_session"])
    if session:
        world.update(session, payment_status="paid")
    return intent


def cancel_intent(call: Call) -> Doc:
    """POST /v1/payment_intents/:intent/cancel."""
    intent, world = _get_intent(call), call.world
    _check_status(intent, ("requires_capture", "requires_payment_method", "requires_action"), "cancel")
    session = world.store.find(intent["_session"])
    if intent["status"] != "requires_capture" and session and session["status"] == "open":
        raise StateError(
            "You cannot cancel this PaymentIntent because it was created by a Checkout Session. "
            "Expire the Checkout Session instead.",
            code="payment_intent_unexpected_state",
        )
    return void(world, intent, call.params.get("cancellation_reason"))


def void(world: World, intent: Doc, reason: str | None) -> Doc:
    """Cancel an intent, and release what it holds."""
    now = world.clock.now()
    if intent["status"] == "requires_capture":
        release(world, world.get("charge", intent["latest_charge"]), intent["amount_capturable"])
    changes = {"status": "canceled", "canceled_at": now, "cancellation_reason": reason, "amount_capturable": 0}
    return world.update(intent, "payment_intent.canceled", **changes)


def expire_authorization(world: World, intent: Doc) -> None:
    """Cancel an authorization that nobody has captured in time."""
    if intent["status"] == "requires_capture":
        world.emit("charge.expired", world.get("charge", intent["latest_charge"]))
        void(world, intent, "automatic")
