"""Creates a reserved session at Stripe, or records that Stripe did not."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from django_checkout import ledger
from django_checkout.exceptions import StripeError, StripeRefusedError, StripeUnavailableError
from django_checkout.models import CheckoutSession
from django_checkout.params.build import coupon_id
from django_checkout.services.customers import update_email
from django_checkout.services.session_request import restore_request
from django_checkout.services.syncing import apply_facts
from django_checkout.states import SessionStatus
from django_checkout.stripe_api import billing, gateway
from django_checkout.stripe_api.steps import Steps

#: By how much our clock may differ from Stripe's when a session that was created without a response is looked for.
CLOCK_SLACK = timedelta(hours=1)


def create_steps(session: CheckoutSession) -> Steps[CheckoutSession]:
    """Send the stored request with its stored key; apply the response, or keep or release the reserved row."""
    try:
        yield from _create_coupon(session)
        yield from update_email(session)
        created = yield from gateway.create_session(restore_request(session), idempotency_key=str(session.uuid))
    except StripeUnavailableError as error:
        # Stripe repeats a response that is stored under this key, whether or not it created the session.
        if error.is_replayed and (yield from _find_created(session)):
            return session
        if error.is_replayed:
            _fail(session, error)
        else:
            ledger.release_session(session.pk, **error.recorded)
        raise
    except StripeRefusedError as error:
        _fail(session, error)
        raise
    record = partial(ledger.record_created, session, created.fact, request_id=created.request_id)
    session = ledger.in_transaction(record)
    session.client_secret = created.client_secret
    return session


def _create_coupon(session: CheckoutSession) -> Steps[None]:
    """Create the coupon of the order's one-off discount, if the request contains it."""
    order = session.order
    coupon = coupon_id(order)
    if {"coupon": coupon} in session.request.get("discounts", ()):
        yield from billing.create_coupon(
            coupon,
            amount_minor=order.asked_discount_minor,
            currency=order.currency,
            name=order.asked_discount_name,
            reference=order.reference,
        )


def _find_created(session: CheckoutSession) -> Steps[bool]:
    """Find the session that an earlier request created, and apply it; return whether Stripe has it."""
    after = max(session.made_between[0], session.created_at - CLOCK_SLACK)
    try:
        fact = yield from gateway.find_session(str(session.uuid), after)
    except StripeError as error:
        ledger.release_session(session.pk, **error.recorded)
        raise
    if fact is not None:
        apply_facts([fact])
        session.refresh_from_db()
    return fact is not None


def _fail(session: CheckoutSession, error: StripeError) -> None:
    """Fail the row; the next attempt reserves a new one."""
    ledger.in_transaction(lambda: ledger.fail_session(_lock_row(session), error_message=str(error), **error.recorded))


def _lock_row(session: CheckoutSession) -> CheckoutSession:
    """Lock the session's order, and return the current session."""
    return ledger.lock_order(pk=session.order_id).session(session.pk)


def fail_unanswered_session(session: CheckoutSession) -> None:
    """Mark a session as failed that Stripe never confirmed, so that the order can be paid with another one."""

    def work() -> None:
        row = _lock_row(session)
        if row.status == SessionStatus.CREATING:
            ledger.fail_unanswered_session(row)

    ledger.in_transaction(work)
