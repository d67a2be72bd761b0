"""Payment of a session: attempts, 3-D Secure, settlement of delayed payments."""

from __future__ import annotations

from django_checkout.emulator.api.resources import charges, disputes, payments, recurring
from django_checkout.emulator.api.resources.session_rules import check_open
from django_checkout.emulator.ids import new_id
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.payer import setups
from django_checkout.emulator.payer.completion import bind_customer, complete, save_method
from django_checkout.emulator.payer.shopper import PaymentOutcome, Shopper, outcome, set_shopper
from django_checkout.emulator.reference import cards
from django_checkout.emulator.reference.cards import BankAccount, Card, Decline
from django_checkout.emulator.reference.conversion import presented
from django_checkout.emulator.state.state import State

SETTLEMENT_SECONDS = 3 * 24 * 3600


def pay(
    state: State, session: Doc, method: Card | BankAccount | Decline, shopper: Shopper, *, saved: Doc | None = None
) -> PaymentOutcome:
    """Attempt to pay an open session. Raises ``ApiError`` if it is not open.

    A ``Decline`` for ``method`` is a card that the page itself refuses, without charge and event. ``saved`` is the
    customer's PaymentMethod if ``method`` is a saved card.
    """
    check_open(session)
    set_shopper(state, session, shopper)
    if not needs_method(session):
        return _finish_free(state, session, shopper)
    if isinstance(method, Decline):
        state.store.save(session)
        return outcome(session, "declined", decline=method)
    kind = "card" if isinstance(method, Card) else cards.DELAYED_METHODS.get(session["currency"], "sepa_debit")
    payment_method = saved or charges.new_method(state, method, kind, shopper.billing)
    session["_method"] = method.number
    state.store.save(session)
    if not session["amount_total"]:
        return setups.attempt(state, session, payment_method, method, shopper)
    intent = _get_or_create_intent(state, session)
    intent["payment_method"] = payment_method["id"]
    if isinstance(method, BankAccount):
        return _submit(state, session, intent, payment_method, shopper)
    if method.decline:
        return _decline(state, session, intent, payment_method, method.decline)
    if method.effect == "challenge" and not saved:
        return setups.challenge(state, session, intent)
    return _charge(state, session, intent, payment_method, method, shopper)


def needs_method(session: Doc) -> bool:
    """Return whether the page asks for a payment method. A subscription that begins free may not need one."""
    if session["mode"] == "subscription" and session["payment_method_collection"] == "always":
        return True
    return session["mode"] == "setup" or bool(session["amount_total"])


def _finish_free(state: State, session: Doc, shopper: Shopper) -> PaymentOutcome:
    bind_customer(state, session, shopper)
    started = recurring.start(state, session, None, None) if session["mode"] == "subscription" else {}
    complete(state, session, shopper, "no_payment_required", **started)
    return outcome(session, "free")


def authenticate(state: State, session: Doc, *, succeed: bool) -> PaymentOutcome:
    """Complete or fail the 3-D Secure challenge of a session."""
    check_open(session)
    if session.get("_setup"):
        return setups.authenticate(state, session, succeed=succeed)
    intent = state.store.find(session.get("_intent"))
    if intent is None or intent["status"] != "requires_action":
        raise ApiError("This Checkout Session is not waiting for authentication.")
    method = state.get("payment_method", intent["payment_method"])
    if not succeed:
        return _decline(state, session, intent, method, cards.UNAUTHENTICATED, with_charge=False)
    card = cards.find_card(session["_method"])
    if card is None:
        raise ApiError("This Checkout Session was not paid by card.")
    return _charge(state, session, intent, method, card, Shopper(**session["_shopper"]))


