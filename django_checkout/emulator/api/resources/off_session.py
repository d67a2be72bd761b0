"""Off-session payments: a customer's saved card is charged without a Checkout Session."""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call, Route
from django_checkout.emulator.api.resources import charges, payments
from django_checkout.emulator.messages import ApiError, Doc, not_implemented
from django_checkout.emulator.reference import cards
from django_checkout.emulator.reference.currencies import check_charge_amount, check_currency

NEEDED = {"customer", "payment_method"}
TAKEN = ("description", "metadata", "receipt_email")


def create(call: Call) -> Doc:
    """POST /v1/payment_intents, with ``confirm`` and ``off_session`` only. A decline creates nothing."""
    state, params = call.state, call.params
    if not params.get("confirm") or params.get("off_session") is not True or not params.keys() >= NEEDED:
        raise not_implemented("a PaymentIntent without confirm=true, off_session=true, customer and payment_method")
    customer = state.get("customer", params["customer"], "customer")
    method = state.get("payment_method", params["payment_method"], "payment_method")
    if method["customer"] != customer["id"]:
        message = "The provided PaymentMethod does not belong to the Customer you supplied."
        raise ApiError(message, param="payment_method")
    currency = check_currency(params["currency"], "currency")
    check_charge_amount(params["amount"], currency)
    card = cards.find_card(method["_number"])
    if card and (card.decline or card.effect == "later_fails"):
        raise ApiError(cards.DECLINED, status=402, kind="card_error", code="card_declined")
    data = {name: params[name] for name in TAKEN if name in params}
    intent = payments.new_off_session_intent(state, method, customer["id"], params["amount"], currency, data)
    charge = charges.new_charge(state, intent, method, status="succeeded")
    state.emit("charge.succeeded", charge)
    payments.succeed(state, intent, charge, intent["amount"])
    return intent


ROUTES = {
    "POST /v1/payment_intents": Route(
        create,
        "allowed_payment_method_types amount_details application_fee_amount "
        "automatic_payment_methods capture_method confirmation_method confirmation_token "
        "customer_account error_on_requires_action excluded_payment_method_types hooks mandate "
        "mandate_data on_behalf_of payment_details payment_method_configuration payment_method_data "
        "payment_method_options payment_method_types radar_options return_url setup_future_usage "
        "shipping statement_descriptor statement_descriptor_suffix transfer_data transfer_group "
        "use_stripe_sdk",
    ),
}
