"""The state of the emulated account: objects, events, clock and scheduled jobs."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from django_checkout.emulator.ids import new_id
from django_checkout.emulator.messages import API_VERSION, Doc, missing_object, without_hidden
from django_checkout.emulator.state.clock import Clock
from django_checkout.emulator.state.store import Store

#: The endpoint that is configured rather than created over the API; the API does not list it.
TARGET = "_target"
#: The endpoint that a listening command line is; the API does not list it either.
LISTENER = "_listener"
TEST_CLOCK, CLOCK_JOB = "test_helpers.test_clock", "_clock_job"
#: An endpoint of the second API.
DESTINATION = "v2.core.event_destination"
ENDPOINT_KINDS = ("webhook_endpoint", DESTINATION, TARGET, LISTENER)


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
        #: Whether a server is there that accepts WebSockets.
        self.has_websockets = False
        #: The URL of the emulator, from the latest request: documents are linked with it.
        self.base_url = ""
        self._jobs = jobs
        self._test_clock: str | None = None
        #: When the first of the jobs is due that have been scheduled since the due ones were read.
        self._earliest: float = math.inf

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the store until the block ends, and run due jobs before the block."""
        with self.store.transaction():
            self.run_due()
            yield

    @contextmanager
    def request(self) -> Iterator[None]:
        """Give what happens in the block an id of a request, as Stripe's own dashboard sends requests."""
        self.origin = Origin(request_id=new_id("request"))
        try:
            yield
        finally:
            self.origin = Origin()

    def new(self, kind: str, nulls: str = "", /, **fields: object) -> Doc:
        """Return a new object with the common fields, ``nulls`` (names) and ``fields``. Does not store it."""
        common = {"id": new_id(kind), "object": kind, "created": self.clock.now(), "livemode": False}
        return {**common, **dict.fromkeys(nulls.split()), **fields}

    def get(self, kind: str, object_id: object, param: str = "id", *, status: int = 400) -> Doc:
        """Return the object, or raise Stripe's ``resource_missing``; its status is 404 for ids in paths."""
        document = self.store.find(object_id, kind)
        if document is None:
            raise missing_object(kind, object_id, param, status=status)
        return document

    def emit(self, event_type: str, document: Doc, previous: Doc | None = None) -> Doc:
        """Record an event with a copy of ``document`` and queue its delivery to every subscribed endpoint."""
        payload: Doc = {"object": without_hidden(document)}
        if previous is not None:
            payload["previous_attributes"] = previous
        event = self.new(
            "event",
            created=self.clock.account_now(),
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
            self.queue(event, endpoint)
        return event

    def queue(self, event: Doc, endpoint: Doc) -> None:
        """Queue the delivery of an event to an endpoint."""
        self.store.insert(
            {
                "id": new_id("_delivery"),
                "object": "_delivery",
                "event": event["id"],
                "type": event["type"],
                "endpoint": endpoint["id"],
                "state": "pending",
                "attempts": 0,
                "due_at": self.clock.account_now(),
                "last_status": None,
                "is_acknowledged": False,
            }
        )

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
        """Run the job ``name`` on the object ``target`` once the clock has passed ``due_at``.

        On a test clock, it is run when that clock is advanced.
        """
        due_at = max(due_at, self.clock.now())
        job = {"id": new_id("_job"), "object": "_job", "name": name, "target": target, "due_at": due_at}
        if self._test_clock:
            job.update(object=CLOCK_JOB, state=self._test_clock)
        else:
            self._earliest = min(self._earliest, due_at)
        self.store.insert(job)

    @contextmanager
    def on_clock_of(self, document: Doc | None) -> Iterator[None]:
        """Use the test clock that an object is attached to for the block; without one, the current clock."""
        clock = self.store.find((document or {}).get("test_clock"), TEST_CLOCK)
        if clock is None:
            yield
            return
        outer, self._test_clock = self._test_clock, clock["id"]
        try:
            with self.clock.frozen(clock["frozen_time"]):
                yield
        finally:
            self._test_clock = outer

    def advance(self, clock: Doc, to: int) -> None:
        """Move a test clock to a time, and run its jobs, each at its own time."""
        while due := self.store.select(CLOCK_JOB, {"state": clock["id"]}, ranges={"due_at": {"lte": to}}):
            job = min(due, key=lambda one: one["due_at"])
            self.store.delete(job["id"])
            self.update(clock, frozen_time=max(clock["frozen_time"], job["due_at"]))
            target = self.store.find(job["target"])
            if target is not None:
                with self.on_clock_of({"test_clock": clock["id"]}):
                    self.run(job["name"], target)
        self.update(clock, frozen_time=to)

    def run(self, name: str, document: Doc) -> None:
        """Run a job now: what follows from a change in modules that the changing one must not import."""
        self._jobs[name](self, document)

    def run_due(self) -> None:
        """Run all due jobs, each at its own time, in the order of their times, and those that they schedule."""
        while due := self.store.select("_job", ranges={"due_at": {"lte": self.clock.now()}}):
            self._earliest = math.inf
            for job in sorted(due, key=lambda job: job["due_at"]):
                if self._earliest < job["due_at"]:
                    break
                self.store.delete(job["id"])
                target = self.store.find(job["target"])
                if target is not None:
                    with self.clock.frozen(job["due_at"]):
                        self.run(job["name"], target)


Job = Callable[[State, Doc], object]


def is_subscribed(endpoint: Doc, event_type: str) -> bool:
    """Return whether an endpoint receives events of this type."""
    return any(fnmatch.fnmatchcase(event_type, pattern.removeprefix("v1.")) for pattern in endpoint["enabled_events"])
