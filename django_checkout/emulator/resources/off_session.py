"""Payments without a session: a card that the customer has kept is charged while they are away."""

from __future__ import annotations

from .. import cards
from ..calls import Call
from ..currencies import check_charge_amount, check_currency
from ..messages import ApiError, Doc
from . import charges, payments
from .catalog import missing


def create(call: Call) -> Doc:
    """POST /v1/payment_intents, with ``confirm`` and ``off_session`` only; a decline leaves nothing behind."""
    world, params = call.world, call.params
    for name in ("customer", "payment_method"):
        if name not in params:
            raise missing(name)
    if not params.get("confirm") or str(params.get("off_session", "")).lower() != "true":
        message = "The emulator makes PaymentIntents outside of Checkout only with `confirm` and `off_session`."
        raise ApiError(message, param="confirm")
    customer = world.get("customer", params["customer"], "customer")
    method = world.get("payment_method", params["payment_method"], "payment_method")
    if method["customer"] != customer["id"]:
        message = "The provided PaymentMethod does not belong to the Customer you supplied."
        raise ApiError(message, param="payment_method")
    currency = check_currency(params["currency"], "currency")
    check_charge_amount(params["amount"], currency)
    card = cards.find_card(method["_number"])
    if card and (card.decline or card.effect == "later_fails"):
        raise ApiError(cards.DECLINED, status=402, kind="card_error", code="card_declined")
    payer = {
        "_params": {"payment_intent_data": {name: params[name] for name in TAKEN if name in params}},
        "amount_total": params["amount"],
        "currency": currency,
        "customer": customer["id"],
        "id": None,
        "payment_method_types": [method["type"]],
    }
    intent = payments.new_intent(world, payer)
    intent["payment_method"] = method["id"]
    charge = charges.new_charge(world, intent, method, status="succeeded")
    world.emit("charge.succeeded", charge)
    payments.succeed(world, intent, charge, intent["amount"])
    return intent


TAKEN = ("description", "metadata", "receipt_email")
