"""The inbox: stores each event once, and is the only writer of an event's state.

A settled event keeps what ``envelope.KEPT`` lists. Until then its whole object is stored, without secrets, for the
handlers; if the object's order has been erased, a failed event is reduced as well.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from django_checkout import ledger
from django_checkout.exceptions import CheckoutError, EventBusyError, NotPendingError
from django_checkout.models import WebhookEvent, database, sites
from django_checkout.models.events import EventState
from django_checkout.models.statements import Select
from django_checkout.models.writing import insert_new
from django_checkout.states import IgnoreReason
from django_checkout.stripe_api import facts
from django_checkout.stripe_api.storable import storable_text
from django_checkout.telemetry import logs
from django_checkout.webhooks.envelope import event_data, reduced, without_content

logger = logging.getLogger("django_checkout")

#: How long a worker may hold an event while it reads from Stripe.
LEASE_SECONDS = 120
#: The final states of an event.
SETTLED = (EventState.PROCESSED, EventState.IGNORED, EventState.WAIVED)

#: Finds an event by its Stripe id.
STORED = Select(lambda: WebhookEvent.objects.filter(stripe_id="").order_by())
_LOCK = Select(lambda: WebhookEvent.objects.select_for_update().filter(pk=1).order_by())


def is_settled(row: WebhookEvent) -> bool:
    """Whether an event is processed, ignored or waived."""
    return row.state in SETTLED


def is_postponed(row: WebhookEvent, now: datetime) -> bool:
    """Whether an event has failed and its next attempt is not due."""
    return row.state == EventState.FAILED and row.next_attempt_at is not None and row.next_attempt_at > now


def due(*, now: datetime, limit: int, ignores_backoff: bool = False) -> list[int]:
    """Return the primary keys of the events to process: received, failed and due, or abandoned by a dead worker.

    Those that were due first come first, so an event that fails again and again does not hold up the others. With
    ``ignores_backoff``, failed events count as due before their next attempt.
    """
    # The condition of an index, in whose order they are read until there are enough.
    rows = WebhookEvent.objects.filter(state__in=(EventState.RECEIVED, EventState.PROCESSING, EventState.FAILED))
    failed = rows.filter(state=EventState.FAILED)
    if not ignores_backoff:
        failed = failed.filter(next_attempt_at__lte=now)
    abandoned = rows.filter(state=EventState.PROCESSING, leased_until__lte=now)
    found = rows.filter(state=EventState.RECEIVED) | failed | abandoned
    first_due = found.order_by(F("next_attempt_at").asc(nulls_first=True), "pk")
    return list(first_due.values_list("pk", flat=True)[:limit])


def unsettled(object_id: str, *, limit: int) -> list[int]:
    """Return the primary keys of the events about an object that are not settled, oldest first."""
    rows = WebhookEvent.objects.filter(object_id=object_id).exclude(state__in=SETTLED).order_by("pk")
    return list(rows.values_list("pk", flat=True)[:limit])


def load(pks: Sequence[int]) -> list[WebhookEvent]:
    """Read events in this order; deleted ones are left out."""
    rows = WebhookEvent.objects.in_bulk(pks)
    return [rows[pk] for pk in pks if pk in rows]


def get_stored(stripe_id: str) -> WebhookEvent:
    """Return the stored row of an event.

    Raises:
        WebhookEvent.DoesNotExist: there is none.
    """
    return _only(STORED(stripe_id))


def _only(rows: Sequence[WebhookEvent]) -> WebhookEvent:
    if not rows:
        raise WebhookEvent.DoesNotExist
    return rows[0]


def insert(row: WebhookEvent) -> WebhookEvent:
    """Insert an event, outside transactions; return the stored row, which a duplicate finds."""

    row.pk = None
    return row if insert_new(row) else get_stored(row.stripe_id)


def insert_leased(row: WebhookEvent) -> tuple[WebhookEvent, bool]:
    """Insert an event leased to this worker, which reads its object; return the stored row, and whether it is new."""
    row.state, row.leased_until = EventState.PROCESSING, timezone.now() + timedelta(seconds=LEASE_SECONDS)
    stored = insert(row)
    return stored, stored is row


def insert_ignored(row: WebhookEvent, reason: str, payload: dict[str, Any]) -> WebhookEvent:
    """Insert an event that is ignored, with the part of its payload to keep."""
    row.state, row.error_code, row.processed_at, row.payload = EventState.IGNORED, reason, timezone.now(), payload
    return insert(row)


def insert_processed(row: WebhookEvent) -> WebhookEvent | None:
    """Insert a copy of an event as processed, in the caller's transaction; None if the event exists.

    A copy, because the transaction may be retried.
    """
    values = {field.attname: getattr(row, field.attname) for field in WebhookEvent._meta.concrete_fields}
    values |= {"id": None, "state": EventState.PROCESSED, "attempts": 1, "processed_at": timezone.now()}
    fresh = WebhookEvent(**{**values, "payload": reduced(row.payload)})
    return fresh if insert_new(fresh) else None


def lock(pk: int, *, is_leased: bool = False) -> WebhookEvent:
    """Lock an event in the caller's transaction; ``is_leased`` says that the caller has leased it.

    Raises:
        EventBusyError: another worker has leased it.
    """
    row = _only(_LOCK(pk))
    is_held = row.state == EventState.PROCESSING and row.leased_until is not None and row.leased_until > timezone.now()
    if is_held and not is_leased:
        raise EventBusyError("Another worker is processing this event.")
    return row


def lock_free(pks: Sequence[int], *, now: datetime) -> list[WebhookEvent]:
    """Lock events in the caller's transaction, those that are neither settled nor with another worker."""
    is_free = ~Q(state__in=SETTLED) & ~Q(state=EventState.PROCESSING, leased_until__gt=now)
    rows = WebhookEvent.objects.select_for_update(skip_locked=database.can_skip_locked())
    return list(rows.filter(is_free, pk__in=pks).order_by("pk"))


