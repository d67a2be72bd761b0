"""The queue of webhook deliveries: signing, due times, results."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django_checkout.emulator.api.resources.events import PING, thin
from django_checkout.emulator.api.resources.webhooks import secrets_of
from django_checkout.emulator.api.versions import rendered_event
from django_checkout.emulator.chaos import Chaos
from django_checkout.emulator.incidents import Incidents
from django_checkout.emulator.messages import API_VERSION, Doc, indented, without_hidden
from django_checkout.emulator.state.state import LISTENER, State
from django_checkout.emulator.webhooks import failures

#: Delays before the second and later attempts, in seconds of the emulator's clock.
BACK_OFF_SECONDS = (2, 10, 60, 600, 3600, 6 * 3600, 24 * 3600)
#: An attempt without a recorded result is repeated after this time.
UNRECORDED_SECONDS = 90
USER_AGENT = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One POST to one endpoint, with a fresh signature."""

    id: str
    event_id: str
    event_type: str
    endpoint_id: str
    url: str
    body: bytes
    signature: str
    attempts: int

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the request."""
        return {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": self.signature,
            "User-Agent": USER_AGENT,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A delivery and the status of its response; None without a response."""

    delivery: Delivery
    status: int | None

    @property
    def is_acknowledged(self) -> bool:
        """Whether the endpoint has acknowledged the event."""
        return is_acknowledged(self.status)


Post = Callable[[bytes, Mapping[str, str]], int | None]


