"""Joins facts about a Checkout Session into its row, and finds the order that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from django.utils import timezone

from django_checkout import states
from django_checkout.exceptions import IncompleteFactError, OrderNotFoundError
from django_checkout.ledger.locks import LockedOrder, Locks
from django_checkout.ledger.next_actions import has_action, is_over
from django_checkout.ledger.payments import join_payment
from django_checkout.models import CheckoutSession, Order, Payment, sites
from django_checkout.states import LIVE_SESSION_STATUSES, IntentStatus, PaymentStatus, SessionStatus
from django_checkout.values import Ownership, PaymentFact, SessionFact

_AMOUNTS = (
    "currency",
    "amount_subtotal_minor",
    "amount_discount_minor",
    "amount_shipping_minor",
    "amount_tax_minor",
    "amount_total_minor",
    "presentment_currency",
    "presentment_amount_minor",
)
_IDS = ("subscription_id", "invoice_id", "customer_id", "recovered_from", "expires_at")

#: What a recovered session has in common with its original.
_REQUESTED: tuple[str, ...] = (
    "livemode",
    "site_url",
    "mode",
    "ui_mode",
    "revision",
    "asked_currency",
    "asked_subtotal_minor",
)
_REQUESTED += ("is_manual_capture", "is_adjustable", "request", "request_hash", "return_url")


def lock_order_of_session(fact: SessionFact, locks: Locks) -> tuple[LockedOrder, CheckoutSession] | None:
    """Lock the order that a session belongs to; None if it is not ours.

    It is ours if a row has its Stripe id, if its metadata has the UUID of a row without a Stripe id, or if a row has
    the Stripe id in ``recovered_from``. An order's reference, or the UUID of a row with another id, proves nothing: a
    copy of the site may share the account. Live or test mode must agree as well, and so must the site.
    """
    owner, payment_ids = fact.ownership, _payment_ids(fact)
    if owner.reference and owner.session_uuid:
        # Locking by reference first saves the query for the order's primary key.
        with suppress(OrderNotFoundError):
            locked = locks.lock(reference=owner.reference, payment_ids=payment_ids)
            if session := _find_row(locked, fact):
                return locked, session
    for stripe_id in filter(None, (fact.stripe_id, fact.recovered_from)):
        order_pk = locks.find_order_of_session(stripe_id)
        if order_pk is not None:
            locked = locks.lock(pk=order_pk, payment_ids=payment_ids)
            session = _find_row(locked, fact)
            return None if session is None else (locked, session)
    return None


def _payment_ids(fact: SessionFact) -> list[str]:
    """Return the Stripe ids that the session's payment may have before it has an order."""
    charge_id = fact.payment.charge_id if fact.payment is not None else None
    return [fact.payment_intent_id or fact.stripe_id, *filter(None, [charge_id])]


def join_session(locked: LockedOrder, session: CheckoutSession, fact: SessionFact) -> None:
    """Join a fact into a session's row and, where money moved, into its payment's.

    Raises:
        UnknownFactError: a status that ``states`` does not know.
        IncompleteFactError: the session is complete and the fact lacks what must be compared.
    """
    before = (session.status, session.payment_status, session.has_async_failed)
    status, payment_status = states.join_session(before[:2], (fact.status, fact.payment_status))
    _refuse_incomplete(session, fact)
    _write(locked, session, _joined(locked, session, fact, status) | {"payment_status": payment_status})
    if before != (session.status, session.payment_status, session.has_async_failed):
        locked.sessions_to_announce.append(session)
    if status not in LIVE_SESSION_STATUSES and fact.customer_details and locked.order.erased_at is None:
        # What the shopper agreed to on our page is not known to Stripe.
        _write(locked, session, {"customer_details": {**_own_consent(session), **fact.customer_details}})
        if status == SessionStatus.COMPLETE:
            _copy_customer(locked.order, session.customer_details)
    # Only when it becomes complete: the host may give the order to another user before a later fact arrives.
    if status == SessionStatus.COMPLETE != before[0] and fact.customer_id and not session.is_guests:
        locked.customers_to_keep.append((fact.customer_id, session.livemode))
    payment = _join_payment(locked, session, fact)
    if fact.may_wait and status == SessionStatus.COMPLETE != before[0]:
        _refuse_unread(session, payment, fact)


def _refuse_unread(session: CheckoutSession, payment: Payment | None, fact: SessionFact) -> None:
    """Let a session be read that may wait for the shopper, so that ``order_pending`` says for what."""
    if payment is None or payment.intent_status != IntentStatus.OPEN or session.has_async_failed:
        return
    is_known = has_action(payment) or is_over(payment)
    if not is_known and fact.payment is None and not session.is_manual_capture:
        raise IncompleteFactError("The session is complete and unpaid: the payment must be read for its next action.")


def _refuse_incomplete(session: CheckoutSession, fact: SessionFact) -> None:
    if fact.status != SessionStatus.COMPLETE:
        return
    amounts = (fact.currency, fact.amount_subtotal_minor, fact.amount_total_minor)
    if fact.mode != "setup" and None in amounts:
        raise IncompleteFactError("The complete Checkout Session has no currency or no amounts.")
    if session.is_adjustable and fact.lines is None and session.lines is None:
        raise IncompleteFactError("The shopper could change what is bought: its line items must be read.")


