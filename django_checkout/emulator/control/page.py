"""The control page: objects and events, and forms for clock, bank, dashboard and chaos."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from django.utils import translation

from django_checkout.emulator.chaos import When
from django_checkout.emulator.control.controls import Controls
from django_checkout.emulator.messages import ApiError, Doc, Request, Response
from django_checkout.emulator.payer.rendering import format_minor, language_of, redirect, render, security_headers
from django_checkout.emulator.payer.tokens import Tokens

SHOWN = 25
SUBJECT = "control"
Form = dict[str, str]


def _fail(controls: Controls, form: Form) -> None:
    when: When = "after" if form.get("when") == "after" else "before"
    count, match = int(form["count"]), form.get("match") or "*"
    if form["status"] == "drop":
        controls.chaos.drop(count, when=when, match=match)
    else:
        controls.chaos.fail(count, status=int(form["status"]), when=when, match=match)


def _fail_deliveries(controls: Controls, form: Form) -> None:
    count, types = int(form["count"]), form.get("types") or "*"
    match form["kind"]:
        case "lose":
            controls.chaos.lose(count, types=types)
        case "duplicate":
            controls.chaos.duplicate(count, types=types)
        case "delay":
            controls.chaos.delay(60, count, types=types)
        case "reverse":
            controls.chaos.reorder("reverse")
        case _:
            controls.chaos.reorder("shuffle")


#: Actions by name. The field ``id`` of the form names the object.
ACTIONS: dict[str, Callable[[Controls, Form], object]] = {
    "advance": lambda controls, form: controls.clock.advance(int(form["seconds"])),
    "fail": _fail,
    "fail_deliveries": _fail_deliveries,
    "reset": lambda controls, form: controls.chaos.reset(),
    "expire": lambda controls, form: controls.expire(form["id"]),
    "settle": lambda controls, form: controls.settle(form["id"]),
    "settle_failed": lambda controls, form: controls.settle(form["id"], succeed=False),
    "refund": lambda controls, form: controls.refund(form["id"]),
    "dispute": lambda controls, form: controls.open_dispute(form["id"]),
    "warn": lambda controls, form: controls.warn_of_fraud(form["id"]),
    "win": lambda controls, form: controls.close_dispute(form["id"], "won"),
    "lose": lambda controls, form: controls.close_dispute(form["id"], "lost"),
    "finish_refund": lambda controls, form: controls.finish_refund(form["id"]),
    "fail_refund": lambda controls, form: controls.fail_refund(form["id"]),
    "resend": lambda controls, form: controls.resend(form["id"]),
}


class ControlPage:
    """Answers ``/control/``."""

    def __init__(self, controls: Controls, tokens: Tokens) -> None:
        self._controls = controls
        self._tokens = tokens

    def answer(self, request: Request) -> Response:
        """Return the page, or perform the action of a form and redirect to the page."""
        with translation.override(language_of(request, None)):
            if request.method != "POST":
                return self._render(request)
            if not self._tokens.is_form_valid(request, SUBJECT):
                message = translation.gettext("The form was not sent from this page.")
                return self._render(request, error=message, status=403)
            form = request.form
            try:
                ACTIONS[form.get("action", "")](self._controls, form)
            except ApiError as error:
                return self._render(request, error=error.message)
            except (KeyError, ValueError):
                return self._render(request, error=translation.gettext("Unknown action or invalid value."), status=400)
            return redirect(f"{request.base_url}/control/")

    def _render(self, request: Request, *, error: str = "", status: int = 200) -> Response:
        clock, chaos = self._controls.clock, self._controls.chaos
        context = {
            "token": self._tokens.form(SUBJECT),
            "error": error,
            "now": datetime.fromtimestamp(clock.now(), UTC),
            "ahead": _days_and_hours(clock.offset_seconds),
            "faults": [fault for fault in chaos.faults if fault.remaining],
            "delivery_faults": [fault for fault in chaos.delivery_faults if fault.remaining],
            "order": chaos.order,
            **self._tables(),
        }
        return render("control.html", request, context, security_headers([]), status=status)

    def _tables(self) -> Doc:
        kinds = {
            "sessions": "checkout.session",
            "payments": "payment_intent",
            "refunds": "refund",
            "disputes": "dispute",
        }
        state = self._controls.state
        with state.transaction():
            tables = {
                name: [_row(document) for document in state.store.select(kind, limit=SHOWN)]
                for name, kind in kinds.items()
            }
            tables["events"] = [self._event_row(event) for event in state.store.select("event", limit=SHOWN)]
        return tables

    def _event_row(self, event: Doc) -> Doc:
        deliveries = self._controls.store.select("_delivery", {"event": event["id"]}, oldest_first=True)
        return {**_row(event), "type": event["type"], "about": event["data"]["object"]["id"], "deliveries": deliveries}


def _row(document: Doc) -> Doc:
    """Return the context of a table row."""
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
