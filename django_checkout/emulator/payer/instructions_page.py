"""The pages of vouchers, QR codes and bank transfers: instructions, images, the boleto's PDF, what test mode offers."""

from __future__ import annotations

import hmac

from django.utils import translation
from django.utils.translation import gettext as _

from django_checkout.emulator.api.resources import instructions, intents, vouchers
from django_checkout.emulator.messages import ApiError, Doc, Request, Response
from django_checkout.emulator.payer import qr_codes
from django_checkout.emulator.payer.instructions_view import context
from django_checkout.emulator.payer.pdf import document
from django_checkout.emulator.payer.rendering import frame_headers, language_of, redirect, render, security_headers
from django_checkout.emulator.payer.shopper_input import minor_units
from django_checkout.emulator.payer.tokens import Tokens
from django_checkout.emulator.reference.action_methods import ActionMethod
from django_checkout.emulator.reference.currencies import to_decimal
from django_checkout.emulator.state.state import State

STEP = "instructions"
TEST_PAYMENT = "test_payment"
IMAGES = {"svg": ("image/svg+xml", qr_codes.svg), "png": ("image/png", qr_codes.png)}


class InstructionsPage:
    """Answers ``/pay/<intent>/instructions/<key>``. Who knows the key may open it, as at Stripe."""

    def __init__(self, state: State, tokens: Tokens) -> None:
        self._state = state
        self._tokens = tokens

    def answer(self, request: Request, intent_id: str, rest: str) -> Response | None:
        """Return a page or a file, or None if the intent or its key is not known."""
        name, _slash, step = rest.partition("/")
        key, _dot, suffix = name.partition(".")
        with self._state.transaction():
            intent = self._state.store.find(intent_id, intents.KIND)
            session = self._state.store.find((intent or {}).get("_session"))
        kind = vouchers.method_of(intent) if intent else None
        if intent is None or kind is None or not hmac.compare_digest(intent["_voucher"]["key"].encode(), key.encode()):
            return None
        with translation.override(language_of(request, session)):
            if suffix:
                return self._file(intent, kind, suffix)
            if step not in ("", TEST_PAYMENT) or (step and not kind.is_qr_code):
                return None
            return self._page(request, intent, kind, session, step)

    def _file(self, intent: Doc, kind: ActionMethod, suffix: str) -> Response | None:
        """Return the image of a QR code or the PDF of a boleto, while it can be paid."""
        action = (intent["next_action"] or {}).get(kind.action)
        if action and kind.is_qr_code and suffix in IMAGES:
            content_type, image = IMAGES[suffix]
            try:
                return Response(status=200, headers={"Content-Type": content_type}, body=image(action["data"]))
            except ValueError:
                # The emulator has a very long address.
                return None
        if action and "pdf" in action and suffix == "pdf":
            with self._state.transaction():
                shown = context(self._state, intent, kind)
            lines = [shown["shop_name"], shown["title"], shown["amount"], action["number"], shown["deadline"]]
            headers = {"Content-Type": "application/pdf", "Content-Disposition": 'inline; filename="boleto.pdf"'}
            return Response(status=200, headers=headers, body=document(lines))
        return None

    def _page(self, request: Request, intent: Doc, kind: ActionMethod, session: Doc | None, step: str) -> Response:
        error, status = "", 200
        if request.method == "POST":
            if not self._tokens.is_form_valid(request, intent["id"]):
                error, status = _("The form was not sent from this page."), 403
            else:
                try:
                    self._act(intent, request.form)
                    return redirect(f"{request.base_url}{request.path}{'?' if request.query else ''}{request.query}")
                except ApiError as problem:
                    error = _(problem.message)
        with self._state.transaction():
            shown = context(self._state, self._state.get(intents.KIND, intent["id"]), kind)
        is_framed = session is not None and self._tokens.is_frame_valid(request, session)
        extra = {
            "is_framed": is_framed,
            "is_test_payment": step == TEST_PAYMENT,
            "token": self._tokens.form(intent["id"]),
            "page": f"{request.base_url}{request.path}{'?' if request.query else ''}{request.query}",
            "continued": f"/pay/{session['id']}?{request.query}&outcome=complete" if is_framed and session else "",
            "error": error,
            "step": str(to_decimal(1, intent["currency"])),
        }
        headers = frame_headers() if is_framed else security_headers([])
        return render("instructions.html", request, {**shown, **extra}, headers, status=status)

    def _act(self, intent: Doc, form: dict[str, str]) -> None:
        """Let the shopper pay, or the instructions expire: the buttons of test mode."""
        with self._state.transaction():
            found = self._state.get(intents.KIND, intent["id"])
            amount = minor_units(form["amount"], found["currency"]) if form.get("amount") else None
            instructions.settle(self._state, found, succeed=form.get("act") != "expire", amount=amount)
