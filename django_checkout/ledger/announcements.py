"""Delivers notifications to the host's receivers through signals: each fact once, pending until the receivers have run.

A receiver runs in a savepoint of the transaction that records the fact, so its writes and the delivery commit together.
If it raises, only the savepoint is rolled back, and the pending notification is retried later. Without a receiver a
notification stays pending until there is one.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.dispatch import Signal
from django.utils import timezone

from django_checkout import signals
from django_checkout.exceptions import NotDeliverableError
from django_checkout.ledger.rows import write, write_many
from django_checkout.models import Announcement, CheckoutSession, Order, database, sites, statements
from django_checkout.models.announcements import AnnouncementState
from django_checkout.models.statements import Select
from django_checkout.states import OrderStatus

logger = logging.getLogger("django_checkout")

#: The longest wait between two attempts, in seconds.
MAXIMUM_BACKOFF_SECONDS = 6 * 3600
#: A notification that has been due for longer is overdue: ``checkout_process_events`` does not run.
OVERDUE_SECONDS = 600
#: A session that expired longer ago is not announced to a receiver that is connected only now.
STALE_SECONDS = 24 * 3600

#: Signals that are sent only while the order still has this status.
STATUS_REQUIRED = {
    "order_pending": OrderStatus.PENDING,
    "order_authorized": OrderStatus.AUTHORIZED,
    "order_payment_failed": OrderStatus.UNPAID,
}
#: Signals that are not sent before ``order_paid``.
AFTER_PAID = frozenset(("order_refunded", "refund_failed"))
#: Signals that stay pending however old they are: money was paid or refunded.
_NEVER_SUPERSEDED = ("order_paid", "order_refunded")

_PENDING = Select(lambda: Announcement.objects.filter(order=1, state=AnnouncementState.PENDING).order_by("pk"))
_NAMED = Select(lambda: Announcement.objects.filter(order=1, signal="").order_by("pk"))
_SESSION = Select(lambda: CheckoutSession.objects.filter(pk=1).order_by())


def connected_signals() -> list[str]:
    """Return the names of the signals that have a receiver for ``sender=Order``."""
    return [name for name, value in vars(signals).items() if isinstance(value, Signal) and has_receiver(name)]


def has_receiver(name: str) -> bool:
    """Return whether a signal has a receiver for ``sender=Order``."""
    signal: Signal = getattr(signals, name)
    return bool(signal.has_listeners(Order))


def announce(order: Order, announcement: Announcement) -> None:
    """Store a new announcement and deliver it, unless it is stored already; under the order's lock."""
    signal = announcement.signal
    if is_superseded(order, signal):
        return
    now = timezone.now()
    must_wait = _must_wait(order, signal)
    can_send = not must_wait and has_receiver(signal)
    announcement.order = order
    if can_send:
        announcement.state, announcement.attempts, announcement.announced_at = AnnouncementState.ANNOUNCED, 1, now
    elif not must_wait:
        # What must wait for order_paid has no time of its own: it is due once that is delivered.
        announcement.next_attempt_at = now
    # Insert before sending: the unique constraint lets only one transaction deliver a fact.
    if not statements.insert_new(announcement):
        return
    if can_send:
        error = _send(announcement)
        if error is not None:
            _retry_later(announcement, error, attempts=1)


def is_superseded(order: Order, signal: str) -> bool:
    """Return whether the order no longer has the status that a signal is about."""
    return STATUS_REQUIRED.get(signal, order.status) != order.status


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliveries:
    """How many of an order's pending notifications were delivered, failed in a receiver, or were superseded."""

    delivered: int = 0
    failed: int = 0
    superseded: int = 0


def deliver_pending(order: Order) -> Deliveries:
    """Deliver an order's pending notifications, oldest first; under its lock. Return the results."""
    results: Counter[str] = Counter()
    pending = _PENDING(order.pk, AnnouncementState.PENDING)
    for announcement in pending:
        announcement.order = order
        if announcement.session_id is not None:
            announcement.session = next(iter(_SESSION(announcement.session_id)), None)
    for announcement in sorted(pending, key=lambda row: (row.signal in AFTER_PAID, row.pk)):
        if is_superseded(order, announcement.signal) or _is_stale(announcement):
            write(announcement, state=AnnouncementState.SUPERSEDED, next_attempt_at=None)
            results["superseded"] += 1
        elif has_receiver(announcement.signal) and not _must_wait(order, announcement.signal):
            results["delivered" if _deliver(announcement) else "failed"] += 1
    return Deliveries(**results)


