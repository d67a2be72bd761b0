"""What an order becomes once facts are joined: the payment it keeps, its status, what needs attention, what is news.

Everything is recomputed from the rows under the order's lock, so that neither the order of arrival nor a repeat can
change the end; what has been announced before is recognised by its row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from django.utils import timezone

from django_checkout import states
from django_checkout.ledger.announcements import announce
from django_checkout.ledger.attention import find_reasons, session_state, write_attention
from django_checkout.ledger.locks import LockedOrder
from django_checkout.ledger.news import News
from django_checkout.models import Dispute, Order, Payment, Refund
from django_checkout.states import (
    IntentStatus,
    OrderStatus,
    PaymentStatus,
    RefundState,
    RefundStatus,
    SessionStatus,
)

TOTALS = ("discount_minor", "shipping_minor", "tax_minor", "total_minor")
_DERIVED = (
    "status",
    "paid_minor",
    "refunded_minor",
    *TOTALS,
    "kept_payment_id",
    "livemode",
    "paid_at",
    "canceled_at",
    "disputed",
    "needs_attention",
    "email",
    "customer_details",
)


def settle(locked: LockedOrder) -> Order:
    """Derive the order from its rows, write what changed, and announce what is new: the last step under the lock."""
    order = locked.order
    before = {name: locked.original[name] for name in _DERIVED}
    is_newly_kept, kept, refunds, disputes = derive(locked)
    _write_rows(locked)
    _claim(locked, refunds, disputes)
    attention = write_attention(order, find_reasons(locked, refunds, disputes))
    changed = [name for name, value in before.items() if getattr(order, name) != value]
    if changed:
        order.save(update_fields=[*(name.removesuffix("_id") for name in changed), "updated_at"])
        locked.remember()
    is_released = not attention.is_withheld and (is_newly_kept or attention.was_withheld)
    for news in news_of(locked, kept, refunds, is_newly_kept=is_newly_kept, is_released=is_released):
        announce(order, news)
    for news in attention.news:
        announce(order, news)
    return order


class Derived(NamedTuple):
    """What an order was derived from: whether the kept payment counts as new, that payment, and what hangs on all."""

    is_newly_kept: bool
    kept: Payment | None
    refunds: list[Refund]
    disputes: list[Dispute]


def derive(locked: LockedOrder, *, writes: bool = True) -> Derived:
    """Set the order's columns to what its rows say; ``writes`` also marks its refunds as releases or not."""
    order = locked.order
    is_newly_kept = _keep_payment(locked) or locked.is_whole
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
    """Return the status that the locked rows give the order, whatever its own column says.

    For decisions that a wrong column would make dearly: whether the order may be sold, or canceled.
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


def _keep_payment(locked: LockedOrder) -> bool:
    """Record, once, which payment the order keeps: the first whose session is complete and whose money has moved."""
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
            return True
    return False


def _refunds(locked: LockedOrder, *, writes: bool) -> list[Refund]:
    """Return the refunds of the order's payments, each marked as a release of an authorization or not."""
    payments = [payment for payment in locked.own_payments() if payment.pk not in locked.new_payment_pks]
    if not payments:
        return []
    rows = list(Refund.objects.filter(payment__in=[payment.pk for payment in payments]).order_by("pk"))
    for payment in payments:
        given = {refund.stripe_id or str(refund.uuid): refund for refund in rows if refund.payment_id == payment.pk}
        releases = states.find_releases(
            authorized_minor=payment.amount_minor,
            captured_minor=payment.captured_minor,
            refunds=[_refund_state(key, refund) for key, refund in given.items()],
        )
        for key, refund in given.items():
            if refund.is_release != (key in releases):
                refund.is_release = key in releases
                if writes:
                    refund.save(update_fields=["is_release", "updated_at"])
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
    return list(Dispute.objects.filter(payment__in=payments).order_by("pk")) if payments else []


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


def _write_rows(locked: LockedOrder) -> None:
    for payment in locked.payments:
        if names := locked.changed_payments.pop(payment.pk, None):
            payment.save(update_fields=[*names, "updated_at"])
    for session in locked.sessions:
        if names := locked.changed_sessions.pop(session.pk, None):
            session.save(
                update_fields=[*(name.removesuffix("_id") if name in _KEYS else name for name in names), "updated_at"]
            )


def _claim(locked: LockedOrder, refunds: list[Refund], disputes: list[Dispute]) -> None:
    """Add what was said of a payment before it was known whose it is to what is new."""
    claimed = {payment.pk for payment in locked.claimed_payments if payment.order_id == locked.order.pk}
    locked.refunds_with_news.extend(refund for refund in refunds if refund.payment_id in claimed)
    locked.disputes_with_news.extend(dispute for dispute in disputes if dispute.payment_id in claimed)


_KEYS = frozenset(("payment_id", "live_for_id"))


def news_of(
    locked: LockedOrder, kept: Payment | None, refunds: list[Refund], *, is_newly_kept: bool, is_released: bool
) -> Iterator[News]:
    """Yield what the host should hear, paid before refunded."""
    order = locked.order
    for session in locked.sessions_with_news:
        fact = session.stripe_id or str(session.uuid)
        if session.status == SessionStatus.EXPIRED:
            yield News(signal="session_expired", fact=fact, session=session)
        elif kept is None and session_state(locked, session).is_in_flight:
            signal = "order_authorized" if session.is_manual_capture else "order_pending"
            yield News(signal=signal, fact=fact, session=session)
        elif kept is None and session.has_async_failed and session.payment_status == PaymentStatus.UNPAID:
            yield News(signal="order_payment_failed", fact=fact, session=session)
    if kept is not None and is_released:
        yield News(signal="order_paid", fact=order.reference, session=locked.session_of(kept))
    # Until a payment is kept, refunds wait; then all that came first are news.
    if kept is not None:
        changed = {refund.pk for refund in locked.refunds_with_news}
        for refund in refunds:
            if not is_newly_kept and refund.pk not in changed:
                continue
            if _gives_back(refund, kept):
                yield refund_news("order_refunded", refund)
            elif refund.status == RefundStatus.FAILED:
                yield refund_news("refund_failed", refund)
    for dispute in locked.disputes_with_news:
        yield dispute_news(dispute)
    yield from locked.news


def refund_news(signal: str, refund: Refund) -> News:
    """Return what the host should hear of a refund."""
    return News(
        signal=signal,
        fact=refund.stripe_id or str(refund.uuid),
        refund=refund,
        amount_minor=refund.amount_minor,
        reason=refund.failure_reason or refund.reason,
    )


def dispute_news(dispute: Dispute) -> News:
    """Return what the host should hear of a dispute: that it is open, or how it ended."""
    return News(
        signal="order_disputed" if dispute.is_open else "dispute_closed",
        fact=dispute.stripe_id,
        dispute=dispute,
        amount_minor=dispute.amount_minor,
        reason=dispute.reason if dispute.is_open else dispute.status,
    )
