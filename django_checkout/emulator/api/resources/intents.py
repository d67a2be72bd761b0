"""PaymentIntents that the API creates, changes and confirms."""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call, Route
from django_checkout.emulator.api.params import defer
from django_checkout.emulator.api.resources import (
    attempts,
    confirmation,
    disputes,
    instructions,
    mandates,
    method_options,
    methods,
    payments,
)
from django_checkout.emulator.api.resources.charges import full_shipping
from django_checkout.emulator.api.resources.confirmation import PAYMENT
from django_checkout.emulator.api.resources.session_values import check_descriptors, invalid_integer
from django_checkout.emulator.messages import Doc, StateError, wrong_state
from django_checkout.emulator.reference import cards
from django_checkout.emulator.reference.action_methods import ACTION_METHODS
from django_checkout.emulator.reference.cards import Card
from django_checkout.emulator.reference.currencies import check_charge_amount, check_currency
from django_checkout.emulator.state.state import State

KIND = PAYMENT.object
OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
#: The statuses in which a parameter can be changed: solidusio/solidus_stripe#186, solspace/craft-freeform#2644.
CHANGEABLE = {
    "amount": OPEN,
    "currency": OPEN,
    "payment_method": OPEN,
    "receipt_email": (*OPEN, "requires_capture", "succeeded"),
}
TEXTS = ("description", "receipt_email", "statement_descriptor", "statement_descriptor_suffix", "transfer_group")
MAX_INCREMENTS = 10
CARD_OPTIONS = "request_incremental_authorization request_three_d_secure"
#: Parameters that no operation on an intent plays.
NOT_PLAYED = "amount_details hooks payment_details"


def create(call: Call) -> Doc:
    """POST /v1/payment_intents."""
    state, params = call.state, call.params
    confirmation.check_only_with_confirm(params, PAYMENT)
    currency = check_currency(params["currency"], "currency")
    _check_amount(params["amount"], currency)
    check_descriptors(params)
    customer = state.get("customer", params["customer"], "customer")["id"] if "customer" in params else None
    automatic, types = confirmation.method_types(params, currency)
    if automatic:
        types = method_options.offered(types, params["amount"], params.get("capture_method"))
    else:
        method_options.check_amount(types, params["amount"], params.get("capture_method"))
    method_options.check_transfer(params, types, currency, customer)
    method_options.check(params)
    method = confirmation.sent_method(state, params)
    fields: Doc = {
        "amount": params["amount"],
        "automatic_payment_methods": automatic,
        "confirmation_method": params.get("confirmation_method", "automatic"),
        "currency": currency,
        "customer": customer,
        "payment_method": method["id"] if method else None,
        "shipping": full_shipping(params.get("shipping")),
        "status": "requires_confirmation" if method else "requires_payment_method",
        "_session": None,
    }
    if "excluded_payment_method_types" in params:
        fields["excluded_payment_method_types"] = params["excluded_payment_method_types"]
    fields["payment_method_options"] = _options(params, {}, types)
    probe = {"object": KIND, "customer": customer, "payment_method_types": types}
    if method:
        confirmation.check_usable(probe, method)
    intent = payments.create(state, params, types, **fields)
    return _confirm(call, intent) if params.get("confirm") else intent


def update(call: Call) -> Doc:
    """POST /v1/payment_intents/:intent."""
    state, params = call.state, call.params
    intent = call.target(KIND)
    if params.keys() - {"description", "expand", "metadata", "receipt_email"}:
        confirmation.refuse_of_session(intent, "changing the payment")
    for name, statuses in CHANGEABLE.items():
        if name in params and intent["status"] not in statuses:
            raise wrong_state(
                intent,
                f"This PaymentIntent's {name} could not be updated because it has a status of {intent['status']}. You "
                f"may only update the {name} of a PaymentIntent with one of the following statuses: "
                f"{', '.join(statuses)}.",
                param=name,
            )
    changes = call.changes(intent, *TEXTS, "capture_method", "setup_future_usage")
    check_descriptors(params)
    currency = check_currency(params.get("currency", intent["currency"]), "currency")
    _check_amount(params.get("amount", intent["amount"]), currency)
    changes |= {"currency": currency, "amount": params.get("amount", intent["amount"])}
    if "customer" in params:
        changes["customer"] = state.get("customer", params["customer"], "customer")["id"]
    changes |= {**_nested_changes(params, intent), **instructions.withdraw(state, intent, params)}
    method = confirmation.sent_method(state, params)
    if method:
        confirmation.check_usable({**intent, **changes}, method)
        changes |= {"payment_method": method["id"], "status": "requires_confirmation", "next_action": None}
    return state.update(intent, **changes)


