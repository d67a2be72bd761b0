"""Refunds payments: a refund is committed before Stripe is called, and is never sent twice."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from django_checkout import ledger, money
from django_checkout.exceptions import (
    PaymentInFlightError,
    RefundedElsewhereError,
    RefundError,
    RefundRepeatedError,
    StripeCredentialsError,
    StripeError,
    StripeNotFoundError,
    StripeRefusedError,
    StripeUnavailableError,
)
from django_checkout.models import Order, Payment, Refund
from django_checkout.services import unanswered
from django_checkout.services.orders import check_site, get_own_order
from django_checkout.services.syncing import apply_facts, read_refunds_and_disputes
from django_checkout.states import ACTIVE_REFUND_STATUSES, RefundStatus
from django_checkout.stripe_api import gateway
from django_checkout.stripe_api.facts import ORDER_KEY
from django_checkout.stripe_api.steps import Steps, arun, run

#: Stripe's own reasons: https://docs.stripe.com/api/refunds/create#create_refund-reason.
REASONS = ("duplicate", "fraudulent", "requested_by_customer")
#: A second refund of an amount must be confirmed this long after the first.
REPEAT_SECONDS = 3600
_REFUSALS = {
    error.code: error
    for error in (StripeRefusedError, StripeCredentialsError, StripeNotFoundError, RefundedElsewhereError)
}


def refund(
    order: Any,
    amount_minor: int | None = None,
    reason: str | None = None,
    *,
    by: Any = None,
    key: str = "",
    in_addition_to: UUID | str | None = None,
) -> Refund:
    """Refund ``amount_minor`` of the kept payment, or all that is left of it; return the refund in Stripe's state.

    A refund whose response was lost is resumed, not sent again. A caller that may run twice, such as a task, passes a
    ``key``: the same key always means the same refund, and one that Stripe refused raises the same error again. A
    second refund of the same amount within an hour, or while the first is unanswered, needs ``in_addition_to``: the
    UUID of the latest one. Must run outside transactions.

    Raises:
        RefundError: the order is not paid, or less than that is left.
        RefundRepeatedError: ``in_addition_to`` does not name the latest refund of this amount.
        MoneyError: not an amount in this currency.
        PaymentInFlightError: another call is sending this refund right now.
        StripeUnansweredError: ``checkout_process_events`` sends it again; so does a retry. It cannot refund twice.
        StripeRefusedError: Stripe refuses; the refund is recorded as refused.
    """
    return run(_refund_steps(order, amount_minor, reason, by, key, in_addition_to))


async def arefund(
    order: Any,
    amount_minor: int | None = None,
    reason: str | None = None,
    *,
    by: Any = None,
    key: str = "",
    in_addition_to: UUID | str | None = None,
) -> Refund:
    """Do the same as ``refund`` from a coroutine."""
    return await arun(_refund_steps(order, amount_minor, reason, by, key, in_addition_to))


@unanswered.says(unanswered.REFUND)
def _refund_steps(
    order: Any, amount_minor: int | None, reason: str | None, by: Any, key: str, in_addition_to: UUID | str | None
) -> Steps[Refund]:
    ours = get_own_order(order)
    if reason and reason not in REASONS:
        raise RefundError(f"Stripe's reasons are: {', '.join(REASONS)}.")
    if amount_minor is not None:
        money.check_minor(amount_minor, ours.currency)
        if amount_minor == 0:
            raise RefundError("A refund must be more than zero.")
    row, is_new = ledger.in_transaction(lambda: _reserve(ours, amount_minor, reason or "", by, key, in_addition_to))
    if row.status == RefundStatus.REFUSED:
        raise _refusal_of(row)
    return (yield from send_refund(row) if is_new else resume_refund_steps(row))


def resume_refund(row: Refund) -> Refund:
    """Resume a refund that Stripe has not answered: list the payment's refunds, and send it only if it is not there.

    If a refund of the same amount was made elsewhere meanwhile, for example in Stripe's dashboard, it is not sent.
    Must run outside transactions.

    Raises:
        PaymentInFlightError: another call is sending it right now.
        RefundedElsewhereError: it was not sent; the refund is recorded as refused.
        StripeUnansweredError: retry.
    """
    return run(resume_refund_steps(row))


async def aresume_refund(row: Refund) -> Refund:
    """Do the same as ``resume_refund`` from a coroutine."""
    return await arun(resume_refund_steps(row))


@unanswered.says(unanswered.REFUND)
def resume_refund_steps(row: Refund) -> Steps[Refund]:
    if row.payment.order is not None:
        check_site(row.payment.order)
    leased = ledger.in_transaction(lambda: ledger.lease_refund(row.pk, now=timezone.now()))
    row.refresh_from_db()
    if leased is None:
        if row.status == RefundStatus.CREATING:
            raise PaymentInFlightError("This refund is being sent to Stripe right now.")
        return row
    try:
        yield from read_refunds_and_disputes(row.payment)
    except StripeUnavailableError as error:
        return _released(row, error)
    row.refresh_from_db()
    if row.status != RefundStatus.CREATING:
        return row
    _refuse_second(row)
    return (yield from send_refund(row, is_known_missing=True))


def find_repeated(refunds: Iterable[Refund], amount_minor: int, *, now: datetime) -> Refund | None:
    """Return the latest of a payment's refunds that another one of this amount may repeat by mistake, or None."""
    since = now - timedelta(seconds=REPEAT_SECONDS)
    found = [
        row
        for row in refunds
        if row.amount_minor == amount_minor
        and row.status in ACTIVE_REFUND_STATUSES
        and (row.status == RefundStatus.CREATING or row.occurred_at > since)
    ]
    return max(found, key=lambda row: row.pk, default=None)