def _is_stale(announcement: Announcement) -> bool:
    """Return whether a session expired long ago and no receiver was connected; one that raised is always retried."""
    since = timezone.now() - timedelta(seconds=STALE_SECONDS)
    return announcement.signal == "session_expired" and not announcement.attempts and announcement.created_at < since


def _stale(now: datetime) -> Q:
    """Return the condition that corresponds to ``_is_stale``."""
    return Q(signal="session_expired", attempts=0, created_at__lt=now - timedelta(seconds=STALE_SECONDS))


def superseded(now: datetime) -> Q:
    """Return the condition of pending notifications that nobody gets any more, even from a receiver connected now."""
    which = _stale(now)
    for signal, status in STATUS_REQUIRED.items():
        which |= Q(signal=signal) & ~Q(order__status=status)
    return which


def delivered_amount(signal: str, fact: str) -> int | None:
    """Return the amount that a signal delivered for a fact; None if it was not delivered."""
    rows = Announcement.objects.filter(signal=signal, fact=fact, state=AnnouncementState.ANNOUNCED)
    return rows.values_list("amount_minor", flat=True).first()


def deliver_again(order: Order, announcement_pk: int, *, only_pending: bool = False) -> bool:
    """Deliver a notification now, whether it was delivered before or is pending; return whether every receiver ran.

    Under the order's lock. One that was delivered before stays delivered if a receiver raises; with ``only_pending``
    it is left as it is.

    Raises:
        NotDeliverableError: it is superseded, its signal has no receiver, or ``order_paid`` must be delivered first.
    """
    announcement = order.announcements.get(pk=announcement_pk)
    if only_pending and announcement.state != AnnouncementState.PENDING:
        return True
    if announcement.state == AnnouncementState.SUPERSEDED:
        raise NotDeliverableError("A later notification has superseded this one.")
    if not has_receiver(announcement.signal):
        raise NotDeliverableError(f"The signal {announcement.signal} has no receiver.")
    if _must_wait(order, announcement.signal):
        raise NotDeliverableError("order_paid must be delivered first.")
    return _deliver(announcement)


def waive(order: Order, announcement_pk: int, *, note: str, by: Any) -> bool:
    """Settle a pending notification without delivering it, under the order's lock; return whether it was pending.

    What waits for ``order_paid`` is due once that is waived.
    """
    pending = order.announcements.filter(state=AnnouncementState.PENDING)
    waived = pending.filter(pk=announcement_pk)
    if not waived.update(state=AnnouncementState.WAIVED, next_attempt_at=None, note=note, waived_by=by):
        return False
    logger.info("notification_waived order=%s pk=%s", order.reference, announcement_pk)
    if not pending.filter(signal="order_paid").exists():
        pending.filter(next_attempt_at=None).update(next_attempt_at=timezone.now())
    return True


def stuck(now: datetime) -> QuerySet[Announcement]:
    """Return the pending notifications of this site that stay pending until someone acts."""
    return stuck_on_any_site(now).filter(sites.own("order__")).exclude(superseded(now))


def stuck_on_any_site(now: datetime) -> QuerySet[Announcement]:
    """Return the pending notifications that stay pending until someone acts, those of another site included.

    A receiver raises, ``order_paid`` has no receiver, or the notification is overdue. The caller leaves out those that
    ``is_superseded``, which the order says.
    """
    connected = connected_signals()
    which = Q(signal__in=connected) & (Q(attempts__gt=0) | _is_due(now - timedelta(seconds=OVERDUE_SECONDS)))
    if "order_paid" not in connected:
        which |= Q(signal="order_paid")
    return Announcement.objects.filter(which, ~_stale(now), state=AnnouncementState.PENDING)


def without_receiver(now: datetime) -> QuerySet[Announcement]:
    """Return the pending notifications of this site that stay pending until their signal has a receiver.

    Those of ``order_paid`` are stuck.
    """
    pending = Announcement.objects.filter(sites.own("order__"), state=AnnouncementState.PENDING)
    return pending.exclude(signal__in=["order_paid", *connected_signals()]).exclude(superseded(now))


