"""SetupIntents, which save a payment method without charging it: of sessions, and over the API."""

from __future__ import annotations

from functools import partial

from django_checkout.emulator.api.calls import Call, Route, list_kind, merged_metadata, retrieve
from django_checkout.emulator.api.params import defer
from django_checkout.emulator.api.resources import attempts, charges, confirmation, mandates, methods
from django_checkout.emulator.api.resources.confirmation import SETUP
from django_checkout.emulator.ids import new_id, random_text
from django_checkout.emulator.messages import Doc, wrong_state
from django_checkout.emulator.reference import cards
from django_checkout.emulator.reference.cards import Decline
from django_checkout.emulator.state.state import State

KIND = SETUP.object
OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
#: Fields of a new object that are null.
NULLS = (
    "application automatic_payment_methods cancellation_reason client_secret customer customer_account "
    "excluded_payment_method_types flow_directions last_setup_error latest_attempt mandate next_action "
    "payment_method payment_method_configuration_details single_use_mandate"
)


def new_setup_intent(state: State, session: Doc) -> Doc:
    """Create the SetupIntent of a session."""
    asked = session["_params"].get("setup_intent_data", {})
    return _new(state, asked, session["payment_method_types"], customer=session["customer"], _session=session["id"])


def _new(state: State, asked: Doc, types: list[str], **fields: object) -> Doc:
    """Create a SetupIntent with the parameters ``asked`` that a session also has, and ``fields``; emit the event."""
    intent = state.new(
        KIND,
        NULLS,
        description=asked.get("description"),
        metadata=merged_metadata({}, asked.get("metadata", {})),
        on_behalf_of=asked.get("on_behalf_of"),
        payment_method_options={"card": {"mandate_options": None, "network": None, "request_three_d_secure": None}},
        payment_method_types=types,
        status="requires_payment_method",
        usage="off_session",
    )
    intent.update(fields, client_secret=f"{intent['id']}_secret_{random_text(25)}")
    state.store.insert(intent)
    state.emit("setup_intent.created", intent)
    return intent


def succeed(state: State, intent: Doc, method: Doc, customer: str | None, *, always: bool = False) -> Doc:
    """Attach the payment method to the customer, if there is one, and complete the intent."""
    if customer and not method["customer"]:
        methods.attach_to_customer(state, method, customer, always=always)
    changes = {"status": "succeeded", "customer": customer, "last_setup_error": None, "next_action": None}
    return state.update(intent, "setup_intent.succeeded", **changes)


def decline(state: State, intent: Doc, method: Doc, why: Decline) -> Doc:
    """Record a refused payment method."""
    changes = {
        "status": "requires_payment_method",
        "last_setup_error": charges.payment_error(why, method, None),
        "payment_method": None,
        "next_action": None,
    }
    return state.update(intent, "setup_intent.setup_failed", **changes)


def create(call: Call) -> Doc:
    """POST /v1/setup_intents."""
    state, params = call.state, call.params
    confirmation.check_only_with_confirm(params, SETUP)
    customer = state.get("customer", params["customer"], "customer")["id"] if "customer" in params else None
    automatic, types = confirmation.method_types(params, None)
    method = confirmation.sent_method(state, params)
    if method:
        probe = {"object": KIND, "customer": customer, "payment_method_types": types}
        confirmation.check_usable(probe, method)
    fields: Doc = {
        "automatic_payment_methods": automatic,
        "customer": customer,
        "payment_method": method["id"] if method else None,
        "status": "requires_confirmation" if method else "requires_payment_method",
        "usage": params.get("usage", "off_session"),
    }
    if "excluded_payment_method_types" in params:
        fields["excluded_payment_method_types"] = params["excluded_payment_method_types"]
    if "payment_method_options" in params:
        fields["payment_method_options"] = _options(params)
    intent = _new(state, params, types, **fields)
    return _confirm(call, intent) if params.get("confirm") else intent


def update(call: Call) -> Doc:
    """POST /v1/setup_intents/:intent."""
    state, params = call.state, call.params
    intent = call.target(KIND)
    changes = call.changes(intent, "description")
    if "customer" in params:
        changes["customer"] = state.get("customer", params["customer"], "customer")["id"]
    if "payment_method_types" in params:
        asked = {"payment_method_types": params["payment_method_types"]}
        changes["automatic_payment_methods"], changes["payment_method_types"] = confirmation.method_types(asked, None)
    if "payment_method_options" in params:
        changes["payment_method_options"] = _options(params)
    if method := confirmation.sent_method(state, params):
        if intent["status"] not in OPEN:
            raise wrong_state(intent, "You cannot update this SetupIntent because it has already succeeded.")
        confirmation.check_usable({**intent, **changes}, method)
        changes |= {"payment_method": method["id"], "status": "requires_confirmation", "next_action": None}
    return state.update(intent, **changes)


