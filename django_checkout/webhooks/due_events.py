"""Processes the events that are due, in batches of many orders; several workers share the events.

A batch takes only events and orders that no other worker has. What belongs to an order that is locked is processed
alone, at the end, where it waits for the lock.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence

from django.utils import timezone

from django_checkout import services
from django_checkout.exceptions import EventBusyError, StripeUnavailableError, is_database_unavailable
from django_checkout.ledger import announcements
from django_checkout.models import Order
from django_checkout.webhooks import batch, inbox, processing
from django_checkout.webhooks.registry import needs_read
from django_checkout.webhooks.runs import DEFAULT_LIMIT, Run
from django_checkout.webhooks.waiting import Waiting

logger = logging.getLogger("django_checkout")

#: How many events are processed in one transaction where that is possible.
BATCH = 100
#: How many events are listed at once. Each worker takes a batch of those that no other worker has.
LISTED = 1000
#: How many events about one object are processed while somebody waits.
AWAITED = 10


def process_due_events(*, seconds: float, wait_seconds: float, wake: Callable[[], None] | None) -> int:
    """Process due events for about this long, and wait for others as ``Waiting`` does; return how many were attempted.

    A failing event does not stop the others. ``wake`` is called as soon as there are events for another worker, and at
    the end if some are left or may follow.
    """
    run = Run(limit=DEFAULT_LIMIT, now=timezone.now(), ends_at=time.monotonic() + seconds)
    waiting = Waiting(wait_seconds)
    while True:
        run.wake, looked_at = wake, time.monotonic()
        is_cut_off = process_events(run)
        if not is_cut_off and not (wait_seconds and waiting.goes_on(looked_at)):
            break
        if is_cut_off or _is_over(run):
            waiting.stop()
            if wake is not None:
                wake()
            break
    return run.report["events"]


def process_events(run: Run) -> bool:
    """Process the events that are due, and those that arrive meanwhile; each is attempted once.

    Return whether it ended although there may be more.
    """
    attempted: set[int] = set()
    taken = 0
    while True:
        # What failed may still be due.
        listed = inbox.due(now=run.now, ignores_backoff=run.ignores_backoff, limit=LISTED + len(attempted))
        free = [pk for pk in listed if pk not in attempted]
        if len(free) > BATCH and run.wake is not None and not run.is_unanswered:
            run.wake()
            run.wake = None
        before = taken
        busy: list[int] = []
        while free:
            if taken >= run.limit or _is_over(run):
                return True
            done = batch.process(free[: min(BATCH, run.limit - taken)])
            free = free[min(BATCH, run.limit - taken) :]
            taken += len(done.claimed)
            busy += done.busy
            attempted |= _finish(run, done)
        # Last, because each waits for the worker that has its order.
        attempted |= _process_alone(run, busy)
        if taken == before or _is_over(run):
            return _is_over(run)


def _is_over(run: Run) -> bool:
    return time.monotonic() >= run.ends_at


def process_events_about(object_id: str) -> int:
    """Process the due events about an object whose state somebody waits for; return how many were attempted.

    What fails, and what another worker has leased, is left to the workers. Must run outside transactions.
    """
    run = Run(limit=AWAITED, now=timezone.now())
    _process_alone(run, inbox.unsettled(object_id, limit=run.limit))
    return run.report["events"]


def _finish(run: Run, done: batch.BatchResult) -> set[int]:
    """Deliver what a batch announces, and process the rest of it; return what was attempted and may be due again."""
    run.count("events", done.processed)
    alone: Collection[int] = done.to_deliver
    if not run.delivers_alone:
        results = batch.deliver(done.to_deliver)
        run.count("notifications", results.delivered + results.failed, failed=results.failed)
        alone, run.delivers_alone = results.busy, results.has_conflict
    for order_pk in alone:
        deliver(run, order_pk, 1)
    return _process_alone(run, done.alone)


def _process_alone(run: Run, pks: Sequence[int]) -> set[int]:
    """Process events one by one until the time is over; return those that failed or that are left to another worker.

    While Stripe does not answer, what it must be asked about is left to the next run.
    """
    unfinished: set[int] = set()
    for row in inbox.load(pks):
        if _is_over(run):
            break
        if inbox.is_postponed(row, run.now) and not run.ignores_backoff:
            # Another worker has attempted it since it was listed.
            continue
        reads = needs_read(row)
        if reads and run.is_unanswered:
            unfinished.add(row.pk)
            continue
        failure: Exception | None = None
        try:
            processing.process(row)
        except EventBusyError:
            unfinished.add(row.pk)
            continue
        except Exception as error:
            if is_database_unavailable(error):
                raise
            # It is recorded and logged already.
            failure = error
            unfinished.add(row.pk)
        if isinstance(failure, StripeUnavailableError):
            run.unanswered += 1
            if run.is_unanswered:
                logger.warning("processing_stopped kind=events")
        elif reads:
            run.unanswered = 0
        run.count("events", failed=int(failure is not None), error=failure)
    return unfinished


def deliver(run: Run, order_pk: int, number: int) -> None:
    """Deliver an order's pending notifications, also those that are not due yet; ``number`` are known."""
    try:
        results = services.deliver_pending(Order(pk=order_pk))
    except Exception as error:
        if is_database_unavailable(error):
            raise
        # A failure with one order does not stop the others.
        results = announcements.Deliveries(failed=number)
        logger.exception("processing_failed kind=notifications")
    run.count("notifications", results.delivered + results.failed, failed=results.failed)
