"""Webhook deliveries: signed, posted, tried again, recorded."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .chaos import Chaos
from .messages import Doc, without_hidden
from .resources.events import thin
from .versions import rendered
from .world import World

#: Waits before the second, third ... try, in seconds of the emulator's clock.
BACK_OFF_SECONDS = (2, 10, 60, 600, 3600, 6 * 3600, 24 * 3600)
#: After how long a try that never reported back is made again.
LOST_TRY_SECONDS = 90
USER_AGENT = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One POST to one endpoint, signed just now."""

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
        """The headers to post with."""
        return {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": self.signature,
            "User-Agent": USER_AGENT,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A delivery and how it was answered; None is no answer."""

    delivery: Delivery
    status: int | None

    @property
    def is_acknowledged(self) -> bool:
        """Whether the endpoint has taken the event."""
        return is_acknowledged(self.status)


Post = Callable[[bytes, Mapping[str, str]], int | None]


def signature_header(payload: bytes, secret: str, timestamp: int | None = None) -> str:
    """Return the ``Stripe-Signature`` for a body, https://docs.stripe.com/webhooks#verify-manually."""
    at = int(time.time()) if timestamp is None else timestamp
    digest = hmac.new(secret.encode(), f"{at}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def is_acknowledged(status: int | None) -> bool:
    """Return whether an answer counts as delivered: any 2xx."""
    return status is not None and 200 <= status < 300


class Outbox:
    """The queue of deliveries; every method is to be called inside ``store.transaction()``."""

    def __init__(self, world: World, chaos: Chaos) -> None:
        self._world = world
        self._chaos = chaos

    def pending(self) -> list[Delivery]:
        """Return everything that has not been acknowledged, oldest first, due or not, untouched by chaos."""
        return [self._signed(document) for document in self._waiting()]

    def take(self, *, due_only: bool, in_process: bool, endpoint_id: str | None = None) -> list[Delivery]:
        """Return what is to be posted now, as chaos wants it, and mark it as being sent."""
        now = self._world.clock.now()
        chosen: list[Doc] = []
        for document in self._waiting():
            if due_only and document["due_at"] > now:
                continue
            if endpoint_id is not None and document["endpoint"] != endpoint_id:
                continue
            endpoint = self._world.store.find(document["endpoint"])
            if endpoint is None or (not in_process and not endpoint["url"]):
                continue
            chosen += self._with_mishap(document, now)
        for document in {document["id"]: document for document in chosen}.values():
            self._world.update(document, state="sending", due_at=now + LOST_TRY_SECONDS)
        return [self._signed(document) for document in self._chaos.arranged(chosen)]

    def record(self, delivery_id: str, status: int | None) -> None:
        """Note how a try was answered, and when to try again."""
        document = self._world.store.find(delivery_id, "_delivery")
        if document is None or document["state"] == "delivered":
            return
        attempts = document["attempts"] + 1
        if is_acknowledged(status):
            self._world.update(document, state="delivered", attempts=attempts, last_status=status)
            self._settle_event(document["event"])
        elif attempts > len(BACK_OFF_SECONDS):
            self._world.update(document, state="failed", attempts=attempts, last_status=status)
        else:
            due_at = self._world.clock.now() + BACK_OFF_SECONDS[attempts - 1]
            self._world.update(document, state="pending", attempts=attempts, last_status=status, due_at=due_at)

    def resend(self, event_id: str) -> None:
        """Owe an event again to every endpoint it was ever owed to."""
        for document in self._world.store.select("_delivery", {"event": event_id}):
            self._world.update(document, state="pending", attempts=0, due_at=self._world.clock.now())

    def is_waiting(self, event_id: str) -> bool:
        """Return whether an endpoint reached over HTTP has not acknowledged the event yet and might still."""
        return any(
            (endpoint := self._world.store.find(document["endpoint"])) is not None and endpoint["url"]
            for document in self._world.store.select("_delivery", {"event": event_id})
            if document["state"] in ("pending", "sending")
        )

    def _waiting(self) -> list[Doc]:
        return self._world.store.select("_delivery", {"state": ["pending", "sending"]}, oldest_first=True)

    def _with_mishap(self, document: Doc, now: int) -> list[Doc]:
        fault = self._chaos.mishap(document["type"]) if document["attempts"] == 0 else None
        if fault is None:
            return [document]
        if fault.kind == "duplicate":
            return [document, document]
        if fault.kind == "lose":
            self._world.update(document, state="lost")
        else:
            self._world.update(document, due_at=now + fault.seconds)
        return []

    def _settle_event(self, event_id: str) -> None:
        event = self._world.store.find(event_id)
        if event is not None:
            left = max(event["pending_webhooks"] - 1, 0)
            self._world.update(event, pending_webhooks=left, _is_delivered=left == 0)

    def _signed(self, document: Doc) -> Delivery:
        store = self._world.store
        endpoint = store.find(document["endpoint"]) or {"url": "", "secret": "", "enabled_events": []}
        event = without_hidden(store.find(document["event"]) or {})
        is_thin = any(name.startswith("v1.") for name in endpoint["enabled_events"])
        shown = thin(event) if is_thin else rendered(event, endpoint.get("api_version"), store)
        body = json.dumps(shown).encode()
        return Delivery(
            id=document["id"],
            event_id=document["event"],
            event_type=document["type"],
            endpoint_id=document["endpoint"],
            url=endpoint["url"],
            body=body,
            signature=signature_header(body, endpoint.get("secret") or endpoint.get("_secret") or ""),
            attempts=document["attempts"],
        )
