"""The state of the emulated account: objects, events, clock and scheduled jobs."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from django_checkout.emulator.ids import new_id
from django_checkout.emulator.messages import API_VERSION, Doc, missing_object, without_hidden
from django_checkout.emulator.state.clock import Clock
from django_checkout.emulator.state.store import Store

#: The endpoint that is configured rather than created over the API; the API does not list it.
TARGET = "_target"
ENDPOINT_KINDS = ("webhook_endpoint", TARGET)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The request that causes the current changes; empty if none does."""

    request_id: str | None = None
    idempotency_key: str | None = None


class State:
    """The emulated account. Call every method inside ``transaction()``, or ``store.transaction()``."""

    def __init__(self, store: Store, clock: Clock, jobs: Mapping[str, Job]) -> None:
        self.store = store
        self.clock = clock
        self.origin = Origin()
        self._jobs = jobs

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the store until the block ends, and run due jobs before the block."""
        with self.store.transaction():
            self.run_due()
            yield

    def new(self, kind: str, nulls: str = "", /, **fields: object) -> Doc:
        """Return a new object with the common fields, ``nulls`` (names) and ``fields``. Does not store it."""
        common = {"id": new_id(kind), "object": kind, "created": self.clock.now(), "livemode": False}
        return {**common, **dict.fromkeys(nulls.split()), **fields}

    def get(self, kind: str, object_id: object, param: str = "id") -> Doc:
        """Return the object, or raise Stripe's ``resource_missing``."""
        document = self.store.find(object_id, kind)
        if document is None:
            raise missing_object(kind, object_id, param)
        return document

    def emit(self, event_type: str, document: Doc, previous: Doc | None = None) -> Doc:
        """Record an event with a copy of ``document`` and queue its delivery to every subscribed endpoint."""
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
        endpoints = [endpoint for endpoint in self.endpoints() if is_subscribed(endpoint, event_type)]
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
        """Change and store an object; with ``event_type``, emit the event, with the previous values if it has them."""
        previous = {name: document.get(name) for name, value in changes.items() if document.get(name) != value}
        document.update(changes)
        self.store.save(document)
        if event_type is not None:
            shown = event_type.endswith(".updated")
            self.emit(event_type, document, {k: v for k, v in previous.items() if k[0] != "_"} if shown else None)
        return document

    def endpoints(self) -> list[Doc]:
        """Return the enabled webhook endpoints."""
        return [
            endpoint
            for kind in ENDPOINT_KINDS
            for endpoint in self.store.select(kind, oldest_first=True)
            if endpoint["status"] == "enabled"
        ]

    def schedule(self, name: str, target: str, due_at: int) -> None:
        """Run the job ``name`` on the object ``target`` once the clock has passed ``due_at``."""
        job = {"id": new_id("_job"), "object": "_job", "name": name, "target": target, "due_at": due_at}
        self.store.insert({**job, "state": "pending"})

    def run_due(self) -> None:
        """Run all due jobs in the order of their times, including jobs that become due meanwhile."""
        while due := self.store.select("_job", {"state": "pending"}, ranges={"due_at": {"lte": self.clock.now()}}):
            for job in sorted(due, key=lambda job: job["due_at"]):
                self.store.delete(job["id"])
                target = self.store.find(job["target"])
                if target is not None:
                    self._jobs[job["name"]](self, target)


Job = Callable[[State, Doc], object]


def is_subscribed(endpoint: Doc, event_type: str) -> bool:
    """Return whether an endpoint receives events of this type."""
    return any(fnmatch.fnmatchcase(event_type, pattern.removeprefix("v1.")) for pattern in endpoint["enabled_events"])
