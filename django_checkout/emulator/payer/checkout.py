"""Payment of a session: attempts, 3-D Secure, settlement of delayed payments."""

from __future__ import annotations

from django.utils.translation import gettext as _

from django_checkout.emulator.api.resources import (
    amounts,
    attempts,
    charges,
    collection,
    disputes,
    instructions,
    payments,
    recurring,
    vouchers,
)
from django_checkout.emulator.api.resources.session_rules import check_open
from django_checkout.emulator.api.resources.sessions import KIND
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.payer import setups
from django_checkout.emulator.payer.completion import bind_customer, complete, save_method
from django_checkout.emulator.payer.shopper import PaymentOutcome, Shopper, outcome, set_shopper
from django_checkout.emulator.reference import cards
from django_checkout.emulator.reference.action_methods import ActionPayment
from django_checkout.emulator.reference.cards import BankAccount, Card, Decline
from django_checkout.emulator.reference.conversion import presented
from django_checkout.emulator.state.state import State

#: The outcome when the shopper has paid or not paid a voucher, a QR code or a bank transfer, by the intent's status. A
#: transfer for a canceled one stays in the cash balance.
SETTLED = {
    "canceled": "canceled",
    "requires_action": "instructed",
    "requires_payment_method": "expired",
    "succeeded": "paid",
}
#: What a session is paid with.
Used = Card | BankAccount | ActionPayment


def pay(
    state: State, session: Doc, method: Used | Decline, shopper: Shopper, *, saved: Doc | None = None
) -> PaymentOutcome:
    """Attempt to pay an open session. Raises ``ApiError`` if it is not open.

    A ``Decline`` for ``method`` is a card that the page itself refuses, without charge and event. ``saved`` is the
    PaymentMethod of ``method`` if there is one already, of the customer if the card is saved.
    """
    check_open(session)
    if not amounts.is_chosen(session):
        raise ApiError(_("Choose an amount."), param="amount")
    set_shopper(state, session, shopper)
    if not needs_method(session):
        return _finish_free(state, session, shopper)
    if isinstance(method, Decline):
        state.store.save(session)
        return outcome(session, "declined", decline=method)
    if isinstance(method, ActionPayment):
        return _instruct(state, session, method, shopper, saved=saved)
    kind = "card" if isinstance(method, Card) else cards.DEBITS.get(session["currency"] or "eur")
    if kind is None:
        raise ApiError(_("This payment method cannot be used."), param="method")
    payment_method = saved or charges.new_method(state, method, kind, shopper.billing)
    if session["_params"].get("payment_intent_data", {}).get("statement_descriptor"):
        payments.check_descriptor_of(payment_method)
    session["_method"] = method.number
    state.store.save(session)
    if not session["amount_total"]:
        return setups.attempt(state, session, payment_method, method, shopper)
    intent = _get_or_create_intent(state, session)
    intent["payment_method"] = payment_method["id"]
    if isinstance(method, BankAccount):
        return _submit(state, session, intent, payment_method, shopper)
    if method.needs_authentication(is_saved=bool(saved and saved["customer"])):
        return setups.challenge(state, session, intent)
    if why := attempts.refusal(method, payment_method):
        return _decline(state, session, intent, payment_method, why)
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
    if card.decline:
        return _decline(state, session, intent, method, card.decline)
    return _charge(state, session, intent, method, card, Shopper(**session["_shopper"]), is_authenticated=True)


def settle(state: State, session: Doc, *, succeed: bool, amount: int | None = None) -> PaymentOutcome:
    """Settle a delayed payment that is processing, or a payment that the shopper makes elsewhere."""
    intent = state.store.find(session.get("_intent"))
    if intent and vouchers.is_latest(intent):
        instructions.settle(state, intent, succeed=succeed, amount=amount)
        # Both have changed in the store.
        intent, session = state.get("payment_intent", intent["id"]), state.get(KIND, session["id"])
        return outcome(session, SETTLED[intent["status"]], intent)
    if intent is None or intent["status"] != "processing":
        raise ApiError("This Checkout Session has no payment in progress.")
    why = attempts.settle(state, intent, succeed=succeed)
    collection.settle(state, session, intent, succeed=succeed)
    if why:
        state.emit("checkout.session.async_payment_failed", session)
        return outcome(session, "declined", intent, decline=why)
    state.update(session, "checkout.session.async_payment_succeeded", payment_status="paid")
    return outcome(session, "paid", intent)


