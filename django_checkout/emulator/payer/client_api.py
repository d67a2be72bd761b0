"""The API of ``stripe.js`` and its frames: a publishable key and a session's client secret give access."""

from __future__ import annotations

import hmac
import re
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from django_checkout.emulator.api.resources.sessions import KIND
from django_checkout.emulator.messages import ApiError, Doc, Request, Response, read_json
from django_checkout.emulator.payer import shopper_input
from django_checkout.emulator.payer.rendering import language_of
from django_checkout.emulator.payer.shopper import PaymentOutcome
from django_checkout.emulator.payer.snapshot import missing, snapshot
from django_checkout.emulator.payer.tokens import Tokens
from django_checkout.emulator.state.state import State

#: Error codes of the API to those of ``stripe.js``. Other errors have no code there.
CODES = {
    "email_incomplete": "incompleteEmail",
    "email_invalid": "invalidEmail",
    "tax_id_invalid": "invalidTaxId",
}
#: What ``stripe.js`` sends of the shopper's input.
ENTERED = frozenset(
    (
        *("billing", "currency", "email", "line_item", "method", "phone", "promotion_code"),
        *("quantity", "save", "saved", "shipping", "shipping_rate", "tax_id"),
    )
)
#: The page and the emulator may have different origins. Nothing here depends on a cookie.
HEADERS = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class ClientApi:
    """Answers ``/payment_pages/<session>/<action>``: ``retrieve``, ``update`` and ``confirm``."""

    def __init__(self, state: State, tokens: Tokens) -> None:
        self._state = state
        self._tokens = tokens

    def answer(self, request: Request) -> Response:
        """Return the session or an error as JSON."""
        _root, _slash, rest = request.path.lstrip("/").partition("/")
        session_id, _slash, action = rest.strip("/").partition("/")
        try:
            session, payload = self._authenticated(request, session_id)
            with translation.override(language_of(request, session)):
                try:
                    return self._act(request, session, action, payload)
                except ApiError as error:
                    error.message = _(error.message)
                    raise
        except ApiError as error:
            document = {
                "message": error.message,
                "code": error.reason or CODES.get(error.code or ""),
                "type": error.kind,
            }
            # An error that the shopper can correct is a normal response: browsers log failed requests to their console.
            status = 200 if error.status == 400 else error.status
            return Response.from_json(status, {"error": document}, HEADERS)

    def _authenticated(self, request: Request, session_id: str) -> tuple[Doc, dict[str, Any]]:
        """Return the session and the payload. Raises ``ApiError`` if the key or the client secret is wrong."""
        if request.method != "POST":
            raise ApiError("Use POST.", status=405)
        form = request.form
        check_publishable_key(form.get("key", ""))
        with self._state.transaction():
            session = self._state.store.find(session_id, KIND)
        secret = (session or {}).get("_client_secret") or ""
        if session is None or not secret or not hmac.compare_digest(secret, form.get("client_secret", "")):
            raise ApiError("The client secret does not belong to a Checkout Session of this account.", status=401)
        payload = read_json(form.get("payload", ""))
        if payload is None or not isinstance(payload.get("method", {}), dict):
            raise ApiError("Invalid payload")
        return session, {name: value for name, value in payload.items() if name in ENTERED}

    def _act(self, request: Request, session: Doc, action: str, payload: dict[str, Any]) -> Response:
        result: Doc = {}
        with self._state.transaction():
            session = self._state.get(KIND, session["id"], "session")
            if action == "update":
                session = shopper_input.enter(self._state, session, payload)
            elif action == "confirm":
                result = self._result(request, session, shopper_input.confirm(self._state, session, payload))
                session = self._state.get(KIND, session["id"], "session")
            elif action != "retrieve":
                raise ApiError("Unknown action", status=404)
            shown = snapshot(self._state, session)
        token = self._tokens.frame(session["id"])
        page = {
            "ui_mode": session["ui_mode"],
            "redirect_on_completion": session.get("redirect_on_completion", "always"),
            "return_url": (session.get("return_url") or "").replace("{CHECKOUT_SESSION_ID}", session["id"]),
            "token": token,
            "url": f"{request.base_url}/pay/{session['id']}?frame={token}",
            "shipping_address": session["permissions"],
        }
        return Response.from_json(200, {"session": shown, "missing": missing(session), "page": page, **result}, HEADERS)

    def _result(self, request: Request, session: Doc, outcome: PaymentOutcome) -> Doc:
        if outcome.status == "declined":
            return {"declined": {"message": _(outcome.message), "decline_code": outcome.decline_code or outcome.code}}
        if outcome.status == "instructed":
            return {"challenge": f"{outcome.redirect_url}?frame={self._tokens.frame(session['id'])}"}
        if outcome.status == "requires_action":
            query = f"frame={self._tokens.frame(session['id'])}"
            step = (outcome.redirect_url or "").rpartition("/")[2]
            return {"challenge": f"{request.base_url}/pay/{session['id']}/{step}?{query}"}
        return {}


def check_publishable_key(key: str) -> None:
    """Raise ``ApiError`` unless the key is a publishable test key."""
    if key.startswith("pk_live_"):
        raise ApiError(_("The emulator refuses live keys. Use pk_test_..."), status=401)
    if key.startswith(("sk_", "rk_")):
        raise ApiError("You should not use your secret key with Stripe.js. Please pass a publishable key.", status=401)
    if not re.fullmatch(r"pk_test_\w+", key):
        raise ApiError("Invalid API Key provided: use a publishable key such as pk_test_123.", status=401)