def _reserve(
    ours: Order, amount_minor: int | None, reason: str, by: Any, key: str, in_addition_to: UUID | str | None
) -> tuple[Refund, bool]:
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
        is_same = row.key == (key or None) and amount_minor in (None, row.amount_minor)
        if row.status == RefundStatus.CREATING and is_same and in_addition_to is None:
            return row, False
    left = payment.captured_minor - sum(row.amount_minor for row in active)
    if left <= 0:
        raise RefundError("All of this payment has been refunded.")
    requested = left if amount_minor is None else amount_minor
    now = timezone.now()
    repeated = find_repeated(active, requested, now=now)
    if repeated is not None and str(in_addition_to).lower() != str(repeated.uuid):
        state = "has not been answered" if repeated.status == RefundStatus.CREATING else "was made within the last hour"
        raise RefundRepeatedError(
            f"A refund of {requested} minor units {state}: {repeated.uuid}. To refund this amount once more, repeat "
            "the request with that UUID as in_addition_to."
        )
    return ledger.reserve_refund(locked, payment, requested, reason=reason, by=by, now=now, key=key), True


def _refuse_second(row: Refund) -> None:
    """Refuse to send an unanswered refund if it may repeat one of the same amount that was made elsewhere.

    One that was stored earlier was known to whoever requested this one.
    """
    since = row.created_at - timedelta(seconds=REPEAT_SECONDS)
    made = row.payment.refunds.filter(
        Q(made_at=None) | Q(made_at__gte=since),
        is_ours=False,
        is_release=False,
        amount_minor=row.amount_minor,
        status__in=ACTIVE_REFUND_STATUSES,
        created_at__gte=row.created_at,
    ).first()
    if made is None:
        return
    error = RefundedElsewhereError(
        f"The refund {made.stripe_id} of the same amount was made at Stripe meanwhile, so this one was not sent. If "
        "both are meant, refund once more.",
        stripe_code=RefundedElsewhereError.code,
    )
    _fail(row, error, was_unanswered=True)
    raise error


def _released(row: Refund, error: StripeUnavailableError, **recorded: str) -> Refund:
    """End the lease of an unanswered refund; return it if an event has confirmed it meanwhile, otherwise raise."""
    ledger.release_refund(row.pk, **recorded)
    row.refresh_from_db()
    if row.status == RefundStatus.CREATING:
        raise error
    return row


def send_refund(row: Refund, *, is_known_missing: bool = False) -> Steps[Refund]:
    """Send a leased refund to Stripe; apply the response, or keep the row to be resumed.

    ``is_known_missing`` says that Stripe's list of the payment's refunds was just read and does not contain it.
    """
    payment: Payment = row.payment
    metadata = {ORDER_KEY: payment.order.reference} if payment.order else {}
    try:
        fact, request_id = yield from gateway.create_refund(
            payment.stripe_id, row.amount_minor, reason=row.reason, refund_uuid=str(row.uuid), metadata=metadata
        )
    except StripeUnavailableError as error:
        if error.is_replayed and is_known_missing:
            # Stripe has stored a failure under this key, so a retry can never create the refund.
            refused = StripeRefusedError(
                f"{error} Stripe has stored this failure and did not refund; start a new refund.",
                stripe_code=error.stripe_code,
                request_id=error.request_id,
            )
            _fail(row, refused, was_unanswered=True)
            raise refused from error
        return _released(row, error, **error.recorded)
    except StripeRefusedError as error:
        _fail(row, error, was_unanswered=is_known_missing)
        raise
    apply_facts([fact])
    ledger.note_refund_request(row.pk, request_id=request_id)
    row.refresh_from_db()
    return row


def _refusal_of(row: Refund) -> StripeRefusedError:
    """Return the error with which Stripe refused the refund."""
    error_class = _REFUSALS.get(row.refusal_code, StripeRefusedError)
    stripe_code = "" if row.error_code == row.refusal_code else row.error_code
    return error_class(row.error_message, stripe_code=stripe_code, request_id=row.request_id)


def _fail(row: Refund, error: StripeError, *, was_unanswered: bool = False) -> None:
    def work() -> None:
        locked = ledger.lock_order(pk=row.payment.order_id)
        fresh = Refund.objects.select_for_update().get(pk=row.pk)
        refusal = {"refusal_code": error.code, "error_message": str(error), **error.recorded}
        ledger.fail_refund(locked, fresh, was_unanswered=was_unanswered, **refusal)

    ledger.in_transaction(work)
