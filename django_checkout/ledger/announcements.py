"""Tells the host, through signals, what happened: each piece of news once, owed until every receiver has run.

A receiver runs in a savepoint of the transaction that recorded the fact: its writes and "announced" commit together.
If it raises, only the savepoint is rolled back, the announcement stays owed, and the sweep tries again later.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.db import IntegrityError
from django.utils import timezone

from django_checkout import database, signals
from django_checkout.ledger.locks import is_retryable
from django_checkout.ledger.news import News
from django_checkout.models import Announcement, Order
from django_checkout.models.news import AnnouncementState
from django_checkout.states import OrderStatus

logger = logging.getLogger("django_checkout")

#: The longest wait between two tries, in seconds.
MAXIMUM_BACKOFF_SECONDS = 6 * 3600

#: News of a moment, worth telling only while the order is still in this status.
WHILE = {
    "order_pending": OrderStatus.PENDING,
    "order_authorized": OrderStatus.AUTHORIZED,
    "order_payment_failed": OrderStatus.UNPAID,
}
#: News that must not come before ``order_paid``.
_AFTER_PAID = frozenset(("order_refunded", "refund_failed"))


def announce(order: Order, news: News) -> None:
    """Record a piece of news and tell the host, once; under the order's lock."""
    if news.signal in WHILE and order.status != WHILE[news.signal]:
        return
    is_early = news.signal in _AFTER_PAID and not _is_paid_announced(order)
    announcement = Announcement(
        order=order,
        signal=news.signal,
        fact=news.fact,
        session=news.session,
        refund=news.refund,
        dispute=news.dispute,
        subscription=news.subscription,
        amount_minor=news.amount_minor,
        reason=news.reason,
        state=AnnouncementState.OWED if is_early else AnnouncementState.ANNOUNCED,
        attempts=0 if is_early else 1,
        announced_at=None if is_early else timezone.now(),
    )
    try:
        with database.atomic():
            announcement.save(force_insert=True)
    except IntegrityError:
        return
    if not is_early:
        error = _send(announcement)
        if error is not None:
            _owe(announcement, error)


def tell_owed(order: Order) -> int:
    """Try again what is owed to the host about this order, oldest first; under its lock. Return how many were told."""
    told = 0
    owed = order.announcements.filter(state=AnnouncementState.OWED).order_by("pk")
    for announcement in sorted(owed, key=lambda row: (row.signal in _AFTER_PAID, row.pk)):
        if announcement.signal in WHILE and order.status != WHILE[announcement.signal]:
            announcement.state = AnnouncementState.SUPERSEDED
            announcement.next_attempt_at = None
            announcement.save(update_fields=["state", "next_attempt_at"])
            continue
        if announcement.signal in _AFTER_PAID and not _is_paid_announced(order):
            continue
        announcement.attempts += 1
        error = _send(announcement)
        if error is not None:
            _owe(announcement, error)
            continue
        announcement.state = AnnouncementState.ANNOUNCED
        announcement.announced_at = timezone.now()
        announcement.next_attempt_at = None
        announcement.save(update_fields=["state", "attempts", "announced_at", "next_attempt_at"])
        told += 1
    return told


def announced_amount(signal: str, fact: str) -> int | None:
    """Return the amount that the host was told with a signal about a fact; None if it was not told."""
    rows = Announcement.objects.filter(signal=signal, fact=fact, state=AnnouncementState.ANNOUNCED)
    return rows.values_list("amount_minor", flat=True).first()


def _is_paid_announced(order: Order) -> bool:
    return order.announcements.filter(signal="order_paid", state=AnnouncementState.ANNOUNCED).exists()


def _owe(announcement: Announcement, error: Exception) -> None:
    announcement.state = AnnouncementState.OWED
    announcement.announced_at = None
    announcement.next_attempt_at = timezone.now() + timedelta(seconds=backoff_seconds(announcement.attempts))
    announcement.last_error = type(error).__name__
    announcement.save(update_fields=["state", "attempts", "announced_at", "next_attempt_at", "last_error"])


def backoff_seconds(attempts: int) -> int:
    """Return how long to wait after this many tries: a minute, doubled each time, six hours at most."""
    doubled: int = 60 << min(max(attempts - 1, 0), 20)
    return min(doubled, MAXIMUM_BACKOFF_SECONDS)


def _send(announcement: Announcement) -> Exception | None:
    order = announcement.order
    signal = getattr(signals, announcement.signal)
    logger.info("announce signal=%s order=%s fact=%s", announcement.signal, order.reference, announcement.fact)
    if not signal.has_listeners(Order):
        return None
    arguments: dict[str, Any] = {"order": order, "source": order.source}
    for name in ("session", "refund", "dispute", "subscription", "amount_minor"):
        value = getattr(announcement, name)
        if value is not None:
            arguments[name] = value
    if announcement.reason:
        arguments["reason"] = announcement.reason
    try:
        with database.atomic(), database.host_code():
            signal.send(sender=Order, **arguments)
    except Exception as error:
        # MariaDB rolls the whole transaction back on a deadlock, so it must start over.
        if is_retryable(error):
            raise
        logger.exception("receiver_failed signal=%s order=%s", announcement.signal, order.reference)
        return error
    return None
