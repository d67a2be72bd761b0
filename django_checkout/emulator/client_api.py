"""What ``stripe.js`` and its frames ask, known by a session's client secret and a publishable key alone."""

from __future__ import annotations

import hmac
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from django.utils import translation
from django.utils.translation import gettext as _

from .messages import ApiError, Doc, Request, Response
from .rendering import language_of
from .resources.discounts import INVALID_CODE, NOTHING_TO_APPLY_TO, TOO_LITTLE
from .shopper import PaymentOutcome
from .snapshot import missing, snapshot

if TYPE_CHECKING:
    from .emulator import Emulator

#: Codes of the API to codes of ``stripe.js``; every other error has none.
CODES = {
    INVALID_CODE: "invalidCode",
    TOO_LITTLE: "promotionCodeAmountInsufficient",
    NOTHING_TO_APPLY_TO: "couponAppliesToNothing",
    "email_incomplete": "incompleteEmail",
    "email_invalid": "invalidEmail",
    "tax_id_invalid": "invalidTaxId",
}
#: The page and the emulator may be of different origins; nothing here depends on a cookie.
HEADERS = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class ClientApi:
    """Answers requests to ``/payment_pages/<session>/<action>``: ``retrieve``, ``update`` and ``confirm``."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def answer(self, request: Request) -> Response:
        """Return the session or an error as JSON."""
        _root, _slash, rest = request.path.lstrip("/").partition("/")
        session_id, _slash, action = rest.strip("/").partition("/")
        try:
            session, payload = self._admitted(request, session_id)
            with translation.override(language_of(request, session)):
                return self._act(request, session, action, payload)
        except ApiError as error:
            document = {"message": error.message, "code": CODES.get(error.code or ""), "type": error.kind}
            # What a shopper can mend is an answer like any other: browsers report a failed request on their console.
            status = 200 if error.status == 400 else error.status
            return Response.from_json(status, {"error": document}, HEADERS)

    def _admitted(self, request: Request, session_id: str) -> tuple[Doc, dict[str, Any]]:
        """Return the session and the request's content, or refuse."""
        if request.method != "POST":
            raise ApiError("Use POST.", status=405)
        typed = dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))
        check_publishable_key(typed.get("key", ""))
        session = self._emulator.find_session(session_id)
        secret = (session or {}).get("_client_secret") or ""
        if session is None or not secret or not hmac.compare_digest(secret, typed.get("client_secret", "")):
            raise ApiError("The client secret does not belong to a Checkout Session of this account.", status=401)
        try:
            payload = json.loads(typed.get("payload") or "{}")
        except ValueError:
            payload = None
        if not isinstance(payload, dict):
            raise ApiError("Invalid payload")
        return session, payload

    def _act(self, request: Request, session: Doc, action: str, payload: dict[str, Any]) -> Response:
        emulator = self._emulator
        extra: Doc = {}
        if action == "update":
            session = emulator.tell(session["id"], payload)
        elif action == "confirm":
            outcome = emulator.confirm(session["id"], payload)
            session = emulator.find_session(session["id"]) or session
            extra = self._outcome(request, session, outcome)
        elif action != "retrieve":
            raise ApiError("Unknown action", status=404)
        with emulator.store.transaction():
            shown = snapshot(emulator.world, session)
        document = {
            "session": shown,
            "missing": missing(session),
            "page": {
                "ui_mode": session["ui_mode"],
                "redirect_on_completion": session.get("redirect_on_completion", "always"),
                "return_url": (session.get("return_url") or "").replace("{CHECKOUT_SESSION_ID}", session["id"]),
                "token": emulator.frame_token(session["id"]),
                "url": f"{request.base_url}/pay/{session['id']}?frame={emulator.frame_token(session['id'])}",
                "shipping_address": session["permissions"],
            },
            **extra,
        }
        return Response.from_json(200, document, HEADERS)

    def _outcome(self, request: Request, session: Doc, outcome: PaymentOutcome) -> Doc:
        if outcome.status == "declined":
            return {"declined": {"message": outcome.message, "decline_code": outcome.decline_code or outcome.code}}
        if outcome.status == "requires_action":
            query = f"frame={self._emulator.frame_token(session['id'])}"
            return {"challenge": f"{request.base_url}/pay/{session['id']}/authenticate?{query}"}
        return {}


def check_publishable_key(key: str) -> None:
    """Raise for a key that a page must not use; a live key is never taken."""
    if key.startswith("pk_live_"):
        raise ApiError(_("This is the emulator and it refuses live keys. Use pk_test_..."), status=401)
    if key.startswith(("sk_", "rk_")):
        raise ApiError("You should not use your secret key with Stripe.js. Please pass a publishable key.", status=401)
    if not re.fullmatch(r"pk_test_\w+", key):
        raise ApiError("Invalid API Key provided: use a publishable key such as pk_test_123.", status=401)
