"""The billing portal: a customer's subscriptions, to cancel or resume, and invoices."""

from __future__ import annotations

from datetime import UTC, datetime

from django.utils import formats, translation
from django.utils.translation import gettext as _

from django_checkout.emulator.api.resources import portal, subscriptions
from django_checkout.emulator.api.resources.lines import full_amount
from django_checkout.emulator.messages import ApiError, Doc, Request, Response
from django_checkout.emulator.payer import portal_flows
from django_checkout.emulator.payer.page_view import interval_text
from django_checkout.emulator.payer.rendering import format_minor, language_of, redirect, render, security_headers
from django_checkout.emulator.payer.tokens import Tokens
from django_checkout.emulator.state.state import State

SHOWN_INVOICES = 6


class PortalPage:
    """Answers ``/portal/<session>``."""

    def __init__(self, state: State, tokens: Tokens) -> None:
        self._state = state
        self._tokens = tokens

    def answer(self, request: Request) -> Response:
        """Return the page, or perform the action of a button and redirect to the page."""
        with self._state.transaction():
            session = self._state.store.find(request.path.strip("/").partition("/")[2], portal.KIND)
            is_usable = session is not None and portal.is_usable(self._state, session)
        with translation.override(language_of(request, session)):
            if session is None or not is_usable:
                return self._render(request, session, "gone", 404)
            if request.method != "POST":
                return self._render(request, session, "", 200)
            if not self._tokens.is_form_valid(request, session["id"]):
                return self._render(request, session, "forged", 403)
            home = f"{request.base_url}/portal/{session['id']}"
            if not portal_flows.is_pending(session):
                self._act(session, request.form)
                return redirect(home)
            try:
                with self._state.transaction():
                    portal_flows.perform(self._state, session, request.form)
            except ApiError as error:
                return self._render(request, session, "", 200, error=error.message)
            return redirect(portal_flows.next_url(session, home))

    def _act(self, session: Doc, form: dict[str, str]) -> None:
        """Cancel a subscription of this customer at the end of its period, or resume it."""
        with self._state.transaction():
            own = {found["id"]: found for found in portal.subscriptions_of(self._state, session)}
            chosen = own.get(form.get("subscription", ""))
            if chosen is None or chosen["status"] in subscriptions.ENDED:
                return
            with self._state.on_clock_of(chosen):
                if form.get("action") == "cancel" and self._may_cancel(session):
                    portal_flows.cancel(self._state, session, chosen)
                if form.get("action") == "resume" and chosen["cancel_at_period_end"]:
                    subscriptions.set_end(self._state, chosen, at_period_end=False)

    def _may_cancel(self, session: Doc) -> bool:
        return bool(portal.features_of(self._state, session)["subscription_cancel"]["enabled"])

    def _render(self, request: Request, session: Doc | None, fault: str, status: int, *, error: str = "") -> Response:
        context: Doc = {"fault": fault, "return_url": session["return_url"] if session else None, "error": error}
        if session and fault != "gone":
            context |= {"portal": session, "token": self._tokens.form(session["id"]), **self._shown(session)}
        return render("portal.html", request, context, security_headers([]), status=status)

    def _shown(self, session: Doc) -> Doc:
        state = self._state
        with state.store.transaction():
            features = portal.features_of(state, session)
            flow = portal_flows.shown(state, session) if portal_flows.is_pending(session) else None
            customer = state.store.find(session["customer"], "customer") or {"email": "", "name": ""}
            bought = portal.subscriptions_of(state, session)
            invoices = state.store.select("invoice", {"customer": session["customer"]}, limit=SHOWN_INVOICES)
            cards = {found["id"]: state.store.find(found["default_payment_method"]) for found in bought}
        return {
            "customer": customer,
            "flow": flow,
            "confirmation": _confirmation(session),
            "features": features,
            "subscriptions": [
                _subscription(found, subscriptions.lines_of(state, found), cards[found["id"]]) for found in bought
            ],
            "invoices": [_invoice(one) for one in invoices if features["invoice_history"]["enabled"]],
        }


def _confirmation(session: Doc) -> str:
    """Return the message after a completed flow, or ""."""
    if not session.get("_completed") or session["flow"]["after_completion"]["type"] != "hosted_confirmation":
        return ""
    own = (session["flow"]["after_completion"]["hosted_confirmation"] or {}).get("custom_message")
    return own or _("Your changes are saved.")


def _subscription(subscription: Doc, lines: list[Doc], card: Doc | None) -> Doc:
    items = subscription["items"]["data"]
    amount = sum(full_amount(line) for line in lines)
    names = [line["description"] for line in lines]
    return {
        "id": subscription["id"],
        "name": ", ".join(names),
        "status": subscription["status"],
        "is_ended": subscription["status"] in subscriptions.ENDED,
        "is_ending": subscription["cancel_at_period_end"],
        "price": format_minor(amount, subscription["currency"]),
        "interval": interval_text(items[0]["price"]["recurring"]),
        "until": _day(subscriptions.period_end(subscription)),
        "ended": _day(subscription["ended_at"]) if subscription["ended_at"] else "",
        "card": f"{card['card']['brand'].upper()} •••• {card['card']['last4']}" if card and "card" in card else "",
    }


def _invoice(invoice: Doc) -> Doc:
    return {
        "number": invoice["number"],
        "status": invoice["status"],
        "day": _day(invoice["created"]),
        "amount": format_minor(invoice["total"], invoice["currency"]),
    }


def _day(seconds: int) -> str:
    return formats.date_format(datetime.fromtimestamp(seconds, UTC), "DATE_FORMAT")