def settle(state: State, session: Doc, *, succeed: bool) -> PaymentOutcome:
    """Settle a delayed payment that is processing."""
    intent = state.store.find(session.get("_intent"))
    if intent is None or intent["status"] != "processing":
        raise ApiError("This Checkout Session has no payment in progress.")
    charge = state.get("charge", intent["latest_charge"])
    if succeed:
        state.update(charge, "charge.succeeded", status="succeeded", paid=True, amount_captured=charge["amount"])
        payments.succeed(state, intent, charge, charge["amount"])
        recurring.settle(state, session, intent, succeed=True)
        state.update(session, "checkout.session.async_payment_succeeded", payment_status="paid")
        return outcome(session, "paid", intent)
    reason = Decline(
        code="payment_intent_payment_attempt_failed",
        decline_code=None,
        message="The customer's bank refused the debit.",
    )
    failure = {"failure_code": "insufficient_funds", "failure_message": reason.message}
    state.update(charge, "charge.failed", status="failed", captured=False, **failure)
    method = state.get("payment_method", intent["payment_method"])
    _fail_intent(state, intent, charges.payment_error(reason, method, charge))
    recurring.settle(state, session, intent, succeed=False)
    state.emit("checkout.session.async_payment_failed", session)
    return outcome(session, "declined", intent, decline=reason)


def settle_due(state: State, session: Doc) -> None:
    """Settle a delayed payment by its test account, unless it is settled already."""
    intent = state.store.find(session.get("_intent"))
    if intent is not None and intent["status"] == "processing":
        account = cards.find_bank_account(session["_method"])
        settle(state, session, succeed=account is None or account.succeeds)


def _get_or_create_intent(state: State, session: Doc) -> Doc:
    if session.get("_intent"):
        intent = state.get("payment_intent", session["_intent"])
        intent.update(amount=session["amount_total"], **presented(session))
        return intent
    intent = payments.new_intent(state, session)
    intent.update(presented(session))
    # A session in mode `subscription` names its invoice and not its payment.
    shown = {"payment_intent": intent["id"]} if session["mode"] == "payment" else {}
    state.update(session, _intent=intent["id"], **shown)
    return intent


def _charge(state: State, session: Doc, intent: Doc, method: Doc, card: Card, shopper: Shopper) -> PaymentOutcome:
    intent["customer"] = bind_customer(state, session, shopper)
    save_method(state, session, method, shopper)
    charge = charges.new_charge(state, intent, method, status="succeeded")
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
    state.store.save(charge)
    intent["latest_charge"] = charge["id"]
    state.emit("charge.succeeded", charge)
    if intent["capture_method"] == "manual":
        changes = {"status": "requires_capture", "amount_capturable": intent["amount"], "last_payment_error": None}
        state.update(intent, "payment_intent.amount_capturable_updated", **changes, next_action=None)
        state.schedule("expire_authorization", intent["id"], state.clock.now() + charges.AUTHORIZATION_SECONDS)
        complete(state, session, shopper, "unpaid")
        return outcome(session, "authorized", intent)
    payments.succeed(state, intent, charge, intent["amount"])
    complete(state, session, shopper, "paid", **recurring.bill(state, session, intent, method))
    if card.effect == "dispute":
        disputes.open_dispute(state, charge, "fraudulent")
    if card.effect == "fraud_warning":
        disputes.warn(state, charge)
    return outcome(session, "paid", intent)


def _submit(state: State, session: Doc, intent: Doc, method: Doc, shopper: Shopper) -> PaymentOutcome:
    intent["customer"] = bind_customer(state, session, shopper)
    save_method(state, session, method, shopper)
    charge = charges.new_charge(state, intent, method, status="pending")
    state.emit("charge.pending", charge)
    state.update(
        intent, "payment_intent.processing", status="processing", latest_charge=charge["id"], last_payment_error=None
    )
    started = recurring.start(state, session, None, method) if session["mode"] == "subscription" else {}
    complete(state, session, shopper, "unpaid", **started)
    state.schedule("settle", session["id"], state.clock.now() + SETTLEMENT_SECONDS)
    return outcome(session, "processing", intent)


def _decline(
    state: State, session: Doc, intent: Doc, method: Doc, decline: Decline, *, with_charge: bool = True
) -> PaymentOutcome:
    charge = None
    if with_charge:
        charge = charges.new_charge(state, intent, method, status="failed", decline=decline)
        intent["latest_charge"] = charge["id"]
        state.emit("charge.failed", charge)
    _fail_intent(state, intent, charges.payment_error(decline, method, charge))
    return outcome(session, "declined", intent, decline=decline)


def _fail_intent(state: State, intent: Doc, error: Doc) -> None:
    state.update(
        intent,
        "payment_intent.payment_failed",
        status="requires_payment_method",
        last_payment_error=error,
        payment_method=None,
        next_action=None,
    )
