"""The pages on which a person pays: the hosted page, the bank's challenge, the way back into an expired session."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from django.template import Context
from django.utils import translation
from django.utils.translation import gettext as _

from django_checkout.money import format_minor

from . import cards
from .frames import is_admitted
from .messages import ApiError, Doc, Request, Response
from .payment_form import PaymentForm
from .rendering import COUNTRIES, asset, country_names, engine, frame_headers, language_of, redirect, security_headers
from .resources import sessions
from .resources.session_rules import ELEMENTS, EMBEDDED, HOSTED
from .shopper import PaymentOutcome

if TYPE_CHECKING:
    from .emulator import Emulator

COMMON_CARDS = 5


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
            if "update" in typed or form.quantities:
                session = self._emulator.choose(session["id"], form)
        except (ApiError, IndexError):
            return self._form(request, session, form, decline=_("This quantity cannot be chosen."))
        if "update" in typed:
            return self._form(request, session, form)
        if not form.check(session, self._emulator.clock.now()):
            return self._form(request, session, form)
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

    def _form(self, request: Request, session: Doc, form: PaymentForm, *, decline: str = "") -> Response:
        allowed = (session["shipping_address_collection"] or {}).get("allowed_countries", [])
        context = {
            "form": form,
            "decline": decline,
            "common_cards": cards.CARDS[:COMMON_CARDS],
            "other_cards": cards.CARDS[COMMON_CARDS:],
            "bank_accounts": cards.BANK_ACCOUNTS if len(session["payment_method_types"]) > 1 else (),
            "countries": country_names(COUNTRIES),
            "shipping_countries": country_names(allowed),
            "rates": self._rates(session),
        }
        return self._render(request, session, "pay.html", context)

    def _rates(self, session: Doc) -> list[Doc]:
        return [
            {
                "id": option["shipping_rate"],
                "name": self._emulator.get(option["shipping_rate"])["display_name"],
                "amount": self._money(option["shipping_amount"], session),
            }
            for option in session["shipping_options"]
        ]

    def _message(self, request: Request, session: Doc | None, kind: str, *, status: int) -> Response:
        return self._render(request, session, "message.html", {"kind": kind}, status=status)

    def _render(
        self, request: Request, session: Doc | None, template: str, context: dict[str, Any], *, status: int = 200
    ) -> Response:
        shown = self._summary(session) if session else {}
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
        body = engine().get_template(f"django_checkout/emulator/{template}").render(Context(extra))
        targets = [shown.get("success_url"), shown.get("cancel_url")]
        headers = {"Content-Type": "text/html; charset=utf-8"}
        headers |= frame_headers() if is_framed else security_headers(targets)
        return Response(status=status, headers=headers, body=body.encode())

    def _summary(self, session: Doc) -> Doc:
        shipping = session["shipping_cost"]
        total = session["amount_total"]
        return {
            "session": session,
            "shop_name": session["_params"].get("branding_settings", {}).get("display_name", ""),
            "token": self._token(session),
            "total": self._money(total, session) if total is not None else "",
            "subtotal": self._money(session["amount_subtotal"] or 0, session),
            "shipping": self._money(shipping["amount_total"], session) if shipping else "",
            "lines": [self._line(line, session) for line in session.get("_lines", [])],
            "can_update": len(session["shipping_options"]) > 1
            or any(line["adjustable_quantity"] for line in session.get("_lines", [])),
            "is_free": total == 0,
            "is_manual": session["_params"].get("payment_intent_data", {}).get("capture_method") == "manual",
            "success_url": sessions.substituted(session["success_url"], session),
            "cancel_url": session["cancel_url"],
        }

    def _line(self, line: Doc, session: Doc) -> Doc:
        product = self._emulator.get(line["price"]["product"])
        unit = line["price"]["unit_amount"]
        return {
            "name": line["description"],
            "adjustable": line["adjustable_quantity"],
            "description": product["description"],
            "quantity": line["quantity"],
            "amount": self._money(line["amount_total"], session),
            "unit": self._money(unit, session) if unit is not None and line["quantity"] > 1 else "",
        }

    def _money(self, minor: int, session: Doc) -> str:
        return format_minor(minor, session["currency"] or "usd")

    def _token(self, session: Doc) -> str:
        """Return proof that a form was sent from the page, which no other site can read."""
        return hmac.new(self._emulator.form_secret.encode(), session["id"].encode(), hashlib.sha256).hexdigest()

    def _url(self, request: Request, session: Doc) -> tuple[str, str]:
        """Return the page's address and the query that opens it."""
        query = f"?frame={self._emulator.frame_token(session['id'])}" if session["ui_mode"] != HOSTED else ""
        return f"{request.base_url}/pay/{session['id']}", query


def told(request: Request, context: dict[str, Any]) -> str:
    """Return what the page around a frame is to be told, besides that the frame is there."""
    if context.get("kind") == "answered":
        return "answered"
    return "complete" if parse_qs(request.query).get("told") == ["complete"] else ""
