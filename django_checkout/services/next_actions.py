"""What the shopper has to do outside of the payment page, for every face."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone

from django_checkout import ledger
from django_checkout.models import CheckoutSession
from django_checkout.services.orders import find_order
from django_checkout.states import IntentStatus, OrderStatus, PaymentStatus, SessionStatus
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
        filter(None, (find_action_of(session, now=now) for session in sessions.select_related("payment"))), None
    )


def find_action_of(session: CheckoutSession, *, now: datetime | None = None) -> NextAction | None:
    """Return what the shopper has to do to pay one session."""
    if session.payment_id is None or session.has_async_failed or session.payment_status != PaymentStatus.UNPAID:
        return None
    payment = session.payment
    if payment is None or payment.intent_status != IntentStatus.OPEN:
        return None
    if session.status not in (SessionStatus.OPEN, SessionStatus.COMPLETE):
        return None
    action = ledger.find_current(payment.next_action, is_complete=session.status == SessionStatus.COMPLETE)
    has_ended = action is not None and action.expires_at is not None and action.expires_at <= (now or timezone.now())
    return None if has_ended else action
