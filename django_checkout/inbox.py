"""Events recorded once, claimed and processed: the ``@handles`` registry, and the sole writer of inbox state.

A fresh event whose payload says everything is recorded and applied in one transaction: if anything raises, both are
undone, the failure is recorded in a transaction of its own, and Stripe's next delivery or the sweep tries again. An
event that only rings the bell is leased, its object is read from Stripe with no transaction open, and then applied.

A settled event keeps what ``envelope.KEPT`` lists. One that is to be tried again keeps its whole object until then,
without secrets, because a handler may want it; unless what it is about has been erased.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError
from django.utils import timezone

from django_checkout import database, facts, gateway, ledger, logs, telemetry
from django_checkout.conf import conf
from django_checkout.envelope import read_envelope, reduced, without_content
from django_checkout.exceptions import CheckoutError, EventBusyError, HandlerError, IncompleteFactError
from django_checkout.ledger.announcements import backoff_seconds
from django_checkout.ledger.locks import is_retryable
from django_checkout.models import WebhookEvent
from django_checkout.models.events import EventState
from django_checkout.steps import Steps, waits
from django_checkout.storable import storable_text
from django_checkout.values import EventData

logger = logging.getLogger("django_checkout")

#: How long a worker may hold an event while it reads from Stripe, in seconds.
LEASE_SECONDS = 120

#: Why an event is ignored, and its content not kept: nobody listens to its type, or to connected accounts.
UNHANDLED, OTHER_ACCOUNT = "unhandled_type", "other_account"

#: A handler returns False where the event is none of ours.
Handler = Callable[[EventData], bool | None]
#: Reads what an event only rings the bell for; outside transactions.
Reader = Callable[[EventData], Steps[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class _Registered:
    handler: Handler
    reads: Reader | None = None

    @property
    def is_ours(self) -> bool:
        """Whether it is one of the built-in reactions."""
        return self.handler.__module__ == "django_checkout.handlers"


_registry: dict[str, list[_Registered]] = {}


def handles(*types: str, reads: bool | Reader = False) -> Callable[[Handler], Handler]:
    """Register a function for event types, by their exact names; ours run first, then the host's.

    The function gets an ``EventData`` inside the transaction that marks the event processed, and may run again if
    that is rolled back. With ``reads`` its ``object`` is read from Stripe first, because the payload may be stale;
    a function in its place gives the steps (``steps.py``) that read it. Events of connected accounts (``account``)
    reach the host's functions alone, and their objects are never read.
    """
    reader = _read_object if reads is True else reads or None

    def register(handler: Handler) -> Handler:
        for event_type in types:
            _registry.setdefault(event_type, []).append(_Registered(handler, reader))
        return handler

    return register


def handled_types() -> list[str]:
    """Return the event types that a webhook endpoint should be subscribed to."""
    return sorted(_registry)


@waits
def receive(body: Mapping[str, Any]) -> Steps[WebhookEvent]:
    """Record a verified event and, unless the queue does it, process it; a repeat of a processed one changes nothing.

    Raises:
        SignatureError: it is signed, but is not an event.
        EventBusyError: another worker holds it.
        Exception: whatever processing raised; the event is kept as failed.
    """
    row = read_envelope(body)
    verdict = _verdict(row)
    if verdict:
        row.state, row.error_code, row.processed_at = EventState.IGNORED, verdict, timezone.now()
        row.payload = (without_content if verdict in (UNHANDLED, OTHER_ACCOUNT) else reduced)(row.payload)
        return _insert(row)[0]
    if conf.CHECKOUT_PROCESS_EVENTS == "task":
        return _insert(row)[0]
    if _needs_read(row):
        row, is_new = _insert(row)
        return row if not is_new and row.state in _SETTLED else (yield from process.steps(row))
    try:
        with telemetry.span("django_checkout.event", _described(row)):
            known = _record_and_apply(row)
    except IncompleteFactError:
        row, _ = _insert(row)
        return (yield from process.steps(row, reads=True))
    except HandlerError:
        raise
    except Exception as error:
        row, _ = _insert(row)
        _record_failure(row, error)
        raise
    return known if known.state in _SETTLED else (yield from process.steps(known))


@waits
def process(row: WebhookEvent, *, reads: bool = False) -> Steps[WebhookEvent]:
    """Process a recorded event once, whatever state it is in; a processed one is returned as it is.

    Raises:
        EventBusyError: another worker holds it.
        Exception: whatever processing raised; the event is kept as failed.
    """
    try:
        return (yield from _process(row, reads=reads or _needs_read(row)))
    except (EventBusyError, HandlerError):
        raise
    except IncompleteFactError as error:
        if reads or _needs_read(row):
            _record_failure(row, error)
            raise
        return (yield from process.steps(row, reads=True))
    except Exception as error:
        _record_failure(row, error)
        raise


@waits
def replay(row: WebhookEvent) -> Steps[WebhookEvent]:
    """Process an event again although it was processed or ignored: harmless, and useful once a cause is mended."""

    def reopen() -> None:
        WebhookEvent.objects.filter(pk=row.pk).update(
            state=EventState.RECEIVED, next_attempt_at=timezone.now(), leased_until=None
        )

    ledger.in_transaction(reopen)
    row.refresh_from_db()
    verdict = _verdict(row)
    if verdict:
        WebhookEvent.objects.filter(pk=row.pk).update(state=EventState.IGNORED, error_code=verdict)
        row.refresh_from_db()
        return row
    return (yield from process.steps(row))


def due(*, now: datetime | None = None, limit: int) -> list[WebhookEvent]:
    """Return events that wait to be processed, oldest first: received, failed and due, or held by a dead worker."""
    now = now or timezone.now()
    rows = WebhookEvent.objects
    waiting = rows.filter(state=EventState.RECEIVED)
    failed = rows.filter(state=EventState.FAILED, next_attempt_at__lte=now)
    abandoned = rows.filter(state=EventState.PROCESSING, leased_until__lte=now)
    return list((waiting | failed | abandoned).order_by("pk")[:limit])


_SETTLED = (EventState.PROCESSED, EventState.IGNORED)
_WRITTEN = (
    "state",
    "attempts",
    "leased_until",
    "next_attempt_at",
    "error_code",
    "error_message",
    "processed_at",
    "payload",
)


def _record_and_apply(row: WebhookEvent) -> WebhookEvent:
    """Insert the event as processed and apply it, in one transaction; on a duplicate, see what became of the first."""

    def work() -> tuple[WebhookEvent, Exception | None] | None:
        fresh = _copy_as(row, EventState.PROCESSED)
        try:
            with database.atomic():
                fresh.save(force_insert=True)
        except IntegrityError:
            return None
        is_ours, failure = _run_handlers(fresh, _event_of(row))
        if failure is not None:
            fresh.payload = _payload_to_retry(row)
        if failure is not None or not is_ours:
            _settle(fresh, is_ours=is_ours, failure=failure)
        return fresh, failure

    done = ledger.in_transaction(work)
    if done is None:
        return WebhookEvent.objects.get(stripe_id=row.stripe_id)
    return _raising(*done)


def _process(row: WebhookEvent, *, reads: bool) -> Steps[WebhookEvent]:
    event = _event_of(row)
    if reads:
        if not ledger.in_transaction(lambda: _lease(row.pk)):
            return WebhookEvent.objects.get(pk=row.pk)
        # Numbered, so that a slow read cannot undo a later one.
        ticket = ledger.in_transaction(lambda: ledger.take_ticket(_object_id(event)))
        try:
            latest = yield from _reader(row)(event)
        except Exception:
            with telemetry.span("django_checkout.event", _described(row)):
                raise
        event = replace(event, object=latest, ticket=ticket)

    def work() -> tuple[WebhookEvent, Exception | None]:
        fresh = WebhookEvent.objects.select_for_update().get(pk=row.pk)
        if fresh.state in _SETTLED:
            return fresh, None
        if not reads and _is_leased(fresh):
            raise EventBusyError("Another worker is processing this event.")
        is_ours, failure = _run_handlers(fresh, event)
        fresh.attempts += 1
        _settle(fresh, is_ours=is_ours, failure=failure)
        return fresh, failure

    with telemetry.span("django_checkout.event", _described(row)):
        return _raising(*ledger.in_transaction(work))


def _settle(fresh: WebhookEvent, *, is_ours: bool, failure: Exception | None) -> None:
    """Write what became of an event: processed, not ours, or failed in a handler of the host's."""
    now = timezone.now()
    fresh.state = EventState.PROCESSED if is_ours else EventState.IGNORED
    fresh.error_code, fresh.error_message = "" if is_ours else "not_ours", ""
    fresh.leased_until = fresh.next_attempt_at = None
    fresh.processed_at = now
    if failure is None:
        fresh.payload = reduced(fresh.payload)
    else:
        fresh.state, fresh.error_code, fresh.processed_at = EventState.FAILED, type(failure).__name__, None
        fresh.next_attempt_at = now + timedelta(seconds=backoff_seconds(fresh.attempts))
    fresh.save(update_fields=_WRITTEN)


