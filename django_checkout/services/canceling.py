"""Cancels orders that are not paid: expires their session at Stripe, and releases an authorized payment."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.utils import timezone

from django_checkout import ledger
from django_checkout.exceptions import PaymentInFlightError, StripeRefusedError
from django_checkout.models import CheckoutSession, Order
from django_checkout.services import unanswered
from django_checkout.services.orders import check_site, get_order
from django_checkout.services.syncing import apply_facts, expire_steps
from django_checkout.states import IntentStatus, OrderStatus, SessionStatus
from django_checkout.stripe_api import gateway
from django_checkout.stripe_api.steps import Steps, arun, run


def cancel(order: Any) -> Order:
    """Cancel an unpaid order: expire its open session, release an authorized payment, and record the cancellation.

    Must run outside transactions.

    Raises:
        PaymentInFlightError: a payment is in flight, or was just made.
        OrderNotPayableError: the order is paid; refund it instead.
        StripeUnansweredError: retry.
    """
    return run(_cancel_steps(order))


async def acancel(order: Any) -> Order:
    """Do the same as ``cancel`` from a coroutine."""
    return await arun(_cancel_steps(order))


@unanswered.says(unanswered.CANCEL, user_message=unanswered.CANCEL_UNKNOWN)
def _cancel_steps(order: Any) -> Steps[Order]:
    ours = get_order(order)
    for session in ours.sessions.filter(status__in=(SessionStatus.CREATING, SessionStatus.OPEN)):
        if session.status == SessionStatus.OPEN:
            yield from expire_steps(session)
        else:
            ledger.in_transaction(partial(_abort_creation, session))
    ours.refresh_from_db()
    check_site(ours)
    if ours.status == OrderStatus.AUTHORIZED:
        for payment in ours.payments.filter(sessions__is_manual_capture=True, intent_status=IntentStatus.OPEN):
            yield from _cancel_payment(payment.stripe_id)
    return ledger.in_transaction(lambda: ledger.cancel(ledger.lock_order(pk=ours.pk)))


def _abort_creation(session: CheckoutSession) -> None:
    row = ledger.lock_order(pk=session.order_id).session(session.pk)
    if row.leased_until is not None and row.leased_until > timezone.now():
        raise PaymentInFlightError("A session of this order is being created right now.")
    ledger.fail_session(row, error_code="canceled", error_message="Canceled before Stripe responded.")


def _cancel_payment(payment_intent_id: str) -> Steps[None]:
    try:
        apply_facts([(yield from gateway.cancel_payment(payment_intent_id))])
    except StripeRefusedError:
        # It may have ended already, perhaps by an earlier call whose response was lost.
        apply_facts((yield from gateway.retrieve_payment_intent(payment_intent_id)))
