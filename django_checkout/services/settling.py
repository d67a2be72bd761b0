"""Brings Stripe's facts onto orders on request: sync, capture, accept; delivers pending announcements."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db.models import Q, QuerySet

from django_checkout import facts, gateway, ledger, money
from django_checkout.conf import conf
from django_checkout.exceptions import CaptureError, StripeError, StripeNotFoundError, StripeRefusedError
from django_checkout.ledger import announcements
from django_checkout.models import Announcement, CheckoutSession, Order, Payment
from django_checkout.services.placing import get_order
from django_checkout.states import IntentStatus, OrderStatus, SessionStatus
from django_checkout.steps import Steps, waits
from django_checkout.values import Fact

logger = logging.getLogger("django_checkout")


@waits
def sync(order: Any) -> Steps[Order]:
    """Read an order (or one ``CheckoutSession``) from Stripe and apply what it says; return our order.

    A session costs one call. An order costs one per session that could still matter and, once money has moved, one
    for its refunds, one for its disputes and one for each open review; and one for each open session by which the order
    could be paid once too often, which is ended. Must run outside transactions.

    Raises:
        StripeUnavailableError: try again.
        StripeNotFoundError: Stripe does not know the session that was given; an order's are passed over.
        StripeRefusedError: the key may not read it.
    """
    if isinstance(order, CheckoutSession):
        yield from read_session(order)
        yield from _expire_surplus(order.order)
        return Order.objects.get(pk=order.order_id)
    ours = get_order(order)
    for session in ours.sessions.exclude(stripe_id=None).exclude(
        status__in=(SessionStatus.EXPIRED, SessionStatus.FAILED)
    ):
        try:
            yield from read_session(session)
        except StripeNotFoundError:
            logger.warning("session_not_at_stripe order=%s session=%s", ours.reference, session.stripe_id)
    for payment in ours.payments.filter(captured_minor__gt=0, stripe_id__startswith="pi_"):
        yield from read_refunds_and_disputes(payment)
    for payment in ours.payments.all():
        yield from _read_open_reviews(payment)
    yield from _expire_surplus(ours)
    ours.refresh_from_db()
    return ours


@waits
def expire(session: CheckoutSession) -> Steps[CheckoutSession]:
    """End an open session at Stripe, or learn that it had ended; return it as it is now.

    If it was paid just before, that is applied and the session returned is ``complete``. Must run outside
    transactions.

    Raises:
        StripeUnavailableError: try again.
    """
    if session.stripe_id and session.status == SessionStatus.OPEN:
        if session.livemode != conf.livemode:
            ledger.in_transaction(lambda: ledger.abandon_session(session.pk))
        else:
            try:
                apply_facts([(yield from gateway.expire_session.steps(session.stripe_id))])
            except StripeNotFoundError:
                ledger.in_transaction(lambda: ledger.abandon_session(session.pk))
            except StripeRefusedError:
                yield from read_session(session)
    session.refresh_from_db()
    return session


@waits
def expire_surplus(order: Any) -> Steps[int]:
    """End the open sessions by which an order could be paid once more than it should be; return how many.

    An order has one payable session, and none once it is paid, canceled or in flight. One call to Stripe for each.
    Must run outside transactions.

    Raises:
        StripeUnavailableError: try again.
    """
    rows = list(surplus_sessions().filter(order=get_order(order)).order_by("pk"))
    for session in rows:
        logger.warning("session_surplus order=%s session=%s", session.order.reference, session.stripe_id)
        yield from expire.steps(session)
    return len(rows)


def surplus_sessions() -> QuerySet[CheckoutSession]:
    """Return the open sessions that nobody should pay by: besides the payable one, or of an order that needs none."""
    is_surplus = Q(live_for=None) | ~Q(order__status=OrderStatus.UNPAID)
    rows = CheckoutSession.objects.filter(is_surplus, status=SessionStatus.OPEN, livemode=conf.livemode)
    return rows.exclude(stripe_id=None).select_related("order")


def _expire_surplus(order: Order) -> Steps[None]:
    """Do so as soon as it is known; what fails now is pending work."""
    try:
        yield from expire_surplus.steps(order)
    except StripeError as error:
        logger.warning("session_surplus_kept order=%s code=%s", order.reference, error.code)


def read_session(session: CheckoutSession) -> Steps[None]:
    """Read one session, with its payment, and apply it."""
    said = yield from gateway.retrieve_session.steps(session.stripe_id or "")
    apply_facts(said)


def read_refunds_and_disputes(payment: Payment) -> Steps[None]:
    """Read every refund and dispute of a payment and apply them."""
    for refund in (yield from gateway.list_refunds.steps(payment_intent_id=payment.stripe_id)):
        apply_facts([facts.read_refund(refund)])
    for dispute in (yield from gateway.list_disputes.steps(payment.stripe_id)):
        # The list only tells which there are: a numbered read of each decides.
        dispute_id = facts.find_id(dispute, "id")
        ticket = ledger.in_transaction(partial(ledger.take_ticket, dispute_id))
        latest = yield from gateway.retrieve_object.steps("charge.dispute", dispute_id)
        apply_facts([facts.read_dispute(latest, ticket=ticket)])


def _read_open_reviews(payment: Payment) -> Steps[None]:
    for review_id in (review_id for review_id, is_open in payment.reviews.items() if is_open):
        try:
            review = yield from gateway.retrieve_object.steps("review", review_id)
        except StripeRefusedError as error:
            # A restricted key may lack this permission alone; the review then ends when its event arrives.
            logger.warning("review_unread payment=%s review=%s code=%s", payment.stripe_id, review_id, error.code)
            continue
        apply_facts([facts.read_review(review)])


def apply_facts(said: Sequence[Fact]) -> Order | None:
    """Apply facts in a transaction of their own."""
    return ledger.in_transaction(lambda: ledger.apply(said))


@waits
def capture(order: Any, amount_minor: int | None = None) -> Steps[Order]:
    """Take authorised money, all of it or ``amount_minor``; the rest of the authorisation is released.

    Must run outside transactions.

    Raises:
        CaptureError: nothing is authorised, or less than that.
        MoneyError: not an amount in this currency.
        StripeUnavailableError: try again; it cannot capture twice.
    """
    ours = Order.objects.get(pk=get_order(order).pk)
    authorised = ours.sessions.filter(
        is_manual_capture=True, status=SessionStatus.COMPLETE, payment__intent_status=IntentStatus.OPEN
    )
    session = authorised.select_related("payment").first()
    if ours.status != OrderStatus.AUTHORIZED or session is None or session.payment is None:
        raise CaptureError(f"The order is {ours.status}; there is nothing to capture.")
    authorized = session.amount_total_minor or session.payment.amount_minor
    if amount_minor is not None:
        money.check_minor(amount_minor, ours.currency)
        if not 0 < amount_minor <= authorized:
            raise CaptureError(f"{authorized} minor units are authorised.")
    try:
        captured = yield from gateway.capture_payment.steps(session.payment.stripe_id, amount_minor)
        apply_facts([captured])
    except StripeRefusedError:
        # A PaymentIntent is captured once: an earlier call whose answer was lost may have done it.
        apply_facts((yield from gateway.retrieve_payment_intent.steps(session.payment.stripe_id)))
        ours.refresh_from_db()
        if ours.status == OrderStatus.AUTHORIZED:
            raise
    ours.refresh_from_db()
    return ours


def accept(order: Any, note: str, *, by: Any = None) -> Order:
    """Resolve what needs attention on an order and release an ``order_paid`` that was withheld.

    Raises:
        AcceptError: nothing needs attention.
    """
    ours = get_order(order)
    return ledger.in_transaction(lambda: ledger.accept(ledger.lock_order(pk=ours.pk), note=note, by=by))


def deliver_pending(order: Order) -> int:
    """Deliver an order's pending announcements to the receivers; return how many were delivered."""
    return ledger.in_transaction(lambda: announcements.deliver_pending(ledger.lock_order(pk=order.pk).order))


def deliver_again(announcement: Announcement) -> bool:
    """Deliver an announcement once more, whether it was delivered before or not; False if a receiver raised.

    For a person who knows that the site has lost what a receiver did: receivers may find their work done already.

    Raises:
        NotDeliverableError: it is superseded, nobody listens, or ``order_paid`` must be delivered first.
    """

    def work() -> int:
        return announcements.deliver_again(ledger.lock_order(pk=announcement.order_id).order, announcement.pk)

    return bool(ledger.in_transaction(work))