def _raising(row: WebhookEvent, failure: Exception | None) -> WebhookEvent:
    """Return the event, or say that a handler of the host's failed on it, once what is ours is committed."""
    if failure is None:
        return row
    logger.error("handler_failed event=%s type=%s", row.stripe_id, row.type, exc_info=failure)
    raise HandlerError(f"A handler of the site's failed on {row.type}; the event will be tried again.") from failure


def _lease(pk: int) -> bool:
    """Take the event before Stripe is read; False if it is settled."""
    fresh = WebhookEvent.objects.select_for_update().get(pk=pk)
    if fresh.state in _SETTLED:
        return False
    if _is_leased(fresh):
        raise EventBusyError("Another worker is processing this event.")
    fresh.state = EventState.PROCESSING
    fresh.leased_until = timezone.now() + timedelta(seconds=LEASE_SECONDS)
    fresh.save(update_fields=["state", "leased_until"])
    return True


def _is_leased(row: WebhookEvent) -> bool:
    return row.state == EventState.PROCESSING and row.leased_until is not None and row.leased_until > timezone.now()


def _read_object(event: EventData) -> Steps[Mapping[str, Any]]:
    return gateway.retrieve_object.steps(event.type.rpartition(".")[0], _object_id(event))


def _object_id(event: EventData) -> str:
    return facts.find_id(event.object, "id")


