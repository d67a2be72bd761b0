"""Sends notifications to the host's receivers through signals: each fact once, pending until the receivers have run.

A receiver runs in a savepoint of the transaction that records the fact, so its writes and the delivery commit together.
If it raises, only the savepoint is rolled back, and the pending notification is retried later. Without a receiver a
notification stays pending until there is one.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.dispatch import Signal
from django.utils import timezone

from django_checkout import signals
from django_checkout.ledger.next_actions import find_action_of
from django_checkout.ledger.rows import write_many
from django_checkout.models import Announcement, Order, database
from django_checkout.models.announcements import AnnouncementState
from django_checkout.models.savepoints import Savepoint
from django_checkout.models.statements import Select, run
from django_checkout.states import OrderStatus

logger = logging.getLogger("django_checkout")

#: The longest wait between two attempts, in seconds.
MAXIMUM_BACKOFF_SECONDS = 6 * 3600

#: Signals that are sent only while the order still has this status.
STATUS_REQUIRED = {
    "order_pending": OrderStatus.PENDING,
    "order_authorized": OrderStatus.AUTHORIZED,
    "order_payment_failed": OrderStatus.UNPAID,
    "voucher_expires_soon": OrderStatus.PENDING,
}
#: Signals that say what the shopper has to do to pay.
_WITH_ACTION = frozenset(("order_pending", "voucher_expires_soon"))
#: Signals that are not sent before ``order_paid``.
AFTER_PAID = frozenset(("order_refunded", "refund_failed"))

_NAMED = Select(lambda: Announcement.objects.filter(order=1, signal="").order_by("pk"))


def has_receiver(name: str) -> bool:
    """Return whether a signal has a receiver for ``sender=Order``."""
    signal: Signal = getattr(signals, name)
    return bool(signal.has_listeners(Order))


def is_superseded(order: Order, signal: str) -> bool:
    """Return whether the order no longer has the status that a signal is about."""
    return STATUS_REQUIRED.get(signal, order.status) != order.status


def must_wait(order: Order, signal: str) -> bool:
    """Return whether ``order_paid`` comes first: it is not stored yet, or it is pending and has a receiver."""
    if signal not in AFTER_PAID:
        return False
    paid = next((row.state for row in _NAMED(order.pk, "order_paid")), None)
    return paid is None or (paid == AnnouncementState.PENDING and has_receiver("order_paid"))


def prepare(order: Order, announcement: Announcement, *, now: datetime, sends: bool = True) -> bool:
    """Set what a new announcement is stored with: as delivered if it can be sent; return False if it is superseded."""
    signal = announcement.signal
    if is_superseded(order, signal):
        return False
    waits = must_wait(order, signal)
    announcement.order = order
    if sends and not waits and has_receiver(signal):
        announcement.state, announcement.attempts, announcement.announced_at = AnnouncementState.ANNOUNCED, 1, now
    elif not waits:
        # What must wait for order_paid has no time of its own: it is due once that is delivered.
        announcement.next_attempt_at = now
    return True


class Sender:
    """Sends one announcement after another in a transaction; ``write`` stores what became of them together."""

    def __init__(self, begun: Savepoint | None = None) -> None:
        """``begun`` is the savepoint of the first."""
        self._begun = begun
        self._ended: Savepoint | None = None
        self._changes: list[tuple[Announcement, dict[str, Any]]] = []

    def send(self, announcement: Announcement) -> Exception | None:
        """Send the signal in a savepoint of its own; return what a receiver raised."""
        savepoint = self._begin()
        order = announcement.order
        signal = getattr(signals, announcement.signal)
        logger.info("announce signal=%s order=%s fact=%s", announcement.signal, order.reference, announcement.fact)
        names = ("session", "refund", "dispute", "subscription", "amount_minor", "reason")
        found = {name: getattr(announcement, name) for name in names}
        arguments = {name: value for name, value in found.items() if value not in (None, "")}
        if announcement.signal in _WITH_ACTION:
            session = announcement.session
            arguments["next_action"] = None if session is None else find_action_of(session)
        try:
            with savepoint, database.site_atomic(order.source), database.host_code():
                signal.send(sender=Order, order=order, source=order.source, **arguments)
        except Exception as error:
            # MariaDB rolls the whole transaction back on a deadlock, so it must start over.
            if database.is_retryable(error):
                raise
            logger.exception("receiver_failed signal=%s order=%s", announcement.signal, order.reference)
            return error
        return None

    def _begin(self) -> Savepoint:
        savepoint, self._begun = self._begun, None
        if savepoint is None:
            savepoint = Savepoint()
            # The last one ends together with the beginning of the next, or with the transaction.
            run(*([self._ended.release] if self._ended else []), savepoint.begin)
        self._ended = savepoint
        return savepoint

    def change(self, announcement: Announcement, **values: Any) -> None:
        """Set columns of a stored announcement, which ``write`` writes."""
        for name, value in values.items():
            setattr(announcement, name, value)
        self._changes.append((announcement, values))

    def retry_later(self, announcement: Announcement, error: Exception, *, attempts: int) -> None:
        """Mark an announcement whose receiver raised as pending."""
        self.change(
            announcement,
            state=AnnouncementState.PENDING,
            attempts=attempts,
            announced_at=None,
            next_attempt_at=timezone.now() + timedelta(seconds=backoff_seconds(attempts)),
            last_error=type(error).__name__,
        )

    def write(self) -> None:
        """Write what has changed."""
        write_many(self._changes)
        self._changes = []


def backoff_seconds(attempts: int) -> int:
    """Return how long to wait after this many attempts: a minute, doubled each time, six hours at most."""
    doubled: int = 60 << min(max(attempts - 1, 0), 20)
    return min(doubled, MAXIMUM_BACKOFF_SECONDS)
