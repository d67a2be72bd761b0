"""The billing portal's page: what a customer has subscribed to, to be ended or to go on."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from django.template import Context
from django.utils import formats, translation

from django_checkout.money import format_minor

from .messages import Doc, Request, Response
from .page_view import rhythm
from .rendering import engine, language_of, redirect, security_headers
from .resources import portal, subscriptions
from .resources.catalog import line_amount

if TYPE_CHECKING:
    from .emulator import Emulator

SHOWN_INVOICES = 6


class PortalPage:
    """Answers requests to ``/portal/``."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def answer(self, request: Request) -> Response:
        """Return the page, or do what a button says and return to it."""
        session = self._emulator.find(request.path.strip("/").partition("/")[2], portal.KIND)
        with translation.override(language_of(request, session)):
            with self._emulator.store.transaction():
                is_usable = session is not None and portal.is_usable(self._emulator.world, session)
            if session is None or not is_usable:
                return self._render(request, session, "gone", 404)
            if request.method != "POST":
                return self._render(request, session, "", 200)
            typed = dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))
            if not hmac.compare_digest(typed.get("token", ""), self._token(session)):
                return self._render(request, session, "forged", 403)
            self._act(session, typed)
            return redirect(f"{request.base_url}/portal/{session['id']}")

    def _act(self, session: Doc, typed: dict[str, str]) -> None:
        """End a subscription of this customer with its period, or let it go on."""
        world = self._emulator.world
        with self._emulator.store.transaction():
            own = {found["id"]: found for found in portal.subscriptions_of(world, session)}
            chosen = own.get(typed.get("subscription", ""))
            if chosen is None or chosen["status"] in subscriptions.ENDED:
                return
            if typed.get("action") == "cancel" and not chosen["cancel_at_period_end"]:
                subscriptions.set_end(world, chosen, at_period_end=True)
            if typed.get("action") == "resume" and chosen["cancel_at_period_end"]:
                subscriptions.set_end(world, chosen, at_period_end=False)

    def _render(self, request: Request, session: Doc | None, fault: str, status: int) -> Response:
        context: Doc = {
            "base_url": urlsplit(request.base_url).path,
            "language": translation.get_language() or "en",
            "direction": "rtl" if translation.get_language_bidi() else "ltr",
            "fault": fault,
            "return_url": session["return_url"] if session else None,
        }
        if session and fault != "gone":
            context |= {"portal": session, "token": self._token(session), **self._shown(session)}
        body = engine().get_template("django_checkout/emulator/portal.html").render(Context(context, use_l10n=False))
        headers = {"Content-Type": "text/html; charset=utf-8", **security_headers([])}
        return Response(status=status, headers=headers, body=body.encode())

    def _shown(self, session: Doc) -> Doc:
        world = self._emulator.world
        with self._emulator.store.transaction():
            customer = world.store.find(session["customer"], "customer") or {"email": "", "name": ""}
            bought = portal.subscriptions_of(world, session)
            invoices = world.store.select("invoice", {"customer": session["customer"]}, limit=SHOWN_INVOICES)
            cards = {found["id"]: world.store.find(found["default_payment_method"]) for found in bought}
        return {
            "customer": customer,
            "subscriptions": [_subscription(found, cards[found["id"]]) for found in bought],
            "invoices": [_invoice(invoice) for invoice in invoices],
        }

    def _token(self, session: Doc) -> str:
        return hmac.new(self._emulator.form_secret.encode(), session["id"].encode(), hashlib.sha256).hexdigest()


def _subscription(subscription: Doc, card: Doc | None) -> Doc:
    items = subscription["items"]["data"]
    amount = sum(line_amount(item["price"], item["quantity"]) for item in items)
    names = [line["description"] for line in subscription["_lines"]]
    return {
        "id": subscription["id"],
        "name": ", ".join(names),
        "status": subscription["status"],
        "is_ended": subscription["status"] in subscriptions.ENDED,
        "is_ending": subscription["cancel_at_period_end"],
        "price": format_minor(amount, subscription["currency"]),
        "rhythm": rhythm(items[0]["price"]["recurring"]),
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
