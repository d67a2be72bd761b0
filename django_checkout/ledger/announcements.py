"""Announces to the host, through signals, what happened: each fact once, pending until every receiver has run.

A receiver runs in a savepoint of the transaction that recorded the fact: its writes and "announced" commit together.
If it raises, only the savepoint is rolled back, the announcement stays pending, and the sweep retries it later. Without
a receiver nothing is delivered: the announcement stays pending until there is one.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.dispatch import Signal
from django.utils import timezone

from django_checkout import database, signals
from django_checkout.exceptions import NotDeliverableError
from django_checkout.ledger.locks import is_retryable
from django_checkout.ledger.news import News
from django_checkout.models import Announcement, Order
from django_checkout.models.news import AnnouncementState
from django_checkout.states import OrderStatus

logger = logging.getLogger("django_checkout")

#: The longest wait between two tries, in seconds.
MAXIMUM_BACKOFF_SECONDS = 6 * 3600
#: A notification that is due for longer is overdue: the sweep does not run.
OVERDUE_SECONDS = 600
#: A session that expired longer ago is not announced to a receiver that had not been connected then.
STALE_SECONDS = 24 * 3600

#: Facts of a moment, delivered only while the order is still in this status.
WHILE = {
    "order_pending": OrderStatus.PENDING,
    "order_authorized": OrderStatus.AUTHORIZED,
    "order_payment_failed": OrderStatus.UNPAID,
}
#: Facts that are not delivered before ``order_paid``.
_AFTER_PAID = frozenset(("order_refunded", "refund_failed"))


#: Announcements that are never given up, however old: money came in or went back.
_KEPT = ("order_paid", "order_refunded")


def heard_signals() -> list[str]:
    """Return the names of the signals that have a receiver; one that is connected to another sender does not count."""
    named = {name: signal for name, signal in vars(signals).items() if isinstance(signal, Signal)}
    return [name for name, signal in named.items() if signal.has_listeners(Order)]


def is_heard(name: str) -> bool:
    """Return whether a signal has a receiver."""
    signal: Signal = getattr(signals, name)
    return bool(signal.has_listeners(Order))


def announce(order: Order, news: News) -> None:
    """Record a fact and deliver it to the host's receivers, once; under the order's lock."""
    if news.signal in WHILE and order.status != WHILE[news.signal]:
        return
    now = timezone.now()
    must_wait = _must_wait(order, news.signal)
    is_pending = must_wait or not is_heard(news.signal)
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
        state=AnnouncementState.PENDING if is_pending else AnnouncementState.ANNOUNCED,
        attempts=0 if is_pending else 1,
        announced_at=None if is_pending else now,
        # What must wait for order_paid is delivered along with it; the rest as soon as somebody listens.
        next_attempt_at=now if is_pending and not must_wait else None,
    )
    try:
        with database.atomic():
            announcement.save(force_insert=True)
    except IntegrityError:
        return
    if not is_pending:
        error = _send(announcement)
        if error is not None:
            _retry_later(announcement, error)


def deliver_pending(order: Order) -> int:
    """Deliver an order's pending announcements, oldest first; under its lock. Return how many were delivered."""
    delivered = 0
    pending = order.announcements.filter(state=AnnouncementState.PENDING).order_by("pk")
    for announcement in sorted(pending, key=lambda row: (row.signal in _AFTER_PAID, row.pk)):
        is_overtaken = announcement.signal in WHILE and order.status != WHILE[announcement.signal]
        if is_overtaken or _is_stale(announcement):
            announcement.state = AnnouncementState.SUPERSEDED
            announcement.next_attempt_at = None
            announcement.save(update_fields=["state", "next_attempt_at"])
        elif is_heard(announcement.signal) and not _must_wait(order, announcement.signal):
            delivered += _deliver(announcement)
    return delivered


def _is_stale(announcement: Announcement) -> bool:
    """Whether nobody listened when a session expired, and that is long ago; a receiver that raised was tried."""
    since = timezone.now() - timedelta(seconds=STALE_SECONDS)
    return announcement.signal == "session_expired" and not announcement.attempts and announcement.created_at < since


def announced_amount(signal: str, fact: str) -> int | None:
    """Return the amount that the host was told with a signal about a fact; None if it was not told."""
    rows = Announcement.objects.filter(signal=signal, fact=fact, state=AnnouncementState.ANNOUNCED)
    return rows.values_list("amount_minor", flat=True).first()


