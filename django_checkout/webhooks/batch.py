"""Processes many stored events in one transaction, where nothing but facts of sessions and payments is applied.

The result is the same as if each was processed alone, except that what has passed by the end of the batch is not
announced: ``order_pending`` or ``order_authorized`` of an order that is paid. What does not fit, or fails, is left to
be processed alone, where it is applied or recorded as failed. The order does not matter:
https://docs.stripe.com/webhooks#event-ordering
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

from django.utils import timezone

from django_checkout import ledger
from django_checkout.ledger import announcements
from django_checkout.models import WebhookEvent, database
from django_checkout.telemetry import spans
from django_checkout.values import PaymentFact, SessionFact
from django_checkout.webhooks import inbox
from django_checkout.webhooks.envelope import event_data, names_of
from django_checkout.webhooks.registry import fact_reader_of

logger = logging.getLogger("django_checkout")

#: How many orders' notifications are delivered in one transaction, and for how long: meanwhile all of these are locked.
DELIVERED_TOGETHER = 20
SENDING_SECONDS = 0.1

Facts = Sequence[SessionFact | PaymentFact]


@dataclass(slots=True, kw_only=True)
class BatchResult:
    """What was done with some events."""

    processed: int = 0
    #: The primary keys of the events that this worker got, whatever became of them.
    claimed: Sequence[int] = ()
    #: The primary keys of the events that must be processed alone.
    alone: Sequence[int] = ()
    #: The primary keys of the events whose order another worker has locked.
    busy: Sequence[int] = ()
    #: The primary keys of the orders with notifications to deliver.
    to_deliver: Sequence[int] = ()


def process(pks: Sequence[int]) -> BatchResult:
    """Process events together, without those that are settled or that another worker has; outside transactions."""
    claimed: list[int] = []

    def work() -> BatchResult:
        locked = inbox.lock_free(pks, now=timezone.now())
        claimed[:] = [row.pk for row in locked]
        return replace(_process(locked), claimed=claimed)

    try:
        with spans.span("django_checkout.events", {"events": len(pks)}):
            return ledger.in_transaction(work)
    except Exception:
        # One of them is the cause; alone, only that one fails.
        failed = claimed or pks
        logger.warning("processing_alone events=%s", len(failed), exc_info=True)
        return BatchResult(claimed=failed, alone=failed)


def deliver(order_pks: Collection[int]) -> announcements.DeliveriesTogether:
    """Deliver the pending notifications of many orders; ``busy`` in the result are those to be delivered to alone.

    After a deadlock nothing more is delivered together: receivers of several workers write the same rows, such as the
    stock of a product, and in a transaction of its own each order holds them for less time.
    """
    delivered = failed = superseded = 0
    has_conflict = False
    busy: list[int] = []
    waiting = list(order_pks)
    while waiting:
        some, waiting = waiting[:DELIVERED_TOGETHER], waiting[DELIVERED_TOGETHER:]
        work = partial(announcements.deliver_together, some, ends_at=time.monotonic() + SENDING_SECONDS)
        try:
            done = database.in_transaction(work, durable=True, attempts=1)
        except Exception as error:
            # One of them is the cause; alone, only that one fails.
            logger.warning("delivering_alone orders=%s", len(some), exc_info=True)
            busy += some
            has_conflict = database.is_retryable(error)
            if has_conflict:
                busy += waiting
                break
            continue
        delivered, failed = delivered + done.delivered, failed + done.failed
        superseded += done.superseded
        busy += done.busy
        waiting = [*done.left, *waiting]
    return announcements.DeliveriesTogether(
        delivered=delivered, failed=failed, superseded=superseded, busy=busy, has_conflict=has_conflict
    )


def _process(locked: Sequence[WebhookEvent]) -> BatchResult:
    known = {row.pk: facts for row in locked if (facts := _read_facts(row))}
    if len(known) < 2:
        return BatchResult(alone=[row.pk for row in locked])
    batch = ledger.Batch([fact for facts in known.values() for fact in facts])
    busy = [pk for pk, facts in known.items() if batch.is_busy(facts)]
    owners: dict[int, int | None] = {}
    for pk, facts in known.items():
        if pk in busy:
            continue
        try:
            owners[pk] = batch.join(facts)
        except Exception:
            # Alone, it is applied or recorded as failed.
            logger.debug("event_alone event=%s", pk, exc_info=True)
    to_deliver = batch.settle()
    settled = [row for row in locked if row.pk in owners and not batch.is_left_out(owners[row.pk])]
    not_ours = [row for row in settled if owners[row.pk] is None]
    elsewhere = ledger.find_other_sites({row.pk: names_of(row, event_data(row)) for row in not_ours})
    inbox.settle_many(
        (row, inbox.Handled(is_ours=owners[row.pk] is not None, other_site=elsewhere.get(row.pk, "")))
        for row in settled
    )
    done = {row.pk for row in settled} | set(busy)
    alone = [row.pk for row in locked if row.pk not in done]
    return BatchResult(processed=len(settled), alone=alone, busy=busy, to_deliver=to_deliver)


def _read_facts(row: WebhookEvent) -> Facts:
    """Return the facts of an event that can be processed with others; none if it cannot."""
    read = fact_reader_of(row)
    try:
        return read(event_data(row)) if read else ()
    except Exception:
        return ()
