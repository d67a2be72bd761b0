"""The reasons for which a person should look at an order: a function of its rows and of what staff have resolved."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from django_checkout.ledger.lines import find_line_fault
from django_checkout.ledger.locks import LockedOrder
from django_checkout.ledger.news import News
from django_checkout.models import AttentionItem, CheckoutSession, Dispute, Order, Payment, Refund
from django_checkout.states import WITHHOLDING, Attention, IntentStatus, RefundStatus, SessionState

logger = logging.getLogger("django_checkout")

#: Why, the Stripe id or our own key of what it is about, and what a person may want to know.
Reason = tuple[Attention, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionChange:
    """What writing the reasons changed: whether ``order_paid`` had to wait, whether it has to, what is new."""

    was_withheld: bool
    is_withheld: bool
    news: tuple[News, ...]


def find_reasons(locked: LockedOrder, refunds: Iterable[Refund], disputes: Iterable[Dispute]) -> Iterator[Reason]:
    """Yield what a person should look at, from the rows alone: the order in which they came does not matter."""
    order, kept = locked.order, locked.kept_payment()
    if kept is not None:
        yield from _mismatches(locked, kept)
        if order.canceled_at is not None:
            yield Attention.PAID_AFTER_CANCEL, kept.stripe_id, ""
        for payment in locked.own_payments():
            if payment.pk != kept.pk and _is_surplus(locked, payment):
                yield Attention.DOUBLE_PAYMENT, payment.stripe_id, f"{payment.captured_minor} {payment.currency}"
        if order.refunded_minor > order.paid_minor:
            yield Attention.OVER_REFUNDED, kept.stripe_id, f"{order.refunded_minor} of {order.paid_minor}"
    for refund in refunds:
        if refund.status == RefundStatus.FAILED:
            yield Attention.REFUND_FAILED, refund.stripe_id or str(refund.uuid), refund.failure_reason
    for dispute in disputes:
        if dispute.is_open:
            yield Attention.DISPUTED, dispute.stripe_id, dispute.reason
    for payment in locked.own_payments():
        if payment.fraud_warning_id:
            yield Attention.FRAUD_WARNING, payment.fraud_warning_id, ""
        for review, is_open in payment.reviews.items():
            if is_open:
                yield Attention.REVIEW, review, ""


def write_attention(order: Order, reasons: Iterable[Reason]) -> AttentionChange:
    """Raise the reasons that are new, withdraw open ones that no longer hold, and leave resolved ones alone."""
    wanted = {(code.value, fact): detail[:500] for code, fact, detail in reasons}
    if not wanted and not order.needs_attention:
        return AttentionChange(was_withheld=False, is_withheld=False, news=())
    rows = {(row.code, row.fact): row for row in order.attention.all()}
    unresolved = {key for key, row in rows.items() if row.resolved_at is None}
    gone = {key for key in unresolved if key not in wanted and key[0] in set(Attention)}
    if gone:
        AttentionItem.objects.filter(pk__in=[rows[key].pk for key in gone]).delete()
    for key in unresolved - gone:
        if wanted.get(key, rows[key].detail) != rows[key].detail:
            rows[key].detail = wanted[key]
            rows[key].save(update_fields=["detail"])
    new = [key for key in wanted if key not in rows]
    for code, fact in new:
        AttentionItem.objects.create(order=order, code=code, fact=fact, detail=wanted[code, fact])
        logger.warning("attention order=%s reason=%s fact=%s", order.reference, code, fact)
    left = (unresolved - gone) | set(new)
    order.needs_attention = bool(left)
    return AttentionChange(
        was_withheld=any(code in WITHHOLDING for code, _ in unresolved),
        is_withheld=any(code in WITHHOLDING for code, _ in left),
        news=tuple(News(signal="attention_needed", fact=f"{code}:{fact}"[:255], reason=code) for code, fact in new),
    )


def resolve_attention(order: Order, *, note: str, by: Any, **which: Any) -> int:
    """Resolve the open reasons, or ``which`` of them, with a note; return how many there were."""
    unresolved = order.attention.filter(resolved_at=None)
    count = unresolved.filter(**which).update(resolved_at=timezone.now(), resolved_by=by, note=note)
    order.needs_attention = unresolved.exists()
    return count


def is_withheld(order: Order) -> bool:
    """Whether ``order_paid`` must wait until staff accept what does not match."""
    if not order.needs_attention:
        return False
    return order.attention.filter(resolved_at=None, code__in=WITHHOLDING).exists()


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


def _mismatches(locked: LockedOrder, kept: Payment) -> Iterator[Reason]:
    order, session = locked.order, locked.session_of(kept)
    if session is None:
        return
    fact = session.stripe_id or str(session.uuid)
    if session.mode == "setup":
        if order.subtotal_minor > 0:
            yield Attention.AMOUNT_MISMATCH, fact, f"nothing was paid for {order.subtotal_minor}"
        return
    faults = []
    if session.currency != session.asked_currency or session.asked_currency != order.currency:
        yield Attention.CURRENCY_MISMATCH, fact, f"{session.currency} for {order.currency}"
    elif session.is_adjustable:
        faults.append(_line_fault(session.request, session.lines or ()))
    elif session.mode == "payment" and session.amount_subtotal_minor != _expected_minor(session):
        faults.append(f"{session.amount_subtotal_minor} for {_expected_minor(session)}")
    if session.revision != order.revision and session.next_subtotal_minor is None:
        faults.append(f"paid for revision {session.revision} of {order.revision}")
    if fault := next(filter(None, faults), ""):
        yield Attention.AMOUNT_MISMATCH, fact, fault


def _line_fault(request: Mapping[str, Any], lines: Any) -> str:
    optional = {item["price"] for item in request.get("optional_items", ())}
    asked = request.get("line_items")
    return find_line_fault(asked, lines, optional_prices=optional) if asked else ""


def _expected_minor(session: CheckoutSession) -> int:
    """Return the subtotal of the order as it is: once a change is committed, paying the old amount is wrong."""
    return session.asked_subtotal_minor if session.next_subtotal_minor is None else session.next_subtotal_minor


def _is_surplus(locked: LockedOrder, payment: Payment) -> bool:
    if payment.captured_minor > 0:
        return True
    session = locked.session_of(payment)
    return session is not None and session.is_manual_capture and session_state(locked, session).is_in_flight
