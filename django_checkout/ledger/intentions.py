"""Writes our intentions down before they are acted on: a session to create, a cancellation, an acceptance.

Every function runs inside the caller's transaction. A row that waits for Stripe's answer is leased, so that two
requests never wait for the same one, and a process that died is followed by the next.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from django_checkout.exceptions import AcceptError, OrderNotPayableError, PaymentInFlightError, SessionBusyError
from django_checkout.ledger import orders
from django_checkout.ledger.announcements import announce, deliver_pending
from django_checkout.ledger.attention import is_withheld, resolve_attention
from django_checkout.ledger.locks import LEASE_SECONDS, LockedOrder
from django_checkout.ledger.news import News
from django_checkout.models import CheckoutSession, Order
from django_checkout.states import (
    LIVE_SESSION_STATUSES,
    SESSION_RANK,
    WITHHOLDING,
    Attention,
    OrderStatus,
    SessionStatus,
    join,
)


def reserve_session(
    locked: LockedOrder,
    *,
    session_uuid: uuid.UUID,
    livemode: bool,
    request: Mapping[str, Any],
    request_hash: str,
    is_manual_capture: bool,
    is_adjustable: bool,
    expires_at: datetime,
    now: datetime,
) -> CheckoutSession:
    """Write the whole request of a new session down, leased to us; the database allows one live session per order."""
    return CheckoutSession.objects.create(
        order=locked.order,
        live_for=locked.order,
        uuid=session_uuid,
        livemode=livemode,
        mode=request["mode"],
        ui_mode=request["ui_mode"],
        revision=locked.order.revision,
        asked_currency=locked.order.currency,
        asked_subtotal_minor=locked.order.subtotal_minor,
        is_manual_capture=is_manual_capture,
        is_adjustable=is_adjustable,
        request=dict(request),
        request_hash=request_hash,
        expires_at=expires_at,
        leased_until=now + timedelta(seconds=LEASE_SECONDS),
    )


def lease_session(session: CheckoutSession, *, now: datetime) -> bool:
    """Take a session that Stripe has not answered for, to ask again with the same key; False if another asks now."""
    if session.leased_until is not None and session.leased_until > now:
        return False
    session.leased_until = now + timedelta(seconds=LEASE_SECONDS)
    session.save(update_fields=["leased_until", "updated_at"])
    return True


def release_session(session_pk: int, *, error_code: str, request_id: str) -> None:
    """Let the next request ask again with the same key and body: whether Stripe acted is unknown."""
    CheckoutSession.objects.filter(pk=session_pk, status=SessionStatus.CREATING).update(
        leased_until=None, error_code=error_code, request_id=request_id
    )


def expect_revision(locked: LockedOrder, session_pk: int, order: Order, *, now: datetime) -> None:
    """Commit, before Stripe is asked to change an open session, that the order's new amount is the right one.

    Raises:
        SessionBusyError: another change is on its way: Stripe might see them in the other order.
    """
    session = next(row for row in locked.sessions if row.pk == session_pk)
    if session.leased_until is not None and session.leased_until > now:
        raise SessionBusyError("Another change of this session is on its way to Stripe.")
    session.next_subtotal_minor = order.subtotal_minor
    session.leased_until = now + timedelta(seconds=LEASE_SECONDS)
    session.save(update_fields=["next_subtotal_minor", "leased_until", "updated_at"])


def reach_revision(locked: LockedOrder, session_pk: int, *, request: Mapping[str, Any], request_hash: str) -> None:
    """Record that Stripe has changed a session to the order as it is now; a payment of the old amount is wrong now."""
    order = locked.order
    session = next(row for row in locked.sessions if row.pk == session_pk)
    session.revision, session.asked_subtotal_minor, session.next_subtotal_minor = (
        order.revision,
        order.subtotal_minor,
        None,
    )
    session.request, session.request_hash, session.leased_until = dict(request), request_hash, None
    session.save(
        update_fields=[
            "leased_until",
            "revision",
            "asked_subtotal_minor",
            "next_subtotal_minor",
            "request",
            "request_hash",
            "updated_at",
        ]
    )


def give_up_revision(locked: LockedOrder, session_pk: int) -> None:
    """Record that Stripe did not change a session; if the old amount has just been paid, a person should look."""
    session = next(row for row in locked.sessions if row.pk == session_pk)
    session.next_subtotal_minor = session.leased_until = None
    session.save(update_fields=["next_subtotal_minor", "leased_until", "updated_at"])
    orders.settle(locked)


def note_session_request(session_pk: int, *, request_id: str) -> None:
    """Note Stripe's id of the request that created a session."""
    CheckoutSession.objects.filter(pk=session_pk).update(request_id=request_id, error_code="")