def confirm(call: Call) -> Doc:
    """POST /v1/payment_intents/:intent/confirm."""
    intent, params = call.target(KIND), call.params
    confirmation.refuse_of_session(intent, "confirming the payment")
    changes = call.changes(intent, "capture_method", "receipt_email", "setup_future_usage")
    check_descriptors(params)
    intent.update(changes, **_nested_changes(params, intent))
    return _confirm(call, intent)


def _nested_changes(params: Doc, intent: Doc) -> Doc:
    """Return the changes of shipping, and of the types and options of payment methods."""
    changes: Doc = {}
    if "shipping" in params:
        changes["shipping"] = full_shipping(params["shipping"] or None)
    if "payment_method_types" in params:
        asked = {"payment_method_types": params["payment_method_types"]}
        automatic, types = confirmation.method_types(asked, intent["currency"])
        changes |= {"automatic_payment_methods": automatic, "payment_method_types": types}
    if "payment_method_options" in params:
        method_options.check(params)
        known = changes.get("payment_method_types") or intent["payment_method_types"]
        changes["payment_method_options"] = _options(params, intent["payment_method_options"], known)
    return changes


def _confirm(call: Call, intent: Doc) -> Doc:
    """Attempt to pay an intent with the parameters of a confirmation."""
    state, params = call.state, call.params
    method = _method(state, intent, params)
    if intent["status"] == "succeeded":
        # stripe/stripe-android#4959
        raise wrong_state(
            intent,
            "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.",
        )
    if intent["status"] not in OPEN:
        raise wrong_state(
            intent,
            f"You cannot confirm this PaymentIntent because it has a status of {intent['status']}. Only a "
            f"PaymentIntent with one of the following statuses may be confirmed: {', '.join(OPEN)}.",
        )
    confirmation.check_usable(intent, method)
    confirmation.check_return_url(intent, params)
    if intent["statement_descriptor"]:
        payments.check_descriptor_of(method)
    instructions.check_funds(intent, method)
    intent["payment_method"] = method["id"]
    if method["type"] in ACTION_METHODS:
        defer(params, "mandate_data")
        return instructions.start(state, intent, method, call.base_url)
    card = cards.find_card(method["_number"])
    if card is None:
        once = {"amount": intent["amount"], "currency": intent["currency"]}
        mandates.accept(state, method, params, None if intent["setup_future_usage"] else once)
        attempts.submit(state, intent, method)
        return _attach(state, intent, method)
    return _pay_by_card(call, intent, method, card)


def _pay_by_card(call: Call, intent: Doc, method: Doc, card: Card) -> Doc:
    state, params = call.state, call.params
    defer(params, "mandate_data")
    is_authenticated = intent.get("_authenticated") == method["id"]
    off_session, fails = bool(params.get("off_session")), bool(params.get("error_on_requires_action"))
    asked = (intent["payment_method_options"].get("card") or {}).get("request_three_d_secure")
    is_needed = card.needs_authentication(
        is_saved=bool(method["customer"]), off_session=off_session, is_requested=asked in ("any", "challenge")
    )
    if is_needed and not is_authenticated:
        if not off_session and not fails:
            return confirmation.ask_for_authentication(state, intent, params, call.base_url)
        # stripe/stripe-ruby#838
        attempts.decline(state, intent, method, cards.AUTHENTICATION_REQUIRED, with_charge=False)
        raise attempts.declined_error(cards.AUTHENTICATION_REQUIRED, method, None, intent)
    if why := attempts.refusal(card, method, off_session=off_session):
        made = attempts.decline(state, intent, method, why)
        raise attempts.declined_error(why, method, made, intent)
    return finish(state, intent, method, card, is_authenticated=is_authenticated)


def finish(state: State, intent: Doc, method: Doc, card: Card, *, is_authenticated: bool) -> Doc:
    """Charge the card of an intent without a session, and save it if the shop asks for that."""
    _attach(state, intent, method)
    made = attempts.charge(state, intent, method, card, is_authenticated=is_authenticated)
    disputes.follow_up(state, made)
    return intent


