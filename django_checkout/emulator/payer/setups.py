"""Saving a card without a charge: sessions in mode ``setup``, and subscriptions that begin free."""

from __future__ import annotations

from django_checkout.emulator.api.resources import attempts, recurring, setup_intents
from django_checkout.emulator.api.resources.setup_intents import KIND, new_setup_intent
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.payer.completion import bind_customer, complete
from django_checkout.emulator.payer.shopper import PaymentOutcome, Shopper, outcome
from django_checkout.emulator.reference import cards
from django_checkout.emulator.reference.cards import BankAccount, Card, Decline
from django_checkout.emulator.state.state import State


def attempt(state: State, session: Doc, method: Doc, used: Card | BankAccount, shopper: Shopper) -> PaymentOutcome:
    """Attempt to save a card."""
    intent = _get_or_create(state, session)
    intent["payment_method"] = method["id"]
    if isinstance(used, Card) and used.needs_authentication(is_saved=bool(method["customer"])):
        return challenge(state, session, intent)
    if isinstance(used, Card) and used.decline:
        return _decline(state, session, intent, method, used.decline)
    return _succeed(state, session, intent, method, shopper)


def challenge(state: State, session: Doc, intent: Doc) -> PaymentOutcome:
    """Ask for 3-D Secure before the card of a PaymentIntent or SetupIntent is used."""
    url = f"{session['_base_url']}/pay/{session['id']}/authenticate"
    attempts.challenge(state, intent, url, session["url"])
    return outcome(session, "requires_action", None if intent["object"] == KIND else intent, redirect_url=url)


def authenticate(state: State, session: Doc, *, succeed: bool) -> PaymentOutcome:
    """Complete or fail the 3-D Secure challenge of a session that saves a card."""
    intent = state.get(KIND, session["_setup"])
    if intent["status"] != "requires_action":
        raise ApiError("This Checkout Session is not waiting for authentication.")
    method = state.get("payment_method", intent["payment_method"])
    if not succeed:
        return _decline(state, session, intent, method, cards.UNAUTHENTICATED_SETUP)
    card = cards.find_card(method["_number"])
    if card and card.decline:
        return _decline(state, session, intent, method, card.decline)
    return _succeed(state, session, intent, method, Shopper(**session["_shopper"]))


def _get_or_create(state: State, session: Doc) -> Doc:
    if session.get("_setup"):
        return state.get(KIND, session["_setup"])
    intent = new_setup_intent(state, session)
    # A session in mode `subscription` does not name it.
    shown = {"setup_intent": intent["id"]} if session["mode"] == "setup" else {}
    state.update(session, _setup=intent["id"], **shown)
    return intent


def _decline(state: State, session: Doc, intent: Doc, method: Doc, decline: Decline) -> PaymentOutcome:
    setup_intents.decline(state, intent, method, decline)
    return outcome(session, "declined", decline=decline)


def _succeed(state: State, session: Doc, intent: Doc, method: Doc, shopper: Shopper) -> PaymentOutcome:
    customer = bind_customer(state, session, shopper)
    setup_intents.succeed(state, intent, method, customer, always=session["mode"] == "setup")
    started = recurring.start(state, session, None, method) if session["mode"] == "subscription" else {}
    complete(state, session, shopper, "no_payment_required", **started)
    return outcome(session, "saved" if session["mode"] == "setup" else "free")