def _joined(locked: LockedOrder, session: CheckoutSession, fact: SessionFact, status: str) -> dict[str, object]:
    """Return the columns that a fact gives a session whose joined status is known."""
    now = timezone.now()
    values: dict[str, object] = {
        "status": status,
        "stripe_id": session.stripe_id or fact.stripe_id,
        "has_async_failed": session.has_async_failed or fact.has_async_failed,
        "url": (fact.url or session.url) if status == SessionStatus.OPEN else "",
    }
    # Amounts are provisional while the session is open and final once it is complete.
    names = (*_IDS, *_AMOUNTS) if fact.status == status else _IDS
    values |= {name: value for name in names if (value := getattr(fact, name)) is not None}
    if fact.status == SessionStatus.COMPLETE and session.is_adjustable and fact.lines is not None:
        values["lines"] = [asdict(line) for line in fact.lines]
    if fact.recovery_url is not None and locked.order.erased_at is None:
        values["recovery_url"] = fact.recovery_url
    if status == SessionStatus.COMPLETE:
        values["completed_at"] = session.completed_at or now
    if status == SessionStatus.EXPIRED:
        values["expired_at"] = session.expired_at or now
    if status not in LIVE_SESSION_STATUSES:
        values["live_for_id"] = None
    if session.status == SessionStatus.CREATING != status:
        values["leased_until"] = None
    return values


def _join_payment(locked: LockedOrder, session: CheckoutSession, fact: SessionFact) -> Payment | None:
    is_complete = session.status == SessionStatus.COMPLETE
    is_settled = is_complete and session.payment_status != PaymentStatus.UNPAID
    payment_id = fact.payment_intent_id or (session.stripe_id if is_settled and session.payment_id is None else None)
    if payment_id is None:
        return None
    # With manual capture, only the PaymentIntent says what was captured; a free session needs no capture.
    is_free = states.is_free(session.payment_status, session.amount_total_minor)
    is_final = is_settled and (is_free or not session.is_manual_capture)
    is_paid = is_final and not is_free
    payment = join_payment(
        locked,
        PaymentFact(
            payment_intent_id=payment_id,
            ownership=Ownership(livemode=session.livemode),
            status="succeeded" if is_final else None,
            currency=session.currency or None,
            amount_minor=session.amount_total_minor if is_complete else None,
            captured_minor=session.amount_total_minor if is_paid else None,
        ),
        is_action_over=session.has_async_failed,
    )
    if fact.payment is not None:
        payment = join_payment(locked, fact.payment)
    if is_settled and not is_free and payment.captured_minor == 0 and payment.intent_status == IntentStatus.OPEN:
        raise IncompleteFactError("The session is paid and uses manual capture: the payment must be read.")
    if session.payment_id is None:
        _write(locked, session, {"payment_id": payment.pk})
    return payment


def _own_consent(session: CheckoutSession) -> dict[str, Any]:
    consent = session.customer_details.get("consent")
    return {"consent": consent} if consent else {}


def _copy_customer(order: Order, details: Mapping[str, Any]) -> None:
    order.customer_details = dict(details)
    if not order.email and isinstance(details.get("email"), str):
        order.email = details["email"]


def _find_row(locked: LockedOrder, fact: SessionFact) -> CheckoutSession | None:
    """Return the row that a fact is about; insert it for a session that Stripe created to recover one of ours.

    The Stripe id comes first. A UUID counts only for a row without an id: a recovered session carries the metadata of
    its original, whose row must not be taken for its own.
    """
    rows = [
        session
        for session in locked.sessions
        if fact.ownership.livemode in (None, session.livemode) and sites.is_own(session)
    ]
    by_id = {session.stripe_id: session for session in rows if session.stripe_id is not None}
    if fact.stripe_id in by_id:
        return by_id[fact.stripe_id]
    for session in rows:
        if session.stripe_id is None and str(session.uuid) == fact.ownership.session_uuid:
            return session
    original = by_id.get(fact.recovered_from or "")
    return None if original is None else _adopt(locked, original, fact)


def _adopt(locked: LockedOrder, original: CheckoutSession, fact: SessionFact) -> CheckoutSession:
    """Insert a recovered session; an open one becomes the order's live session, unless it has another."""
    is_live = fact.status == SessionStatus.OPEN and not any(row.live_for_id for row in locked.sessions)
    copy = CheckoutSession.objects.create(
        order=locked.order,
        live_for=locked.order if is_live else None,
        stripe_id=fact.stripe_id,
        recovered_from=fact.recovered_from or "",
        status=SessionStatus.OPEN,
        expires_at=fact.expires_at or original.expires_at,
        **{name: getattr(original, name) for name in _REQUESTED},
    )
    locked.sessions.append(copy)
    return copy


def _write(locked: LockedOrder, session: CheckoutSession, values: dict[str, object]) -> None:
    for name, value in values.items():
        if getattr(session, name) != value:
            setattr(session, name, value)
            locked.changed_sessions.setdefault(session.pk, set()).add(name)
