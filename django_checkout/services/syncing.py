"""Applies Stripe's state to orders on request: sync, expire, capture, accept."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from django_checkout import ledger, money
from django_checkout.conf import conf
from django_checkout.exceptions import (
    CaptureError,
    StripeError,
    StripeNotFoundError,
    StripeRefusedError,
)
from django_checkout.models import CheckoutSession, Order, Payment, sites
from django_checkout.models.relations import find_missing_sources
from django_checkout.services import unanswered
from django_checkout.services.orders import check_site, get_order, get_own_order
from django_checkout.states import IntentStatus, OrderStatus, SessionStatus
from django_checkout.stripe_api import facts, gateway
from django_checkout.stripe_api.steps import Steps, arun, run
from django_checkout.values import Fact

logger = logging.getLogger("django_checkout")

#: How many rows of the host are looked up at once.
_BATCH = 500


def sync(order: Any) -> Order:
    """Retrieve an order (or one ``CheckoutSession``) from Stripe and apply its state; return our order.

    A session takes one call. An order takes one call for each session that is neither failed nor expired (or expired
    with a payment that is still open here), two for each payment with captured money (its refunds and its disputes)
    and one for each open review. Open sessions that could pay the order twice are expired, with one call each. Must
    run outside transactions.

    Raises:
        StripeUnavailableError: retry.
        StripeNotFoundError: Stripe does not know the given session; an order's unknown sessions are skipped.
        StripeRefusedError: the key may not read it.
    """
    return run(_sync_steps(order))


async def async_sync(order: Any) -> Order:
    """Do the same as ``sync`` from a coroutine."""
    return await arun(_sync_steps(order))


def _sync_steps(order: Any) -> Steps[Order]:
    if isinstance(order, CheckoutSession):
        check_site(order)
        yield from read_session(order)
        yield from _expire_surplus(order.order)
        return Order.objects.get(pk=order.order_id)
    ours = get_own_order(order)
    # Stripe cancels the PaymentIntent of an expired session, in an event of its own.
    is_current = ~Q(status=SessionStatus.EXPIRED) | Q(payment__intent_status=IntentStatus.OPEN)
    for session in ours.sessions.filter(is_current).exclude(stripe_id=None).exclude(status=SessionStatus.FAILED):
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


def expire(session: CheckoutSession) -> CheckoutSession:
    """Expire an open session at Stripe and return it in its new state, which is ``complete`` if it was just paid.

    Must run outside transactions.

    Raises:
        StripeUnansweredError: retry.
    """
    return run(expire_steps(session))


async def aexpire(session: CheckoutSession) -> CheckoutSession:
    """Do the same as ``expire`` from a coroutine."""
    return await arun(expire_steps(session))


@unanswered.says(unanswered.EXPIRE, user_message=unanswered.CANCEL_UNKNOWN)
def expire_steps(session: CheckoutSession) -> Steps[CheckoutSession]:
    if session.stripe_id and session.status == SessionStatus.OPEN:
        if session.livemode != conf.livemode or not sites.is_own(session):
            ledger.in_transaction(lambda: ledger.abandon_session(session.pk))
        else:
            try:
                apply_facts([(yield from gateway.expire_session(session.stripe_id))])
            except StripeNotFoundError:
                ledger.in_transaction(lambda: ledger.abandon_session(session.pk))
            except StripeRefusedError:
                yield from read_session(session)
    session.refresh_from_db()
    return session


def expire_surplus(order: Any) -> int:
    """Expire the open sessions that could pay an order twice; return how many.

    An order has one payable session, and none once it is paid, canceled or in flight. One call to Stripe for each.
    Must run outside transactions.

    Raises:
        StripeUnansweredError: retry.
    """
    return run(_expire_surplus_steps(order))


async def aexpire_surplus(order: Any) -> int:
    """Do the same as ``expire_surplus`` from a coroutine."""
    return await arun(_expire_surplus_steps(order))


def _expire_surplus_steps(order: Any) -> Steps[int]:
    rows = list(surplus_sessions().filter(order=get_order(order)).order_by("pk"))
    for session in rows:
        logger.warning("session_surplus order=%s session=%s", session.order.reference, session.stripe_id)
        yield from expire_steps(session)
    return len(rows)


def surplus_sessions() -> QuerySet[CheckoutSession]:
    """Return the open sessions other than the payable one of an unpaid order."""
    is_surplus = Q(live_for=None) | ~Q(order__status=OrderStatus.UNPAID)
    rows = CheckoutSession.objects.filter(is_surplus, status=SessionStatus.OPEN, livemode=conf.livemode).filter(
        sites.own()
    )
    return rows.exclude(stripe_id=None).select_related("order")


def expire_deleted(session: CheckoutSession) -> CheckoutSession:
    """Expire an open session whose order the host has deleted; a payment that still arrives raises attention.

    Must run outside transactions.

    Raises:
        StripeUnansweredError: retry.
    """

    def mark() -> None:
        ledger.mark_source_deleted(ledger.lock_order(pk=session.order_id), now=timezone.now())

    ledger.in_transaction(mark)
    return run(expire_steps(session))


def deleted_sessions() -> Iterator[int]:
    """Yield the primary keys of the open sessions whose order the host has deleted."""
    own = CheckoutSession.objects.filter(sites.own(), status=SessionStatus.OPEN, livemode=conf.livemode)
    rows = own.exclude(order__source_id="")
    columns = rows.order_by("pk").values_list("pk", "order__source_type_id", "order__source_id")
    found = columns.iterator(chunk_size=_BATCH)
    while some := list(islice(found, _BATCH)):
        missing = find_missing_sources((type_id, pk) for _, type_id, pk in some)
        yield from (session_pk for session_pk, type_id, pk in some if (type_id, pk) in missing)


def _expire_surplus(order: Order) -> Steps[None]:
    """Expire them now; pending work retries what fails."""
    try:
        yield from _expire_surplus_steps(order)
    except StripeError as error:
        logger.warning("session_surplus_kept order=%s code=%s", order.reference, error.code)


def read_session(session: CheckoutSession) -> Steps[None]:
    """Retrieve a session with its payment, and apply them."""
    apply_facts((yield from gateway.retrieve_session(session.stripe_id or "")))


def read_refunds_and_disputes(payment: Payment) -> Steps[None]:
    """List every refund and dispute of a payment and apply them."""
    for refund in (yield from gateway.list_refunds(payment_intent_id=payment.stripe_id)):
        apply_facts([facts.read_refund(refund)])
    for dispute in (yield from gateway.list_disputes(payment.stripe_id)):
        # A dispute can move back, so each is retrieved again under a ticket.
        dispute_id = facts.find_id(dispute, "id")
        ticket = ledger.in_transaction(partial(ledger.take_ticket, dispute_id))
        latest = yield from gateway.retrieve_object("charge.dispute", dispute_id)
        apply_facts([facts.read_dispute(latest, ticket=ticket)])


def _read_open_reviews(payment: Payment) -> Steps[None]:
    for review_id in (review_id for review_id, is_open in payment.reviews.items() if is_open):
        try:
            review = yield from gateway.retrieve_object("review", review_id)
        except StripeRefusedError as error:
            # A restricted key may lack only this permission; the event then closes the review.
            logger.warning("review_not_read payment=%s review=%s code=%s", payment.stripe_id, review_id, error.code)
            continue
        apply_facts([facts.read_review(review)])


def apply_facts(known: Sequence[Fact]) -> Order | None:
    """Apply facts in their own transaction."""
    return ledger.in_transaction(lambda: ledger.apply(known))


def capture(order: Any, amount_minor: int | None = None) -> Order:
    """Capture an authorized payment, in full or ``amount_minor`` of it; Stripe releases the rest.

    Must run outside transactions.

    Raises:
        CaptureError: nothing is authorized, or less than that.
        MoneyError: not an amount in this currency.
        StripeUnansweredError: retry; it cannot capture twice.
    """
    return run(_capture_steps(order, amount_minor))


async def acapture(order: Any, amount_minor: int | None = None) -> Order:
    """Do the same as ``capture`` from a coroutine."""
    return await arun(_capture_steps(order, amount_minor))


@unanswered.says(unanswered.CAPTURE)
def _capture_steps(order: Any, amount_minor: int | None = None) -> Steps[Order]:
    ours = Order.objects.get(pk=get_own_order(order).pk)
    sessions = ours.sessions.filter(
        is_manual_capture=True, status=SessionStatus.COMPLETE, payment__intent_status=IntentStatus.OPEN
    )
    session = sessions.select_related("payment").first()
    if ours.status != OrderStatus.AUTHORIZED or session is None or session.payment is None:
        raise CaptureError(f"The order is {ours.status}; there is nothing to capture.")
    authorized = session.amount_total_minor or session.payment.amount_minor
    if amount_minor is not None:
        money.check_minor(amount_minor, ours.currency)
        if not 0 < amount_minor <= authorized:
            raise CaptureError(f"{authorized} minor units are authorized.")
    try:
        captured = yield from gateway.capture_payment(session.payment.stripe_id, amount_minor)
        apply_facts([captured])
    except StripeRefusedError:
        # An earlier call whose response was lost may have captured it.
        apply_facts((yield from gateway.retrieve_payment_intent(session.payment.stripe_id)))
        ours.refresh_from_db()
        if ours.status == OrderStatus.AUTHORIZED:
            raise
    ours.refresh_from_db()
    return ours


def accept(order: Any, note: str, *, by: Any = None) -> Order:
    """Resolve an order's attention items and release a withheld ``order_paid``.

    Raises:
        AcceptError: nothing needs attention.
    """
    ours = get_own_order(order)
    return ledger.in_transaction(lambda: ledger.accept(ledger.lock_order(pk=ours.pk), note=note, by=by))
