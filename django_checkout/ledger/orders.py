"""Derives an order from its rows once facts are joined: kept payment, status, attention, and what to announce.

Everything is recomputed under the order's lock, so neither the order in which facts arrive nor a repeated fact changes
the result. A fact that was announced before is known by its row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from django.utils import timezone

from django_checkout import states
from django_checkout.adapters import is_deleted
from django_checkout.ledger.attention import find_reasons, session_state, write_attention
from django_checkout.ledger.locks import LockedOrder
from django_checkout.ledger.rows import write
from django_checkout.ledger.subscriptions import keep_customer
from django_checkout.models import Announcement, CheckoutSession, Dispute, Payment, Refund
from django_checkout.models.relations import select_source
from django_checkout.models.statements import SelectIn
from django_checkout.states import IntentStatus, OrderStatus, PaymentStatus, RefundState, RefundStatus, SessionStatus

TOTALS = ("discount_minor", "shipping_minor", "tax_minor", "total_minor")

_REFUNDS = SelectIn(lambda payments: Refund.objects.filter(payment__in=payments).order_by("pk"))
_DISPUTES = SelectIn(lambda payments: Dispute.objects.filter(payment__in=payments).order_by("pk"))


def derive_new(locked: LockedOrder) -> list[Announcement]:
    """Derive the order from its rows, store its attention, and return what to announce; nothing else is written."""
    is_newly_kept, kept, refunds, disputes = derive(locked)
    _announce_claimed(locked, refunds, disputes)
    attention = write_attention(locked.order, find_reasons(locked, refunds, disputes))
    for customer_id, livemode in locked.customers_to_keep:
        keep_customer(locked.order, customer_id=customer_id, livemode=livemode)
    is_released = not attention.is_withheld and (is_newly_kept or attention.was_withheld)
    new = [*new_announcements(locked, kept, refunds, is_newly_kept=is_newly_kept, is_released=is_released)]
    locked.forget_news()
    return [*new, *attention.announcements]


class Derived(NamedTuple):
    """What ``derive`` read: the kept payment, whether it counts as new, and every refund and dispute."""

    is_newly_kept: bool
    kept: Payment | None
    refunds: list[Refund]
    disputes: list[Dispute]


def derive(locked: LockedOrder, *, writes: bool = True) -> Derived:
    """Set the order's columns from its rows; with ``writes``, also store which of its refunds are releases."""
    order = locked.order
    is_newly_kept = _keep_payment(locked, reads_source=not writes) or locked.is_whole
    kept = locked.kept_payment()
    refunds, disputes = _refunds(locked, writes=writes), _disputes(locked)
    if kept is not None:
        _copy_amounts(locked, kept, refunds)
    order.status = _status(locked, kept)
    order.disputed = any(dispute.is_open for dispute in disputes)
    modes = [session.livemode for session in locked.sessions if session.stripe_id or not locked.is_whole]
    if modes and (order.livemode is None or (locked.is_whole and order.livemode not in modes)):
        order.livemode = modes[0]
    return Derived(is_newly_kept, kept, refunds, disputes)


def derive_status(locked: LockedOrder) -> OrderStatus:
    """Return the order's status from the locked rows, whatever its own column says.

    For decisions where a damaged column would cost money: whether the order can be paid, or canceled.
    """
    kept = locked.kept_payment() or next((row for row in locked.own_payments() if row.captured_minor > 0), None)
    return _status(locked, kept)


def _status(locked: LockedOrder, kept: Payment | None) -> OrderStatus:
    return states.derive_order_status(
        kept_captured_minor=None if kept is None else kept.captured_minor,
        kept_refunded_minor=locked.order.refunded_minor,
        sessions=[session_state(locked, session) for session in locked.sessions],
        is_canceled=locked.order.canceled_at is not None,
    )


def _keep_payment(locked: LockedOrder, *, reads_source: bool) -> bool:
    """Record, once, the payment that the order keeps: the first with a complete session whose money was captured."""
    if locked.order.kept_payment_id is not None:
        return False
    for session in locked.sessions:
        payment = locked.payment_of(session)
        if payment is None or session.status != SessionStatus.COMPLETE or payment.order_id != locked.order.pk:
            continue
        is_free = states.is_free(session.payment_status, session.amount_total_minor)
        if payment.captured_minor > 0 or (is_free and payment.intent_status == IntentStatus.SUCCEEDED):
            locked.order.kept_payment = payment
            locked.order.paid_at = locked.order.paid_at or timezone.now()
            if not reads_source and select_source(locked.order) is not None:
                locked.is_source_unread = True
            elif is_deleted(locked.order):
                locked.order.source_deleted_at = locked.order.source_deleted_at or locked.order.paid_at
            return True
    return False


