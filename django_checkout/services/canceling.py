"""Cancels orders that are not paid, or only the payment in progress: at Stripe first, so that nobody pays later."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.utils import timezone

from django_checkout import ledger
from django_checkout.exceptions import OrderNotPayableError, PaymentInFlightError, StripeRefusedError
from django_checkout.models import CheckoutSession, Order
from django_checkout.services import unanswered
from django_checkout.services.orders import check_site, get_order
from django_checkout.services.syncing import apply_facts, expire_steps, read_session
from django_checkout.states import IN_FLIGHT_ORDER_STATUSES, IntentStatus, OrderStatus, SessionStatus
from django_checkout.stripe_api import gateway
from django_checkout.stripe_api.steps import Steps, arun, run


def cancel(order: Any, *, by_shopper: bool = False) -> Order:
    """Cancel an unpaid order: expire its open session, release an authorized payment, and record the cancellation.

    A voucher or a bank transfer that waits for the shopper is canceled at Stripe. With ``by_shopper``, an authorized
    payment is not released: only the shop does that. Must run outside transactions.

    Raises:
        PaymentInFlightError: a payment is in flight that Stripe does not cancel, such as a debit.
        OrderNotPayableError: the order is paid; refund it instead. Or it is authorized, perhaps just now.
        StripeUnansweredError: retry.
    """
    return run(_cancel_steps(order, by_shopper=by_shopper))


async def acancel(order: Any, *, by_shopper: bool = False) -> Order:
    """Do the same as ``cancel`` from a coroutine."""
    return await arun(_cancel_steps(order, by_shopper=by_shopper))


@unanswered.says(unanswered.CANCEL, user_message=unanswered.CANCEL_UNKNOWN)
def _cancel_steps(order: Any, *, by_shopper: bool) -> Steps[Order]:
    ours = yield from _end_sessions_steps(order)
    if ours.status == OrderStatus.AUTHORIZED and by_shopper:
        raise OrderNotPayableError("The order is authorized: only the shop cancels it.")
    if ours.status == OrderStatus.AUTHORIZED:
        for payment in ours.payments.filter(sessions__is_manual_capture=True, intent_status=IntentStatus.OPEN):
            yield from _cancel_payment(payment.stripe_id)
    if ours.status == OrderStatus.PENDING:
        yield from _cancel_waiting(ours)
    return ledger.in_transaction(lambda: ledger.cancel(ledger.lock_order(pk=ours.pk)))


def pay_another_way(order: Any) -> Order:
    """Cancel the voucher, bank transfer or open session with which an order is to be paid, so that it can be started.

    Return the order, which is unpaid and has no session that can be paid: ``start`` opens one. Safe to repeat. Must run
    outside transactions.

    Raises:
        PaymentInFlightError: a payment is in flight that Stripe does not cancel, such as a debit.
        OrderNotPayableError: the order has been paid, perhaps just now, or was canceled.
        StripeUnansweredError: retry.
    """
    return run(_pay_another_way_steps(order))


async def apay_another_way(order: Any) -> Order:
    """Do the same as ``pay_another_way`` from a coroutine."""
    return await arun(_pay_another_way_steps(order))


@unanswered.says(unanswered.CANCEL, user_message=unanswered.CANCEL_UNKNOWN)
def _pay_another_way_steps(order: Any) -> Steps[Order]:
    ours = yield from _end_sessions_steps(order)
    if ours.status == OrderStatus.PENDING:
        yield from _cancel_waiting(ours)
        ours.refresh_from_db()
    if ours.status in IN_FLIGHT_ORDER_STATUSES:
        raise PaymentInFlightError("A payment for this order is in progress.")
    if ours.status != OrderStatus.UNPAID:
        raise OrderNotPayableError(f"The order is {ours.status}.")
    return ours


def _end_sessions_steps(order: Any) -> Steps[Order]:
    """Expire the order's open session at Stripe, or give up one that is being created; return the current order."""
    ours = get_order(order)
    for session in ours.sessions.filter(status__in=(SessionStatus.CREATING, SessionStatus.OPEN)):
        if session.status == SessionStatus.OPEN:
            yield from expire_steps(session)
        else:
            ledger.in_transaction(partial(_abort_creation, session))
    ours.refresh_from_db()
    check_site(ours)
    return ours


def _cancel_waiting(order: Order) -> Steps[None]:
    """Cancel at Stripe the payments that wait for the shopper, as Stripe says now; others are left alone."""
    sessions = order.sessions.filter(status=SessionStatus.COMPLETE, payment__intent_status=IntentStatus.OPEN)
    for session in sessions.filter(payment__stripe_id__startswith="pi_").select_related("payment"):
        yield from read_session(session)
        payment = session.payment
        if payment is None:
            continue
        payment.refresh_from_db()
        if ledger.has_action(payment):
            yield from _cancel_payment(payment.stripe_id)


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
