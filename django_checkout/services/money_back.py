"""Gives money back: a refund is written down before Stripe is asked, and never asked for twice."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from django_checkout import gateway, ledger, money
from django_checkout.exceptions import (
    PaymentInFlightError,
    RefundError,
    StripeCredentialsError,
    StripeError,
    StripeNotFoundError,
    StripeRefusedError,
    StripeUnavailableError,
)
from django_checkout.facts import ORDER_KEY
from django_checkout.models import Order, Payment, Refund
from django_checkout.services.placing import get_order
from django_checkout.services.settling import apply_facts, read_refunds_and_disputes
from django_checkout.states import ACTIVE_REFUND_STATUSES, RefundStatus
from django_checkout.steps import Steps, waits

#: Stripe's own reasons: https://docs.stripe.com/api/refunds/create#create_refund-reason.
REASONS = ("duplicate", "fraudulent", "requested_by_customer")
_REFUSALS = {error.code: error for error in (StripeRefusedError, StripeCredentialsError, StripeNotFoundError)}


@waits
def refund(
    order: Any, amount_minor: int | None = None, reason: str | None = None, *, by: Any = None, key: str = ""
) -> Steps[Refund]:
    """Give back ``amount_minor`` of what the order keeps, or all that is left; return the refund as Stripe has it.

    A refund that Stripe has not answered for (a crash, a lost answer) is finished rather than asked for again. A caller
    that may be repeated, such as a task, gives a ``key`` of its own: the same key is the same refund, for ever, and one
    that Stripe refused is refused again with the same error. Must run outside transactions.

    Raises:
        RefundError: not paid, or less than that is left.
        MoneyError: not an amount in this currency.
        PaymentInFlightError: another request is asking for a refund right now.
        StripeUnavailableError: try again; it cannot refund twice.
        StripeRefusedError: Stripe refuses; the refund is recorded as refused.
    """
    ours = get_order(order)
    if reason and reason not in REASONS:
        raise RefundError(f"Stripe's reasons are: {', '.join(REASONS)}.")
    if amount_minor is not None:
        money.check_minor(amount_minor, ours.currency)
        if amount_minor == 0:
            raise RefundError("A refund must be more than zero.")
    row, is_new = ledger.in_transaction(lambda: _reserve(ours, amount_minor, reason or "", by, key))
    if row.status == RefundStatus.REFUSED:
        raise _refusal_of(row)
    return (yield from send_refund(row) if is_new else resume_refund.steps(row))


@waits
def resume_refund(row: Refund) -> Steps[Refund]:
    """Finish a refund of ours that Stripe has not answered for: look for it first, ask only if it is not there.

    Must run outside transactions.

    Raises:
        PaymentInFlightError: another request is asking for it right now.
        StripeUnavailableError: try again.
    """
    leased = ledger.in_transaction(lambda: ledger.lease_refund(row.pk, now=timezone.now()))
    row.refresh_from_db()
    if leased is None:
        if row.status == RefundStatus.CREATING:
            raise PaymentInFlightError("This refund is being asked for right now.")
        return row
    try:
        yield from read_refunds_and_disputes(row.payment)
    except StripeUnavailableError:
        ledger.note_refund_request(row.pk, leased_until=None)
        raise
    row.refresh_from_db()
    if row.status != RefundStatus.CREATING:
        return row
    return (yield from send_refund(row, was_looked_for=True))


def _reserve(ours: Order, amount_minor: int | None, reason: str, by: Any, key: str) -> tuple[Refund, bool]:
    locked = ledger.lock_order(pk=ours.pk)
    known = Refund.objects.filter(key=key).first() if key else None
    if known is not None:
        if known.payment.order_id != locked.order.pk or amount_minor not in (None, known.amount_minor):
            raise RefundError("This key belongs to another refund.")
        return known, False
    payment = locked.kept_payment()
    if payment is None or payment.captured_minor == 0:
        raise RefundError(f"The order is {locked.order.status}; there is nothing to refund.")
    active = [row for row in locked.refunds_of(payment) if row.status in ACTIVE_REFUND_STATUSES]
    for row in active:
        if (
            row.status == RefundStatus.CREATING
            and row.key == (key or None)
            and amount_minor in (None, row.amount_minor)
        ):
            return row, False
    left = payment.captured_minor - sum(row.amount_minor for row in active)
    if left <= 0:
        raise RefundError("All of this payment has been refunded.")
    wanted = left if amount_minor is None else amount_minor
    return ledger.reserve_refund(locked, payment, wanted, reason=reason, by=by, now=timezone.now(), key=key), True


def send_refund(row: Refund, *, was_looked_for: bool = False) -> Steps[Refund]:
    """Ask Stripe for a refund that is written down and leased to us; apply the answer, or keep it to be finished.

    ``was_looked_for`` says that the payment's refunds were just read and ours was not among them.
    """
    payment: Payment = row.payment
    metadata = {ORDER_KEY: payment.order.reference} if payment.order else {}
    try:
        fact, request_id = yield from gateway.create_refund.steps(
            payment.stripe_id, row.amount_minor, reason=row.reason, refund_uuid=str(row.uuid), metadata=metadata
        )
    except StripeUnavailableError as error:
        if error.is_replayed and was_looked_for:
            # Stripe has stored a failure under this key and will never act on it: it must be asked for anew.
            refused = StripeRefusedError(
                f"{error} Stripe has stored this failure and did not refund; ask for a new refund.",
                stripe_code=error.stripe_code,
                request_id=error.request_id,
            )
            _fail(row, refused)
            raise refused from error
        ledger.note_refund_request(
            row.pk, leased_until=None, error_code=error.stripe_code or error.code, request_id=error.request_id
        )
        raise
    except StripeRefusedError as error:
        _fail(row, error)
        raise
    apply_facts([fact])
    ledger.note_refund_request(row.pk, request_id=request_id)
    row.refresh_from_db()
    return row


def _refusal_of(row: Refund) -> StripeRefusedError:
    """Return the error that a refused refund was answered with."""
    error_class = _REFUSALS.get(row.refusal_code, StripeRefusedError)
    stripe_code = "" if row.error_code == row.refusal_code else row.error_code
    return error_class(row.error_message, stripe_code=stripe_code, request_id=row.request_id)


def _fail(row: Refund, error: StripeError) -> None:
    def work() -> None:
        order_pk = row.payment.order_id
        locked = ledger.lock_order(pk=order_pk)
        fresh = Refund.objects.select_for_update().get(pk=row.pk)
        ledger.fail_refund(
            locked,
            fresh,
            refusal_code=error.code,
            error_code=error.stripe_code or error.code,
            error_message=str(error),
            request_id=error.request_id,
        )

    ledger.in_transaction(work)
