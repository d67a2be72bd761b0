"""The outcome of a payment for the shopper: one for the return page, the script that polls it, and the API."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from enum import StrEnum

from django.utils import timezone

from django_checkout import ledger
from django_checkout.exceptions import CheckoutError, SessionNotFoundError
from django_checkout.models import CheckoutSession, Order, sites
from django_checkout.services.syncing import sync
from django_checkout.states import OrderStatus, SessionStatus
from django_checkout.stripe_api.time_limit import time_limit

logger = logging.getLogger("django_checkout")

#: A session is read from Stripe for a shopper at most this often, in seconds.
READ_INTERVAL_SECONDS = 5
#: A page that only shows the order waits for Stripe at most this long.
READ_SECONDS = 3


class Outcome(StrEnum):
    """What to show the shopper."""

    #: Also after a partial refund.
    PAID = "paid"
    #: A voucher, a bank transfer or a QR code waits for the shopper: see ``find_next_action``.
    ACTION_NEEDED = "action_needed"
    #: A delayed payment method is in flight.
    PROCESSING = "processing"
    AUTHORIZED = "authorized"
    REFUNDED = "refunded"
    CANCELED = "canceled"
    EXPIRED = "expired"
    #: The checkout was completed, but the money did not arrive.
    FAILED = "failed"
    #: The session could not be read from Stripe, so the shopper may have paid.
    UNKNOWN = "unknown"
    #: The shopper has not paid yet.
    OPEN = "open"


#: The keys are texts: after a rollback, a row may have a status that only the newer version knows.
_BY_ORDER_STATUS: Mapping[str, Outcome] = {
    OrderStatus.PAID: Outcome.PAID,
    OrderStatus.PARTIALLY_REFUNDED: Outcome.PAID,
    OrderStatus.PENDING: Outcome.PROCESSING,
    OrderStatus.AUTHORIZED: Outcome.AUTHORIZED,
    OrderStatus.REFUNDED: Outcome.REFUNDED,
    OrderStatus.CANCELED: Outcome.CANCELED,
}
#: For an unpaid order.
_BY_SESSION_STATUS: Mapping[str, Outcome] = {
    SessionStatus.EXPIRED: Outcome.EXPIRED,
    SessionStatus.COMPLETE: Outcome.FAILED,
}


def get_outcome(order: Order, session: CheckoutSession | None) -> Outcome:
    """Return the outcome of an order and one of its sessions, if it has any."""
    if (
        order.status in (OrderStatus.PENDING, OrderStatus.UNPAID)
        and session is not None
        and ledger.find_action_of(session)
    ):
        return Outcome.ACTION_NEEDED
    if outcome := _BY_ORDER_STATUS.get(order.status):
        return outcome
    if session is None:
        return Outcome.OPEN
    if session.status == SessionStatus.OPEN and session.error_code == ledger.UNREAD:
        return Outcome.UNKNOWN
    return _BY_SESSION_STATUS.get(session.status, Outcome.OPEN)


def get_session(order: Order, stripe_id: str | None = None) -> CheckoutSession | None:
    """Return the order's session with this Stripe id; without an id its latest session, or None.

    Raises:
        SessionNotFoundError: the order has no session with this id.
    """
    if not stripe_id:
        return order.sessions.first()
    # PostgreSQL raises ValueError if a text contains NUL.
    session = order.sessions.filter(stripe_id=stripe_id).first() if stripe_id.isprintable() else None
    if session is None:
        raise SessionNotFoundError("The order has no such session.")
    return session


def may_move(order: Order, session: CheckoutSession | None) -> bool:
    """Whether the payment of a session may have moved, so that what is known of it here may be old."""
    if session is None or not session.stripe_id or session.status == SessionStatus.EXPIRED:
        return False
    return order.status in (OrderStatus.UNPAID, OrderStatus.PENDING) and sites.is_own(session)


def sync_if_due(order: Order, session: CheckoutSession | None) -> Order:
    """Read a session from Stripe if its payment may have moved, at most every READ_INTERVAL_SECONDS; return our order.

    It is read in case the webhook is late, so an error of Stripe's is logged and not raised: until a later read
    succeeds, the outcome of an open session is unknown. Must run outside transactions.
    """
    if session is None or not may_move(order, session):
        return order
    if not ledger.mark_synced(session.pk, now=timezone.now(), min_age_seconds=READ_INTERVAL_SECONDS):
        return order
    try:
        with time_limit(READ_SECONDS):
            order = sync(session)
    except CheckoutError as error:
        logger.warning("return_read_failed order=%s code=%s", order.reference, error.code)
        ledger.note_read(session, is_read=False)
        return order
    session.refresh_from_db()
    ledger.note_read(session, is_read=True)
    return order
