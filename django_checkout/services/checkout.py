"""Starts, ends and cancels attempts to pay: a row before each request, and no lock held across it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from django_checkout import billing_gateway, gateway, ledger, params
from django_checkout.access import is_owner
from django_checkout.adapters import get_adapter, get_subject
from django_checkout.conf import conf
from django_checkout.exceptions import (
    OrderNotPayableError,
    ParameterError,
    PaymentInFlightError,
    SessionBusyError,
    StripeError,
    StripeRefusedError,
    StripeUnavailableError,
)
from django_checkout.models import CheckoutSession, Order
from django_checkout.models.sessions import GUEST_KEY
from django_checkout.params import OPTIONAL_PARAMETERS
from django_checkout.services.customers import find_customer_id, forget_customer, update_email
from django_checkout.services.placing import absolute_url, get_order, place_again
from django_checkout.services.settling import apply_facts, expire
from django_checkout.services.ui_modes import check_ui_mode, computes_shipping, default_ui_mode
from django_checkout.states import IntentStatus, OrderStatus, SessionStatus
from django_checkout.steps import Pause, Steps, waits
from django_checkout.tokens import Purpose, make_token, with_tokens, without_tokens

#: An open session with less than this left is replaced rather than reused, in seconds.
REUSE_MARGIN_SECONDS = 300
#: How long a request waits for another that is just creating the order's session, in seconds.
BUSY_WAIT_SECONDS = 8.0
_BUSY_POLL_SECONDS = 0.1
#: Rounds of "expire the old session, look again" before giving up.
_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What the caller wants, computed once: parameters without an attempt's ids, their hash, and the links."""

    params: Mapping[str, Any]
    request_hash: str
    urls: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What to do next, decided under lock: return a session, ask Stripe for it, end some first, or wait."""

    action: str
    session: CheckoutSession | None = None
    #: Open sessions that the order has besides, or instead of, the one to return.
    to_expire: Sequence[CheckoutSession] = ()


@waits
def start(
    order: Any,
    *,
    ui_mode: str | None = None,
    mode: str | None = None,
    params: Mapping[str, Any] | None = None,
    request: HttpRequest | None = None,
    token: str = "",
) -> Steps[CheckoutSession]:
    """Return the order's open Checkout Session, creating one at Stripe where there is none to reuse.

    The host's own row is placed again first, so that a changed cart is charged as it is now. ``params`` are further
    parameters of https://docs.stripe.com/api/checkout/sessions/create. ``token`` is the link by which the shopper came:
    Stripe's page leads back to it, and not to a newer one. One call to Stripe for a new session, none for a reused one.
    Must run outside transactions.

    Raises:
        OrderNotFoundError: the shop has deleted its own order.
        OrderNotPayableError: the order is not unpaid; it is not placed again.
        OrderChangedError: the host's row has another reference than the order was placed under.
        ParameterError: Stripe does not allow this, or it is not the caller's to set.
        UiModeError: the site or the order does not allow this UI mode.
        SessionBusyError: another request has been creating the session for eight seconds.
        StripeUnavailableError: try again; it cannot charge twice.
        StripeRefusedError: Stripe does not accept this request.
    """
    ours = place_again(order)
    wish = _wish(ours, ui_mode=ui_mode, mode=mode, options=params or {}, request=request, token=token)
    give_up_at = time.monotonic() + BUSY_WAIT_SECONDS
    rounds = 0
    while rounds < _ROUNDS:
        step = ledger.in_transaction(partial(_decide, ours.pk, wish, timezone.now()))
        if step.action == "wait":
            if time.monotonic() > give_up_at:
                raise SessionBusyError("Another request is creating this order's session.")
            yield Pause(_BUSY_POLL_SECONDS)
            continue
        rounds += 1
        for surplus in step.to_expire:
            yield from expire.steps(surplus)
        if step.session is None:
            continue
        if step.action == "reuse":
            return step.session
        if step.action == "create":
            try:
                session = yield from _create(step.session)
            except StripeRefusedError as error:
                if error.param == "customer" and forget_customer(ours, wish.params.get("customer")):
                    # The Customer was deleted at Stripe: go on without, and Stripe makes another.
                    wish = _wish(ours, ui_mode=ui_mode, mode=mode, options=params or {}, request=request, token=token)
                elif (name := error.param.partition("[")[0]) in OPTIONAL_PARAMETERS and name in wish.params:
                    wish = replace(wish, params={k: v for k, v in wish.params.items() if k != name})
                else:
                    raise
                continue
            if session.status == SessionStatus.OPEN and session.request_hash == wish.request_hash:
                return session
    raise SessionBusyError("This order's session keeps changing.")


@waits
def cancel(order: Any) -> Steps[Order]:
    """Cancel an unpaid order: end its open session and release what is only authorised, then record it.

    Must run outside transactions.

    Raises:
        PaymentInFlightError: a payment is being processed, or was made just now.
        OrderNotPayableError: it is paid; refund it instead.
        StripeUnavailableError: try again.
    """
    ours = get_order(order)
    for session in ours.sessions.filter(status__in=(SessionStatus.CREATING, SessionStatus.OPEN)):
        if session.status == SessionStatus.OPEN:
            yield from expire.steps(session)
        else:
            ledger.in_transaction(partial(_give_up, session.pk))
    ours.refresh_from_db()
    if ours.status == OrderStatus.AUTHORIZED:
        for payment in ours.payments.filter(sessions__is_manual_capture=True, intent_status=IntentStatus.OPEN):
            yield from _void(payment.stripe_id)
    return ledger.in_transaction(lambda: ledger.cancel(ledger.lock_order(pk=ours.pk)))


def _wish(
    order: Order,
    *,
    ui_mode: str | None,
    mode: str | None,
    options: Mapping[str, Any],
    request: HttpRequest | None,
    token: str,
) -> _Wish:
    ui_mode, mode = ui_mode or default_ui_mode(order, options), mode or order.mode
    params.check_modes(mode, ui_mode)
    if mode != order.mode:
        raise ParameterError(f"mode={mode!r}: the order was placed for {order.mode!r}; place it with OrderData(mode=).")
    check_ui_mode(order, ui_mode, options)
    is_owners = _acts_for_owner(order, request)
    asked: list[Mapping[str, Any]] = [order.params, options]
    if ui_mode == "elements" and computes_shipping(order, options):
        asked.insert(-1, {"permissions": {"update_shipping_details": "server_only"}})
    wanted = params.build(
        order,
        list(order.lines.all()),
        mode=mode,
        ui_mode=ui_mode,
        capture_method=conf.CHECKOUT_CAPTURE_METHOD,
        options=asked,
        defaults=conf.CHECKOUT_SESSION_DEFAULTS,
        customer_id=find_customer_id(order.user) if is_owners else "",
        is_guests=order.user_id is not None and not is_owners,
    )
    path = reverse("django_checkout:return", args=[make_token(order, Purpose.STATUS)])
    # Stripe replaces the placeholder, so its braces must not be encoded.
    return_url = f"{absolute_url(path, request)}?session_id={{CHECKOUT_SESSION_ID}}"
    if ui_mode == "hosted_page":
        subject = get_subject(order)
        cancel_url = get_adapter().cancel_url(subject) if subject is not None else ""
        if not cancel_url:
            cancel_url = reverse("django_checkout:pay", args=[token or make_token(order, Purpose.PAY)])
        if cancel_url.startswith("/"):
            cancel_url = absolute_url(cancel_url, request)
        urls = {"success_url": return_url, "cancel_url": cancel_url}
    else:
        urls = {"return_url": return_url}
    return _Wish(params=wanted, request_hash=params.fingerprint(wanted, order), urls=urls)


def _acts_for_owner(order: Order, request: HttpRequest | None) -> bool:
    """Whether the payment page may know the order's user: a link alone does not open somebody's saved cards."""
    return request is None or is_owner(request, order)


def _decide(order_pk: int, wish: _Wish, now: datetime) -> _Step:
    locked = ledger.lock_order(pk=order_pk)
    status = ledger.derive_status(locked)
    if status != OrderStatus.UNPAID:
        raise OrderNotPayableError(f"The order is {status}.")
    if locked.order.erased_at is not None:
        raise OrderNotPayableError("The order's personal data was erased; place a new order.")
    live = next((session for session in locked.sessions if session.live_for_id is not None), None)
    # A copy that Stripe made of an expired session may be open besides the one that we know as payable.
    surplus = [row for row in locked.sessions if row.status == SessionStatus.OPEN and row.live_for_id is None]
    if surplus:
        return _Step(action="expire", to_expire=surplus)
    if live is None:
        return _Step(action="create", session=_reserve(locked, wish, now))
    if live.status == SessionStatus.CREATING:
        if live.expires_at <= now:
            ledger.fail_session(live, error_code="no_answer", error_message="Stripe never answered.")
            return _Step(action="create", session=_reserve(locked, wish, now))
        return _Step(action="create" if ledger.lease_session(live, now=now) else "wait", session=live)
    is_fresh = live.expires_at > now + timedelta(seconds=REUSE_MARGIN_SECONDS)
    if is_fresh and live.request_hash == wish.request_hash and live.livemode == conf.livemode:
        return _Step(action="reuse", session=live)
    return _Step(action="expire", to_expire=[live])


def _reserve(locked: ledger.LockedOrder, wish: _Wish, now: datetime) -> CheckoutSession:
    session_uuid = uuid.uuid4()
    expires_at = (now + timedelta(seconds=conf.CHECKOUT_SESSION_TTL_SECONDS)).replace(microsecond=0)
    return ledger.reserve_session(
        locked,
        session_uuid=session_uuid,
        livemode=conf.livemode,
        request=params.complete(
            wish.params,
            locked.order,
            session_uuid=str(session_uuid),
            expires_at=expires_at,
            urls={name: without_tokens(url, locked.order) for name, url in wish.urls.items()},
        ),
        request_hash=wish.request_hash,
        is_manual_capture=params.is_manual_capture(wish.params),
        is_adjustable=params.is_adjustable(wish.params),
        expires_at=expires_at,
        now=now,
    )


def _create(session: CheckoutSession) -> Steps[CheckoutSession]:
    """Send the stored request with its stored key; apply the answer, or keep or free the slot."""
    try:
        yield from _create_coupon(session)
        yield from update_email.steps(session)
        created = yield from gateway.create_session.steps(_sendable(session), idempotency_key=str(session.uuid))
    except StripeUnavailableError as error:
        # What Stripe has stored under this key it repeats for ever, whether it had acted before it failed or not.
        if error.is_replayed and (yield from _is_made(session)):
            return session
        if error.is_replayed:
            _fail(session, error)
        else:
            ledger.release_session(session.pk, error_code=error.stripe_code or error.code, request_id=error.request_id)
        raise
    except StripeRefusedError as error:
        _fail(session, error)
        raise
    apply_facts([created.fact])
    ledger.note_session_request(session.pk, request_id=created.request_id)
    session.refresh_from_db()
    session.client_secret = created.client_secret
    return session


def _is_made(session: CheckoutSession) -> Steps[bool]:
    """Look through Stripe's list for the session that a request made, and adopt it; return whether it is there.

    Raises:
        StripeError: it cannot be looked for; the row keeps its key.
    """
    made_after, made_before = session.made_between
    try:
        said = yield from billing_gateway.find_session.steps(
            str(session.uuid), made_after=made_after, made_before=made_before
        )
    except StripeError as error:
        ledger.release_session(session.pk, error_code=error.stripe_code or error.code, request_id=error.request_id)
        raise
    if said is not None:
        apply_facts([said])
        session.refresh_from_db()
    return said is not None


def _create_coupon(session: CheckoutSession) -> Steps[None]:
    """Make the coupon of the order's one-off discount, where the request names it."""
    order = session.order
    coupon_id = params.coupon_id(order)
    if {"coupon": coupon_id} in session.request.get("discounts", ()):
        yield from billing_gateway.create_coupon.steps(
            coupon_id,
            amount_minor=order.asked_discount_minor,
            currency=order.currency,
            name=order.asked_discount_name,
            reference=order.reference,
        )


