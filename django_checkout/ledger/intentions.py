"""Stores what we intend before Stripe is called: a session to create, a change, a cancellation, an acceptance.

Every function runs in the caller's transaction. A row that waits for Stripe's response is leased: no two processes send
its request at once, and when the lease of a process that died has ended, the next one retries.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from django_checkout.exceptions import AcceptError, OrderNotPayableError, PaymentInFlightError, SessionBusyError
from django_checkout.ledger import orders, settling
from django_checkout.ledger.announcements import deliver_pending
from django_checkout.ledger.attention import is_withheld, resolve_attention
from django_checkout.ledger.locks import LEASE_SECONDS, LockedOrder
from django_checkout.ledger.rows import write
from django_checkout.ledger.settling import announce
from django_checkout.models import Announcement, CheckoutSession, Order
from django_checkout.models.writing import insert_new
from django_checkout.states import (
    IN_FLIGHT_ORDER_STATUSES,
    LIVE_SESSION_STATUSES,
    SESSION_RANK,
    WITHHOLDING,
    Attention,
    OrderStatus,
    SessionStatus,
    join,
)

#: The error code of a session that Stripe never confirmed.
NO_ANSWER = "no_answer"
#: The error code of an open session that could not be read from Stripe for its shopper.
UNREAD = "unread"


def reserve_session(
    locked: LockedOrder, request: Mapping[str, Any], *, now: datetime, **columns: Any
) -> CheckoutSession:
    """Insert a new session with its whole request, leased to the caller; the database allows one per order.

    ``columns`` are those that neither the order nor the request gives.

    Raises:
        SessionBusyError: another session is live for the order, whichever order it belongs to.
    """
    if locked.order.site_url != columns["site_url"]:
        write(locked.order, site_url=columns["site_url"])
    session = CheckoutSession(
        order=locked.order,
        live_for=locked.order,
        mode=request["mode"],
        ui_mode=request["ui_mode"],
        revision=locked.order.revision,
        asked_currency=locked.order.currency,
        asked_subtotal_minor=locked.order.subtotal_minor,
        request=dict(request),
        leased_until=now + timedelta(seconds=LEASE_SECONDS),
        **columns,
    )
    if not insert_new(session):
        raise SessionBusyError("The session of another order is live for this one.")
    return session


def lease_session(session: CheckoutSession, *, now: datetime) -> bool:
    """Lease a session without a response to retry its request with the same key; False if another process has it."""
    if session.leased_until is not None and session.leased_until > now:
        return False
    write(session, leased_until=now + timedelta(seconds=LEASE_SECONDS))
    return True


def set_way_back(session: CheckoutSession, return_url: str) -> None:
    """Store where the shopper returns to; "" leaves it as it is."""
    if return_url and session.return_url != return_url:
        write(session, return_url=return_url)


def release_session(session_pk: int, *, error_code: str, request_id: str) -> None:
    """End the lease, so that the next request retries with the same key and body: whether Stripe acted is unknown."""
    CheckoutSession.objects.filter(pk=session_pk, status=SessionStatus.CREATING).update(
        leased_until=None, error_code=error_code, request_id=request_id
    )


def expect_revision(locked: LockedOrder, session_pk: int, order: Order, *, now: datetime) -> None:
    """Store the order's new subtotal before Stripe is asked to change an open session.

    Raises:
        SessionBusyError: another change is in progress; Stripe might receive the two in reverse order.
    """
    session = locked.session(session_pk)
    if session.leased_until is not None and session.leased_until > now:
        raise SessionBusyError("Another change of this session is in progress.")
    lease_end = now + timedelta(seconds=LEASE_SECONDS)
    write(session, next_subtotal_minor=order.subtotal_minor, leased_until=lease_end)


def reach_revision(locked: LockedOrder, session_pk: int, *, request: Mapping[str, Any], request_hash: str) -> None:
    """Record that Stripe has changed a session to the current revision of the order."""
    order = locked.order
    session = locked.session(session_pk)
    write(
        session,
        revision=order.revision,
        asked_subtotal_minor=order.subtotal_minor,
        next_subtotal_minor=None,
        request=dict(request),
        request_hash=request_hash,
        leased_until=None,
    )


def drop_revision(locked: LockedOrder, session_pk: int) -> None:
    """Record that Stripe did not change a session; a payment of the old amount then raises attention."""
    session = locked.session(session_pk)
    write(session, next_subtotal_minor=None, leased_until=None)
    settling.settle(locked)


def abandon_session(session_pk: int) -> None:
    """Fail an open session that Stripe does not have in this account and mode, which frees the order for another.

    Nothing else moves a session's status back. If a fact about it arrives after all, it is joined as usual.
    """
    CheckoutSession.objects.filter(pk=session_pk, status=SessionStatus.OPEN).update(
        status=SessionStatus.FAILED, live_for=None, url="", error_code="not_at_stripe"
    )


def fail_session(session: CheckoutSession, *, request_id: str = "", **error: str) -> None:
    """Record that Stripe did not create a session, which frees the order for another.

    ``error`` are ``error_code`` and ``error_message``.
    """
    if join(SESSION_RANK, session.status, SessionStatus.FAILED) == SessionStatus.FAILED:
        write(session, status=SessionStatus.FAILED, live_for=None, leased_until=None, request_id=request_id, **error)


def fail_unanswered_session(session: CheckoutSession) -> None:
    """Record that Stripe never confirmed a session."""
    fail_session(session, error_code=NO_ANSWER, error_message="Stripe never responded.")


def mark_synced(session_pk: int, *, now: datetime, min_age_seconds: int) -> bool:
    """Claim the next read of a session from Stripe; False if it was read within ``min_age_seconds``."""
    rows = CheckoutSession.objects.filter(pk=session_pk)
    stale = rows.filter(synced_at=None) | rows.filter(synced_at__lt=now - timedelta(seconds=min_age_seconds))
    return bool(stale.update(synced_at=now))


def mark_source_deleted(locked: LockedOrder, *, now: datetime) -> None:
    """Record that the host deleted its row before the order was paid: a payment then needs attention."""
    if locked.kept_payment() is None and locked.order.source_deleted_at is None:
        write(locked.order, source_deleted_at=now)


def record_consent(session: CheckoutSession, consent: Mapping[str, str]) -> None:
    """Record what the shopper agreed to on our page, before they pay."""
    write(session, customer_details={**session.customer_details, "consent": dict(consent)})


def note_read(session: CheckoutSession, *, is_read: bool) -> None:
    """Record whether the latest read of a session succeeded."""
    if is_read == (session.error_code == UNREAD):
        write(session, error_code="" if is_read else UNREAD)


def postpone_read(session_pk: int, *, synced_at: datetime) -> None:
    """Record that a claimed read got no answer, as if the last read had been at this time."""
    CheckoutSession.objects.filter(pk=session_pk).update(synced_at=synced_at)


def cancel(locked: LockedOrder) -> Order:
    """Cancel an unpaid order whose sessions have all ended; a canceled order is not changed.

    Raises:
        PaymentInFlightError: a session can still be paid, or a payment is being processed.
        OrderNotPayableError: the order is paid; refund it instead.
    """
    order = locked.order
    if order.canceled_at is not None:
        return order
    if any(session.status in LIVE_SESSION_STATUSES for session in locked.sessions):
        raise PaymentInFlightError("A session of this order can still be paid.")
    status = orders.derive_status(locked)
    if status in IN_FLIGHT_ORDER_STATUSES:
        raise PaymentInFlightError("A payment for this order is in progress.")
    if status != OrderStatus.UNPAID:
        raise OrderNotPayableError("The order has been paid; refund it instead.")
    order.canceled_at = timezone.now()
    settling.settle(locked)
    announce(order, Announcement(signal="order_canceled", fact=order.reference))
    return order


def resolve(locked: LockedOrder, code: Attention, fact: str, *, note: str) -> None:
    """Resolve one reason for attention whose cause was undone."""
    resolve_attention(locked.order, note=note, by=None, code=code, fact=fact)


def accept(locked: LockedOrder, *, note: str, by: Any = None) -> Order:
    """Resolve the mismatches of an order with a note, and announce the ``order_paid`` that they withheld.

    If nothing is withheld, resolve the other reasons. Never both at once: to accept an amount decides nothing about a
    second payment.

    Raises:
        AcceptError: nothing needs attention.
    """
    order = locked.order
    was_withheld = is_withheld(order)
    which = {"code__in": WITHHOLDING} if was_withheld else {}
    if not resolve_attention(order, note=note, by=by, **which):
        raise AcceptError("Nothing on this order needs attention.")
    kept = locked.kept_payment()
    if was_withheld and kept is not None:
        announce(order, Announcement(signal="order_paid", fact=order.reference, session=locked.session_of(kept)))
        deliver_pending(order)
    return order
