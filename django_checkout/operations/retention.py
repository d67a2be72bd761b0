"""Deletes old events in short transactions; an event that is not processed is never deleted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.utils import timezone

from django_checkout.conf import conf
from django_checkout.ledger import announcements
from django_checkout.models import CheckoutSession, IdempotentAnswer, WebhookEvent, database
from django_checkout.models.relations import unlink_missing
from django_checkout.states import SessionStatus
from django_checkout.webhooks.inbox import SETTLED

FIRST_BATCH = 1000
MAX_BATCH = 10_000
MIN_BATCH = 100
#: Batches shrink when one takes longer than this, and grow when one takes less than a quarter of it.
AIM_SECONDS = 0.5


def prune(
    *,
    min_age_days: int | None = None,
    limit: int | None = None,
    is_dry: bool = False,
    progress: Callable[[str, int], None] | None = None,
    now: datetime | None = None,
) -> int:
    """Delete processed and ignored events that were received more than ``min_age_days`` ago; return how many.

    Also deletes the API's expired idempotent responses, drops pending notifications of that age whose signal has no
    receiver (except those of payments and refunds), erases the contact details of sessions that expired that long ago,
    and removes links to deleted users. None of these are counted.

    The default age is CHECKOUT_EVENT_RETENTION_DAYS. Each batch is its own transaction, so an interrupted run keeps
    its progress. With ``is_dry`` events are only counted.
    """
    days = conf.CHECKOUT_EVENT_RETENTION_DAYS if min_age_days is None else min_age_days
    cutoff = (now or timezone.now()) - timedelta(days=days)
    old = WebhookEvent.objects.filter(received_at__lt=cutoff, state__in=SETTLED)
    if is_dry:
        return old.order_by("pk")[:limit].count() if limit else old.count()
    IdempotentAnswer.expired(now).delete()
    announcements.supersede_without_receiver(cutoff)
    unlink_missing()
    _erase_expired(cutoff)
    deleted = 0
    for number in _batches(cutoff, limit):
        deleted += number
        if progress is not None:
            progress("events deleted", deleted)
    return deleted


def _erase_expired(cutoff: datetime) -> None:
    """Erase the contact details of sessions that expired before ``cutoff``, in batches."""
    expired = CheckoutSession.objects.filter(status=SessionStatus.EXPIRED, expires_at__lt=cutoff)
    rows = expired.exclude(customer_details={}).order_by("pk")
    while pks := list(rows.values_list("pk", flat=True)[:FIRST_BATCH]):
        CheckoutSession.objects.filter(pk__in=pks).update(customer_details={})


def _batches(cutoff: datetime, limit: int | None) -> Iterator[int]:
    """Delete in batches that aim at ``AIM_SECONDS``, oldest first; yield how many each deleted."""
    size, left, after = FIRST_BATCH, limit, None
    while left is None or left > 0:
        began = time.monotonic()
        batch_size = size if left is None else min(size, left)
        last, number = _delete_batch(cutoff, after, batch_size)
        if last is None:
            return
        after = last
        if left is not None:
            left -= number
        yield number
        took = time.monotonic() - began
        if took > AIM_SECONDS:
            size = max(MIN_BATCH, int(size * AIM_SECONDS / took))
        elif took < AIM_SECONDS / 4:
            size = min(MAX_BATCH, size * 2)


def _delete_batch(cutoff: datetime, after: datetime | None, size: int) -> tuple[datetime | None, int]:
    """Delete the oldest events from ``after`` on; return where the batch ended (None: none was left) and how many.

    An event that is replayed in the meantime is no longer settled and is not deleted.
    """
    rows = WebhookEvent.objects.filter(received_at__lt=cutoff, state__in=SETTLED)
    if after is not None:
        # Start the index scan here: earlier events are deleted or kept.
        rows = rows.filter(received_at__gte=after)

    def delete() -> tuple[datetime | None, int]:
        found = list(rows.order_by("received_at").values_list("pk", "received_at")[:size])
        if not found:
            return None, 0
        number, _ = WebhookEvent.objects.filter(pk__in=[pk for pk, _ in found], state__in=SETTLED).delete()
        return found[-1][1], number

    return database.in_transaction(delete)