def lease(pk: int) -> bool:
    """Lease an event before its object is read from Stripe; False if it is settled."""

    def work() -> bool:
        row = lock(pk)
        if is_settled(row):
            return False
        leased_until = timezone.now() + timedelta(seconds=LEASE_SECONDS)
        ledger.write(row, state=EventState.PROCESSING, leased_until=leased_until)
        return True

    return ledger.in_transaction(work)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """What the handlers of an event have found."""

    is_ours: bool
    #: Whether its facts are stored with a payment that no order has.
    is_unclaimed: bool = False
    #: The URL of the other site whose row the event is about, or "".
    other_site: str = ""
    #: What one of the host's handlers raised.
    failure: Exception | None = None


def settle(row: WebhookEvent, handled: Handled) -> None:
    """Mark a locked event as processed, as ignored if its object is not the site's, or as failed in a handler."""
    if handled.failure is not None:
        _fail(row, type(handled.failure).__name__)
    else:
        ledger.write(row, **_settled(row, handled))


def settle_many(rows: Iterable[tuple[WebhookEvent, Handled]]) -> None:
    """Mark locked events as processed, or as ignored where their object is not the site's."""
    changes = []
    for row, handled in rows:
        row.attempts += 1
        values = _settled(row, handled)
        for name, value in values.items():
            setattr(row, name, value)
        changes.append((row, values))
    ledger.write_many(changes)


def _settled(row: WebhookEvent, handled: Handled) -> dict[str, Any]:
    now = timezone.now()
    values: dict[str, Any] = {
        "state": EventState.PROCESSED if handled.is_ours else EventState.IGNORED,
        "error_code": "" if handled.is_ours else _reason(handled),
        "error_message": "",
        "attempts": row.attempts,
        "payload": reduced(row.payload),
        "leased_until": None,
        "next_attempt_at": None,
        "processed_at": now,
    }
    if handled.other_site:
        # Without its content the object is read from Stripe again: a reduced one has no name or address.
        of_other_site = {"error_code": IgnoreReason.OTHER_SITE, "error_message": handled.other_site}
        values |= {**of_other_site, "payload": without_content(row.payload), "next_attempt_at": now}
    return values


def _reason(handled: Handled) -> IgnoreReason:
    return IgnoreReason.UNCLAIMED if handled.is_unclaimed else IgnoreReason.NOT_OURS


