"""The control page: what there is, what is owed, and levers for the clock, the banks and the chaos."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from django.template import Context
from django.utils import translation

from django_checkout.money import format_minor

from .chaos import Chaos, When
from .messages import ApiError, Doc, Request, Response
from .rendering import engine, language_of, redirect, security_headers

if TYPE_CHECKING:
    from .emulator import Emulator

SHOWN = 25
Typed = dict[str, str]


def _advance(emulator: Emulator, typed: Typed) -> None:
    emulator.clock.advance(int(typed["seconds"]))


def _fail(emulator: Emulator, typed: Typed) -> None:
    when: When = "after" if typed.get("when") == "after" else "before"
    count, match = int(typed["count"]), typed.get("match") or "*"
    if typed["status"] == "drop":
        emulator.chaos.drop(count, when=when, match=match)
    else:
        emulator.chaos.fail(count, status=int(typed["status"]), when=when, match=match)


def _mishap(emulator: Emulator, typed: Typed) -> None:
    count, types = int(typed["count"]), typed.get("types") or "*"
    match typed["kind"]:
        case "lose":
            emulator.chaos.lose(count, types=types)
        case "duplicate":
            emulator.chaos.duplicate(count, types=types)
        case "delay":
            emulator.chaos.delay(60, count, types=types)
        case "reverse":
            emulator.chaos.reorder("reverse")
        case _:
            emulator.chaos.reorder("shuffle")


#: Actions by name; ``id`` in the form names the object.
ACTIONS: dict[str, Callable[[Emulator, Typed], object]] = {
    "advance": _advance,
    "fail": _fail,
    "mishap": _mishap,
    "calm": lambda emulator, typed: emulator.chaos.reset(),
    "expire": lambda emulator, typed: emulator.expire(typed["id"]),
    "settle": lambda emulator, typed: emulator.settle(typed["id"]),
    "settle_failed": lambda emulator, typed: emulator.settle(typed["id"], succeed=False),
    "refund": lambda emulator, typed: emulator.refund(typed["id"]),
    "dispute": lambda emulator, typed: emulator.open_dispute(typed["id"]),
    "warn": lambda emulator, typed: emulator.warn_of_fraud(typed["id"]),
    "win": lambda emulator, typed: emulator.close_dispute(typed["id"], "won"),
    "lose": lambda emulator, typed: emulator.close_dispute(typed["id"], "lost"),
    "finish_refund": lambda emulator, typed: emulator.finish_refund(typed["id"]),
    "fail_refund": lambda emulator, typed: emulator.fail_refund(typed["id"]),
    "resend": lambda emulator, typed: emulator.resend(typed["id"]),
}


class ControlPage:
    """Answers requests to ``/control/``."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def answer(self, request: Request) -> Response:
        """Return the page, or do what a button says and return to it."""
        with translation.override(language_of(request, None)):
            if request.method != "POST":
                return self._render(request)
            typed = dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))
            if not hmac.compare_digest(typed.get("token", ""), self._token()):
                return self._render(
                    request, fault=translation.gettext("The form was not sent from this page."), status=403
                )
            try:
                ACTIONS[typed.get("action", "")](self._emulator, typed)
            except ApiError as error:
                return self._render(request, fault=error.message)
            except (KeyError, ValueError):
                return self._render(request, fault=translation.gettext("That is not possible."), status=400)
            return redirect(f"{request.base_url}/control/")

    def _token(self) -> str:
        return hmac.new(self._emulator.form_secret.encode(), b"control", hashlib.sha256).hexdigest()

    def _render(self, request: Request, *, fault: str = "", status: int = 200) -> Response:
        emulator = self._emulator
        chaos: Chaos = emulator.chaos
        context = {
            "base_url": urlsplit(request.base_url).path,
            "language": translation.get_language() or "en",
            "direction": "rtl" if translation.get_language_bidi() else "ltr",
            "token": self._token(),
            "fault": fault,
            "now": datetime.fromtimestamp(emulator.clock.now(), UTC),
            "ahead": _days_and_hours(emulator.clock.offset_seconds),
            "sessions": [_row(session) for session in emulator.latest("checkout.session", SHOWN)],
            "payments": [_row(intent) for intent in emulator.latest("payment_intent", SHOWN)],
            "refunds": [_row(refund) for refund in emulator.latest("refund", SHOWN)],
            "disputes": [_row(dispute) for dispute in emulator.latest("dispute", SHOWN)],
            "events": [self._event(event) for event in emulator.latest("event", SHOWN)],
            "faults": [fault for fault in chaos.faults if fault.remaining],
            "mishaps": [fault for fault in chaos.delivery_faults if fault.remaining],
            "order": chaos.order,
        }
        body = engine().get_template("django_checkout/emulator/control.html").render(Context(context, use_l10n=False))
        headers = {"Content-Type": "text/html; charset=utf-8", **security_headers([])}
        return Response(status=status, headers=headers, body=body.encode())

    def _event(self, event: Doc) -> Doc:
        deliveries = self._emulator.deliveries_of(event["id"])
        return {**_row(event), "type": event["type"], "about": event["data"]["object"]["id"], "deliveries": deliveries}


def _row(document: Doc) -> Doc:
    """Return what a table shows of an object."""
    amount = document.get("amount_total", document.get("amount"))
    currency = document.get("currency")
    return {
        "id": document["id"],
        "short_id": f"{document['id'][:12]}…{document['id'][-4:]}",
        "status": document.get("status", ""),
        "payment_status": document.get("payment_status", ""),
        "amount": format_minor(amount, currency) if amount is not None and currency else "",
        "created": datetime.fromtimestamp(document["created"], UTC),
        "url": document.get("url"),
        "reference": document.get("client_reference_id") or "",
    }


def _days_and_hours(seconds: int) -> str:
    days, hours = divmod(seconds // 3600, 24)
    return f"{days} d {hours} h" if seconds else ""
