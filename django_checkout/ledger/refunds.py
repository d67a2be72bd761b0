"""Joins facts about a refund into its row, and stores the refunds that we request before Stripe is called."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django_checkout.exceptions import RefundError, UnknownFactError
from django_checkout.ledger import credit_notes, locks, settling
from django_checkout.ledger.attention import UNANSWERED
from django_checkout.ledger.locks import LockedOrder
from django_checkout.ledger.rows import write
from django_checkout.models import Payment, Refund
from django_checkout.models.statements import Select
from django_checkout.states import ACTIVE_REFUND_STATUSES, REFUND_RANK, RefundStatus, join
from django_checkout.values import RefundFact

_LOCK_REFUNDS = Select(lambda: Refund.objects.select_for_update().filter(payment=1).order_by("pk"))


def join_refund(locked: LockedOrder | None, payment: Payment, fact: RefundFact) -> None:
    """Join a fact into a refund's row: the one with its id, the one that we requested it with, or a new one.

    Raises:
        UnknownFactError: a status that ``states`` does not know.
    """
    shared = None if locked is None else locked.shared
    rows = _LOCK_REFUNDS(payment.pk) if shared is None else shared.refunds[payment.pk]
    refund = _find(rows, payment, fact)
    status = fact.status or RefundStatus.PENDING
    if refund is None:
        if status not in REFUND_RANK:
            raise UnknownFactError("Stripe reported a refund status that this version does not know.")
        refund = Refund.objects.create(
            **_lost_request(fact),
            stripe_id=fact.stripe_id,
            payment=payment,
            amount_minor=fact.amount_minor,
            currency=fact.currency,
            status=status,
            reason=fact.reason,
            failure_reason=fact.failure_reason,
            made_at=fact.made_at,
            balance_transaction_id=fact.balance_transaction_id,
            **credit_notes.due_values(payment, status),
        )
        rows.append(refund)
        has_changed = True
    else:
        has_changed = _update(refund, fact, join(REFUND_RANK, refund.status, status))
    if refund.is_ours and has_changed:
        _recount(payment)
    if locked is not None and has_changed:
        locked.refunds_to_announce.append(refund)


def _update(refund: Refund, fact: RefundFact, status: str) -> bool:
    """Write a fact into a refund's row; return whether the refund may have to be announced."""
    # A release that has moved money after all is a refund that was not announced.
    has_changed = status != refund.status or (refund.is_release and bool(fact.balance_transaction_id))
    values: dict[str, Any] = {
        "stripe_id": fact.stripe_id,
        "status": status,
        "leased_until": None,
        "reason": refund.reason or fact.reason,
        "failure_reason": refund.failure_reason or fact.failure_reason,
        "made_at": refund.made_at or fact.made_at,
        "balance_transaction_id": refund.balance_transaction_id or fact.balance_transaction_id,
    }
    if status != refund.status and not refund.credit_note_id:
        values |= credit_notes.due_values(refund.payment, status)
    if changed := {name: value for name, value in values.items() if getattr(refund, name) != value}:
        write(refund, **changed)
    return has_changed


def _lost_request(fact: RefundFact) -> dict[str, Any]:
    """Return the UUID and origin of a refund that we requested and whose row is lost, for example with a backup."""
    try:
        request_uuid = uuid.UUID(fact.refund_uuid)
    except ValueError:
        return {}
    return {} if Refund.objects.filter(uuid=request_uuid).exists() else {"uuid": request_uuid, "is_ours": True}


def reserve_refund(
    locked: LockedOrder, payment: Payment, amount_minor: int, *, reason: str, by: Any, now: datetime, key: str = ""
) -> Refund:
    """Store a refund before Stripe is called; a constraint limits the sum of refunds to what was captured.

    Raises:
        RefundError: the amount is more than can still be refunded.
    """
    active = [refund for refund in locked.refunds_of(payment) if refund.status in ACTIVE_REFUND_STATUSES]
    left = payment.captured_minor - sum(refund.amount_minor for refund in active)
    if amount_minor > left:
        raise RefundError(f"Only {left} minor units of this payment can still be refunded.")
    refund = Refund.objects.create(
        payment=payment,
        is_ours=True,
        key=key or None,
        asked_by=by,
        amount_minor=amount_minor,
        currency=payment.currency,
        reason=reason,
        leased_until=now + timedelta(seconds=locks.LEASE_SECONDS),
    )
    write(payment, refund_asked_minor=payment.refund_asked_minor + amount_minor)
    return refund


def lease_refund(refund_pk: int, *, now: datetime) -> Refund | None:
    """Lease a refund without a response to retry it; None if it has one, or another process has leased it."""
    refund = Refund.objects.select_for_update().get(pk=refund_pk)
    if refund.status != RefundStatus.CREATING or (refund.leased_until and refund.leased_until > now):
        return None
    write(refund, leased_until=now + timedelta(seconds=locks.LEASE_SECONDS))
    return refund


def release_refund(refund_pk: int, **recorded: str) -> None:
    """End the lease of a refund that Stripe has not answered; one that an event has confirmed is not changed."""
    Refund.objects.filter(pk=refund_pk, status=RefundStatus.CREATING).update(leased_until=None, **recorded)


def note_refund_request(refund_pk: int, *, request_id: str) -> None:
    """Store Stripe's id of the request that made a refund."""
    Refund.objects.filter(pk=refund_pk).update(request_id=request_id)


def fail_refund(locked: LockedOrder, refund: Refund, *, was_unanswered: bool, **refusal: str) -> None:
    """Record that Stripe refused one of our refunds; it no longer counts against the payment.

    One that ``was_unanswered`` raises attention: whoever requested it expects it. ``refusal`` are
    ``refusal_code``, ``error_code``, ``error_message`` and ``request_id``.
    """
    write(refund, status=join(REFUND_RANK, refund.status, RefundStatus.REFUSED), leased_until=None, **refusal)
    _recount(next(row for row in locked.payments if row.pk == refund.payment_id))
    if was_unanswered:
        write(refund, failure_reason=UNANSWERED)
        settling.settle(locked)


def _find(rows: list[Refund], payment: Payment, fact: RefundFact) -> Refund | None:
    for refund in rows:
        refund.payment = payment
    for refund in rows:
        if refund.stripe_id == fact.stripe_id:
            return refund
    for refund in rows:
        if refund.stripe_id is None and str(refund.uuid) == fact.refund_uuid:
            return refund
    return None


def _recount(payment: Payment) -> None:
    write(payment, refund_asked_minor=requested_minor(payment, payment.refunds.filter(is_ours=True)))


def requested_minor(payment: Payment, refunds: Iterable[Refund]) -> int:
    """Return the sum that we requested, capped at the captured amount: a fact is stored even if it exceeds it."""
    requests = (row for row in refunds if row.is_ours and row.status in ACTIVE_REFUND_STATUSES)
    return min(sum(row.amount_minor for row in requests), payment.captured_minor)