def deliver_again(order: Order, announcement_pk: int) -> int:
    """Deliver an announcement once more that was delivered before, or one that is pending; under the order's lock.

    One that was delivered before stays announced when a receiver raises.

    Raises:
        NotDeliverableError: it is superseded, nobody listens, or ``order_paid`` must be delivered first.
    """
    announcement = order.announcements.get(pk=announcement_pk)
    if announcement.state == AnnouncementState.SUPERSEDED:
        raise NotDeliverableError("Later news has superseded this announcement.")
    if not is_heard(announcement.signal):
        raise NotDeliverableError(f"The signal {announcement.signal} has no receiver.")
    if _must_wait(order, announcement.signal):
        raise NotDeliverableError("order_paid must be delivered first.")
    return _deliver(announcement)


def pressing(now: datetime) -> QuerySet[Announcement]:
    """Return the pending announcements for which somebody must act.

    A receiver raises, ``order_paid`` has no receiver, or one is overdue.
    """
    heard = heard_signals()
    which = Q(signal__in=heard) & (Q(attempts__gt=0) | _is_due(now - timedelta(seconds=OVERDUE_SECONDS)))
    if "order_paid" not in heard:
        which |= Q(signal="order_paid")
    return Announcement.objects.filter(which, state=AnnouncementState.PENDING)


def due(now: datetime) -> QuerySet[Announcement]:
    """Return the pending announcements that have a receiver and whose time has come."""
    heard = heard_signals()
    which = _is_due(now)
    if "order_paid" not in heard:
        # Nothing that they could wait for will be delivered.
        which |= Q(next_attempt_at=None)
    return Announcement.objects.filter(which, state=AnnouncementState.PENDING, signal__in=heard)


def _is_due(now: datetime) -> Q:
    """What waits for ``order_paid`` has no instant of its own: it is due once that is announced, in whatever way."""
    paid = Announcement.objects.filter(
        order=OuterRef("order"), signal="order_paid", state=AnnouncementState.ANNOUNCED, announced_at__lte=now
    )
    return Q(next_attempt_at__lte=now) | Q(Exists(paid), next_attempt_at=None)


def give_up_unheard(before: datetime) -> int:
    """Supersede what is pending since before an instant with no receiver, except payments and refunds."""
    unheard = Announcement.objects.filter(state=AnnouncementState.PENDING, created_at__lt=before)
    unheard = unheard.exclude(signal__in=[*heard_signals(), *_KEPT])
    return unheard.update(state=AnnouncementState.SUPERSEDED, next_attempt_at=None)


def _must_wait(order: Order, signal: str) -> bool:
    """Return whether ``order_paid`` comes first: it was not announced, or is pending and has a receiver."""
    if signal not in _AFTER_PAID:
        return False
    paid = order.announcements.filter(signal="order_paid").values_list("state", flat=True).first()
    return paid is None or (paid != AnnouncementState.ANNOUNCED and is_heard("order_paid"))


def _deliver(announcement: Announcement) -> int:
    announcement.attempts += 1
    error = _send(announcement)
    if error is not None and announcement.state == AnnouncementState.ANNOUNCED:
        # Delivered again on purpose: the host has heard of it, so it is not retried, and nothing waits for it.
        announcement.last_error = type(error).__name__
        announcement.save(update_fields=["attempts", "last_error"])
        return 0
    if error is not None:
        _retry_later(announcement, error)
        return 0
    announcement.state = AnnouncementState.ANNOUNCED
    announcement.announced_at = timezone.now()
    announcement.next_attempt_at = None
    announcement.save(update_fields=["state", "attempts", "announced_at", "next_attempt_at"])
    return 1


def _retry_later(announcement: Announcement, error: Exception) -> None:
    announcement.state = AnnouncementState.PENDING
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
    arguments: dict[str, Any] = {"order": order, "source": order.source}
    for name in ("session", "refund", "dispute", "subscription", "amount_minor"):
        value = getattr(announcement, name)
        if value is not None:
            arguments[name] = value
    if announcement.reason:
        arguments["reason"] = announcement.reason
    try:
        with database.atomic(), database.site_atomic(order.source), database.host_code():
            signal.send(sender=Order, **arguments)
    except Exception as error:
        # MariaDB rolls the whole transaction back on a deadlock, so it must start over.
        if is_retryable(error):
            raise
        logger.exception("receiver_failed signal=%s order=%s", announcement.signal, order.reference)
        return error
    return None
