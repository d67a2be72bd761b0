"""What the shopper has to do outside of the payment page, for every face."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django_checkout import ledger
from django_checkout.services.orders import find_order
from django_checkout.states import IntentStatus, OrderStatus, SessionStatus
from django_checkout.values import NextAction


def find_next_action(order: Any, *, now: datetime | None = None) -> NextAction | None:
    """Return what the shopper has to do to pay an order: use a voucher, make a bank transfer, scan a QR code.

    None if there is nothing to do, its deadline has passed, or it is not known. It is for the shopper's eyes: whoever
    has the voucher's URL sees the shopper's data. One query for an order with a session that may be paid, else none.
    """
    ours = find_order(order)
    if ours is None or ours.status not in (OrderStatus.PENDING, OrderStatus.UNPAID):
        return None
    sessions = ours.sessions.filter(
        status__in=(SessionStatus.OPEN, SessionStatus.COMPLETE),
        has_async_failed=False,
        payment__intent_status=IntentStatus.OPEN,
        payment__next_action__isnull=False,
    )
    return next(
        filter(None, (ledger.find_action_of(session, now=now) for session in sessions.select_related("payment"))), None
    )
