"""Keeping a card without charging it: sessions in mode ``setup``, and subscriptions that begin free."""

from __future__ import annotations

from . import cards, recurring
from .cards import BankAccount, Card, Decline
from .completion import bind_customer, complete
from .messages import ApiError, Doc
from .resources import charges
from .resources.methods import keep
from .resources.setup_intents import KIND, new_setup_intent
from .shopper import PaymentOutcome, Shopper, outcome
from .world import World


def attempt(world: World, session: Doc, method: Doc, means: Card | BankAccount, shopper: Shopper) -> PaymentOutcome:
    """Try to keep a card once."""
    intent = _get_or_create(world, session)
    intent["payment_method"] = method["id"]
    if isinstance(means, Card) and means.decline:
        return _decline(world, session, intent, method, means.decline)
    if isinstance(means, Card) and means.effect == "challenge":
        url = f"{session['_base_url']}/pay/{session['id']}/authenticate"
        action = {"type": "redirect_to_url", "redirect_to_url": {"return_url": session["url"], "url": url}}
        world.update(intent, "setup_intent.requires_action", status="requires_action", next_action=action)
        return outcome(session, "requires_action", redirect_url=url)
    return _succeed(world, session, intent, method, shopper)


def authenticate(world: World, session: Doc, *, succeed: bool) -> PaymentOutcome:
    """Answer the 3-D Secure challenge of a session that keeps a card."""
    intent = world.get(KIND, session["_setup"])
    if intent["status"] != "requires_action":
        raise ApiError("This Checkout Session does not wait for authentication.")
    method = world.get("payment_method", intent["payment_method"])
    if not succeed:
        return _decline(world, session, intent, method, cards.UNAUTHENTICATED)
    return _succeed(world, session, intent, method, Shopper(**session["_shopper"]))


def _get_or_create(world: World, session: Doc) -> Doc:
    if session.get("_setup"):
        return world.get(KIND, session["_setup"])
    intent = new_setup_intent(world, session)
    # A session in mode `subscription` does not name it.
    shown = {"setup_intent": intent["id"]} if session["mode"] == "setup" else {}
    world.update(session, _setup=intent["id"], **shown)
    return intent


def _decline(world: World, session: Doc, intent: Doc, method: Doc, decline: Decline) -> PaymentOutcome:
    changes = {
        "status": "requires_payment_method",
        "last_setup_error": charges.payment_error(decline, method, None),
        "payment_method": None,
        "next_action": None,
    }
    world.update(intent, "setup_intent.setup_failed", **changes)
    return outcome(session, "declined", decline=decline)


def _succeed(world: World, session: Doc, intent: Doc, method: Doc, shopper: Shopper) -> PaymentOutcome:
    customer = bind_customer(world, session, shopper)
    if customer and not method["customer"]:
        keep(world, method, customer, always=session["mode"] == "setup")
    changes = {"status": "succeeded", "customer": customer, "last_setup_error": None, "next_action": None}
    world.update(intent, "setup_intent.succeeded", **changes)
    begun = recurring.begin(world, session, None, method) if session["mode"] == "subscription" else {}
    complete(world, session, shopper, "no_payment_required", **begun)
    return outcome(session, "saved" if session["mode"] == "setup" else "free")
