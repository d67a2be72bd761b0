"""Joins what Stripe said of a refund into its row, and writes down the refunds that we ask for before asking."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django_checkout.exceptions import RefundError, UnknownFactError
from django_checkout.ledger import locks
from django_checkout.ledger.locks import LockedOrder
from django_checkout.models import Payment, Refund
from django_checkout.states import ACTIVE_REFUND_STATUSES, REFUND_RANK, RefundStatus, join
from django_checkout.values import RefundFact


def join_refund(locked: LockedOrder | None, payment: Payment, fact: RefundFact) -> None:
    """Join a fact into a refund's row: the row that we asked with, the row with its id, or a new one.

    Raises:
        UnknownFactError: a status that states.py does not know.
    """
    refund = _find(payment, fact)
    said = fact.status or RefundStatus.PENDING
    if refund is None:
        if said not in REFUND_RANK:
            raise UnknownFactError("Stripe reported a refund status that this version does not know.")
        refund = Refund.objects.create(
            **_lost_request(fact),
            stripe_id=fact.stripe_id,
            payment=payment,
            amount_minor=fact.amount_minor,
            currency=fact.currency,
            status=said,
            reason=fact.reason,
            failure_reason=fact.failure_reason,
            balance_transaction_id=fact.balance_transaction_id,
        )
        has_news = True
    else:
        status = join(REFUND_RANK, refund.status, said)
        # A release that turns out to have moved money is a refund that nobody has heard of.
        has_news = status != refund.status or (refund.is_release and bool(fact.balance_transaction_id))
        values: dict[str, Any] = {"stripe_id": fact.stripe_id, "status": status, "leased_until": None}
        values["reason"] = refund.reason or fact.reason
        values["failure_reason"] = refund.failure_reason or fact.failure_reason
        values["balance_transaction_id"] = refund.balance_transaction_id or fact.balance_transaction_id
        changed = [name for name, value in values.items() if getattr(refund, name) != value]
        if changed:
            for name in changed:
                setattr(refund, name, values[name])
            refund.save(update_fields=[*changed, "updated_at"])
    if refund.is_ours and has_news:
        _recount(payment)
    if locked is not None and has_news:
        locked.refunds_with_news.append(refund)


def _lost_request(fact: RefundFact) -> dict[str, Any]:
    """Return what a refund's metadata says of the row that asked for it, where a backup has lost that row."""
    try:
        asked = uuid.UUID(fact.refund_uuid)
    except ValueError:
        return {}
    return {} if Refund.objects.filter(uuid=asked).exists() else {"uuid": asked, "is_ours": True}


def reserve_refund(
    locked: LockedOrder, payment: Payment, amount_minor: int, *, reason: str, by: Any, now: datetime, key: str = ""
) -> Refund:
    """Write down a refund before Stripe is asked; the database holds the sum to what was captured.

    Raises:
        RefundError: less than that can still be refunded.
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
    payment.refund_asked_minor += amount_minor
    payment.save(update_fields=["refund_asked_minor", "updated_at"])
    return refund


def lease_refund(refund_pk: int, *, now: datetime) -> Refund | None:
    """Take a refund that Stripe has not answered for, to ask again; None if it is settled or another asks now."""
    refund = Refund.objects.select_for_update().get(pk=refund_pk)
    if refund.status != RefundStatus.CREATING or (refund.leased_until and refund.leased_until > now):
        return None
    refund.leased_until = now + timedelta(seconds=locks.LEASE_SECONDS)
    refund.save(update_fields=["leased_until", "updated_at"])
    return refund


def note_refund_request(refund_pk: int, **values: Any) -> None:
    """Note how a call to Stripe ended: ``request_id``, ``leased_until``, ``error_code``, ``error_message``."""
    Refund.objects.filter(pk=refund_pk).update(**values)


def fail_refund(
    locked: LockedOrder, refund: Refund, *, refusal_code: str, error_code: str, error_message: str, request_id: str
) -> None:
    """Record that Stripe refused a refund of ours: it counts no longer."""
    refund.status = join(REFUND_RANK, refund.status, RefundStatus.REFUSED)
    refund.error_code, refund.error_message, refund.request_id = error_code, error_message, request_id
    refund.refusal_code, refund.leased_until = refusal_code, None
    refund.save(
        update_fields=[
            "status",
            "refusal_code",
            "error_code",
            "error_message",
            "request_id",
            "leased_until",
            "updated_at",
        ]
    )
    payment = next(row for row in locked.payments if row.pk == refund.payment_id)
    _recount(payment)


def _find(payment: Payment, fact: RefundFact) -> Refund | None:
    rows = list(payment.refunds.select_for_update().order_by("pk"))
    for refund in rows:
        if refund.stripe_id == fact.stripe_id:
            return refund
    for refund in rows:
        if refund.stripe_id is None and str(refund.uuid) == fact.refund_uuid:
            return refund
    return None


def _recount(payment: Payment) -> None:
    """Count again what we asked for; a fact that contradicts our limit is stored and shown, not rejected."""
    asked = payment.refunds.filter(is_ours=True, status__in=ACTIVE_REFUND_STATUSES)
    payment.refund_asked_minor = min(sum(refund.amount_minor for refund in asked), payment.captured_minor)
    payment.save(update_fields=["refund_asked_minor", "updated_at"])
