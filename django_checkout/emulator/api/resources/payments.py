"""PaymentIntents: created by a session, captured or canceled."""

from __future__ import annotations

from functools import partial

from django_checkout.emulator.api.calls import Call, Route, list_kind, merged_metadata, retrieve
from django_checkout.emulator.api.resources import disputes, documents, method_options
from django_checkout.emulator.api.resources.balance import new_balance_transaction
from django_checkout.emulator.api.resources.charges import full_shipping
from django_checkout.emulator.api.resources.refunds import release
from django_checkout.emulator.api.resources.session_values import check_descriptors
from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import ApiError, Doc, wrong_state
from django_checkout.emulator.reference.action_methods import ACTION_METHODS
from django_checkout.emulator.state.state import State

#: Fields of a new object that are null.
NULLS = (
    "application automatic_payment_methods canceled_at cancellation_reason client_secret customer_account "
    "excluded_payment_method_types last_payment_error latest_charge next_action payment_method "
    "payment_method_configuration_details payment_record processing review shipping transfer_data"
)


def new_intent(state: State, session: Doc) -> Doc:
    """Create the PaymentIntent of a session at its first payment attempt."""
    asked = session["_params"].get("payment_intent_data", {})
    return create(
        state,
        asked,
        session["payment_method_types"],
        shipping=full_shipping(asked.get("shipping")),
        amount=session["amount_total"],
        currency=session["currency"],
        customer=session["customer"],
        payment_method_options=_options(
            session["payment_method_types"], session["_params"].get("payment_method_options", {})
        ),
        _session=session["id"],
    )


def _options(types: list[str], sent: Doc) -> Doc:
    card = {"card": {"request_three_d_secure": "automatic"}} if "card" in types else {}
    return {**card, **method_options.of_intent(types, sent)}


def create(state: State, asked: Doc, types: list[str], **fields: object) -> Doc:
    """Create a PaymentIntent with the parameters ``asked`` that a session also has, and ``fields``; emit the event."""
    intent = state.new(
        "payment_intent",
        NULLS,
        amount_capturable=0,
        amount_details={"tip": {}},
        amount_received=0,
        application_fee_amount=asked.get("application_fee_amount"),
        capture_method=asked.get("capture_method", "automatic_async"),
        confirmation_method="automatic",
        description=asked.get("description"),
        metadata=merged_metadata({}, asked.get("metadata", {})),
        on_behalf_of=asked.get("on_behalf_of"),
        payment_method_options=_options(types, {}),
        payment_method_types=types,
        receipt_email=asked.get("receipt_email"),
        setup_future_usage=asked.get("setup_future_usage"),
        statement_descriptor=asked.get("statement_descriptor"),
        statement_descriptor_suffix=asked.get("statement_descriptor_suffix"),
        status="requires_payment_method",
        transfer_group=asked.get("transfer_group"),
    )
    intent.update(fields, client_secret=f"{intent['id']}_secret_{random_text(25)}")
    state.store.insert(intent)
    state.emit("payment_intent.created", intent)
    return intent


def update_data(state: State, session: Doc, data: Doc) -> None:
    """Apply the ``payment_intent_data`` of an update to an open session, and to its intent if there is one.

    An attempt that waits for the shopper is abandoned.
    """
    asked = session["_params"].get("payment_intent_data", {})
    sent = {name: value or None for name, value in data.items()}
    sent["metadata"] = merged_metadata(asked.get("metadata", {}), data.get("metadata"))
    session["_params"] = {**session["_params"], "payment_intent_data": {**asked, **sent}}
    intent = state.store.find(session.get("_intent"))
    if intent is None:
        return
    if intent["status"] == "requires_action":
        sent.update(status="requires_payment_method", next_action=None)
    state.update(intent, **sent)


def withdraw_code(state: State, session: Doc) -> None:
    """Withdraw the QR code of an open session whose total has changed: the old amount can no longer be paid."""
    intent = state.store.find(session.get("_intent"))
    voucher = (intent or {}).get("_voucher")
    if intent is None or not voucher or intent["status"] != "requires_action":
        return
    if intent["payment_method"] != voucher["payment_method"]:
        return
    if intent["amount"] != session["amount_total"]:
        state.update(intent, status="requires_payment_method", next_action=None)


def new_off_session_intent(state: State, method: Doc, customer: str, amount: int, currency: str, data: Doc) -> Doc:
    """Create the PaymentIntent of a charge to a customer's saved payment method, without a session."""
    intent = create(state, data, [method["type"]], amount=amount, currency=currency, customer=customer, _session=None)
    intent["payment_method"] = method["id"]
    return intent


def succeed(state: State, intent: Doc, charge: Doc, amount: int) -> None:
    """Book a charge, and emit the events."""
    transaction = new_balance_transaction(
        state, charge, "charge", amount, available_at_once=charge.get("_effect") == "available"
    )
    previous = {"balance_transaction": None}
    charge["balance_transaction"] = transaction["id"]
    if not charge["receipt_url"]:
        previous["receipt_url"] = None
        charge["receipt_url"] = documents.new_url(state, "receipt")
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
    if intent.get("_invoice"):
        state.run("invoice_paid", intent)


#: The statuses in which an intent can be canceled: exercism/website#7062.
CANCELABLE = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action", "processing")


def _only(*allowed: str, verb: str) -> str:
    return f" Only a PaymentIntent with one of the following statuses may be {verb}: {', '.join(allowed)}."


