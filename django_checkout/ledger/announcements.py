"""Delivers pending notifications, and finds those that are due, stuck or without a receiver."""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, prefetch_related_objects
from django.dispatch import Signal
from django.utils import timezone

from django_checkout import signals
from django_checkout.exceptions import NotDeliverableError
from django_checkout.ledger.sending import (
    AFTER_PAID,
    STATUS_REQUIRED,
    Sender,
    has_receiver,
    is_superseded,
    must_wait,
)
from django_checkout.models import Announcement, CheckoutSession, Order, database, sites
from django_checkout.models.announcements import AnnouncementState
from django_checkout.models.statements import Select

logger = logging.getLogger("django_checkout")

#: A notification that has been due for longer is overdue: ``checkout_process_events`` does not run.
OVERDUE_SECONDS = 600
#: A session that expired longer ago is not announced to a receiver that is connected only now.
STALE_SECONDS = 24 * 3600

#: Signals that stay pending however old they are: money was paid or refunded.
_NEVER_SUPERSEDED = ("order_paid", "order_refunded")

_PENDING = Select(lambda: Announcement.objects.filter(order=1, state=AnnouncementState.PENDING).order_by("pk"))
_SESSION = Select(lambda: CheckoutSession.objects.filter(pk=1).order_by())


def connected_signals() -> list[str]:
    """Return the names of the signals that have a receiver for ``sender=Order``."""
    return [name for name, value in vars(signals).items() if isinstance(value, Signal) and has_receiver(name)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliveries:
    """How many of an order's pending notifications were delivered, failed in a receiver, or were superseded."""

    delivered: int = 0
    failed: int = 0
    superseded: int = 0


def deliver_pending(order: Order) -> Deliveries:
    """Deliver an order's pending notifications, oldest first; under its lock. Return the results."""
    pending = _PENDING(order.pk, AnnouncementState.PENDING)
    for announcement in pending:
        announcement.order = order
        if announcement.session_id is not None:
            announcement.session = next(iter(_SESSION(announcement.session_id)), None)
    sender = Sender()
    results = _deliver_pending(order, pending, sender)
    sender.write()
    return Deliveries(**results)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveriesTogether(Deliveries):
    """The results for many orders, and the primary keys of those that are left."""

    #: Their turn had not come in time.
    left: Collection[int] = ()
    #: Their notifications must be delivered alone: another transaction has locked them, or receivers conflicted.
    busy: Collection[int] = ()
    #: Whether receivers waited for each other's rows.
    has_conflict: bool = False


def deliver_together(order_pks: Collection[int], *, ends_at: float) -> DeliveriesTogether:
    """Do the same for many orders, each receiver in its own savepoint, in the caller's transaction.

    Orders whose turn would come after ``ends_at`` (``time.monotonic``) are left for another transaction, so that a slow
    receiver holds the locks of other orders only for a moment.
    """
    rows = Order.objects.select_for_update(skip_locked=database.can_skip_locked())
    orders = list(rows.filter(sites.own(), pk__in=order_pks).order_by("pk"))
    prefetch_related_objects(orders, "source")
    pending = Announcement.objects.filter(order__in=orders, state=AnnouncementState.PENDING)
    of_order: dict[int, list[Announcement]] = defaultdict(list)
    for announcement in pending.order_by("pk").prefetch_related("session"):
        of_order[announcement.order_id].append(announcement)
    results: Counter[str] = Counter()
    sender = Sender()
    left: list[int] = []
    for number, order in enumerate(orders):
        if number and time.monotonic() >= ends_at:
            left = [order.pk for order in orders[number:]]
            break
        for announcement in of_order[order.pk]:
            announcement.order = order
        results += _deliver_pending(order, of_order[order.pk], sender)
    sender.write()
    busy = set(order_pks) - {order.pk for order in orders}
    return DeliveriesTogether(
        delivered=results["delivered"],
        failed=results["failed"],
        superseded=results["superseded"],
        left=left,
        busy=busy,
    )


def _deliver_pending(order: Order, pending: Collection[Announcement], sender: Sender) -> Counter[str]:
    results: Counter[str] = Counter()
    for announcement in sorted(pending, key=lambda row: (row.signal in AFTER_PAID, row.pk)):
        if announcement.signal in AFTER_PAID:
            # Whether it must wait is read from the database.
            sender.write()
        if is_superseded(order, announcement.signal) or _is_stale(announcement):
            sender.change(announcement, state=AnnouncementState.SUPERSEDED, next_attempt_at=None)
            results["superseded"] += 1
        elif has_receiver(announcement.signal) and not must_wait(order, announcement.signal):
            results["delivered" if _deliver(announcement, sender) else "failed"] += 1
    return results


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
    if must_wait(order, announcement.signal):
        raise NotDeliverableError("order_paid must be delivered first.")
    sender = Sender()
    is_delivered = _deliver(announcement, sender)
    sender.write()
    return is_delivered


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


def _deliver(announcement: Announcement, sender: Sender) -> bool:
    attempts = announcement.attempts + 1
    error = sender.send(announcement)
    if error is None:
        now = timezone.now()
        delivered = {"state": AnnouncementState.ANNOUNCED, "announced_at": now, "next_attempt_at": None}
        sender.change(announcement, attempts=attempts, **delivered)
    elif announcement.state == AnnouncementState.ANNOUNCED:
        # It was delivered before, so it is not retried, and nothing waits for it.
        sender.change(announcement, attempts=attempts, last_error=type(error).__name__)
    else:
        sender.retry_later(announcement, error, attempts=attempts)
    return error is None