def _attach(state: State, intent: Doc, method: Doc) -> Doc:
    """Attach the payment method to the customer if the shop will charge it again."""
    if intent["setup_future_usage"] and intent["customer"] and not method["customer"]:
        methods.attach_to_customer(state, method, intent["customer"])
    return intent


def _method(state: State, intent: Doc, params: Doc) -> Doc:
    """Return the payment method that is sent, else that of the intent, else the customer's default."""
    # The method of a new intent is there already.
    found = confirmation.sent_method(state, params) if "confirm" not in params else None
    if found is None and intent["payment_method"]:
        found = state.get("payment_method", intent["payment_method"])
    if found is None and intent["customer"]:
        customer = state.get("customer", intent["customer"])
        found = state.store.find(customer["invoice_settings"]["default_payment_method"], "payment_method")
    if found is None:
        raise wrong_state(
            intent,
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
            "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a "
            "payment method or ConfirmationToken.",
        )
    return found


def increment(call: Call) -> Doc:
    """POST /v1/payment_intents/:intent/increment_authorization."""
    state, params = call.state, call.params
    intent = call.target(KIND)
    if intent["status"] != "requires_capture":
        raise wrong_state(
            intent,
            "This PaymentIntent's authorization could not be incremented because it has a status of "
            f"{intent['status']}. Only a PaymentIntent with one of the following statuses may be incremented: "
            "requires_capture.",
        )
    charge = state.get("charge", intent["latest_charge"])
    card = charge["payment_method_details"]["card"]
    done = intent.get("_increments", 0)
    if card.get("incremental_authorization", {}).get("status") != "available" or done == MAX_INCREMENTS:
        raise StateError("This PaymentIntent is not eligible for an incremental authorization.")
    amount: int = params["amount"]
    if amount <= intent["amount"]:
        raise invalid_integer("The amount must be greater than the currently authorized amount.", "amount")
    _check_amount(amount, intent["currency"])
    check_descriptors(params)
    changes = call.changes(intent, "description", "statement_descriptor")
    details = {**charge["payment_method_details"], "card": {**card, "amount_authorized": amount}}
    state.update(charge, "charge.updated", amount=amount, payment_method_details=details)
    changes |= {"amount": amount, "amount_capturable": amount, "_increments": done + 1}
    return state.update(intent, "payment_intent.amount_capturable_updated", **changes)


def _check_amount(amount: int, currency: str) -> None:
    if amount < 1:
        message = (
            "The amount must be greater than or equal to the minimum charge amount allowed for your account and the "
            "currency set (https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts). If you want to save "
            "a Payment Method for future use without an immediate payment, use a Setup Intent instead: "
            "https://docs.stripe.com/payments/setup-intents"
        )
        raise invalid_integer(message, "amount")
    check_charge_amount(amount, currency, "amount")


def _options(params: Doc, current: Doc, types: list[str]) -> Doc:
    """Return ``payment_method_options``."""
    sent = params.get("payment_method_options") or {}
    own = method_options.of_intent(types, sent, current)
    if "card" not in types:
        return own
    default = {"installments": None, "mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
    return {"card": {**default, **current.get("card", {}), **(sent.get("card") or {})}, **own}


ONLY = {
    **method_options.INTENT_OPTIONS,
    "payment_method_options.card": CARD_OPTIONS,
    **methods.DESCRIBED,
}
ROUTES = {
    "POST /v1/payment_intents": Route(
        create,
        f"{NOT_PLAYED} application_fee_amount confirmation_token customer_account mandate on_behalf_of "
        "payment_method_configuration radar_options transfer_data",
        ONLY,
    ),
    "POST /v1/payment_intents/{intent}": Route(
        update,
        f"{NOT_PLAYED} allowed_payment_method_types application_fee_amount customer_account "
        "excluded_payment_method_types payment_method_configuration transfer_data",
        ONLY,
    ),
    "POST /v1/payment_intents/{intent}/confirm": Route(
        confirm,
        f"{NOT_PLAYED} allowed_payment_method_types amount_to_confirm client_secret confirmation_token "
        "excluded_payment_method_types mandate radar_options",
        ONLY,
    ),
    "POST /v1/payment_intents/{intent}/increment_authorization": Route(
        increment, "amount_details application_fee_amount hooks payment_details transfer_data"
    ),
}