def _refunds(locked: LockedOrder, *, writes: bool) -> list[Refund]:
    """Return the refunds of the order's payments with ``is_release`` set; with ``writes``, store it."""
    payments = [payment for payment in locked.own_payments() if payment.pk not in locked.new_payment_pks]
    if not payments:
        return []
    if locked.shared is not None:
        rows = [row for payment in payments for row in locked.shared.refunds.get(payment.pk, ())]
    else:
        rows = _REFUNDS([payment.pk for payment in payments])
    for payment in payments:
        of_payment = {
            refund.stripe_id or str(refund.uuid): refund for refund in rows if refund.payment_id == payment.pk
        }
        releases = states.find_releases(
            authorized_minor=payment.amount_minor,
            captured_minor=payment.captured_minor,
            refunds=[_refund_state(key, refund) for key, refund in of_payment.items()],
        )
        for key, refund in of_payment.items():
            if refund.is_release != (key in releases):
                refund.is_release = key in releases
                if writes:
                    write(refund, is_release=refund.is_release)
    return rows


def _refund_state(key: str, refund: Refund) -> RefundState:
    return RefundState(
        key=key,
        status=refund.status,
        amount_minor=refund.amount_minor,
        is_ours=refund.is_ours,
        has_balance_transaction=bool(refund.balance_transaction_id),
    )


def _disputes(locked: LockedOrder) -> list[Dispute]:
    payments = [payment.pk for payment in locked.own_payments() if payment.pk not in locked.new_payment_pks]
    if locked.shared is not None:
        return [row for pk in payments for row in locked.shared.disputes.get(pk, ())]
    return _DISPUTES(payments)


def _copy_amounts(locked: LockedOrder, kept: Payment, refunds: list[Refund]) -> None:
    order = locked.order
    order.paid_minor = kept.captured_minor
    order.refunded_minor = sum(refund.amount_minor for refund in refunds if _gives_back(refund, kept))
    session = locked.session_of(kept)
    if session is not None:
        for name in TOTALS:
            setattr(order, name, getattr(session, f"amount_{name}"))


def _gives_back(refund: Refund, kept: Payment) -> bool:
    is_done = refund.status == RefundStatus.SUCCEEDED and not refund.is_release
    return is_done and refund.payment_id == kept.pk


def _announce_claimed(locked: LockedOrder, refunds: list[Refund], disputes: list[Dispute]) -> None:
    """Also announce refunds and disputes that were stored before their payment was known to belong to the order."""
    claimed = {payment.pk for payment in locked.claimed_payments if payment.order_id == locked.order.pk}
    locked.refunds_to_announce.extend(row for row in refunds if row.payment_id in claimed)
    locked.disputes_to_announce.extend(row for row in disputes if row.payment_id in claimed)


def new_announcements(
    locked: LockedOrder, kept: Payment | None, refunds: list[Refund], *, is_newly_kept: bool, is_released: bool
) -> Iterator[Announcement]:
    """Yield what to announce, ``order_paid`` before its refunds."""
    for session in locked.sessions_to_announce:
        if signal := _session_signal(locked, session, kept):
            yield Announcement(signal=signal, fact=session.stripe_id or str(session.uuid), session=session)
    if kept is not None:
        if is_released:
            reference = locked.order.reference
            yield Announcement(signal="order_paid", fact=reference, session=locked.session_of(kept))
        changed = {refund.pk for refund in locked.refunds_to_announce}
        for refund in refunds:
            # Refunds that were stored before a payment was kept are announced once it is.
            if (is_newly_kept or refund.pk in changed) and (signal := _refund_signal(refund, kept)):
                yield Announcement(
                    signal=signal,
                    fact=refund.stripe_id or str(refund.uuid),
                    refund=refund,
                    amount_minor=refund.amount_minor,
                    reason=refund.failure_reason or refund.reason,
                )
    for dispute in locked.disputes_to_announce:
        yield Announcement(
            signal="order_disputed" if dispute.is_open else "dispute_closed",
            fact=dispute.stripe_id,
            dispute=dispute,
            amount_minor=dispute.amount_minor,
            reason=dispute.reason if dispute.is_open else dispute.status,
        )
    yield from locked.to_announce


def _session_signal(locked: LockedOrder, session: CheckoutSession, kept: Payment | None) -> str | None:
    if session.status == SessionStatus.EXPIRED:
        return "session_expired"
    if kept is not None:
        return None
    if session_state(locked, session).is_in_flight:
        return "order_authorized" if session.is_manual_capture else "order_pending"
    has_failed = session.has_async_failed and session.payment_status == PaymentStatus.UNPAID
    return "order_payment_failed" if has_failed else None


def _refund_signal(refund: Refund, kept: Payment) -> str | None:
    if _gives_back(refund, kept):
        return "order_refunded"
    return "refund_failed" if refund.status == RefundStatus.FAILED else None
