"""Attempts to pay a PaymentIntent. Sessions, invoices and direct calls of the API share them."""

from __future__ import annotations

from django_checkout.emulator.api.resources import charges, payments
from django_checkout.emulator.ids import new_id
from django_checkout.emulator.messages import DeclinedError, Doc, without_hidden
from django_checkout.emulator.reference import cards
from django_checkout.emulator.reference.cards import Card, Decline
from django_checkout.emulator.state.state import State

SETTLEMENT_SECONDS = 3 * 24 * 3600


def refusal(card: Card, method: Doc, *, off_session: bool = False) -> Decline | None:
    """Return why the bank refuses to charge a card, or None."""
    if card.effect == "later_fails" and (off_session or method["customer"]):
        return cards.REFUSED
    return card.decline


def challenge(state: State, intent: Doc, url: str, return_url: str | None, *, by_sdk: bool = False) -> None:
    """Ask for 3-D Secure at ``url`` before the card of a PaymentIntent or SetupIntent is used."""
    action: Doc = {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": url}}
    if by_sdk:
        # stripe/stripe-dotnet#2361. Stripe.js opens the page ``stripe_js``.
        action = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": url}}
    state.update(intent, f"{intent['object']}.requires_action", status="requires_action", next_action=action)


def charge(state: State, intent: Doc, method: Doc, card: Card, *, is_authenticated: bool = False) -> Doc:
    """Charge a card, or authorize it if the shop captures by hand. Return the charge."""
    _use(state, intent, method)
    made = charges.new_charge(state, intent, method, status="succeeded")
    made["_effect"] = card.effect
    if is_authenticated:
        made["payment_method_details"]["card"]["three_d_secure"] = {
            "authentication_flow": "challenge",
            "electronic_commerce_indicator": "05",
            "exemption_indicator": None,
            "result": "authenticated",
            "result_reason": None,
            "transaction_id": new_id("request").removeprefix("req_"),
            "version": "2.2.0",
        }
    state.store.save(made)
    intent["latest_charge"] = made["id"]
    state.emit("charge.succeeded", made)
    if intent["capture_method"] == "manual":
        changes = {"status": "requires_capture", "amount_capturable": intent["amount"], "last_payment_error": None}
        state.update(intent, "payment_intent.amount_capturable_updated", **changes, next_action=None)
        state.schedule("expire_authorization", intent["id"], state.clock.now() + charges.AUTHORIZATION_SECONDS)
    else:
        payments.succeed(state, intent, made, intent["amount"])
    return made


def submit(state: State, intent: Doc, method: Doc) -> Doc:
    """Submit a delayed debit, and schedule its settlement. Return the charge."""
    _use(state, intent, method)
    made = charges.new_charge(state, intent, method, status="pending")
    state.emit("charge.pending", made)
    changes = {"status": "processing", "latest_charge": made["id"], "last_payment_error": None, "next_action": None}
    state.update(intent, "payment_intent.processing", **changes)
    state.schedule("settle", intent["id"], state.clock.now() + SETTLEMENT_SECONDS)
    return made


def decline(state: State, intent: Doc, method: Doc, why: Decline, *, with_charge: bool = True) -> Doc | None:
    """Record a refused attempt. Return the failed charge; there is none if 3-D Secure was missing or failed."""
    made = None
    if with_charge:
        _use(state, intent, method)
        made = charges.new_charge(state, intent, method, status="failed", decline=why)
        intent["latest_charge"] = made["id"]
        state.emit("charge.failed", made)
    fail(state, intent, charges.payment_error(why, method, made))
    return made


def fail(state: State, intent: Doc, error: Doc) -> None:
    """Return an intent to the state before an attempt."""
    changes = {"status": "requires_payment_method", "payment_method": None, "next_action": None}
    state.update(intent, "payment_intent.payment_failed", **changes, last_payment_error=error)
    if intent.get("_invoice"):
        state.run("invoice_refused", intent)


def settle(state: State, intent: Doc, *, succeed: bool) -> Decline | None:
    """Settle a delayed debit that is processing. Return why it failed, or None."""
    made = state.get("charge", intent["latest_charge"])
    if succeed:
        state.update(made, "charge.succeeded", status="succeeded", paid=True, amount_captured=made["amount"])
        payments.succeed(state, intent, made, made["amount"])
        return None
    why = Decline(
        code="payment_intent_payment_attempt_failed",
        decline_code=None,
        message="The customer's bank refused the debit.",
    )
    failure = {"failure_code": "insufficient_funds", "failure_message": why.message}
    state.update(made, "charge.failed", status="failed", captured=False, **failure)
    fail(state, intent, charges.payment_error(why, state.get("payment_method", intent["payment_method"]), made))
    return why


def declined_error(why: Decline, method: Doc, made: Doc | None = None, intent: Doc | None = None) -> DeclinedError:
    """Return the API's response to a refused payment method: 402 with the charge, the method and the intent."""
    error = DeclinedError(why.message, status=402, kind="card_error", code=why.code)
    error.details = {"payment_method": without_hidden(method)}
    if why.decline_code:
        error.details["decline_code"] = why.decline_code
    if made:
        error.details["charge"] = made["id"]
    if intent:
        error.details[intent["object"]] = without_hidden(intent)
    return error


def _use(state: State, intent: Doc, method: Doc) -> None:
    """Remember that a method without customer has been used; only ``setup_future_usage`` lets it be used again.

    https://docs.stripe.com/api/payment_intents/create#create_payment_intent-setup_future_usage
    """
    if not method["customer"] and not intent["setup_future_usage"]:
        state.update(method, _used=True)
