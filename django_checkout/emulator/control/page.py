"""The control page, with forms for clocks, incidents, bank, dashboard and chaos; the same actions as JSON."""

from __future__ import annotations

import re
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime

from django.utils import translation

from django_checkout.emulator.api.resources import bank_transfers, vouchers
from django_checkout.emulator.control.actions import ACTIONS, endpoints_of, status_of
from django_checkout.emulator.control.controls import Controls
from django_checkout.emulator.messages import ApiError, Doc, Request, Response
from django_checkout.emulator.payer.rendering import format_minor, language_of, redirect, render, security_headers
from django_checkout.emulator.payer.tokens import Tokens
from django_checkout.emulator.webhooks.failures import EMAIL

SHOWN = 25
SUBJECT = "control"


class ControlPage:
    """Answers ``/control/``: with a page, or with JSON if a test key is sent in ``Authorization: Bearer``."""

    def __init__(self, controls: Controls, tokens: Tokens) -> None:
        self._controls = controls
        self._tokens = tokens

    def answer(self, request: Request) -> Response:
        """Return the page or the status, or perform the action of a form."""
        # No page of another site can send this header without asking first, which the emulator does not answer.
        if re.fullmatch(r"Bearer (sk|rk)_test_\w+", request.headers.get("authorization", "")):
            return self._answer_json(request)
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

    def _answer_json(self, request: Request) -> Response:
        if request.path.rstrip("/").endswith("/requests"):
            requests = [asdict(one) for one in self._controls.request_log.latest()]
            return Response.from_json(200, {"requests": requests})
        if request.method != "POST":
            return Response.from_json(200, status_of(self._controls))
        form = request.form
        try:
            result = ACTIONS[form.get("action", "")](self._controls, form)
        except ApiError as error:
            return Response.from_json(error.status, {"error": error.message})
        except (KeyError, ValueError) as error:
            message = f"Unknown action or invalid value: {error}. Actions: {', '.join(sorted(ACTIONS))}."
            return Response.from_json(400, {"error": message})
        if is_dataclass(result) and not isinstance(result, type):
            result = asdict(result)
        return Response.from_json(200, {"result": result})

    def _render(self, request: Request, *, error: str = "", status: int = 200) -> Response:
        clock, chaos = self._controls.clock, self._controls.chaos
        context = {
            "token": self._tokens.form(SUBJECT),
            "transfer_currencies": tuple(bank_transfers.TRANSFERS),
            "error": error,
            "now": datetime.fromtimestamp(clock.now(), UTC),
            "ahead": _days_and_hours(clock.offset_seconds),
            "faults": [fault for fault in chaos.faults if fault.remaining],
            "delivery_faults": [fault for fault in chaos.delivery_faults if fault.remaining],
            "order": chaos.order,
            "correction_minutes": clock.correction_seconds // 60,
            "incidents": self._controls.incidents,
            "rate_limit": self._controls.rate_limits.mode,
            "requests": [
                (one, datetime.fromtimestamp(one.created, UTC)) for one in self._controls.request_log.latest(SHOWN)
            ],
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
                name: [
                    {**_row(document), **self._payable(document)} for document in state.store.select(kind, limit=SHOWN)
                ]
                for name, kind in kinds.items()
            }
            tables["endpoints"] = endpoints_of(self._controls)
            tables["emails"] = state.store.select(EMAIL, limit=SHOWN)
            tables["events"] = [self._event_row(event) for event in state.store.select("event", limit=SHOWN)]
        return tables

    def _payable(self, document: Doc) -> Doc:
        """Return what a row shows of a payment that waits for the bank or the shopper."""
        is_intent = document["object"] == "payment_intent"
        intent = document if is_intent else self._controls.store.find(document.get("_intent"))
        if intent is None:
            return {}
        kind = vouchers.method_of(intent)
        action = (intent["next_action"] or {}).get(kind.action, {}) if kind else {}
        url = action.get("hosted_voucher_url") or action.get("hosted_instructions_url")
        is_transfer = kind is not None and kind.type == bank_transfers.KIND
        return {
            "session": is_intent and intent["_session"],
            "can_settle": intent["status"] == "processing" or vouchers.is_waiting(intent),
            "instructions": url,
            "is_transfer": is_transfer,
        }

    def _event_row(self, event: Doc) -> Doc:
        deliveries = self._controls.store.select("_delivery", {"event": event["id"]}, oldest_first=True)
        return {
            **_row(event),
            "type": event["type"],
            "about": event["data"]["object"].get("id", ""),
            "deliveries": deliveries,
        }


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
