"""3-D Secure of intents without a session: what the customer or a test answers, and the page."""

from __future__ import annotations

import hmac
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from django_checkout.emulator.api.resources import attempts, instructions, intents, setup_intents, vouchers
from django_checkout.emulator.messages import ApiError, Doc, Request, Response
from django_checkout.emulator.payer import checkout
from django_checkout.emulator.payer.rendering import format_minor, redirect, render, security_headers
from django_checkout.emulator.payer.shopper import PaymentOutcome
from django_checkout.emulator.payer.tokens import Tokens
from django_checkout.emulator.reference import cards
from django_checkout.emulator.reference.cards import Decline
from django_checkout.emulator.state.state import State

KINDS = {"pi_": intents.KIND, "seti_": setup_intents.KIND}


def kind_of(object_id: str) -> str | None:
    """Return the type of intent that an id has, or None."""
    return next((kind for prefix, kind in KINDS.items() if object_id.startswith(prefix)), None)


def authenticate(state: State, intent: Doc, *, succeed: bool) -> PaymentOutcome:
    """Complete or fail the 3-D Secure challenge of an intent without a session."""
    if intent["status"] != "requires_action":
        raise ApiError(f"{intent['id']} is not waiting for authentication.")
    method = state.get("payment_method", intent["payment_method"])
    card = cards.find_card(method["_number"])
    if card is None:
        raise ApiError(f"{intent['id']} is not paid by card.")
    if intent["object"] == setup_intents.KIND:
        why = card.decline if succeed else cards.UNAUTHENTICATED_SETUP
        if why:
            setup_intents.decline(state, intent, method, why)
        else:
            setup_intents.succeed(state, intent, method, intent["customer"])
        return _outcome(intent, "declined" if why else "saved", why)
    if not succeed:
        attempts.decline(state, intent, method, cards.UNAUTHENTICATED, with_charge=False)
        return _outcome(intent, "declined", cards.UNAUTHENTICATED)
    if intent["confirmation_method"] == "manual":
        # https://docs.stripe.com/api/payment_intents/confirm
        state.update(intent, status="requires_confirmation", next_action=None, _authenticated=method["id"])
        return _outcome(intent, "requires_confirmation")
    if why := attempts.refusal(card, method):
        attempts.decline(state, intent, method, why)
        return _outcome(intent, "declined", why)
    intents.finish(state, intent, method, card, is_authenticated=True)
    return _outcome(intent, "authorized" if intent["status"] == "requires_capture" else "paid")


def settle(state: State, intent: Doc, *, succeed: bool, amount: int | None = None) -> PaymentOutcome:
    """Settle the delayed debit of an intent, or what its shopper pays elsewhere."""
    if vouchers.is_latest(intent):
        instructions.settle(state, intent, succeed=succeed, amount=amount)
        intent = state.get(intents.KIND, intent["id"])
        return _outcome(intent, checkout.SETTLED[intent["status"]])
    if intent["status"] != "processing":
        raise ApiError(f"{intent['id']} has no payment in progress.")
    why = attempts.settle(state, intent, succeed=succeed)
    return _outcome(intent, "declined" if why else "paid", why)


def _outcome(intent: Doc, status: str, why: Decline | None = None) -> PaymentOutcome:
    is_payment = intent["object"] == intents.KIND
    return PaymentOutcome(
        status=status,
        session_id="",
        payment_intent=intent["id"] if is_payment else None,
        charge=intent["latest_charge"] if is_payment else None,
        code=why.code if why else None,
        decline_code=why.decline_code if why else None,
        message=why.message if why else "",
        redirect_url=_return_url(intent, succeeded=why is None),
    )


def _return_url(intent: Doc, *, succeeded: bool) -> str | None:
    """Return where the customer goes, with Stripe's parameters: https://docs.stripe.com/payments/3d-secure."""
    if not intent.get("_return_url"):
        return None
    kind = intent["object"]
    added = {
        kind: intent["id"],
        f"{kind}_client_secret": intent["client_secret"],
        "redirect_status": "succeeded" if succeeded else "failed",
    }
    parts = urlsplit(intent["_return_url"])
    query = f"{parts.query}&{urlencode(added)}" if parts.query else urlencode(added)
    return urlunsplit(parts._replace(query=query))


class AuthenticationPage:
    """Answers ``/pay/<intent>/authenticate``. The intent's client secret in the query opens it."""

    def __init__(self, state: State, tokens: Tokens) -> None:
        self._state = state
        self._tokens = tokens

    def answer(self, request: Request, intent_id: str) -> Response | None:
        """Return the page, a redirect, or None if the intent is not known or its secret not sent."""
        kind = kind_of(intent_id) or ""
        with self._state.transaction():
            intent = self._state.store.find(intent_id, kind)
        sent = parse_qs(request.query).get(f"{kind}_client_secret", [""])[0]
        if intent is None or intent.get("_session") or not hmac.compare_digest(intent["client_secret"], sent):
            return None
        if request.method != "POST" or intent["status"] != "requires_action":
            return self._page(request, intent)
        if not self._tokens.is_form_valid(request, intent["id"]):
            return self._page(request, intent, status=403)
        succeed = request.form.get("answer") == "complete"
        with self._state.transaction():
            intent = self._state.get(kind, intent_id)
            outcome = authenticate(self._state, intent, succeed=succeed)
        return redirect(outcome.redirect_url) if outcome.redirect_url else self._page(request, intent)

    def _page(self, request: Request, intent: Doc, *, status: int = 200) -> Response:
        is_open = intent["status"] == "requires_action"
        context = {
            "kind": "authenticated",
            "session": {"id": intent["id"], "amount_total": intent.get("amount")},
            "query": f"?{request.query}",
            "token": self._tokens.form(intent["id"]),
            "total": format_minor(intent["amount"], intent["currency"]) if intent["object"] == intents.KIND else "",
        }
        headers = security_headers([intent.get("_return_url")])
        return render("authenticate.html" if is_open else "message.html", request, context, headers, status=status)
