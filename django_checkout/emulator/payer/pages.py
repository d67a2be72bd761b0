"""The payment page, the 3-D Secure page, and the recovery URL of an expired session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from django.utils import translation
from django.utils.translation import gettext as _

from django_checkout.emulator.api.resources import sessions, vouchers
from django_checkout.emulator.api.resources.session_rules import ELEMENTS, EMBEDDED, HOSTED
from django_checkout.emulator.messages import ApiError, Doc, Request, Response
from django_checkout.emulator.payer import action_form, branding, checkout, shopper_input
from django_checkout.emulator.payer.authentication import AuthenticationPage, kind_of
from django_checkout.emulator.payer.instructions_page import STEP as INSTRUCTIONS
from django_checkout.emulator.payer.instructions_page import InstructionsPage
from django_checkout.emulator.payer.instructions_view import context
from django_checkout.emulator.payer.page_view import PageView
from django_checkout.emulator.payer.payment_form import PaymentForm
from django_checkout.emulator.payer.rendering import (
    SAFE_HEADERS,
    asset,
    frame_headers,
    language_of,
    redirect,
    render,
    security_headers,
)
from django_checkout.emulator.payer.shopper import PaymentOutcome
from django_checkout.emulator.payer.shopper import outcome as outcome_of
from django_checkout.emulator.payer.tokens import Tokens
from django_checkout.emulator.state.state import State

#: The pages of a session: the payment page, 3-D Secure, a QR code.
STEPS = ("", "authenticate", "code")
#: The query of the payment page after a QR code has ended.
ENDED = "code=ended"
#: Parameters of an error to the fields of the page that show it.
FIELDS_OF = {
    "promotion_code": "promotion_code",
    "discounts": "promotion_code",
    "tax_id": "tax_id",
    "shipping_address": "shipping_country",
}


class Pages:
    """Answers ``/pay/``, ``/recover/`` and ``/assets/``.

    ``wait_until_acknowledged`` takes a session's id and waits for the shop's webhook, as Stripe's page does.
    """

    def __init__(self, state: State, tokens: Tokens, wait_until_acknowledged: Callable[[str], None]) -> None:
        self._state = state
        self._tokens = tokens
        self._authentication = AuthenticationPage(state, tokens)
        self._instructions = InstructionsPage(state, tokens)
        self._wait_until_acknowledged = wait_until_acknowledged

    def answer(self, request: Request) -> Response:
        """Return a page, or redirect."""
        root, _, rest = request.path.lstrip("/").partition("/")
        if root == "assets":
            return branding.answer(rest) or asset(rest)
        session_id, _, step = rest.strip("/").partition("/")
        if kind_of(session_id):
            with translation.override(language_of(request, None)):
                page = self._page_of_intent(request, session_id, step)
                return page or self._message(request, None, "missing", status=404)
        session = self._find(session_id)
        with translation.override(language_of(request, session)):
            if session is None or step not in STEPS or not self._may_open(request, session, step):
                return self._message(request, None, "missing", status=404)
            try:
                if root == "recover":
                    with self._state.transaction():
                        return redirect(sessions.recover(self._state, session)["url"])
                return self._pay(request, session, step)
            except ApiError:
                session = self._find(session_id)
                if session and root == "pay" and session["status"] != "open":
                    return self._message(request, session, session["status"], status=200)
                return self._message(request, session, "closed", status=409)

    def _page_of_intent(self, request: Request, intent_id: str, step: str) -> Response | None:
        if step == "authenticate":
            return self._authentication.answer(request, intent_id)
        name, _, rest = step.partition("/")
        return self._instructions.answer(request, intent_id, rest) if name == INSTRUCTIONS else None

    def _find(self, session_id: str) -> Doc | None:
        with self._state.transaction():
            return self._state.store.find(session_id, sessions.KIND)

    def _get(self, session: Doc) -> Doc:
        return self._state.get(sessions.KIND, session["id"], "session")

    def _may_open(self, request: Request, session: Doc, step: str) -> bool:
        """Return whether a page may be opened: all in every UI mode, except the payment page for Elements."""
        if session["ui_mode"] == HOSTED:
            return True
        is_wanted = step != "" or session["ui_mode"] == EMBEDDED or session["status"] != "open"
        return is_wanted and self._tokens.is_frame_valid(request, session)

    def _pay(self, request: Request, session: Doc, step: str) -> Response:
        if step == "code":
            return self._wait_for_scan(request, session)
        if session["status"] != "open":
            return self._message(request, session, session["status"], status=200)
        if request.method == "POST" and not self._tokens.is_form_valid(request, session["id"]):
            return self._message(request, session, "forged", status=403)
        if step == "authenticate":
            return self._authenticate(request, session)
        if request.method != "POST":
            notice = _("The code has expired. Please choose how to pay.") if ENDED in request.query else ""
            return self._form(request, session, PaymentForm.of(session), notice=notice)
        return self._submit(request, session, request.form)

    def _submit(self, request: Request, session: Doc, typed: dict[str, str]) -> Response:
        form = PaymentForm.of(session, typed)
        if "use_card" in typed:
            form.values.update(method="card", card_number=typed["use_card"], card_expiry="12 / 34", card_cvc="123")
            return self._form(request, session, form)
        if "use_value" in typed:
            action_form.fill_in(form.values, typed["use_value"])
            return self._form(request, session, form)
        try:
            with self._state.transaction():
                entered = {**form.entered(session), **_code(typed)}
                session = shopper_input.enter(self._state, self._get(session), entered)
        except ApiError as error:
            field, message = FIELDS_OF.get(error.param or ""), _(error.message)
            if field:
                form.errors[field] = message
            return self._form(request, session, form, decline="" if field else message)
        if typed.keys() & {"update", "apply_code", "remove_code", "currency"}:
            form.values["promotion_code"] = ""
            return self._form(request, session, form)
        if not form.check(session, self._state.clock.now()):
            return self._form(request, session, form)
        if typed.get("shown_total", str(session["amount_total"])) != str(session["amount_total"]):
            return self._form(request, session, form, notice=_("The total has changed. Please check it and pay again."))
        outcome = self._submit_payment(session, form)
        if outcome.is_complete:
            return self._leave(request, session, outcome)
        if outcome.status == "requires_action":
            address, query = self._url(request, session)
            return redirect(f"{address}/{(outcome.redirect_url or '').rpartition('/')[2]}{query}")
        return self._form(request, session, form, decline=_(outcome.message))

    def _submit_payment(self, session: Doc, form: PaymentForm) -> PaymentOutcome:
        with self._state.transaction():
            session = self._get(session)
            if form.saved:
                return shopper_input.pay_saved(self._state, session, form.saved, form.shopper())
            return checkout.pay(self._state, session, form.method(), form.shopper())

    def _wait_for_scan(self, request: Request, session: Doc) -> Response:
        """Show a QR code until the shopper has paid: then go on, or back to the form if it has expired."""
        with self._state.transaction():
            intent = self._state.store.find(session.get("_intent"))
            kind = vouchers.method_of(intent) if intent else None
            is_waiting = intent is not None and kind is not None and kind.is_qr_code and vouchers.is_waiting(intent)
            shown = context(self._state, intent, kind) if intent and kind else {}
        is_shown = session["status"] == "open" and is_waiting
        if "poll=1" in request.query:
            # The script of the page must not follow a redirect to the shop.
            return Response(status=204 if is_shown else 200, headers=SAFE_HEADERS, body=b"")
        if is_shown:
            codes = {name: shown[name] for name in ("title", "codes", "action", "deadline")}
            return self._render(request, session, "code.html", codes)
        if session["status"] == "complete":
            return self._leave(request, session, outcome_of(session, "paid"))
        if session["ui_mode"] == ELEMENTS:
            return self._message(request, session, "answered", status=200)
        address, query = self._url(request, session)
        return redirect(f"{address}{query}{'&' if query else '?'}{ENDED if intent else ''}".rstrip("?&"))

    def _authenticate(self, request: Request, session: Doc) -> Response:
        if request.method != "POST":
            return self._render(request, session, "authenticate.html", {})
        succeed = request.form.get("answer") == "complete"
        with self._state.transaction():
            outcome = checkout.authenticate(self._state, self._get(session), succeed=succeed)
        if outcome.is_complete:
            return self._leave(request, session, outcome)
        if session["ui_mode"] == ELEMENTS:
            return self._message(request, session, "answered", status=200)
        return self._form(request, session, PaymentForm.of(session), decline=_(outcome.message))

    def _leave(self, request: Request, session: Doc, outcome: PaymentOutcome) -> Response:
        """Redirect to the shop, in a frame to a page that reports completion to the shop's page, or to instructions."""
        address, query = self._url(request, session)
        if session["ui_mode"] != HOSTED and outcome.status == "instructed":
            return redirect(f"{outcome.redirect_url}{query}")
        if session["ui_mode"] != HOSTED:
            return redirect(f"{address}{query}&outcome=complete")
        self._wait_until_acknowledged(session["id"])
        return redirect(outcome.redirect_url or address)

    def _form(
        self, request: Request, session: Doc, form: PaymentForm, *, decline: str = "", notice: str = ""
    ) -> Response:
        return self._render(
            request,
            session,
            "pay.html",
            {
                "form": form,
                "decline": decline,
                "notice": notice,
                "custom_fields": form.custom_fields(session),
                "action_methods": action_form.choices(session, form.values, form.errors),
            },
        )

    def _message(self, request: Request, session: Doc | None, kind: str, *, status: int) -> Response:
        return self._render(request, session, "message.html", {"kind": kind}, status=status)

    def _render(
        self, request: Request, session: Doc | None, template: str, context: dict[str, Any], *, status: int = 200
    ) -> Response:
        shown = self._shown(session) if session else {}
        is_framed = session is not None and session["ui_mode"] != HOSTED
        extra = {
            "is_framed": is_framed,
            "query": self._url(request, session)[1] if session else "",
            "outcome": frame_outcome(request, context),
        }
        targets = [shown.get("success_url"), shown.get("cancel_url")]
        images = [line["image"] for line in shown.get("lines", ())]
        headers = frame_headers(images) if is_framed else security_headers(targets, images)
        return render(template, request, {**extra, **shown, **context}, headers, status=status)

    def _shown(self, session: Doc) -> Doc:
        with self._state.store.transaction():
            view = PageView(self._state, session)
            return {**view.summary(), **view.choices(), "token": self._tokens.form(session["id"])}

    def _url(self, request: Request, session: Doc) -> tuple[str, str]:
        """Return the page's address and the query that opens it."""
        query = f"?frame={self._tokens.frame(session['id'])}" if session["ui_mode"] != HOSTED else ""
        return f"{request.base_url}/pay/{session['id']}", query


def _code(typed: dict[str, str]) -> Doc:
    """Return the promotion code that the buttons apply; None removes it."""
    if "remove_code" in typed:
        return {"promotion_code": None}
    code = typed.get("promotion_code", "").strip()
    return {"promotion_code": code} if code or "apply_code" in typed else {}


def frame_outcome(request: Request, context: dict[str, Any]) -> str:
    """Return the message that a frame sends to the page around it: ``answered``, ``complete`` or none."""
    if context.get("kind") == "answered":
        return "answered"
    return "complete" if parse_qs(request.query).get("outcome") == ["complete"] else ""
