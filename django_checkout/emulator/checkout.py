"""Paying a session: what the hosted page does when a person presses the button."""

from __future__ import annotations

from . import cards, recurring, setups
from .cards import BankAccount, Card, Decline
from .completion import bind_customer, complete, keep_method
from .conversion import presented
from .ids import new_id
from .messages import ApiError, Doc
from .resources import charges, disputes, payments
from .resources.session_rules import check_open
from .shopper import PaymentOutcome, Shopper, introduce, outcome
from .world import World

SETTLEMENT_SECONDS = 3 * 24 * 3600


def pay(
    world: World, session: Doc, method: Card | BankAccount | Decline, shopper: Shopper, *, saved: Doc | None = None
) -> PaymentOutcome:
    """Try to pay an open session once.

    A ``Decline`` in place of a method is a card that the page itself refuses: no charge, no event. ``saved`` is the
    PaymentMethod of the customer that ``method`` is known by.
    Raises ``ApiError`` where the session is no longer open.
    """
    check_open(session)
    introduce(world, session, shopper)
    if not needs_method(session):
        return _finish_free(world, session, shopper)
    if isinstance(method, Decline):
        world.store.save(session)
        return outcome(session, "declined", decline=method)
    kind = "card" if isinstance(method, Card) else cards.DELAYED_METHODS.get(session["currency"], "sepa_debit")
    payment_method = saved or charges.new_method(world, method, kind, shopper.billing)
    session["_method"] = method.number
    world.store.save(session)
    if not session["amount_total"]:
        return setups.attempt(world, session, payment_method, method, shopper)
    intent = _get_or_create_intent(world, session)
    intent["payment_method"] = payment_method["id"]
    if isinstance(method, BankAccount):
        return _submit(world, session, intent, payment_method, shopper)
    if method.decline:
        return _decline(world, session, intent, payment_method, method.decline)
    if method.effect == "challenge" and not saved:
        return _challenge(world, session, intent)
    return _charge(world, session, intent, payment_method, method, shopper)


def needs_method(session: Doc) -> bool:
    """Return whether a way of paying is asked for; a subscription that begins free may do without."""
    if session["mode"] == "subscription" and session["payment_method_collection"] == "always":
        return True
    return session["mode"] == "setup" or bool(session["amount_total"])


def _finish_free(world: World, session: Doc, shopper: Shopper) -> PaymentOutcome:
    bind_customer(world, session, shopper)
    begun = recurring.begin(world, session, None, None) if session["mode"] == "subscription" else {}
    complete(world, session, shopper, "no_payment_required", **begun)
    return outcome(session, "free")


def authenticate(world: World, session: Doc, *, succeed: bool) -> PaymentOutcome:
    """Answer the 3-D Secure challenge of a session that waits for it."""
    check_open(session)
    if session.get("_setup"):
        return setups.authenticate(world, session, succeed=succeed)
    intent = world.store.find(session.get("_intent"))
    if intent is None or intent["status"] != "requires_action":
        raise ApiError("This Checkout Session does not wait for authentication.")
    method = world.get("payment_method", intent["payment_method"])
    if not succeed:
        return _decline(world, session, intent, method, cards.UNAUTHENTICATED, with_charge=False)
    card = cards.find_card(session["_method"])
    if card is None:
        raise ApiError("This Checkout Session was not paid by card.")
    return _charge(world, session, intent, method, card, Shopper(**session["_shopper"]))


def settle(world: World, session: Doc, *, succeed: bool) -> PaymentOutcome:
    """End a delayed payment that is on its way."""
    intent = world.store.find(session.get("_intent"))
    if intent is None or intent["status"] != "processing":
        raise ApiError("This Checkout Session has no payment on its way.")
    charge = world.get("charge", intent["latest_charge"])
    if succeed:
        world.update(charge, "charge.succeeded", status="succeeded", paid=True, amount_captured=charge["amount"])
        payments.succeed(world, intent, charge, charge["amount"])
        recurring.settle(world, session, intent, succeed=True)
        world.update(session, "checkout.session.async_payment_succeeded", payment_status="paid")
        return outcome(session, "paid", intent)
    reason = Decline(
        code="payment_intent_payment_attempt_failed",
        decline_code=None,
        message="The customer's bank refused the debit.",
    )
    world.update(
        charge,
        "charge.failed",
        status="failed",
        captured=False,
        failure_code="insufficient_funds",
        failure_message=reason.message,
    )
    method = world.get("payment_method", intent["payment_method"])
    _fail_intent(world, intent, charges.payment_error(reason, method, charge))
    recurring.settle(world, session, intent, succeed=False)
    world.emit("checkout.session.async_payment_failed", session)
    return outcome(session, "declined", intent, decline=reason)


