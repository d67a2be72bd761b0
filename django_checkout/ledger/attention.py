"""Finds and stores the reasons why a person should look at an order, from its rows and what staff have resolved."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from django_checkout.exceptions import RefundedElsewhereError
from django_checkout.ledger.lines import find_line_fault
from django_checkout.ledger.locks import LockedOrder
from django_checkout.ledger.next_actions import find_returned
from django_checkout.ledger.rows import write
from django_checkout.models import Announcement, AttentionItem, CheckoutSession, Dispute, Order, Payment, Refund
from django_checkout.models.announcements import AnnouncementState
from django_checkout.models.attention import Details
from django_checkout.states import WITHHOLDING, Attention, IntentStatus, RefundStatus, SessionState

logger = logging.getLogger("django_checkout")

#: The ``failure_reason`` of a refund that Stripe had not answered, and that was refused or not sent later.
UNANSWERED = "unanswered"
#: The code, the Stripe id (or our own key) of the object it is about, and the details to show.
Reason = tuple[Attention, str, Details]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionChange:
    """What ``write_attention`` changed: whether ``order_paid`` was and is withheld, and what to announce."""

    was_withheld: bool
    is_withheld: bool
    announcements: tuple[Announcement, ...]


def find_reasons(locked: LockedOrder, refunds: Iterable[Refund], disputes: Iterable[Dispute]) -> Iterator[Reason]:
    """Yield the reasons that the rows give; the order in which the facts arrived does not matter."""
    refunds = list(refunds)
    kept = locked.kept_payment()
    if kept is not None:
        yield from _find_payment_reasons(locked, kept, refunds)
    for refund in refunds:
        if refund.status == RefundStatus.FAILED:
            details = {"failure_reason": refund.failure_reason}
            yield Attention.REFUND_FAILED, refund.stripe_id or str(refund.uuid), details
        if refund.status == RefundStatus.REFUSED and refund.failure_reason == UNANSWERED:
            is_elsewhere = refund.refusal_code == RefundedElsewhereError.code
            yield Attention.REFUND_NOT_SENT if is_elsewhere else Attention.REFUND_REFUSED, str(refund.uuid), {}
    for dispute in disputes:
        if dispute.is_open:
            yield Attention.DISPUTED, dispute.stripe_id, {"reason": dispute.reason}
    for payment in locked.own_payments():
        if returned_minor := find_returned(payment):
            returned: Details = {"received_minor": returned_minor, "currency": payment.currency}
            yield Attention.RECEIVED_IN_PART, payment.stripe_id, returned
        if payment.fraud_warning_id and not _is_refunded(payment, refunds):
            yield Attention.FRAUD_WARNING, payment.fraud_warning_id, {}
        for review, is_open in payment.reviews.items():
            if is_open:
                yield Attention.REVIEW, review, {}


def _find_payment_reasons(locked: LockedOrder, kept: Payment, refunds: Collection[Refund]) -> Iterator[Reason]:
    order = locked.order
    yield from _mismatches(locked, kept)
    if order.canceled_at is not None:
        yield Attention.PAID_AFTER_CANCEL, kept.stripe_id, {}
    if order.source_deleted_at is not None and not _is_refunded(kept, refunds):
        yield Attention.PAID_AFTER_DELETE, kept.stripe_id, {}
    for payment in locked.own_payments():
        if payment.pk != kept.pk and _is_surplus(locked, payment) and not _is_refunded(payment, refunds):
            surplus: Details = {"captured_minor": payment.captured_minor, "currency": payment.currency}
            yield Attention.DOUBLE_PAYMENT, payment.stripe_id, surplus
    if order.refunded_minor > order.paid_minor:
        sums = {"refunded_minor": order.refunded_minor, "paid_minor": order.paid_minor}
        yield Attention.OVER_REFUNDED, kept.stripe_id, {**sums, "currency": order.currency}


def _is_refunded(payment: Payment, refunds: Iterable[Refund]) -> bool:
    """Return whether all money of a payment was given back. A refund that fails later raises the reason again."""
    given_back = sum(
        refund.amount_minor
        for refund in refunds
        if refund.payment_id == payment.pk and refund.status == RefundStatus.SUCCEEDED and not refund.is_release
    )
    return 0 < payment.captured_minor <= given_back


def write_attention(order: Order, reasons: Iterable[Reason]) -> AttentionChange:
    """Store new reasons, delete open ones that no longer hold, and leave resolved ones as they are."""
    expected = {(code.value, fact): dict(details) for code, fact, details in reasons}
    if not expected and not order.needs_attention:
        return AttentionChange(was_withheld=False, is_withheld=False, announcements=())
    rows = {(row.code, row.fact): row for row in order.attention.all()}
    unresolved = {key for key, row in rows.items() if row.resolved_at is None}
    # A reason with a code that this version does not know stays: a newer version raised it.
    gone = {key for key in unresolved if key not in expected and key[0] in set(Attention)}
    if gone:
        AttentionItem.objects.filter(pk__in=[rows[key].pk for key in gone]).delete()
        _supersede(order, (rows[key] for key in gone))
    for key in unresolved & set(expected):
        if expected[key] != rows[key].details:
            write(rows[key], details=expected[key])
    new = [key for key in expected if key not in rows]
    if new:
        _forget_superseded(order, new)
    items = [AttentionItem.objects.create(order=order, code=key[0], fact=key[1], details=expected[key]) for key in new]
    for item in items:
        logger.warning("attention order=%s reason=%s fact=%s", order.reference, item.code, item.fact)
    left = (unresolved - gone) | set(new)
    order.needs_attention = bool(left)
    return AttentionChange(
        was_withheld=any(code in WITHHOLDING for code, _ in unresolved),
        is_withheld=any(code in WITHHOLDING for code, _ in left),
        announcements=tuple(attention_announcement(item) for item in items),
    )


def attention_announcement(item: AttentionItem) -> Announcement:
    """Return the announcement that a reason was raised."""
    return Announcement(signal="attention_needed", fact=_fact_of(item.code, item.fact), reason=item.code)


def _fact_of(code: str, fact: str) -> str:
    return f"{code}:{fact}"[:255]


def _forget_superseded(order: Order, raised: Iterable[tuple[str, str]]) -> None:
    """Delete the notifications of reasons that were over before a receiver took them, and that are raised again."""
    superseded = Announcement.objects.filter(order=order, signal="attention_needed", state=AnnouncementState.SUPERSEDED)
    superseded.filter(fact__in=[_fact_of(code, fact) for code, fact in raised]).delete()


def _supersede(order: Order, items: Iterable[AttentionItem]) -> None:
    """Do not announce reasons that are gone or resolved, if no receiver has taken their notifications yet."""
    facts = [_fact_of(item.code, item.fact) for item in items]
    pending = Announcement.objects.filter(order=order, signal="attention_needed", state=AnnouncementState.PENDING)
    pending.filter(fact__in=facts).update(state=AnnouncementState.SUPERSEDED, next_attempt_at=None)


def resolve_attention(order: Order, *, note: str, by: Any, **which: Any) -> int:
    """Resolve the open reasons, or those that match ``which``, with a note; return how many."""
    unresolved = order.attention.filter(resolved_at=None)
    _supersede(order, unresolved.filter(**which))
    count = unresolved.filter(**which).update(resolved_at=timezone.now(), resolved_by=by, note=note)
    write(order, needs_attention=unresolved.exists())
    return count


def is_withheld(order: Order) -> bool:
    """Return whether ``order_paid`` is withheld until staff accept a mismatch."""
    if not order.needs_attention:
        return False
    return order.attention.filter(resolved_at=None, code__in=WITHHOLDING).exists()


def session_state(locked: LockedOrder, session: CheckoutSession) -> SessionState:
    """Return what the order's status depends on in one session, from the locked rows."""
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
            yield Attention.AMOUNT_MISMATCH, fact, {"expected_minor": order.subtotal_minor, "currency": order.currency}
        return
    details: Details | None = None
    if session.currency != session.asked_currency or session.asked_currency != order.currency:
        currencies = {"paid_currency": session.currency, "expected_currency": order.currency}
        yield Attention.CURRENCY_MISMATCH, fact, currencies
    elif session.is_adjustable:
        details = _line_fault(session.request, session.lines or ())
    elif session.mode == "payment" and session.amount_subtotal_minor != _expected_minor(session):
        amounts = {"paid_minor": session.amount_subtotal_minor or 0, "expected_minor": _expected_minor(session)}
        details = {**amounts, "currency": session.currency}
    if details is None and session.revision != order.revision and session.next_subtotal_minor is None:
        details = {"paid_revision": session.revision, "revision": order.revision}
    if details is not None:
        yield Attention.AMOUNT_MISMATCH, fact, details


def _line_fault(request: Mapping[str, Any], lines: Any) -> Details | None:
    optional = {item["price"] for item in request.get("optional_items", ())}
    offered = request.get("line_items")
    return find_line_fault(offered, lines, optional_prices=optional) if offered else None


def _expected_minor(session: CheckoutSession) -> int:
    """Return the subtotal that must be paid: a change counts once it is committed, before Stripe confirms it."""
    return session.asked_subtotal_minor if session.next_subtotal_minor is None else session.next_subtotal_minor


def _is_surplus(locked: LockedOrder, payment: Payment) -> bool:
    if payment.captured_minor > 0:
        return True
    session = locked.session_of(payment)
    return session is not None and session.is_manual_capture and session_state(locked, session).is_in_flight
