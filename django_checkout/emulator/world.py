"""What every part of the emulator shares: the objects, the clock, the events and what is due later."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass

from .clock import Clock
from .ids import new_id
from .messages import API_VERSION, Doc, missing_object, without_hidden
from .store import Store

#: The endpoint that is configured rather than created over the API; the API does not list it.
TARGET = "_target"
ENDPOINT_KINDS = ("webhook_endpoint", TARGET)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Which request caused what happens now; empty where none did."""

    request_id: str | None = None
    idempotency_key: str | None = None


class World:
    """The emulated account. All methods are to be called inside ``store.transaction()``."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.origin = Origin()

    def new(self, kind: str, **fields: object) -> Doc:
        """Return an object with what all of Stripe's have; it is not kept yet."""
        return {"id": new_id(kind), "object": kind, "created": self.clock.now(), "livemode": False, **fields}

    def get(self, kind: str, object_id: object, param: str = "id") -> Doc:
        """Return the object, or raise Stripe's ``resource_missing``."""
        document = self.store.find(object_id, kind)
        if document is None:
            raise missing_object(kind, object_id, param)
        return document

    def emit(self, event_type: str, document: Doc, previous: Doc | None = None) -> Doc:
        """Record an event with a copy of ``document`` as it is now, and owe it to every endpoint that wants it."""
        payload: Doc = {"object": without_hidden(document)}
        if previous is not None:
            payload["previous_attributes"] = previous
        event = self.new(
            "event",
            api_version=API_VERSION,
            data=payload,
            pending_webhooks=0,
            request={"id": self.origin.request_id, "idempotency_key": self.origin.idempotency_key},
            type=event_type,
        )
        endpoints = [endpoint for endpoint in self.endpoints() if wants(endpoint, event_type)]
        event["pending_webhooks"] = len(endpoints)
        event["_is_delivered"] = not endpoints
        self.store.insert(event)
        for endpoint in endpoints:
            self.store.insert(
                {
                    "id": new_id("_delivery"),
                    "object": "_delivery",
                    "event": event["id"],
                    "type": event_type,
                    "endpoint": endpoint["id"],
                    "state": "pending",
                    "attempts": 0,
                    "due_at": event["created"],
                    "last_status": None,
                }
            )
        return event

    def update(self, document: Doc, event_type: str | None = None, **changes: object) -> Doc:
        """Change fields and keep the object; with ``event_type``, emit it with the values that were there before."""
        previous = {name: document.get(name) for name, value in changes.items() if document.get(name) != value}
        document.update(changes)
        self.store.save(document)
        if event_type is not None:
            shown = event_type.endswith(".updated")
            self.emit(event_type, document, {k: v for k, v in previous.items() if k[0] != "_"} if shown else None)
        return document

    def endpoints(self) -> list[Doc]:
        """Return the places that events go to."""
        return [
            endpoint
            for kind in ENDPOINT_KINDS
            for endpoint in self.store.select(kind, oldest_first=True)
            if endpoint["status"] == "enabled"
        ]

    def schedule(self, name: str, target: str, due_at: int) -> None:
        """Have ``jobs.JOBS[name]`` called with the object ``target`` once the clock has passed ``due_at``."""
        job = {"id": new_id("_job"), "object": "_job", "name": name, "target": target, "due_at": due_at}
        self.store.insert({**job, "state": "pending"})


def wants(endpoint: Doc, event_type: str) -> bool:
    """Return whether an endpoint has asked for events of this type."""
    return any(fnmatch.fnmatchcase(event_type, pattern.removeprefix("v1.")) for pattern in endpoint["enabled_events"])
