"""The inbox: stores each event once, and is the only writer of an event's state.

A settled event keeps what ``envelope.KEPT`` lists. Until then its whole object is stored, without secrets, for the
handlers; if the object's order has been erased, it is reduced at once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError
from django.utils import timezone

from django_checkout import ledger
from django_checkout.exceptions import CheckoutError, EventBusyError
from django_checkout.models import WebhookEvent, database
from django_checkout.models.events import EventState
from django_checkout.states import IgnoreReason
from django_checkout.stripe_api import facts
from django_checkout.stripe_api.storable import storable_text
from django_checkout.telemetry import logs
from django_checkout.webhooks.envelope import event_data, reduced

#: How long a worker may hold an event while it reads from Stripe.
LEASE_SECONDS = 120
#: The final states of an event.
SETTLED = (EventState.PROCESSED, EventState.IGNORED)


def is_settled(row: WebhookEvent) -> bool:
    """Whether an event is processed or ignored."""
    return row.state in SETTLED


def due(*, now: datetime | None = None, limit: int) -> list[WebhookEvent]:
    """Return the events to process, oldest first: received, failed and due, or abandoned by a dead worker."""
    now = now or timezone.now()
    rows = WebhookEvent.objects
    received = rows.filter(state=EventState.RECEIVED)
    failed = rows.filter(state=EventState.FAILED, next_attempt_at__lte=now)
    abandoned = rows.filter(state=EventState.PROCESSING, leased_until__lte=now)
    return list((received | failed | abandoned).order_by("pk")[:limit])


def insert(row: WebhookEvent) -> WebhookEvent:
    """Insert an event in a transaction of its own; return the stored row, which a duplicate finds."""

    def work() -> WebhookEvent:
        try:
            with database.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            return WebhookEvent.objects.get(stripe_id=row.stripe_id)
        return row

    row.pk = None
    if not is_settled(row):
        row.payload = payload_to_retry(row)
    return ledger.in_transaction(work)


def insert_ignored(row: WebhookEvent, reason: str, payload: dict[str, Any]) -> WebhookEvent:
    """Insert an event that is not processed, with the part of its payload to keep."""
    row.state, row.error_code, row.processed_at, row.payload = EventState.IGNORED, reason, timezone.now(), payload
    return insert(row)


def insert_processed(row: WebhookEvent) -> WebhookEvent | None:
    """Insert a copy of an event as processed, in the caller's transaction; None if the event exists.

    A copy, because the transaction may be retried.
    """
    values = {field.attname: getattr(row, field.attname) for field in WebhookEvent._meta.concrete_fields}
    values |= {"id": None, "state": EventState.PROCESSED, "attempts": 1, "processed_at": timezone.now()}
    fresh = WebhookEvent(**{**values, "payload": reduced(row.payload)})
    try:
        with database.atomic():
            fresh.save(force_insert=True)
    except IntegrityError:
        return None
    return fresh


def payload_to_retry(row: WebhookEvent) -> dict[str, Any]:
    """Return the payload to store for an event that is processed later."""
    ids = {row.object_id, row.payment_intent_id, row.subscription_id} - {""}
    is_erased = ledger.is_erased(ids, customer_id=facts.find_id(event_data(row).object, "customer"))
    return reduced(row.payload) if is_erased else row.payload


def lock(pk: int, *, is_leased: bool = False) -> WebhookEvent:
    """Lock an event in the caller's transaction; ``is_leased`` says that the caller has leased it.

    Raises:
        EventBusyError: another worker has leased it.
    """
    row = WebhookEvent.objects.select_for_update().get(pk=pk)
    is_held = row.state == EventState.PROCESSING and row.leased_until is not None and row.leased_until > timezone.now()
    if is_held and not is_leased:
        raise EventBusyError("Another worker is processing this event.")
    return row


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


def settle(row: WebhookEvent, *, is_ours: bool, failure: Exception | None = None) -> None:
    """Mark a locked event as processed, as ignored if its object is not the site's, or as failed in a handler."""
    if failure is not None:
        _fail(row, type(failure).__name__)
        return
    state, code = (EventState.PROCESSED, "") if is_ours else (EventState.IGNORED, IgnoreReason.NOT_OURS)
    ended = {"leased_until": None, "next_attempt_at": None, "processed_at": timezone.now()}
    row.payload = reduced(row.payload)
    ledger.write(
        row, state=state, error_code=code, error_message="", attempts=row.attempts, payload=row.payload, **ended
    )


def _fail(row: WebhookEvent, code: str, message: str = "") -> None:
    next_attempt_at = timezone.now() + timedelta(seconds=ledger.backoff_seconds(row.attempts))
    ended = {"leased_until": None, "next_attempt_at": next_attempt_at, "processed_at": None}
    ledger.write(
        row,
        state=EventState.FAILED,
        error_code=code,
        error_message=message,
        attempts=row.attempts,
        payload=row.payload,
        **ended,
    )


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
