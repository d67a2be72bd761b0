"""Deletes old events in batches small enough that nobody waits for one, and never one that is not processed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.utils import timezone

from django_checkout import database
from django_checkout.conf import conf
from django_checkout.ledger import announcements
from django_checkout.models import CheckoutSession, IdempotentAnswer, WebhookEvent
from django_checkout.models.events import EventState
from django_checkout.models.relations import let_go_deleted
from django_checkout.states import SessionStatus

#: Settled: nothing will be done with them any more.
SETTLED = (EventState.PROCESSED, EventState.IGNORED)
FIRST_BATCH = 1000
MAX_BATCH = 10_000
MIN_BATCH = 100
#: A batch is made smaller above this, and larger below a quarter of it; well under two seconds a transaction.
AIM_SECONDS = 0.5


def prune(
    *,
    min_age_days: int | None = None,
    limit: int | None = None,
    is_dry: bool = False,
    progress: Callable[[str, int], None] | None = None,
    now: datetime | None = None,
) -> int:
    """Delete events received more than ``min_age_days`` ago that were processed or ignored; return how many.

    Answers of the API that are not repeated any more go with them, uncounted, and announcements that are pending for
    want of a receiver are given up, except those of payments and refunds. What shoppers typed into sessions
    that expired as long ago is erased, and links to users that were deleted are removed.

    The default age is CHECKOUT_EVENT_RETENTION_DAYS. Each batch is a transaction of its own, so that a killed run
    keeps what it has done. With ``is_dry`` they are only counted.
    """
    days = conf.CHECKOUT_EVENT_RETENTION_DAYS if min_age_days is None else min_age_days
    cutoff = (now or timezone.now()) - timedelta(days=days)
    old = WebhookEvent.objects.filter(received_at__lt=cutoff, state__in=SETTLED)
    if is_dry:
        return old.order_by("pk")[:limit].count() if limit else old.count()
    IdempotentAnswer.expired(now).delete()
    announcements.give_up_unheard(cutoff)
    let_go_deleted()
    _forget_expired(cutoff)
    deleted = 0
    for number in _batches(cutoff, limit):
        deleted += number
        if progress is not None:
            progress("events deleted", deleted)
    return deleted


def _forget_expired(cutoff: datetime) -> None:
    """Erase what shoppers typed into sessions that expired before an instant, batch by batch."""
    expired = CheckoutSession.objects.filter(status=SessionStatus.EXPIRED, expires_at__lt=cutoff)
    rows = expired.exclude(customer_details={}).order_by("pk")
    while pks := list(rows.values_list("pk", flat=True)[:FIRST_BATCH]):
        CheckoutSession.objects.filter(pk__in=pks).update(customer_details={})


def _batches(cutoff: datetime, limit: int | None) -> Iterator[int]:
    """Delete batch by batch, oldest first, each as large as fits into ``AIM_SECONDS``; yield how many were deleted."""
    size, left, after = FIRST_BATCH, limit, None
    while left is None or left > 0:
        began = time.monotonic()
        wanted = size if left is None else min(size, left)
        last, number = _delete_batch(cutoff, after, wanted)
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
    """Delete the oldest events from ``after`` on; return where the batch ended (None: nothing was left) and how many.

    An event that is being replayed meanwhile is not settled any more, and stays.
    """
    rows = WebhookEvent.objects.filter(received_at__lt=cutoff, state__in=SETTLED)
    if after is not None:
        # Where the index is read from: what lies before has been deleted or is kept.
        rows = rows.filter(received_at__gte=after)
    with database.atomic():
        found = list(rows.order_by("received_at").values_list("pk", "received_at")[:size])
        if not found:
            return None, 0
        number, _ = WebhookEvent.objects.filter(pk__in=[pk for pk, _ in found], state__in=SETTLED).delete()
    return found[-1][1], number