def abandon_session(session_pk: int) -> None:
    """Free the order from an open session that Stripe does not know in this account and mode.

    The one step back that a session's status takes: should Stripe speak of it after all, its facts are joined as ever.
    """
    CheckoutSession.objects.filter(pk=session_pk, status=SessionStatus.OPEN).update(
        status=SessionStatus.FAILED, live_for=None, url="", error_code="not_at_stripe"
    )


def fail_session(session: CheckoutSession, *, error_code: str, error_message: str, request_id: str = "") -> None:
    """Record that a session will never be paid because Stripe did not create it; frees the order for another."""
    session.status = join(SESSION_RANK, session.status, SessionStatus.FAILED)
    if session.status != SessionStatus.FAILED:
        return
    session.live_for = None
    session.leased_until = None
    session.error_code, session.error_message, session.request_id = error_code, error_message, request_id
    session.save(
        update_fields=[
            "status",
            "live_for",
            "leased_until",
            "error_code",
            "error_message",
            "request_id",
            "updated_at",
        ]
    )


def mark_synced(session_pk: int, *, now: datetime, min_age_seconds: int) -> bool:
    """Claim the right to read a session from Stripe; False if somebody has read it within ``min_age_seconds``."""
    rows = CheckoutSession.objects.filter(pk=session_pk)
    stale = rows.filter(synced_at=None) | rows.filter(synced_at__lt=now - timedelta(seconds=min_age_seconds))
    return bool(stale.update(synced_at=now))


def cancel(locked: LockedOrder) -> Order:
    """Cancel an unpaid order whose sessions have all ended; doing it again changes nothing.

    Raises:
        PaymentInFlightError: a session can still be paid, or a payment is being processed.
        OrderNotPayableError: it is paid; refund it instead.
    """
    order = locked.order
    if order.canceled_at is not None:
        return order
    if any(session.status in LIVE_SESSION_STATUSES for session in locked.sessions):
        raise PaymentInFlightError("A session of this order can still be paid.")
    status = orders.derive_status(locked)
    if status in (OrderStatus.PENDING, OrderStatus.AUTHORIZED):
        raise PaymentInFlightError("A payment of this order is in flight.")
    if status != OrderStatus.UNPAID:
        raise OrderNotPayableError("The order has been paid; refund it instead.")
    order.canceled_at = timezone.now()
    orders.settle(locked)
    announce(order, News(signal="order_canceled", fact=order.reference))
    return order


def resolve(locked: LockedOrder, code: Attention, fact: str, *, note: str) -> None:
    """Resolve one reason for attention, because what caused it has been undone."""
    order = locked.order
    resolve_attention(order, note=note, by=None, code=code, fact=fact)
    order.save(update_fields=["needs_attention", "updated_at"])


def accept(locked: LockedOrder, *, note: str, by: Any = None) -> Order:
    """Resolve what does not match, with a note, and release the ``order_paid`` that was withheld over it.

    Where nothing is withheld, the other reasons are resolved: never both at once, so that agreeing to a price does not
    hide a second payment.

    Raises:
        AcceptError: nothing needs attention.
    """
    order = locked.order
    was_withheld = is_withheld(order)
    which = {"code__in": WITHHOLDING} if was_withheld else {}
    if not resolve_attention(order, note=note, by=by, **which):
        raise AcceptError("Nothing on this order needs attention.")
    order.save(update_fields=["needs_attention", "updated_at"])
    kept = locked.kept_payment()
    if was_withheld and kept is not None:
        announce(order, News(signal="order_paid", fact=order.reference, session=locked.session_of(kept)))
        deliver_pending(order)
    return order