def confirm(call: Call) -> Doc:
    """POST /v1/setup_intents/:intent/confirm."""
    intent = call.target(KIND)
    confirmation.refuse_of_session(intent, "confirming the setup")
    if "payment_method_options" in call.params:
        intent["payment_method_options"] = _options(call.params)
    return _confirm(call, intent)


def _confirm(call: Call, intent: Doc) -> Doc:
    """Attempt to save the payment method. Only the request and the intent name it, not the customer."""
    state, params = call.state, call.params
    method = confirmation.sent_method(state, params) if "confirm" not in params else None
    if method is None and intent["payment_method"]:
        method = state.get("payment_method", intent["payment_method"])
    if method is None:
        raise wrong_state(
            intent,
            "You cannot confirm this SetupIntent because it's missing a payment method. You can either update the "
            "SetupIntent with a payment method and then confirm it again, or confirm it again directly with a payment "
            "method or ConfirmationToken.",
        )
    if intent["status"] == "succeeded":
        raise wrong_state(intent, "You cannot confirm this SetupIntent because it has already succeeded.")
    if intent["status"] not in OPEN:
        raise wrong_state(intent, "You cannot confirm this SetupIntent because it has been canceled.")
    confirmation.check_usable(intent, method)
    confirmation.check_return_url(intent, params)
    intent.update(payment_method=method["id"], latest_attempt=new_id("setup_attempt"))
    card = cards.find_card(method["_number"])
    if card is None:
        intent["mandate"] = mandates.accept(state, method, params)
        return succeed(state, intent, method, intent["customer"])
    defer(params, "mandate_data")
    asked = (intent["payment_method_options"].get("card") or {}).get("request_three_d_secure")
    if card.needs_authentication(is_saved=bool(method["customer"]), is_requested=asked in ("any", "challenge")):
        return confirmation.ask_for_authentication(state, intent, params, call.base_url)
    if card.decline:
        decline(state, intent, method, card.decline)
        raise attempts.declined_error(card.decline, method, None, intent)
    return succeed(state, intent, method, intent["customer"])


def cancel(call: Call) -> Doc:
    """POST /v1/setup_intents/:intent/cancel."""
    intent = call.target(KIND)
    if intent["status"] == "canceled":
        raise wrong_state(intent, "You cannot cancel this SetupIntent because it is already canceled.")
    if intent["status"] not in OPEN:
        raise wrong_state(
            intent,
            f"You cannot cancel this SetupIntent because it has a status of {intent['status']}. Only a SetupIntent "
            "with one of the following statuses may be canceled: `requires_payment_method`, `requires_confirmation`, "
            "or `requires_action`.",
        )
    if intent.get("_session"):
        message = "You cannot cancel the SetupIntent of a Checkout Session. Expire the Checkout Session instead."
        raise wrong_state(intent, message)
    changes = {"status": "canceled", "cancellation_reason": call.params.get("cancellation_reason")}
    return call.state.update(intent, "setup_intent.canceled", **changes, next_action=None)


def _options(params: Doc) -> Doc:
    sent = params["payment_method_options"].get("card", {})
    default = {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
    return {"card": {**default, **sent}}


EXPANDABLE = {
    "setup_intent": ("customer", "payment_method"),
}
CARD_ONLY = {
    "payment_method_options": "card",
    "payment_method_options.card": "request_three_d_secure",
    **methods.DESCRIBED,
}
_NOT_PLAYED = "attach_to_self customer_account flow_directions payment_method_configuration"
ROUTES = {
    "GET /v1/setup_intents": Route(
        partial(list_kind, "setup_intent", "customer payment_method"), "attach_to_self customer_account"
    ),
    "GET /v1/setup_intents/{intent}": Route(partial(retrieve, "setup_intent"), "client_secret"),
    "POST /v1/setup_intents": Route(create, f"{_NOT_PLAYED} confirmation_token on_behalf_of single_use", CARD_ONLY),
    "POST /v1/setup_intents/{intent}": Route(
        update, f"{_NOT_PLAYED} allowed_payment_method_types excluded_payment_method_types", CARD_ONLY
    ),
    "POST /v1/setup_intents/{intent}/cancel": Route(cancel),
    "POST /v1/setup_intents/{intent}/confirm": Route(
        confirm, "allowed_payment_method_types client_secret confirmation_token", CARD_ONLY
    ),
}
