"""Stores which refunds a credit note is due for, and what became of it; it is due before Stripe is called."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from django_checkout.conf import conf
from django_checkout.ledger.locks import LEASE_SECONDS
from django_checkout.ledger.rows import write
from django_checkout.models import Payment, Refund
from django_checkout.states import RefundStatus


def due_values(payment: Payment, status: str) -> dict[str, Any]:
    """Return the columns of a refund that has just got this status: a credit note is due once it has succeeded."""
    is_due = status == RefundStatus.SUCCEEDED and payment.order_id is not None and conf.CHECKOUT_CREDIT_NOTES
    return {"credit_note_due_at": timezone.now() if is_due else None}


def lease_credit_note(refund_pk: int, *, now: datetime, is_requested: bool) -> Refund | None:
    """Put the credit note of a refund off, so that only the caller requests it; None if it is not to be requested.

    With ``is_requested`` someone has asked for it, also if it was not due or Stripe has refused it.
    """
    refund = Refund.objects.select_for_update().get(pk=refund_pk)
    due_at = refund.credit_note_due_at
    if not can_have_credit_note(refund):
        write(refund, credit_note_due_at=None)
        return None
    if (due_at is None and not is_requested) or (due_at is not None and due_at > now):
        return None
    write(refund, credit_note_due_at=now + timedelta(seconds=LEASE_SECONDS))
    return refund


def can_have_credit_note(refund: Refund) -> bool:
    """Return whether a refund has returned money and has no credit note yet."""
    return refund.status == RefundStatus.SUCCEEDED and not refund.is_release and not refund.credit_note_id


def note_credit_note(refund_pk: int, credit_note_id: str) -> None:
    """Record the credit note that Stripe has issued for a refund."""
    Refund.objects.filter(pk=refund_pk).update(
        credit_note_id=credit_note_id, credit_note_due_at=None, credit_note_error=""
    )


def fail_credit_note(refund_pk: int, reason: str, *, is_final: bool) -> None:
    """Record why Stripe has not issued a credit note; it is no longer due if that ``is_final``."""
    rows = Refund.objects.filter(pk=refund_pk, credit_note_id="")
    rows.update(credit_note_error=reason[:500], **({"credit_note_due_at": None} if is_final else {}))


def drop_credit_note(refund_pk: int) -> None:
    """Record that no credit note is due: the payment has no invoice."""
    Refund.objects.filter(pk=refund_pk).update(credit_note_due_at=None)
