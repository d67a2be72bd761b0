"""Off-session payments: a customer's saved card is charged without a Checkout Session."""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call
from django_checkout.emulator.api.resources import charges, payments
from django_checkout.emulator.api.resources.catalog import missing
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.reference import cards
from django_checkout.emulator.reference.currencies import check_charge_amount, check_currency

TAKEN = ("description", "metadata", "receipt_email")


def create(call: Call) -> Doc:
    """POST /v1/payment_intents, with ``confirm`` and ``off_session`` only. A decline creates nothing."""
    state, params = call.state, call.params
    for name in ("customer", "payment_method"):
        if name not in params:
            raise missing(name)
    if not params.get("confirm") or str(params.get("off_session", "")).lower() != "true":
        message = "Outside Checkout the emulator creates PaymentIntents only with `confirm` and `off_session`."
        raise ApiError(message, param="confirm")
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