def signature_header(payload: bytes, secret: str, timestamp: int | None = None) -> str:
    """Return the ``Stripe-Signature`` for a body, https://docs.stripe.com/webhooks#verify-manually."""
    at = int(time.time()) if timestamp is None else timestamp
    digest = hmac.new(secret.encode(), f"{at}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def _signatures(payload: bytes, secrets: list[str], at: int) -> str:
    """Return the header with a signature for each secret, as Stripe signs until a rolled secret expires."""
    headers = [signature_header(payload, secret, at) for secret in secrets]
    return ",".join([headers[0], *(header.partition(",")[2] for header in headers[1:])])


def is_acknowledged(status: int | None) -> bool:
    """Return whether a status acknowledges the event: any 2xx."""
    return status is not None and 200 <= status < 300


class Outbox:
    """The queue of deliveries. Call every method inside ``store.transaction()``."""

    def __init__(self, state: State, chaos: Chaos, incidents: Incidents) -> None:
        self._state = state
        self._chaos = chaos
        self._incidents = incidents

    def pending(self) -> list[Delivery]:
        """Return all unacknowledged deliveries, oldest first, due or not, without chaos."""
        found = [self._signed(document) for document in self._unacknowledged()]
        return [one for one in found if not self._state.store.find(one.endpoint_id, LISTENER)]

    def take(self, *, due_only: bool, in_process: bool, endpoint_id: str | None = None) -> list[Delivery]:
        """Return the deliveries to post now, with chaos applied, and mark them as being sent."""
        now = self._state.clock.now()
        chosen: list[Doc] = []
        for document in self._unacknowledged():
            if due_only and document["due_at"] > now:
                continue
            if endpoint_id is not None and document["endpoint"] != endpoint_id:
                continue
            endpoint = self._state.store.find(document["endpoint"])
            if endpoint_id is None and endpoint is not None and endpoint["object"] == LISTENER:
                continue
            if endpoint is None or endpoint["status"] != "enabled":
                # Stripe gives up if the endpoint is disabled or deleted when a retry is due.
                self._state.update(document, state="failed")
                continue
            if not in_process and not endpoint["url"]:
                continue
            chosen += self._with_fault(document, now)
        for document in {document["id"]: document for document in chosen}.values():
            self._state.update(document, state="sending", due_at=now + UNRECORDED_SECONDS)
        return [self._signed(document) for document in self._chaos.ordered(chosen)]

    def record(self, delivery_id: str, status: int | None) -> None:
        """Record the result of an attempt, and schedule the next one if it failed."""
        document = self._state.store.find(delivery_id, "_delivery")
        if document is None or document["state"] == "delivered":
            return
        attempts = document["attempts"] + 1
        failures.follow(self._state, document["endpoint"], is_acknowledged=is_acknowledged(status))
        if is_acknowledged(status):
            self._state.update(document, state="delivered", attempts=attempts, last_status=status, is_acknowledged=True)
            self._settle_event(document["event"])
        elif attempts > len(BACK_OFF_SECONDS):
            self._state.update(document, state="failed", attempts=attempts, last_status=status)
        else:
            due_at = self._state.clock.now() + BACK_OFF_SECONDS[attempts - 1]
            self._state.update(document, state="pending", attempts=attempts, last_status=status, due_at=due_at)

    def record_forwarded(self, delivery_id: str, status: int) -> None:
        """Record what a site answered to an event that the command line has acknowledged and forwarded."""
        document = self._state.store.find(delivery_id, "_delivery")
        if document is not None:
            done = "delivered" if is_acknowledged(status) else "failed"
            self._state.update(document, state=done, last_status=status, is_acknowledged=is_acknowledged(status))
            self._settle_event(document["event"])

    def forget(self, endpoint_id: str) -> None:
        """Delete an endpoint and its unacknowledged deliveries."""
        self._state.store.delete(endpoint_id)
        for document in self._unacknowledged():
            if document["endpoint"] == endpoint_id:
                self._state.store.delete(document["id"])
                self._settle_event(document["event"])

    def rendered(self, delivery: Delivery, version: str) -> Delivery:
        """Return a delivery in another version of the API, or as a ``thin`` event, freshly signed."""
        document = self._state.store.find(delivery.id, "_delivery")
        return self._signed(document, version) if document else delivery

    def resend(self, event_id: str) -> None:
        """Queue an event again for all its endpoints."""
        for document in self._state.store.select("_delivery", {"event": event_id}):
            self._state.update(document, state="pending", attempts=0, due_at=self._state.clock.now())

    def is_pending(self, event_id: str) -> bool:
        """Return whether the event has a pending delivery over HTTP."""
        return any(
            (endpoint := self._state.store.find(document["endpoint"])) is not None and endpoint["url"]
            for document in self._state.store.select("_delivery", {"event": event_id})
            if document["state"] in ("pending", "sending")
        )

    def _unacknowledged(self) -> list[Doc]:
        return self._state.store.select("_delivery", {"state": ["pending", "sending"]}, oldest_first=True)

    def _with_fault(self, document: Doc, now: int) -> list[Doc]:
        fault = self._chaos.next_delivery_fault(document["type"]) if document["attempts"] == 0 else None
        if fault is None:
            return [document]
        if fault.kind == "duplicate":
            return [document, document]
        if fault.kind == "lose":
            self._state.update(document, state="lost")
        else:
            self._state.update(document, due_at=now + fault.seconds)
        return []

    def _settle_event(self, event_id: str) -> None:
        event = self._state.store.find(event_id)
        if event is not None:
            sent = self._state.store.select("_delivery", {"event": event_id})
            left = sum(not delivery["is_acknowledged"] for delivery in sent)
            self._state.update(event, pending_webhooks=left, _is_delivered=left == 0)

    def _signed(self, document: Doc, version: str = "") -> Delivery:
        store = self._state.store
        endpoint = store.find(document["endpoint"]) or {"url": "", "secret": "", "enabled_events": []}
        event = without_hidden(store.find(document["event"]) or {})
        is_thin = (
            version == "thin"
            or endpoint.get("event_payload") == "thin"
            or any(name.startswith("v1.") for name in endpoint["enabled_events"])
        )
        if self._incidents.is_other_mode:
            event["livemode"] = event["data"]["object"]["livemode"] = True
        version = version or endpoint.get("api_version") or API_VERSION
        shown = thin(event) if is_thin or event["type"] == PING else rendered_event(event, version, store)
        body = indented(shown).encode()
        return Delivery(
            id=document["id"],
            event_id=document["event"],
            event_type=document["type"],
            endpoint_id=document["endpoint"],
            url=endpoint["url"],
            body=body,
            signature=_signatures(body, secrets_of(endpoint, self._state.clock.now()), self._state.clock.wall_now()),
            attempts=document["attempts"],
        )
