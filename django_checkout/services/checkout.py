"""Starts Checkout Sessions: commits a row before each request and holds no lock while waiting."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from django_checkout import ledger
from django_checkout.access.tokens import without_tokens
from django_checkout.access.ways_back import check_way_back
from django_checkout.conf import conf
from django_checkout.exceptions import (
    CheckoutError,
    OrderNotPayableError,
    PaymentUnmatchedError,
    SessionBusyError,
    StripeRefusedError,
)
from django_checkout.models import CheckoutSession, sites
from django_checkout.params.build import complete, is_adjustable, is_manual_capture
from django_checkout.params.rules import OPTIONAL_PARAMETERS
from django_checkout.services import unanswered
from django_checkout.services.creating import create_steps
from django_checkout.services.customers import forget_customer
from django_checkout.services.lost_sessions import has_unmatched_payment
from django_checkout.services.placing import Placed, Placement, describe_again
from django_checkout.services.session_request import (
    SessionRequest,
    StartOptions,
    build_request,
    find_cancel_url,
)
from django_checkout.services.syncing import expire_steps
from django_checkout.states import OrderStatus, SessionStatus
from django_checkout.stripe_api.steps import Pause, Steps, arun, run
from django_checkout.stripe_api.time_limit import seconds_left

#: An open session that expires sooner is replaced, not reused.
REUSE_MARGIN_SECONDS = 300
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """The order as placed, its request, and what to do next."""

    placed: Placed
    request: SessionRequest
    decision: _Decision


#: Decides at a time, in a transaction; an error that is returned is raised once what was placed is committed.
_Decide = Callable[[datetime], _Attempt | CheckoutError]


@sensitive_variables()
def start(
    order: Any,
    *,
    ui_mode: str | None = None,
    mode: str | None = None,
    params: Mapping[str, Any] | None = None,
    request: HttpRequest | None = None,
    token: str = "",
    return_url: str = "",
) -> CheckoutSession:
    """Return the order's open Checkout Session; create one at Stripe if there is none to reuse.

    The host's row is placed again first, so that the current cart is charged. ``params`` are further
    parameters of https://docs.stripe.com/api/checkout/sessions/create. ``token`` is the token of the link that the
    shopper followed; Stripe's cancel link keeps it. ``return_url`` is where our return page sends the shopper on to: a
    path or URL of the site, or of CHECKOUT_RETURN_ORIGINS; "" keeps that of the order's latest session. One call to
    Stripe for a new session, none for a reused one. Must run outside transactions.

    Raises:
        OrderNotFoundError: the shop has deleted its order.
        OrderNotPayableError: the order is not unpaid; it is not placed again.
        PaymentUnmatchedError: a lost session under this order's number was paid; staff decide whose it is.
        OrderChangedError: the host's row has another reference than when the order was placed.
        ParameterError: a parameter is not allowed, by Stripe or because the app sets it.
        WayBackError: shoppers may not be sent to ``return_url``.
        UiModeError: the site or the order does not allow this UI mode.
        SessionBusyError: another call has been creating the session for eight seconds.
        StripeUnansweredError: retry; it cannot charge twice.
        StripeRefusedError: Stripe refuses this request.
    """
    return run(_start_steps(order, StartOptions(ui_mode, mode, params, request, token, return_url)))


@sensitive_variables()
async def astart(
    order: Any,
    *,
    ui_mode: str | None = None,
    mode: str | None = None,
    params: Mapping[str, Any] | None = None,
    request: HttpRequest | None = None,
    token: str = "",
    return_url: str = "",
) -> CheckoutSession:
    """Do the same as ``start`` from a coroutine."""
    return await arun(_start_steps(order, StartOptions(ui_mode, mode, params, request, token, return_url)))


@unanswered.says(unanswered.START)
def _start_steps(order: Any, options: StartOptions) -> Steps[CheckoutSession]:
    if options.return_url:
        check_way_back(options.return_url, options.request)
    placement = describe_again(order)
    options = replace(options, cancel_url=find_cancel_url(placement.subject))
    decide: _Decide = partial(_place_and_decide, placement, options)
    give_up_at = time.monotonic() + min(BUSY_WAIT_SECONDS, seconds_left())
    for _ in range(_ROUNDS):
        attempt = yield from _decide_steps(decide, give_up_at)
        decision, request = attempt.decision, attempt.request
        for session in decision.to_expire:
            yield from expire_steps(session)
        if decision.session is not None:
            if decision.action == "reuse":
                return decision.session
            try:
                session = yield from create_steps(decision.session)
            except StripeRefusedError as error:
                reduced = _without_refused(error, attempt, options)
                if reduced is None:
                    raise
                request = reduced
            else:
                if session.status == SessionStatus.OPEN and session.request_hash == request.request_hash:
                    return session
        decide = partial(_decide_again, attempt.placed, request)
    raise SessionBusyError("This order's session keeps changing.")


def _decide_steps(decide: _Decide, give_up_at: float) -> Steps[_Attempt]:
    """Decide in a transaction, again while another call creates the order's session."""
    while True:
        found = ledger.in_transaction(partial(decide, timezone.now()))
        if isinstance(found, CheckoutError):
            raise found
        if found.decision.action != "wait":
            return found
        if time.monotonic() > give_up_at:
            raise SessionBusyError("Another request is creating this order's session.")
        yield Pause(_BUSY_POLL_SECONDS)
        decide = partial(_decide_again, found.placed, found.request)


def _without_refused(error: StripeRefusedError, attempt: _Attempt, options: StartOptions) -> SessionRequest | None:
    """Return the request without what Stripe refused; None if that cannot be left out."""
    placed, request = attempt.placed, attempt.request
    if error.param == "customer" and forget_customer(placed.order, request.params.get("customer")):
        # The Customer was deleted at Stripe; without it, Stripe creates another.
        return build_request(placed.order, placed.lines, options)
    if (name := error.param.partition("[")[0]) in OPTIONAL_PARAMETERS and name in request.params:
        return replace(request, params={key: value for key, value in request.params.items() if key != name})
    return None


def _place_and_decide(placement: Placement, options: StartOptions, now: datetime) -> _Attempt | CheckoutError:
    placed = placement.write()
    try:
        request = build_request(placed.order, placed.lines, options)
        locked = ledger.lock_rows(placed.order, is_new=placed.is_new)
        return _Attempt(placed=placed, request=request, decision=_decide(locked, request, now))
    except CheckoutError as error:
        # Returned, so that what the host's row says now is committed.
        return error


def _decide_again(placed: Placed, request: SessionRequest, now: datetime) -> _Attempt:
    locked = ledger.lock_order(pk=placed.order.pk)
    return _Attempt(placed=placed, request=request, decision=_decide(locked, request, now))


def _decide(locked: ledger.LockedOrder, request: SessionRequest, now: datetime) -> _Decision:
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
    ledger.set_way_back(live, request.return_url)
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
        return_url=request.return_url or _latest_way_back(locked),
        is_manual_capture=is_manual_capture(request.params),
        is_adjustable=is_adjustable(request.params),
        expires_at=expires_at,
    )


def _latest_way_back(locked: ledger.LockedOrder) -> str:
    """Return the way back of the order's latest session, so that the shopper returns there from another attempt too."""
    return locked.sessions[-1].return_url if locked.sessions else ""
