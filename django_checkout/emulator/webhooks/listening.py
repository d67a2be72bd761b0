"""Sends events and request logs to Stripe's command line over its WebSocket.

The protocol is that of https://github.com/stripe/stripe-cli, ``stripecli-devproxy-v1``: ``pkg/websocket``,
``pkg/proxy`` and ``pkg/logtailing``.
"""

from __future__ import annotations

import json
import logging
import queue
from collections.abc import Callable
from fnmatch import fnmatchcase

from django_checkout.emulator.api.resources.command_line import LOGS, THIN
from django_checkout.emulator.messages import Doc, StoreError
from django_checkout.emulator.reference.versions import PLAYED
from django_checkout.emulator.request_log import LoggedRequest, RequestLog
from django_checkout.emulator.state.state import LISTENER, State
from django_checkout.emulator.webhooks.deliveries import Delivery, Outbox
from django_checkout.emulator.websocket import ClosedError, WebSocket

logger = logging.getLogger("django_checkout.emulator")

PROTOCOL = "stripecli-devproxy-v1"
#: The error with which the command line makes a new session.
UNKNOWN_ID = "Unknown WebSocket ID."
POLL_SECONDS = 0.1


class Listening:
    """The WebSockets of an emulator's command lines."""

    def __init__(self, state: State, outbox: Outbox, log: RequestLog) -> None:
        self._state = state
        self._outbox = outbox
        self._log = log

    def find(self, session_id: str) -> Doc | None:
        """Return the session of a WebSocket's id."""
        with self._state.transaction():
            return self._state.store.find(session_id, LISTENER)

    def serve(self, session: Doc, socket: WebSocket, is_over: Callable[[], bool]) -> None:
        """Send what the session asked for until the client leaves or ``is_over``. The session then ends."""
        try:
            if LOGS in session["features"]:
                self._send_logs(session, socket, is_over)
            else:
                self._send_events(session, socket, is_over)
            socket.close()
        except ClosedError:
            logger.info("session=%s: the command line has left", session["id"][:16])
        except StoreError as error:
            logger.error("%s", error)

    def _send_events(self, session: Doc, socket: WebSocket, is_over: Callable[[], bool]) -> None:
        with self._state.transaction():
            self._state.update(session, status="enabled")
        try:
            while not is_over():
                for message in socket.receive(POLL_SECONDS):
                    self._record(json.loads(message))
                with self._state.transaction():
                    deliveries = self._outbox.take(due_only=True, in_process=True, endpoint_id=session["id"])
                    messages = [text for one in deliveries for text in self._messages(session, one)]
                for text in messages:
                    socket.send(text)
        finally:
            with self._state.transaction():
                self._outbox.forget(session["id"])

    def _messages(self, session: Doc, delivery: Delivery) -> list[str]:
        """Return an event in the versions among which the command line chooses, and as a thin event if asked for."""
        latest, thin = self._outbox.rendered(delivery, PLAYED[-1]), self._outbox.rendered(delivery, "thin")
        messages = [_event(delivery, None), _event(latest, PLAYED[-1])]
        if THIN in session["features"]:
            content = {"payload": thin.body.decode(), "http_headers": thin.headers, "destination_id": session["id"]}
            messages.append(json.dumps({"type": "v2_event", **content}))
        return messages

    def _record(self, message: Doc) -> None:
        """Record that the command line has an event, or what the site answered to it."""
        delivery_id = message.get("webhook_conversation_id") or ""
        if not delivery_id:
            return
        with self._state.store.transaction():
            if message["type"] == "event_ack":
                self._outbox.record(delivery_id, 200)
            elif message["type"] == "webhook_response":
                self._outbox.record_forwarded(delivery_id, message["status"])

    def _send_logs(self, session: Doc, socket: WebSocket, is_over: Callable[[], bool]) -> None:
        with self._log.following() as requests:
            while not is_over():
                socket.receive(POLL_SECONDS)
                while True:
                    try:
                        request = requests.get_nowait()
                    except queue.Empty:
                        break
                    if _is_wanted(request, session["filters"]):
                        socket.send(_logged(request))


def _event(delivery: Delivery, version: str | None) -> str:
    return json.dumps(
        {
            "type": "webhook_event",
            "endpoint": {"api_version": version},
            "event_payload": delivery.body.decode(),
            "http_headers": delivery.headers,
            "webhook_conversation_id": delivery.id,
            "webhook_id": delivery.endpoint_id,
        }
    )


def _logged(request: LoggedRequest) -> str:
    payload = {
        "created_at": request.created,
        "livemode": False,
        "method": request.method,
        "request_id": request.id,
        "status": request.status or 0,
        "url": request.path,
        "error": request.error or {},
    }
    log_id = request.id.replace("req_", "resp_")
    return json.dumps({"type": "request_log_event", "request_log_id": log_id, "event_payload": json.dumps(payload)})


def _is_wanted(request: LoggedRequest, filters: Doc) -> bool:
    """Return whether the filters of ``stripe logs tail`` choose a request. A type of status is ``400``, not ``4XX``."""
    status = request.status or 0
    values = {
        "filter_http_method": request.method,
        "filter_request_path": request.path,
        "filter_request_status": "SUCCEEDED" if status < 400 else "FAILED",
        "filter_status_code": str(status),
        "filter_status_code_type": f"{str(status)[0]}00",
    }
    return all(
        any(fnmatchcase(values[name].upper(), str(wanted).upper()) for wanted in filters[name])
        for name in filters
        if filters[name]
    )
