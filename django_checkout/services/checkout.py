"""Starts Checkout Sessions: commits a row before each request and holds no lock while waiting."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from django_checkout import ledger
from django_checkout.access.tokens import without_tokens
from django_checkout.conf import conf
from django_checkout.exceptions import (
    OrderNotPayableError,
    PaymentUnmatchedError,
    SessionBusyError,
    StripeError,
    StripeRefusedError,
    StripeUnavailableError,
)
from django_checkout.models import CheckoutSession, Order, sites
from django_checkout.params.build import complete, coupon_id, is_adjustable, is_manual_capture
from django_checkout.params.rules import OPTIONAL_PARAMETERS
from django_checkout.services import unanswered
from django_checkout.services.customers import forget_customer, update_email
from django_checkout.services.lost_sessions import has_unmatched_payment
from django_checkout.services.orders import place_again
from django_checkout.services.session_request import SessionRequest, StartOptions, build_request, restore_request
from django_checkout.services.syncing import apply_facts, expire_steps
from django_checkout.states import OrderStatus, SessionStatus
from django_checkout.stripe_api import billing, gateway
from django_checkout.stripe_api.steps import Pause, Steps, arun, run
from django_checkout.stripe_api.time_limit import seconds_left

#: An open session that expires sooner is replaced, not reused.
REUSE_MARGIN_SECONDS = 300
#: By how much our clock may differ from Stripe's when a session that was created without a response is looked for.
CLOCK_SLACK = timedelta(hours=1)
#: How long a call waits while another call creates the order's session.
BUSY_WAIT_SECONDS = 8.0
_BUSY_POLL_SECONDS = 0.1
#: How often a call expires a session and decides again before it gives up.
_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decision:
    """What to do next, decided under lock."""

    action: Literal["create", "reuse", "expire", "wait"]
    session: CheckoutSession | None = None
    to_expire: Sequence[CheckoutSession] = ()


@sensitive_variables()
def start(
    order: Any,
    *,
    ui_mode: str | None = None,
    mode: str | None = None,
    params: Mapping[str, Any] | None = None,
    request: HttpRequest | None = None,
    token: str = "",
) -> CheckoutSession:
    """Return the order's open Checkout Session; create one at Stripe if there is none to reuse.

    The host's row is placed again first, so that the current cart is charged. ``params`` are further
    parameters of https://docs.stripe.com/api/checkout/sessions/create. ``token`` is the token of the link that the
    shopper followed; Stripe's cancel link keeps it. One call to Stripe for a new session, none for a reused one. Must
    run outside transactions.

    Raises:
        OrderNotFoundError: the shop has deleted its order.
        OrderNotPayableError: the order is not unpaid; it is not placed again.
        PaymentUnmatchedError: a lost session under this order's number was paid; staff decide whose it is.
        OrderChangedError: the host's row has another reference than when the order was placed.
        ParameterError: a parameter is not allowed, by Stripe or because the app sets it.
        UiModeError: the site or the order does not allow this UI mode.
        SessionBusyError: another call has been creating the session for eight seconds.
        StripeUnansweredError: retry; it cannot charge twice.
        StripeRefusedError: Stripe refuses this request.
    """
    return run(_start_steps(order, StartOptions(ui_mode, mode, params, request, token)))


@sensitive_variables()
async def astart(
    order: Any,
    *,
    ui_mode: str | None = None,
    mode: str | None = None,
    params: Mapping[str, Any] | None = None,
    request: HttpRequest | None = None,
    token: str = "",
) -> CheckoutSession:
    """Do the same as ``start`` from a coroutine."""
    return await arun(_start_steps(order, StartOptions(ui_mode, mode, params, request, token)))


@unanswered.says(unanswered.START)
def _start_steps(order: Any, options: StartOptions) -> Steps[CheckoutSession]:
    ours = place_again(order)
    request = build_request(ours, options)
    give_up_at = time.monotonic() + min(BUSY_WAIT_SECONDS, seconds_left())
    rounds = 0
    while rounds < _ROUNDS:
        decision = ledger.in_transaction(partial(_decide, ours.pk, request, timezone.now()))
        if decision.action == "wait":
            if time.monotonic() > give_up_at:
                raise SessionBusyError("Another request is creating this order's session.")
            yield Pause(_BUSY_POLL_SECONDS)
            continue
        rounds += 1
        for session in decision.to_expire:
            yield from expire_steps(session)
        if decision.session is None:
            continue
        if decision.action == "reuse":
            return decision.session
        try:
            session = yield from _create(decision.session)
        except StripeRefusedError as error:
            reduced = _without_refused(error, ours, request, options)
            if reduced is None:
                raise
            request = reduced
            continue
        if session.status == SessionStatus.OPEN and session.request_hash == request.request_hash:
            return session
    raise SessionBusyError("This order's session keeps changing.")


def _without_refused(
    error: StripeRefusedError, order: Order, request: SessionRequest, options: StartOptions
) -> SessionRequest | None:
    """Return the request without what Stripe refused; None if that cannot be left out."""
    if error.param == "customer" and forget_customer(order, request.params.get("customer")):
        # The Customer was deleted at Stripe; without it, Stripe creates another.
        return build_request(order, options)
    if (name := error.param.partition("[")[0]) in OPTIONAL_PARAMETERS and name in request.params:
        return replace(request, params={key: value for key, value in request.params.items() if key != name})
    return None


def _decide(order_pk: int, request: SessionRequest, now: datetime) -> _Decision:
    locked = ledger.lock_order(pk=order_pk)
    status = ledger.derive_status(locked)
    if status != OrderStatus.UNPAID:
        raise OrderNotPayableError(f"The order is {status}.")
    if locked.order.erased_at is not None:
        raise OrderNotPayableError("The order's personal data was erased; place a new order.")
    if has_unmatched_payment(locked.order):
        raise PaymentUnmatchedError("A paid session names this order: resolve the difference in the admin.")
    # Stripe's recovery of an expired session may have opened a copy of it.
    surplus = [row for row in locked.sessions if row.status == SessionStatus.OPEN and row.live_for_id is None]
    if surplus:
        return _Decision(action="expire", to_expire=surplus)
    live = next((row for row in locked.sessions if row.live_for_id is not None), None)
    if (
        live is not None
        and live.status == SessionStatus.CREATING
        and (live.expires_at <= now or not sites.is_own(live))
    ):
        ledger.fail_unanswered_session(live)
        live = None
    if live is None:
        return _Decision(action="create", session=_reserve(locked, request, now))
    if live.status == SessionStatus.CREATING:
        return _Decision(action="create" if ledger.lease_session(live, now=now) else "wait", session=live)
    is_fresh = live.expires_at > now + timedelta(seconds=REUSE_MARGIN_SECONDS)
    if is_fresh and live.request_hash == request.request_hash and live.livemode == conf.livemode and sites.is_own(live):
        return _Decision(action="reuse", session=live)
    return _Decision(action="expire", to_expire=[live])


def _reserve(locked: ledger.LockedOrder, request: SessionRequest, now: datetime) -> CheckoutSession:
    session_uuid = uuid.uuid4()
    expires_at = (now + timedelta(seconds=conf.CHECKOUT_SESSION_TTL_SECONDS)).replace(microsecond=0)
    urls = {name: without_tokens(url, locked.order) for name, url in request.urls.items()}
    return ledger.reserve_session(
        locked,
        complete(request.params, locked.order, session_uuid=str(session_uuid), expires_at=expires_at, urls=urls),
        now=now,
        uuid=session_uuid,
        livemode=conf.livemode,
        site_url=conf.CHECKOUT_BASE_URL,
        request_hash=request.request_hash,
        is_manual_capture=is_manual_capture(request.params),
        is_adjustable=is_adjustable(request.params),
        expires_at=expires_at,
    )


def _create(session: CheckoutSession) -> Steps[CheckoutSession]:
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
    apply_facts([created.fact])
    ledger.note_session_request(session.pk, request_id=created.request_id)
    session.refresh_from_db()
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