def _sendable(session: CheckoutSession) -> Any:
    """Return the stored request as it is sent each time: byte for byte the same, with the tokens in its links."""
    links = {name: with_tokens(url, session.order) for name, url in session.request.items() if name in params.LINKS}
    request = {name: value for name, value in session.request.items() if name != GUEST_KEY}
    return _in_order({**request, **links})


def _in_order(request: Any) -> Any:
    """Return a request with its keys in one order, always: the row of a retry may have forgotten the first one's."""
    if isinstance(request, Mapping):
        return {key: _in_order(request[key]) for key in sorted(request)}
    return [_in_order(item) for item in request] if isinstance(request, list) else request


def _fail(session: CheckoutSession, error: StripeError) -> None:
    def work() -> None:
        locked = ledger.lock_order(pk=session.order_id)
        row = next(row for row in locked.sessions if row.pk == session.pk)
        ledger.fail_session(
            row,
            error_code=error.stripe_code or error.code,
            error_message=str(error),
            request_id=error.request_id,
        )

    ledger.in_transaction(work)


def _void(payment_intent_id: str) -> Steps[None]:
    try:
        apply_facts([(yield from gateway.cancel_payment.steps(payment_intent_id))])
    except StripeRefusedError:
        # It has ended meanwhile, or a lost answer said so before: what has become of it decides.
        apply_facts((yield from gateway.retrieve_payment_intent.steps(payment_intent_id)))


def _give_up(session_pk: int) -> None:
    session = CheckoutSession.objects.get(pk=session_pk)
    locked = ledger.lock_order(pk=session.order_id)
    row = next(row for row in locked.sessions if row.pk == session_pk)
    if row.leased_until is not None and row.leased_until > timezone.now():
        raise PaymentInFlightError("A session of this order is being created right now.")
    ledger.fail_session(row, error_code="canceled", error_message="Canceled before Stripe answered.")
