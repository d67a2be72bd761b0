"""Delivers notifications to the host's receivers on request, and waives them."""

from __future__ import annotations

from typing import Any

from django_checkout import ledger
from django_checkout.exceptions import NotPendingError
from django_checkout.ledger import announcements
from django_checkout.models import Announcement, Order
from django_checkout.services.orders import check_site


def deliver_pending(order: Order) -> announcements.Deliveries:
    """Deliver an order's pending announcements; return the results.

    Raises:
        OtherSiteError: the order belongs to another installation, which delivers them.
    """
    check_site(order)
    return ledger.in_transaction(lambda: announcements.deliver_pending(ledger.lock_order_alone(order.pk)))


def waive(announcement: Announcement, note: str, *, by: Any = None) -> None:
    """Settle a pending notification without delivering it, with a note; it can still be delivered by hand.

    Raises:
        NotPendingError: it is not pending.
    """

    def work() -> bool:
        order = ledger.lock_order(pk=announcement.order_id).order
        return announcements.waive(order, announcement.pk, note=note, by=by)

    if not ledger.in_transaction(work):
        raise NotPendingError("It is no longer pending.")


def deliver_again(announcement: Announcement, *, only_pending: bool = False) -> bool:
    """Deliver an announcement again, even if it was delivered before; return False if a receiver raised.

    Use it when the site has lost a receiver's work. A receiver may find its work already done. With ``only_pending``
    it is a retry: what is settled, perhaps by another process meanwhile, is not delivered again.

    Raises:
        NotDeliverableError: it is superseded, has no receiver, or ``order_paid`` must be delivered first.
    """
    check_site(announcement.order)

    def work() -> bool:
        order = ledger.lock_order(pk=announcement.order_id).order
        return announcements.deliver_again(order, announcement.pk, only_pending=only_pending)

    return ledger.in_transaction(work)
