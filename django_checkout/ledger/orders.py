"""What an order becomes once facts are joined: the payment it keeps, its status, what needs attention, what is news.

Everything is recomputed from the rows under the order's lock, so that neither the order of arrival nor a repeat can
change the end; what has been announced before is recognised by its row.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.utils import timezone

from django_checkout import states
from django_checkout.ledger.announcements import announce
from django_checkout.ledger.attention import is_withheld, raise_attention, withdraw_attention
from django_checkout.ledger.lines import find_line_fault
from django_checkout.ledger.locks import LockedOrder
from django_checkout.ledger.news import News
from django_checkout.models import CheckoutSession, Dispute, Order, Payment, Refund
from django_checkout.states import (
    CLOSED_DISPUTE_STATUSES,
    Attention,
    IntentStatus,
    OrderStatus,
    PaymentStatus,
    RefundStatus,
    SessionState,
    SessionStatus,
)

_TOTALS = ("discount_minor", "shipping_minor", "tax_minor", "total_minor")
_DERIVED = (
    "status",
    "paid_minor",
    "refunded_minor",
    *_TOTALS,
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
    is_newly_kept = _keep_payment(locked)
    kept = locked.kept_payment()
    refunds = locked.refunds_of(kept) if kept else []
    if kept is not None:
        _copy_amounts(locked, kept, refunds)
    order.status = _status(locked, kept)
    if order.livemode is None and locked.sessions:
        order.livemode = locked.sessions[0].livemode
    _write_rows(locked)
    _claim(locked)
    if kept is not None and order.refunded_minor <= order.paid_minor:
        # Of a refund that failed and the one that replaced it, the second may be heard of first.
        withdraw_attention(order, Attention.OVER_REFUNDED, kept.stripe_id)
    raised = [raise_attention(order, *fault) for fault in _faults(locked, kept, refunds, is_newly_kept=is_newly_kept)]
    changed = [name for name, value in before.items() if getattr(order, name) != value]
    if changed:
        order.save(update_fields=[*(name.removesuffix("_id") for name in changed), "updated_at"])
        locked.remember()
    for news in [*_news(locked, kept, refunds, is_newly_kept=is_newly_kept), *filter(None, raised)]:
        announce(order, news)
    return order


def derive_status(locked: LockedOrder) -> OrderStatus:
    """Return the status that the locked rows give the order, whatever its own column says.

    For decisions that a wrong column would make dearly: whether the order may be sold, or canceled.
    """
    kept = locked.kept_payment() or next(
        (row for row in locked.payments if row.captured_minor > 0 and row.order_id == locked.order.pk), None
    )
    return _status(locked, kept)


def _status(locked: LockedOrder, kept: Payment | None) -> OrderStatus:
    return states.derive_order_status(
        kept_captured_minor=None if kept is None else kept.captured_minor,
        kept_refunded_minor=locked.order.refunded_minor,
        sessions=[session_state(locked, session) for session in locked.sessions],
        is_canceled=locked.order.canceled_at is not None,
    )


def recheck(locked: LockedOrder) -> None:
    """Compare what the kept payment paid with the order again, because what was asked for has changed meanwhile."""
    order, kept = locked.order, locked.kept_payment()
    raised = [raise_attention(order, *fault) for fault in _mismatches(locked, kept)] if kept is not None else []
    if any(raised):
        order.save(update_fields=["needs_attention", "updated_at"])
    for news in filter(None, raised):
        announce(order, news)


def session_state(locked: LockedOrder, session: CheckoutSession) -> SessionState:
    """Return what the order's status depends on, of one session, from the locked rows."""
    payment = locked.payment_of(session)
    return SessionState(
        status=session.status,
        payment_status=session.payment_status,
        is_manual_capture=session.is_manual_capture,
        has_async_failed=session.has_async_failed,
        intent_status=IntentStatus.OPEN if payment is None else payment.intent_status,
    )


def _keep_payment(locked: LockedOrder) -> bool:
    """Record, once, which payment the order keeps: the first whose session is complete and whose money has moved."""
    if locked.order.kept_payment_id is not None:
        return False
    for session in locked.sessions:
        payment = locked.payment_of(session)
        if payment is None or session.status != SessionStatus.COMPLETE or payment.order_id != locked.order.pk:
            continue
        is_free = session.payment_status == PaymentStatus.NO_PAYMENT_REQUIRED
        if payment.captured_minor > 0 or (is_free and payment.intent_status == IntentStatus.SUCCEEDED):
            locked.order.kept_payment = payment
            locked.order.paid_at = locked.order.paid_at or timezone.now()
            return True
    return False


def _copy_amounts(locked: LockedOrder, kept: Payment, refunds: list[Refund]) -> None:
    order = locked.order
    order.paid_minor = kept.captured_minor
    order.refunded_minor = sum(r.amount_minor for r in refunds if r.status == RefundStatus.SUCCEEDED)
    session = locked.session_of(kept)
    if session is not None:
        for name in _TOTALS:
            setattr(order, name, getattr(session, f"amount_{name}"))


def _write_rows(locked: LockedOrder) -> None:
    for payment in locked.payments:
        if names := locked.changed_payments.pop(payment.pk, None):
            payment.save(update_fields=[*names, "updated_at"])
    for session in locked.sessions:
        if names := locked.changed_sessions.pop(session.pk, None):
            session.save(
                update_fields=[*(name.removesuffix("_id") if name in _KEYS else name for name in names), "updated_at"]
            )