def settle_due(world: World, session: Doc) -> None:
    """End a delayed payment as its test account says, if nobody did before."""
    intent = world.store.find(session.get("_intent"))
    if intent is not None and intent["status"] == "processing":
        account = cards.find_bank_account(session["_method"])
        settle(world, session, succeed=account is None or account.succeeds)


def _get_or_create_intent(world: World, session: Doc) -> Doc:
    if session.get("_intent"):
        intent = world.get("payment_intent", session["_intent"])
        intent.update(amount=session["amount_total"], **presented(session))
        return intent
    intent = payments.new_intent(world, session)
    intent.update(presented(session))
    # A subscription's first payment is that of its invoice; the session does not name it.
    shown = {"payment_intent": intent["id"]} if session["mode"] == "payment" else {}
    world.update(session, _intent=intent["id"], **shown)
    return intent


def _charge(world: World, session: Doc, intent: Doc, method: Doc, card: Card, shopper: Shopper) -> PaymentOutcome:
    intent["customer"] = bind_customer(world, session, shopper)
    keep_method(world, session, method, shopper)
    charge = charges.new_charge(world, intent, method, status="succeeded")
    charge["_effect"] = card.effect
    if card.effect == "challenge":
        charge["payment_method_details"]["card"]["three_d_secure"] = {
            "authentication_flow": "challenge",
            "electronic_commerce_indicator": "05",
            "exemption_indicator": None,
            "result": "authenticated",
            "result_reason": None,
            "transaction_id": new_id("request").removeprefix("req_"),
            "version": "2.2.0",
        }
    world.store.save(charge)
    intent["latest_charge"] = charge["id"]
    world.emit("charge.succeeded", charge)
    if intent["capture_method"] == "manual":
        changes = {"status": "requires_capture", "amount_capturable": intent["amount"], "last_payment_error": None}
        world.update(intent, "payment_intent.amount_capturable_updated", **changes, next_action=None)
        world.schedule("expire_authorization", intent["id"], world.clock.now() + charges.AUTHORIZATION_SECONDS)
        complete(world, session, shopper, "unpaid")
        return outcome(session, "authorized", intent)
    payments.succeed(world, intent, charge, intent["amount"])
    complete(world, session, shopper, "paid", **recurring.bill(world, session, intent, method))
    if card.effect == "dispute":
        disputes.open_dispute(world, charge, "fraudulent")
    if card.effect == "fraud_warning":
        disputes.warn(world, charge)
    return outcome(session, "paid", intent)


def _submit(world: World, session: Doc, intent: Doc, method: Doc, shopper: Shopper) -> PaymentOutcome:
    intent["customer"] = bind_customer(world, session, shopper)
    keep_method(world, session, method, shopper)
    charge = charges.new_charge(world, intent, method, status="pending")
    world.emit("charge.pending", charge)
    world.update(
        intent, "payment_intent.processing", status="processing", latest_charge=charge["id"], last_payment_error=None
    )
    begun = recurring.begin(world, session, None, method) if session["mode"] == "subscription" else {}
    complete(world, session, shopper, "unpaid", **begun)
    world.schedule("settle", session["id"], world.clock.now() + SETTLEMENT_SECONDS)
    return outcome(session, "processing", intent)


def _challenge(world: World, session: Doc, intent: Doc) -> PaymentOutcome:
    url = f"{session['_base_url']}/pay/{session['id']}/authenticate"
    action = {"type": "redirect_to_url", "redirect_to_url": {"return_url": session["url"], "url": url}}
    world.update(intent, "payment_intent.requires_action", status="requires_action", next_action=action)
    return outcome(session, "requires_action", intent, redirect_url=url)


def _decline(
    world: World, session: Doc, intent: Doc, method: Doc, decline: Decline, *, with_charge: bool = True
) -> PaymentOutcome:
    charge = None
    if with_charge:
        charge = charges.new_charge(world, intent, method, status="failed", decline=decline)
        intent["latest_charge"] = charge["id"]
        world.emit("charge.failed", charge)
    _fail_intent(world, intent, charges.payment_error(decline, method, charge))
    return outcome(session, "declined", intent, decline=decline)


def _fail_intent(world: World, intent: Doc, error: Doc) -> None:
    world.update(
        intent,
        "payment_intent.payment_failed",
        status="requires_payment_method",
        last_payment_error=error,
        payment_method=None,
        next_action=None,
    )
