"""The pages on which a person pays: the hosted page, the bank's challenge, the way back into an expired session."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from django.template import Context
from django.utils import translation
from django.utils.translation import gettext as _

from .frames import is_admitted
from .messages import ApiError, Doc, Request, Response
from .page_view import PageView
from .payment_form import PaymentForm
from .rendering import asset, engine, frame_headers, language_of, redirect, security_headers
from .resources.session_rules import ELEMENTS, EMBEDDED, HOSTED
from .shopper import PaymentOutcome

if TYPE_CHECKING:
    from .emulator import Emulator

#: Parameters of an error to the field of the page that it stands beside.
FIELDS_OF = {
    "promotion_code": "promotion_code",
    "discounts": "promotion_code",
    "tax_id": "tax_id",
    "shipping_address": "shipping_country",
}


class Pages:
    """Answers requests to ``/pay/``, ``/recover/`` and ``/assets/``."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def answer(self, request: Request) -> Response:
        """Return a page, in the language of the session or of the browser."""
        root, _, rest = request.path.lstrip("/").partition("/")
        if root == "assets":
            return asset(rest)
        session_id, _, step = rest.strip("/").partition("/")
        session = self._emulator.find_session(session_id)
        with translation.override(language_of(request, session)):
            if session is None or step not in ("", "authenticate") or not self._is_admitted(request, session, step):
                return self._message(request, None, "missing", status=404)
            try:
                if root == "recover":
                    return redirect(self._emulator.recover(session_id)["url"])
                return self._pay(request, session, step)
            except ApiError:
                session = self._emulator.find_session(session_id)
                if session and root == "pay" and session["status"] != "open":
                    return self._message(request, session, session["status"], status=200)
                return self._message(request, session, "closed", status=409)

    def _is_admitted(self, request: Request, session: Doc, step: str) -> bool:
        """Return whether the page may be opened: the bank's in every UI mode, the whole page not for Elements."""
        if session["ui_mode"] == HOSTED:
            return True
        is_wanted = step == "authenticate" or session["ui_mode"] == EMBEDDED or session["status"] != "open"
        return is_wanted and is_admitted(self._emulator, request, session)

    def _pay(self, request: Request, session: Doc, step: str) -> Response:
        if session["status"] != "open":
            return self._message(request, session, session["status"], status=200)
        typed = dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))
        if request.method == "POST" and not hmac.compare_digest(typed.get("token", ""), self._token(session)):
            return self._message(request, session, "forged", status=403)
        if step == "authenticate":
            return self._authenticate(request, session, typed)
        if request.method != "POST":
            return self._form(request, session, PaymentForm.of(session))
        return self._submit(request, session, typed)

    def _submit(self, request: Request, session: Doc, typed: dict[str, str]) -> Response:
        form = PaymentForm.of(session, typed)
        if "use_card" in typed:
            form.values.update(method="card", card_number=typed["use_card"], card_expiry="12 / 34", card_cvc="123")
            return self._form(request, session, form)
        try:
            session = self._emulator.choose(session["id"], {**form.told(session), **_code(typed)})
        except ApiError as error:
            place = FIELDS_OF.get(error.param or "")
            if place:
                form.errors[place] = error.message
            return self._form(request, session, form, decline="" if place else error.message)
        if typed.keys() & {"update", "apply_code", "remove_code", "currency"}:
            form.values["promotion_code"] = ""
            return self._form(request, session, form)
        if not form.check(session, self._emulator.clock.now()):
            return self._form(request, session, form)
        if typed.get("shown_total", str(session["amount_total"])) != str(session["amount_total"]):
            return self._form(request, session, form, notice=_("The total has changed. Please look at it once more."))
        outcome = self._emulator.submit(session["id"], form)
        if outcome.is_complete:
            return self._leave(request, session, outcome)
        if outcome.status == "requires_action":
            return redirect(f"{self._url(request, session)[0]}/authenticate{self._url(request, session)[1]}")
        return self._form(request, session, form, decline=outcome.message)

    def _authenticate(self, request: Request, session: Doc, typed: dict[str, str]) -> Response:
        if request.method != "POST":
            return self._render(request, session, "authenticate.html", {})
        outcome = self._emulator.authenticate(session["id"], succeed=typed.get("answer") == "complete")
        if outcome.is_complete:
            return self._leave(request, session, outcome)
        if session["ui_mode"] == ELEMENTS:
            return self._message(request, session, "answered", status=200)
        return self._form(request, session, PaymentForm.of(session), decline=outcome.message)

    def _leave(self, request: Request, session: Doc, outcome: PaymentOutcome) -> Response:
        """Send the shopper back to the shop, or let the shop's page know that it is done."""
        address, query = self._url(request, session)
        if session["ui_mode"] != HOSTED:
            return redirect(f"{address}{query}&told=complete")
        self._emulator.wait_until_acknowledged(session["id"])
        return redirect(outcome.redirect_url or address)

    def _form(
        self, request: Request, session: Doc, form: PaymentForm, *, decline: str = "", notice: str = ""
    ) -> Response:
        return self._render(
            request,
            session,
            "pay.html",
            {"form": form, "decline": decline, "notice": notice, "custom_fields": form.custom_fields(session)},
        )

    def _message(self, request: Request, session: Doc | None, kind: str, *, status: int) -> Response:
        return self._render(request, session, "message.html", {"kind": kind}, status=status)

    def _render(
        self, request: Request, session: Doc | None, template: str, context: dict[str, Any], *, status: int = 200
    ) -> Response:
        shown = self._shown(session) if session else {}
        is_framed = session is not None and session["ui_mode"] != HOSTED
        extra = {
            "base_url": urlsplit(request.base_url).path,
            "is_framed": is_framed,
            "query": self._url(request, session)[1] if session else "",
            "told": told(request, context),
            "language": translation.get_language() or "en",
            "direction": "rtl" if translation.get_language_bidi() else "ltr",
            **shown,
            **context,
        }
        body = engine().get_template(f"django_checkout/emulator/{template}").render(Context(extra, use_l10n=False))
        targets = [shown.get("success_url"), shown.get("cancel_url")]
        headers = {"Content-Type": "text/html; charset=utf-8"}
        headers |= frame_headers() if is_framed else security_headers(targets)
        return Response(status=status, headers=headers, body=body.encode())

    def _shown(self, session: Doc) -> Doc:
        with self._emulator.store.transaction():
            view = PageView(self._emulator.world, session)
            return {**view.summary(), **view.choices(), "token": self._token(session)}

    def _token(self, session: Doc) -> str:
        """Return proof that a form was sent from the page, which no other site can read."""
        return hmac.new(self._emulator.form_secret.encode(), session["id"].encode(), hashlib.sha256).hexdigest()

    def _url(self, request: Request, session: Doc) -> tuple[str, str]:
        """Return the page's address and the query that opens it."""
        query = f"?frame={self._emulator.frame_token(session['id'])}" if session["ui_mode"] != HOSTED else ""
        return f"{request.base_url}/pay/{session['id']}", query


def _code(typed: dict[str, str]) -> Doc:
    """Return what the buttons of the promotion code ask for."""
    if "remove_code" in typed:
        return {"promotion_code": None}
    code = typed.get("promotion_code", "").strip()
    return {"promotion_code": code} if code or "apply_code" in typed else {}


def told(request: Request, context: dict[str, Any]) -> str:
    """Return what the page around a frame is to be told, besides that the frame is there."""
    if context.get("kind") == "answered":
        return "answered"
    return "complete" if parse_qs(request.query).get("told") == ["complete"] else ""