def _claim(locked: LockedOrder) -> None:
    """Count what was told of a payment before it was known whose it is."""
    for payment in locked.claimed_payments:
        locked.refunds_with_news.extend(payment.refunds.order_by("pk"))
        locked.disputes_with_news.extend(payment.disputes.all())
        locked.fraud_news.add(payment.pk)
    if locked.disputes_with_news:
        open_disputes = Dispute.objects.filter(payment__order=locked.order).exclude(status__in=CLOSED_DISPUTE_STATUSES)
        locked.order.disputed = open_disputes.exists()


_KEYS = frozenset(("payment_id", "live_for_id"))


def _faults(
    locked: LockedOrder, kept: Payment | None, refunds: list[Refund], *, is_newly_kept: bool
) -> Iterator[tuple[Attention, str, str]]:
    """Yield what a person should look at: reason, fact, detail."""
    order = locked.order
    if kept is not None and is_newly_kept:
        yield from _mismatches(locked, kept)
        if order.canceled_at is not None:
            yield Attention.PAID_AFTER_CANCEL, kept.stripe_id, ""
    if kept is not None:
        for payment in locked.payments:
            if payment.pk != kept.pk and payment.order_id == order.pk and _is_surplus(locked, payment):
                yield Attention.DOUBLE_PAYMENT, payment.stripe_id, f"{payment.captured_minor} {payment.currency}"
        if order.refunded_minor > order.paid_minor:
            yield Attention.OVER_REFUNDED, kept.stripe_id, f"{order.refunded_minor} of {order.paid_minor}"
    for refund in locked.refunds_with_news:
        if refund.status == RefundStatus.FAILED:
            yield Attention.REFUND_FAILED, refund.stripe_id or str(refund.uuid), refund.failure_reason
    for dispute in locked.disputes_with_news:
        if dispute.is_open:
            yield Attention.DISPUTED, dispute.stripe_id, dispute.reason
    for payment in locked.payments:
        if payment.fraud_warning_id and payment.pk in locked.fraud_news:
            yield Attention.FRAUD_WARNING, payment.fraud_warning_id, ""


def _mismatches(locked: LockedOrder, kept: Payment) -> Iterator[tuple[Attention, str, str]]:
    order, session = locked.order, locked.session_of(kept)
    if session is None:
        return
    fact = session.stripe_id or str(session.uuid)
    if session.mode == "setup":
        if order.subtotal_minor > 0:
            yield Attention.AMOUNT_MISMATCH, fact, f"nothing was paid for {order.subtotal_minor}"
        return
    if session.currency != session.asked_currency or session.asked_currency != order.currency:
        yield Attention.CURRENCY_MISMATCH, fact, f"{session.currency} for {order.currency}"
    elif session.is_adjustable:
        optional = {item["price"] for item in session.request.get("optional_items", ())}
        if fault := find_line_fault(session.request["line_items"], session.lines or (), optional_prices=optional):
            yield Attention.AMOUNT_MISMATCH, fact, fault
    elif session.mode == "payment" and session.amount_subtotal_minor != _expected_minor(session):
        yield Attention.AMOUNT_MISMATCH, fact, f"{session.amount_subtotal_minor} for {_expected_minor(session)}"
    if session.revision != order.revision and session.next_subtotal_minor is None:
        yield Attention.AMOUNT_MISMATCH, fact, f"paid for revision {session.revision} of {order.revision}"


def _expected_minor(session: CheckoutSession) -> int:
    """Return the subtotal of the order as it is: once a change is committed, paying the old amount is wrong."""
    return session.asked_subtotal_minor if session.next_subtotal_minor is None else session.next_subtotal_minor


def _is_surplus(locked: LockedOrder, payment: Payment) -> bool:
    if payment.captured_minor > 0:
        return True
    session = locked.session_of(payment)
    return session is not None and session.is_manual_capture and session_state(locked, session).is_in_flight


def _news(locked: LockedOrder, kept: Payment | None, refunds: list[Refund], *, is_newly_kept: bool) -> Iterator[News]:
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
    if kept is not None and is_newly_kept and not is_withheld(order):
        yield News(signal="order_paid", fact=order.reference, session=locked.session_of(kept))
    # Until a payment is kept, refunds wait; then all that came first are news.
    for refund in _refunds_to_tell(locked, kept, refunds, is_newly_kept=is_newly_kept):
        is_kept = kept is not None and refund.payment_id == kept.pk
        if is_kept and refund.status == RefundStatus.SUCCEEDED:
            yield refund_news("order_refunded", refund)
        elif refund.status == RefundStatus.FAILED:
            yield refund_news("refund_failed", refund)
    for dispute in locked.disputes_with_news:
        yield dispute_news(dispute)
    yield from locked.news


def _refunds_to_tell(
    locked: LockedOrder, kept: Payment | None, refunds: list[Refund], *, is_newly_kept: bool
) -> list[Refund]:
    if kept is None:
        return []
    if not is_newly_kept:
        return locked.refunds_with_news
    others = [row for row in locked.payments if row.pk != kept.pk and row.order_id == locked.order.pk]
    return [*refunds, *(refund for payment in others for refund in locked.refunds_of(payment))]


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