def on_action_paid(state: State, intent: Doc) -> None:
    """Complete the session of a QR code that is paid, or report that the payment of a complete session has arrived."""
    session = state.get(KIND, intent["_session"])
    method = state.get("payment_method", intent["payment_method"])
    billed = recurring.bill(state, session, intent, method)
    if session["status"] == "open":
        complete(state, session, Shopper(**session["_shopper"]), "paid", **billed)
    elif session["status"] == "complete":
        state.update(session, "checkout.session.async_payment_succeeded", payment_status="paid", **billed)


def on_action_failed(state: State, intent: Doc) -> None:
    """Report that a complete session is not paid in time. On an open one, the shopper may try again."""
    session = state.get(KIND, intent["_session"])
    if session["status"] == "complete":
        state.emit("checkout.session.async_payment_failed", session)


def settle_due(state: State, intent: Doc) -> None:
    """Settle a delayed payment by its test account, unless it is settled already."""
    if intent["status"] == "processing":
        account = cards.find_bank_account(state.get("payment_method", intent["payment_method"])["_number"])
        succeed = account is None or account.succeeds
        session = state.store.find(intent["_session"])
        if session:
            settle(state, session, succeed=succeed)
        else:
            attempts.settle(state, intent, succeed=succeed)


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


def _charge(
    state: State,
    session: Doc,
    intent: Doc,
    method: Doc,
    card: Card,
    shopper: Shopper,
    *,
    is_authenticated: bool = False,
) -> PaymentOutcome:
    intent["customer"] = bind_customer(state, session, shopper)
    save_method(state, session, method, shopper)
    charge = attempts.charge(state, intent, method, card, is_authenticated=is_authenticated)
    if intent["status"] == "requires_capture":
        complete(state, session, shopper, "unpaid")
        return outcome(session, "authorized", intent)
    complete(state, session, shopper, "paid", **recurring.bill(state, session, intent, method))
    disputes.follow_up(state, charge)
    return outcome(session, "paid", intent)


def _instruct(
    state: State, session: Doc, used: ActionPayment, shopper: Shopper, *, saved: Doc | None
) -> PaymentOutcome:
    """Send the shopper to the instructions of a voucher or a bank transfer, or show a QR code on the page.

    The voucher's and the transfer's session is complete then, and the shopper does not return to ``success_url``:
    https://docs.stripe.com/payments/konbini/accept-a-payment#redirect-to-stripe-hosted-voucher-page. With a QR code,
    the shopper stays: https://docs.stripe.com/payments/paynow/accept-a-payment.
    """
    kind = used.method
    if kind.type not in session["payment_method_types"]:
        raise ApiError(_("This payment method cannot be used."), param="method")
    method = saved or charges.new_action_method(state, used, shopper.billing)
    session["_method"] = ""
    state.store.save(session)
    intent = _get_or_create_intent(state, session)
    intent["customer"] = bind_customer(state, session, shopper)
    options = intent["payment_method_options"]
    if used.confirmation_number:
        options = {**options, kind.type: {**options[kind.type], "confirmation_number": used.confirmation_number}}
    state.update(intent, payment_method=method["id"], payment_method_options=options)
    instructions.start(state, intent, method, session["_base_url"])
    if intent["status"] == "succeeded":
        return outcome(state.get(KIND, session["id"]), "paid", intent)
    action = intent["next_action"][kind.action]
    if kind.is_qr_code:
        url = f"{session['_base_url']}/pay/{session['id']}/code"
        return outcome(session, "requires_action", intent, redirect_url=url)
    complete(state, session, shopper, "unpaid")
    url = action.get("hosted_voucher_url") or action.get("hosted_instructions_url")
    return outcome(session, "instructed", intent, redirect_url=url)


def _submit(state: State, session: Doc, intent: Doc, method: Doc, shopper: Shopper) -> PaymentOutcome:
    intent["customer"] = bind_customer(state, session, shopper)
    save_method(state, session, method, shopper)
    attempts.submit(state, intent, method)
    started = recurring.start(state, session, None, method) if session["mode"] == "subscription" else {}
    complete(state, session, shopper, "unpaid", **started)
    return outcome(session, "processing", intent)


def _decline(
    state: State, session: Doc, intent: Doc, method: Doc, decline: Decline, *, with_charge: bool = True
) -> PaymentOutcome:
    attempts.decline(state, intent, method, decline, with_charge=with_charge)
    return outcome(session, "declined", intent, decline=decline)
