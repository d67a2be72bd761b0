"""A payment that Stripe's command line makes on a payment page."""

from __future__ import annotations

from django_checkout.emulator.messages import DeclinedError, Doc, not_implemented
from django_checkout.emulator.payer import checkout
from django_checkout.emulator.payer.shopper import Shopper
from django_checkout.emulator.reference import cards
from django_checkout.emulator.state.state import State


def confirm(state: State, session: Doc) -> None:
    """Pay a session with the PaymentMethod ``_confirmed_with``. A delayed payment settles at once.

    Raises ``DeclinedError``.
    """
    method = state.get("payment_method", session["_confirmed_with"], "payment_method")
    number = method["_number"]
    used = cards.find_card(number) or cards.find_bank_account(number)
    if used is None:
        raise not_implemented("this PaymentMethod on a payment page", "payment_method")
    paid = checkout.pay(state, session, used, _shopper(method["billing_details"]), saved=method)
    if paid.status == "declined":
        raise DeclinedError(paid.message, status=402, kind="card_error", code=paid.code)
    if paid.status == "processing":
        checkout.settle_due(state, state.get("payment_intent", paid.payment_intent))


def _shopper(billing: Doc) -> Shopper:
    address = {name: value for name, value in billing["address"].items() if value}
    person = {name: billing[name] for name in ("email", "name", "phone") if billing[name]}
    return Shopper(**person, **address)