def capture_intent(call: Call) -> Doc:
    """POST /v1/payment_intents/:intent/capture."""
    intent, state = call.target("payment_intent"), call.state
    _check_capture(state, intent, call.params)
    capturable: int = intent["amount_capturable"]
    amount: int = call.params.get("amount_to_capture", capturable)
    if amount < 1:
        raise ApiError("Invalid positive integer", code="parameter_invalid_integer", param="amount_to_capture")
    if amount > capturable:
        # 202-ecommerce/stripe_official#98
        message = (
            "The payment could not be captured because the requested capture amount is greater than the authorized "
            "amount."
        )
        raise ApiError(message, code="amount_too_large", param="amount_to_capture")
    changes = call.changes(intent, "statement_descriptor", "statement_descriptor_suffix")
    intent.update(changes)
    descriptors = {name: value for name, value in changes.items() if name != "metadata"}
    charge = state.get("charge", intent["latest_charge"])
    state.update(charge, "charge.captured", captured=True, amount_captured=amount, **descriptors)
    succeed(state, intent, charge, amount)
    if amount < capturable:
        release(state, charge, capturable - amount)
    session = state.store.find(intent["_session"])
    if session:
        state.update(session, payment_status="paid")
    disputes.follow_up(state, charge)
    return intent


def _check_capture(state: State, intent: Doc, params: Doc) -> None:
    status = intent["status"]
    if status == "succeeded":
        # stripe/stripe-php#818
        raise wrong_state(intent, "This PaymentIntent could not be captured because it has already been captured.")
    if status != "requires_capture":
        # grandnode/grandnode#985
        message = f"This PaymentIntent could not be captured because it has a status of {status}."
        raise wrong_state(intent, message + _only("requires_capture", verb="captured"))
    check_descriptors(params)
    if params.get("statement_descriptor"):
        check_descriptor_of(state.get("payment_method", intent["payment_method"]))


def check_descriptor_of(method: Doc) -> None:
    """Raise Stripe's error for a ``statement_descriptor`` of a card payment: fluentform/fluentform#384."""
    if method["type"] == "card":
        raise ApiError(
            "The statement_descriptor parameter is not supported for the payment_method_type `card`. To continue "
            "supporting payment_method_type `card`, please pass in `statement_descriptor_suffix` or remove the "
            "`statement_descriptor` parameter altogether. Please see https://support.stripe.com/questions/"
            "use-of-the-statement-descriptor-parameter-on-paymentintents-for-card-charges for additional details.",
            param="statement_descriptor",
        )


def cancel_intent(call: Call) -> Doc:
    """POST /v1/payment_intents/:intent/cancel."""
    intent, state = call.target("payment_intent"), call.state
    if intent["status"] not in CANCELABLE:
        message = f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}."
        raise wrong_state(intent, message + _only(*CANCELABLE, verb="canceled"))
    session = state.store.find(intent["_session"])
    if intent["status"] != "requires_capture" and session and not _is_voucher_of_complete(session, intent):
        raise wrong_state(
            intent,
            "You cannot cancel this PaymentIntent because it was created by a Checkout Session. "
            "Expire the Checkout Session instead.",
        )
    kind = ACTION_METHODS.get((intent.get("_voucher") or {}).get("type", ""))
    if kind is not None and not kind.is_cancelable and intent["status"] == "requires_action":
        # https://docs.stripe.com/payments/oxxo and https://docs.stripe.com/payments/boleto: until it expires.
        raise wrong_state(intent, f"You cannot cancel this PaymentIntent before its {kind.title} voucher expires.")
    return void(state, intent, call.params.get("cancellation_reason"))


def _is_voucher_of_complete(session: Doc, intent: Doc) -> bool:
    """Return whether an intent has, or had, a voucher of a session that can no longer be expired.

    It can be canceled: "Expiration and cancellation" in the part on Checkout of
    https://docs.stripe.com/payments/konbini/accept-a-payment, and of Multibanco's page.
    """
    return session["status"] == "complete" and bool(intent.get("_voucher"))


def void(state: State, intent: Doc, reason: str | None) -> Doc:
    """Cancel an intent and release its authorized amount."""
    now = state.clock.now()
    if intent["status"] == "requires_capture":
        release(state, state.get("charge", intent["latest_charge"]), intent["amount_capturable"])
    changes = {"status": "canceled", "canceled_at": now, "cancellation_reason": reason, "amount_capturable": 0}
    state.update(intent, "payment_intent.canceled", **changes, next_action=None)
    if intent.get("_voucher"):
        state.run("return_funds", intent)
    return intent


def expire_authorization(state: State, intent: Doc) -> None:
    """Cancel an authorization that has not been captured in time."""
    if intent["status"] == "requires_capture":
        state.emit("charge.expired", state.get("charge", intent["latest_charge"]))
        void(state, intent, "automatic")


EXPANDABLE = {
    "payment_intent": ("customer", "latest_charge", "payment_method"),
}
ROUTES = {
    "GET /v1/payment_intents": Route(partial(list_kind, "payment_intent", "customer"), "customer_account"),
    "GET /v1/payment_intents/{intent}": Route(partial(retrieve, "payment_intent"), "client_secret"),
    "POST /v1/payment_intents/{intent}/cancel": Route(cancel_intent),
    "POST /v1/payment_intents/{intent}/capture": Route(
        capture_intent,
        "amount_details application_fee_amount final_capture hooks payment_details transfer_data",
    ),
}
