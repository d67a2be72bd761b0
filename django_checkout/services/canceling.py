"""Cancels orders that are not paid, or only the payment in progress: at Stripe first, so that nobody pays later."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.utils import formats, timezone
from django.utils.translation import gettext as _

from django_checkout import ledger, money
from django_checkout.exceptions import OrderNotPayableError, PaymentInFlightError, StripeRefusedError
from django_checkout.models import CheckoutSession, Order
from django_checkout.next_actions import CANCELABLE
from django_checkout.services import unanswered
from django_checkout.services.orders import check_site, get_order
from django_checkout.services.syncing import apply_facts, expire_steps, read_session
from django_checkout.states import IN_FLIGHT_ORDER_STATUSES, IntentStatus, OrderStatus, SessionStatus
from django_checkout.stripe_api import gateway
from django_checkout.stripe_api.steps import Steps, arun, run
from django_checkout.values import NextAction


def cancel(order: Any, *, by_shopper: bool = False) -> Order:
    """Cancel an unpaid order: expire its open session, release an authorized payment, and record the cancellation.

    A voucher or a bank transfer that waits for the shopper is canceled at Stripe, where Stripe does that. What was
    received of a transfer is then in the customer's cash balance at Stripe, and raises attention. With ``by_shopper``,
    only what the shopper may cancel is canceled: no authorized payment, and no transfer of which a part was received.
    Must run outside transactions.

    Raises:
        PaymentInFlightError: a payment is in flight that is not canceled, such as a debit or an OXXO voucher.
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
        yield from _cancel_waiting(ours, by_shopper=by_shopper)
    return ledger.in_transaction(lambda: ledger.cancel(ledger.lock_order(pk=ours.pk)))


def pay_another_way(order: Any) -> Order:
    """Cancel the voucher, bank transfer or open session with which an order is to be paid, so that it can be started.

    Return the order, which is unpaid and has no session that can be paid: ``start`` opens one. Safe to repeat. Must run
    outside transactions.

    Raises:
        PaymentInFlightError: a payment is in flight that the shopper cannot cancel, such as a debit, an OXXO voucher or
            a bank transfer of which a part was received.
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
        yield from _cancel_waiting(ours, by_shopper=True)
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


def _cancel_waiting(order: Order, *, by_shopper: bool) -> Steps[None]:
    """Cancel at Stripe the payments that wait for the shopper, as Stripe says now; others are left alone."""
    sessions = order.sessions.filter(status=SessionStatus.COMPLETE, payment__intent_status=IntentStatus.OPEN)
    for session in sessions.filter(payment__stripe_id__startswith="pi_"):
        yield from read_session(session)
        payment = order.payments.get(sessions=session)
        action = ledger.find_waiting(payment)
        if action is None:
            continue
        if CANCELABLE.get(action.kind) is False or (by_shopper and not _may_give_up(action)):
            raise _kept(action)
        yield from _cancel_payment(payment.stripe_id)
        payment.refresh_from_db()
        if ledger.find_waiting(payment) is not None:
            ledger.in_transaction(partial(_note_refusal, order.pk, payment.pk))
            raise _kept(action)


def _may_give_up(action: NextAction) -> bool:
    return action.is_replaceable and (action.expires_at is None or action.expires_at > timezone.now())


def _note_refusal(order_pk: int, payment_pk: int) -> None:
    ledger.note_refusal(ledger.lock_order(pk=order_pk), payment_pk)


def _kept(action: NextAction) -> PaymentInFlightError:
    """Return the error that says why a payment is kept, and what happens to it."""
    error = PaymentInFlightError(f"The payment by {action.kind} is not canceled.")
    error.user_message = _why_kept(action)  # type: ignore[misc, assignment]  # the amount and the deadline differ
    return error


def _why_kept(action: NextAction) -> str:
    if action.received_minor:
        text = _(
            "We have received %(amount)s of your bank transfer. Please contact the shop to cancel the order or to pay "
            "in another way."
        )
        return text % {"amount": money.format_minor(action.received_minor, action.currency)}
    if action.expires_at is None:
        return _("This payment cannot be canceled.")
    if action.expires_at <= timezone.now():
        return _("The time to pay has passed. If you have paid, your payment can take a few days to arrive.")
    text = _(
        "This payment cannot be canceled before its deadline. You can pay until %(deadline)s. If you do not pay, it "
        "ends by itself, and you are not charged."
    )
    deadline = timezone.localtime(action.expires_at, action.time_zone)
    return text % {"deadline": formats.date_format(deadline, "DATETIME_FORMAT")}


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
