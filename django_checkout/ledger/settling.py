"""Settles locked orders: derives them, writes what changed together, and sends what is new; one order or many.

What is new is inserted before it is sent: the unique constraint lets only one transaction deliver a fact.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone

from django_checkout.adapters import is_deleted
from django_checkout.ledger.locks import LockedOrder
from django_checkout.ledger.orders import derive_new
from django_checkout.ledger.sending import AFTER_PAID, Sender, has_receiver, prepare
from django_checkout.ledger.writes import write_orders
from django_checkout.models import Announcement, Order
from django_checkout.models.announcements import AnnouncementState
from django_checkout.models.relations import select_source
from django_checkout.models.savepoints import Savepoint
from django_checkout.models.statements import run

#: An order, and a new announcement about it.
News = tuple[Order, Announcement]


def settle(locked: LockedOrder) -> Order:
    """Derive the order from its rows, write what changed and announce what is new: the last step under the lock."""
    settle_together([locked])
    return locked.order


def settle_together(orders: Sequence[LockedOrder], *, sends: bool = True) -> list[int]:
    """Do the same for many orders; without ``sends``, what is new stays pending.

    Return the primary keys of the orders with new notifications that can be sent and were not.
    """
    first: list[News] = []
    later: list[News] = []
    for locked in orders:
        new = derive_new(locked)
        until = _before_refunds(new)
        first += [(locked.order, announcement) for announcement in new[:until]]
        later += [(locked.order, announcement) for announcement in new[until:]]
    stored, savepoint = _store(orders, first, sends=sends)
    if deleted := [locked for locked in orders if _was_deleted(locked)]:
        later += [(locked.order, announcement) for locked in deleted for announcement in derive_new(locked)]
        # Outside of the savepoint, which may be rolled back.
        if savepoint is not None:
            run(savepoint.release)
        write_orders(deleted, (), *([] if savepoint is None else [savepoint.begin]))
    _send_stored(stored, savepoint)
    if later:
        more, savepoint = _store([], later, sends=sends)
        _send_stored(more, savepoint)
        stored += more
    waiting = [row for row in stored if row.state == AnnouncementState.PENDING and row.next_attempt_at is not None]
    return [] if sends else list(dict.fromkeys(row.order_id for row in waiting if has_receiver(row.signal)))


def _before_refunds(new: Sequence[Announcement]) -> int:
    """Return how many announcements come before the refunds that wait for the ``order_paid`` among them."""
    names = [announcement.signal for announcement in new]
    waiting = [number for number, name in enumerate(names) if name in AFTER_PAID]
    return waiting[0] if waiting and "order_paid" in names else len(names)


def announce(order: Order, announcement: Announcement) -> None:
    """Store a new announcement and send it, unless it is stored already; under the order's lock."""
    stored, savepoint = _store([], [(order, announcement)], sends=True)
    _send_stored(stored, savepoint)


def _store(
    orders: Sequence[LockedOrder], news: Sequence[News], *, sends: bool
) -> tuple[list[Announcement], Savepoint | None]:
    """Write what changed and what is new; return what was not stored before, and the savepoint if some can be sent."""
    now = timezone.now()
    rows = [announcement for order, announcement in news if prepare(order, announcement, now=now, sends=sends)]
    to_send = [row.order for row in rows if row.state == AnnouncementState.ANNOUNCED]
    unread = [locked.order for locked in orders if locked.is_source_unread]
    sources = {order.pk: order for order in (*unread, *to_send)}.values()
    following = [statement for order in sources if (statement := select_source(order)) is not None]
    savepoint = Savepoint() if to_send else None
    if savepoint is not None:
        following.append(savepoint.begin)
    return write_orders(orders, rows, *following), savepoint


def _was_deleted(locked: LockedOrder) -> bool:
    """Return whether the host had deleted its row when a payment was kept, and record it."""
    order = locked.order
    if not locked.is_source_unread:
        return False
    locked.is_source_unread = False
    if is_deleted(order) and order.source_deleted_at is None:
        order.source_deleted_at = order.paid_at
        return True
    return False


def _send_stored(announcements: Sequence[Announcement], savepoint: Savepoint | None) -> None:
    """Send what is stored as delivered; ``savepoint`` has begun if there is any."""
    sender = Sender(savepoint)
    for announcement in announcements:
        if announcement.state != AnnouncementState.ANNOUNCED:
            continue
        error = sender.send(announcement)
        if error is not None:
            sender.retry_later(announcement, error, attempts=1)
    sender.write()