def _fail(row: WebhookEvent, code: str, message: str = "") -> None:
    next_attempt_at = timezone.now() + timedelta(seconds=ledger.backoff_seconds(row.attempts))
    ended = {"leased_until": None, "next_attempt_at": next_attempt_at, "processed_at": None}
    ledger.write(
        row,
        state=EventState.FAILED,
        error_code=code,
        error_message=message,
        attempts=row.attempts,
        payload=_payload_to_retry(row),
        **ended,
    )


def _payload_to_retry(row: WebhookEvent) -> dict[str, Any]:
    """Return what a failed event keeps: without personal data, if its object's order has been erased."""
    ids = {row.object_id, row.payment_intent_id, row.subscription_id} - {""}
    is_erased = ledger.is_erased(ids, customer_id=facts.find_id(event_data(row).object, "customer"))
    return reduced(row.payload) if is_erased else row.payload


def record_failure(row: WebhookEvent, error: Exception) -> None:
    """Mark an event as failed in a transaction of its own, after another one was rolled back; log the error."""
    code = error.code if isinstance(error, CheckoutError) else type(error).__name__[:255]
    # The messages of other errors may contain personal data.
    message = storable_text(str(error)) if isinstance(error, CheckoutError) else ""

    def work() -> None:
        fresh = lock(row.pk, is_leased=True)
        if not is_settled(fresh):
            fresh.attempts += 1
            _fail(fresh, code, message)

    ledger.in_transaction(work)
    logs.error_once(error, "event_failed event=%s type=%s code=%s", row.stripe_id, row.type, code)


def reopen(row: WebhookEvent, *, ignore_reason: str = "") -> None:
    """Mark a settled event as received, so that it is processed again, or as ignored for a reason."""
    values: dict[str, Any] = {"state": EventState.RECEIVED, "next_attempt_at": timezone.now(), "leased_until": None}
    if ignore_reason:
        values |= {"state": EventState.IGNORED, "error_code": ignore_reason}
    ledger.in_transaction(lambda: WebhookEvent.objects.filter(pk=row.pk).update(**values))
    row.refresh_from_db()


def ignored_elsewhere() -> QuerySet[WebhookEvent]:
    """Return the events of this site that a process with another CHECKOUT_BASE_URL has ignored."""
    urls = [url for url in sites.own_urls() if url]
    # Few ignored events have a next attempt, and an index finds these.
    ignored = WebhookEvent.objects.filter(state=EventState.IGNORED, next_attempt_at__isnull=False)
    return ignored.filter(error_code=IgnoreReason.OTHER_SITE, error_message__in=urls)


def reopen_ignored_elsewhere() -> None:
    """Mark the events of ``ignored_elsewhere`` as received, so that this process processes them."""
    number = ledger.in_transaction(lambda: ignored_elsewhere().update(state=EventState.RECEIVED))
    if number:
        logger.warning("events_reopened number=%d", number)


def waive(row: WebhookEvent, note: str, *, by: Any = None) -> None:
    """Settle a failed event without processing it, with a note; it can still be replayed.

    Raises:
        NotPendingError: it is not failed.
    """

    def work() -> bool:
        fresh = lock(row.pk)
        if fresh.state != EventState.FAILED:
            return False
        ended = {"next_attempt_at": None, "processed_at": timezone.now(), "payload": reduced(fresh.payload)}
        ledger.write(fresh, state=EventState.WAIVED, note=note, waived_by=by, **ended)
        return True

    if not ledger.in_transaction(work):
        raise NotPendingError("It is no longer failed.")
    logger.info("event_waived event=%s", row.stripe_id)


def unexplained_sessions(since: datetime) -> QuerySet[WebhookEvent]:
    """Return the ignored events of completed sessions that have our metadata and no row, and may have lost it."""
    ignored = WebhookEvent.objects.filter(state=EventState.IGNORED, error_code=IgnoreReason.NOT_OURS, account="")
    completed = ignored.filter(type="checkout.session.completed", received_at__gte=since)
    marked = f"payload__data__object__metadata__{facts.SESSION_KEY}__isnull"
    return completed.filter(**{marked: False}).order_by("-pk")


def explain(row: WebhookEvent, reason: IgnoreReason) -> None:
    """Record why an event was ignored, once that is known."""
    WebhookEvent.objects.filter(pk=row.pk, state=EventState.IGNORED).update(error_code=reason)