def _run_handlers(row: WebhookEvent, event: EventData) -> tuple[bool, Exception | None]:
    """Run ours, then the host's; return whether the event is anybody's, and what a handler of the host's raised.

    Ours may undo the transaction. One of the host's runs in a savepoint: it can make the event fail and be tried
    again, but it cannot undo what Stripe said.
    """
    answers: list[bool | None] = []
    failure: Exception | None = None
    for entry in sorted(_registered_for(row), key=lambda entry: not entry.is_ours):
        if entry.is_ours:
            answers.append(entry.handler(event))
            continue
        try:
            with database.atomic(), database.site_atomic(None), database.host_code():
                answers.append(entry.handler(event))
        except Exception as error:
            if is_retryable(error):
                raise
            failure = error
    return failure is not None or any(answer is not False for answer in answers), failure


def _described(row: WebhookEvent) -> dict[str, str | int]:
    return {"stripe.event_id": row.stripe_id, "stripe.event_type": row.type, "stripe.object_id": row.object_id}


def _record_failure(row: WebhookEvent, error: Exception) -> None:
    """Keep the event as failed, with a time to try again, whatever happened to the transaction that raised."""
    code = error.code if isinstance(error, CheckoutError) else type(error).__name__[:255]
    # The text of other errors may hold data of the shopper's.
    message = storable_text(str(error)) if isinstance(error, CheckoutError) else ""

    def work() -> None:
        fresh = WebhookEvent.objects.select_for_update().get(pk=row.pk)
        if fresh.state in _SETTLED:
            return
        fresh.state = EventState.FAILED
        fresh.attempts += 1
        fresh.leased_until = None
        fresh.next_attempt_at = timezone.now() + timedelta(seconds=backoff_seconds(fresh.attempts))
        fresh.error_code, fresh.error_message = code, message
        fresh.save(
            update_fields=["state", "attempts", "leased_until", "next_attempt_at", "error_code", "error_message"]
        )

    ledger.in_transaction(work)
    logs.error_once(error, "event_failed event=%s type=%s code=%s", row.stripe_id, row.type, code)


def _insert(row: WebhookEvent) -> tuple[WebhookEvent, bool]:
    """Insert an event once, in a transaction of its own; return the row that stands, and whether it is this one."""

    def work() -> tuple[WebhookEvent, bool]:
        try:
            with database.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            return WebhookEvent.objects.get(stripe_id=row.stripe_id), False
        return row, True

    row.pk = None
    if row.state not in _SETTLED:
        row.payload = _payload_to_retry(row)
    return ledger.in_transaction(work)


def _payload_to_retry(row: WebhookEvent) -> dict[str, Any]:
    """Return what is stored of an event that is to be processed later."""
    ids = {row.object_id, row.payment_intent_id, row.subscription_id} - {""}
    is_erased = ledger.is_erased(ids, customer_id=facts.find_id(_event_of(row).object, "customer"))
    return reduced(row.payload) if is_erased else row.payload


def _copy_as(row: WebhookEvent, state: EventState) -> WebhookEvent:
    """Return a copy of an unsaved event in another state, so that a transaction that is run again starts clean."""
    values = {field.attname: getattr(row, field.attname) for field in WebhookEvent._meta.concrete_fields}
    values |= {"id": None, "state": state, "attempts": 1, "processed_at": timezone.now()}
    values["payload"] = reduced(row.payload)
    return WebhookEvent(**values)


def _verdict(row: WebhookEvent) -> str:
    """Return why an event is not processed at all, or ""."""
    if not _registered_for(row):
        return OTHER_ACCOUNT if _plain_type(row.type) in _registry else UNHANDLED
    return "livemode_mismatch" if row.livemode != conf.livemode else ""


def _registered_for(row: WebhookEvent) -> list[_Registered]:
    """Return the handlers of an event; what happens in another account is the host's business alone."""
    registered = _registry.get(_plain_type(row.type), ())
    return [entry for entry in registered if not (row.account and entry.is_ours)]


def _needs_read(row: WebhookEvent) -> bool:
    return not row.account and (row.is_thin or any(entry.reads for entry in _registered_for(row)))


def _reader(row: WebhookEvent) -> Reader:
    readers = (registered.reads for registered in _registry.get(_plain_type(row.type), ()))
    return next(filter(None, readers), _read_object)


def _plain_type(event_type: str) -> str:
    return event_type.removeprefix("v1.")


def _event_of(row: WebhookEvent) -> EventData:
    stripe_object = row.payload.get("related_object") if row.is_thin else (row.payload.get("data") or {}).get("object")
    return EventData(
        id=row.stripe_id,
        type=_plain_type(row.type),
        livemode=row.livemode,
        created_at=row.created_at,
        object=stripe_object if isinstance(stripe_object, Mapping) else {},
        account=row.account,
    )
