"""Issues credit notes for refunds of payments that have an invoice: one for each refund, however often it is tried."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from django_checkout import ledger
from django_checkout.exceptions import (
    PaymentInFlightError,
    RefundError,
    StripeCredentialsError,
    StripeRefusedError,
    StripeUnavailableError,
)
from django_checkout.models import Payment, Refund
from django_checkout.services.orders import check_site
from django_checkout.stripe_api import credit_notes
from django_checkout.stripe_api.steps import Steps, arun, run


def create_credit_note(refund: Refund) -> Refund:
    """Issue the credit note of a refund that has succeeded, or find the one that was issued; return the refund.

    ``checkout_process_events`` does this with ``CHECKOUT_CREDIT_NOTES``. Must run outside transactions.

    Raises:
        RefundError: the refund has not succeeded, or its payment has no invoice.
        PaymentInFlightError: another call is requesting it, or has just got no response.
        StripeRefusedError: Stripe refuses; the refund says why.
        StripeUnavailableError: retry; it is not issued twice.
    """
    return run(_credit_note_steps(refund, now=timezone.now(), is_requested=True))


async def acreate_credit_note(refund: Refund) -> Refund:
    """Do the same as ``create_credit_note`` from a coroutine."""
    return await arun(_credit_note_steps(refund, now=timezone.now(), is_requested=True))


def issue_due_credit_note(refund: Refund, *, now: datetime) -> Refund:
    """Do the same for a credit note that is due; if the payment has no invoice, none is due any more."""
    return run(_credit_note_steps(refund, now=now, is_requested=False))


def find_invoice_id(payment: Payment) -> str:
    """Return the invoice of the session that a payment paid, or ""."""
    return payment.sessions.exclude(invoice_id="").values_list("invoice_id", flat=True).first() or ""


def _credit_note_steps(row: Refund, *, now: datetime, is_requested: bool) -> Steps[Refund]:
    order = row.payment.order
    if order is not None:
        check_site(order)
    invoice_id = find_invoice_id(row.payment)
    if not invoice_id or order is None:
        ledger.drop_credit_note(row.pk)
        if is_requested:
            raise RefundError("The payment has no invoice, so that there is nothing to credit.")
        return row
    leased = ledger.in_transaction(lambda: ledger.lease_credit_note(row.pk, now=now, is_requested=is_requested))
    row.refresh_from_db()
    if leased is None:
        if is_requested and not row.credit_note_id:
            raise _not_leased(row)
        return row
    try:
        yield from _send(row, invoice_id, order.reference)
    except (StripeUnavailableError, StripeRefusedError) as error:
        # A stored failure is repeated for as long as Stripe keeps the idempotency key.
        is_unanswered = isinstance(error, StripeUnavailableError) and not error.is_replayed
        is_final = not is_unanswered and not isinstance(error, StripeCredentialsError)
        ledger.fail_credit_note(row.pk, str(error), is_final=is_final)
        raise
    row.refresh_from_db()
    return row


def _send(row: Refund, invoice_id: str, reference: str) -> Steps[None]:
    refund_id, refund_uuid = row.stripe_id or "", str(row.uuid)
    found = yield from credit_notes.find_credit_note(invoice_id, refund_id=refund_id, refund_uuid=refund_uuid)
    if not found:
        found = yield from credit_notes.create_credit_note(
            invoice_id,
            refund_id=refund_id,
            refund_uuid=refund_uuid,
            amount_minor=row.amount_minor,
            reference=reference,
        )
    ledger.note_credit_note(row.pk, found)


def _not_leased(row: Refund) -> PaymentInFlightError | RefundError:
    if ledger.can_have_credit_note(row):
        return PaymentInFlightError("This credit note is being requested. Retry in a minute.")
    return RefundError(f"The refund is {row.status}; only one that has succeeded is credited.")