def deliverable() -> QuerySet[Announcement]:
    """Return the pending notifications that have a receiver, whether they are due or not."""
    own = Announcement.objects.filter(sites.own("order__"))
    return own.filter(state=AnnouncementState.PENDING, signal__in=connected_signals())


def due(now: datetime) -> QuerySet[Announcement]:
    """Return the pending notifications that have a receiver and are due."""
    which = _is_due(now)
    if not has_receiver("order_paid"):
        # Notifications that wait for order_paid would wait forever.
        which |= Q(next_attempt_at=None)
    return deliverable().filter(which)


def _is_due(now: datetime) -> Q:
    """Return the condition of due notifications; one that waits for ``order_paid`` is due once that is delivered."""
    paid = Announcement.objects.filter(
        order=OuterRef("order"), signal="order_paid", state=AnnouncementState.ANNOUNCED, announced_at__lte=now
    )
    return Q(next_attempt_at__lte=now) | Q(Exists(paid), next_attempt_at=None)


def supersede_without_receiver(before: datetime) -> int:
    """Supersede notifications without a receiver that are older than a time, except payments and refunds."""
    rows = Announcement.objects.filter(state=AnnouncementState.PENDING, created_at__lt=before)
    rows = rows.exclude(signal__in=[*connected_signals(), *_NEVER_SUPERSEDED])
    return rows.update(state=AnnouncementState.SUPERSEDED, next_attempt_at=None)


def _must_wait(order: Order, signal: str) -> bool:
    """Return whether ``order_paid`` comes first: it is not stored yet, or it is pending and has a receiver."""
    if signal not in AFTER_PAID:
        return False
    paid = next((row.state for row in _NAMED(order.pk, "order_paid")), None)
    return paid is None or (paid == AnnouncementState.PENDING and has_receiver("order_paid"))


def _deliver(announcement: Announcement) -> bool:
    attempts = announcement.attempts + 1
    error = _send(announcement)
    if error is None:
        now = timezone.now()
        delivered = {"state": AnnouncementState.ANNOUNCED, "announced_at": now, "next_attempt_at": None}
        delivered["attempts"] = attempts
        for name, value in delivered.items():
            setattr(announcement, name, value)
        write_many([(announcement, delivered)])
    elif announcement.state == AnnouncementState.ANNOUNCED:
        # It was delivered before, so it is not retried, and nothing waits for it.
        write(announcement, attempts=attempts, last_error=type(error).__name__)
    else:
        _retry_later(announcement, error, attempts=attempts)
    return error is None


def _retry_later(announcement: Announcement, error: Exception, *, attempts: int) -> None:
    write(
        announcement,
        state=AnnouncementState.PENDING,
        attempts=attempts,
        announced_at=None,
        next_attempt_at=timezone.now() + timedelta(seconds=backoff_seconds(attempts)),
        last_error=type(error).__name__,
    )


def backoff_seconds(attempts: int) -> int:
    """Return how long to wait after this many attempts: a minute, doubled each time, six hours at most."""
    doubled: int = 60 << min(max(attempts - 1, 0), 20)
    return min(doubled, MAXIMUM_BACKOFF_SECONDS)


def _send(announcement: Announcement) -> Exception | None:
    """Send the signal in a savepoint; return what a receiver raised."""
    order = announcement.order
    signal = getattr(signals, announcement.signal)
    logger.info("announce signal=%s order=%s fact=%s", announcement.signal, order.reference, announcement.fact)
    names = ("session", "refund", "dispute", "subscription", "amount_minor", "reason")
    found = {name: getattr(announcement, name) for name in names}
    arguments = {name: value for name, value in found.items() if value not in (None, "")}
    try:
        with database.atomic(), database.site_atomic(order.source), database.host_code():
            signal.send(sender=Order, order=order, source=order.source, **arguments)
    except Exception as error:
        # MariaDB rolls the whole transaction back on a deadlock, so it must start over.
        if database.is_retryable(error):
            raise
        logger.exception("receiver_failed signal=%s order=%s", announcement.signal, order.reference)
        return error
    return None
