"""Joins what a payment waits for outside of the payment page: vouchers, bank transfers and QR codes.

A payment's ``next_action`` maps each attempt to its action, or to an empty object once the attempt has failed or is
being processed. Two facts about one attempt are joined to the one with less left to pay, then with the later deadline;
that an attempt has ended outweighs both. Once the payment has ended, or the session's delayed payment has failed, there
is no action and there never is one again. So the facts may arrive late, repeated and in any order.

Two keys are no attempts: ``RECEIVED`` has the most that was received of a bank transfer, also once the payment has been
canceled, and ``REFUSED`` says that Stripe does not cancel it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from django_checkout.ledger.locks import LockedOrder
from django_checkout.ledger.rows import write
from django_checkout.models import CheckoutSession, Payment
from django_checkout.states import IntentStatus, PaymentStatus, SessionStatus
from django_checkout.values import ActionDetail, ActionFact, NextAction, PaymentFact

#: No attempt follows.
OVER: Mapping[str, Any] = {"*": {}}
RECEIVED, REFUSED = "received", "refused"


def join_actions(
    known: Mapping[str, Any] | None, fact: PaymentFact, status: str, *, is_over: bool = False
) -> dict[str, Any] | None:
    """Return the actions of a payment whose joined status is known; with ``is_over``, no attempt follows."""
    received = max(find_received(known), fact.action.received_minor if fact.action else 0)
    kept = {RECEIVED: {"amount_minor": received}} if received else {}
    if status != IntentStatus.OPEN:
        return kept if kept and status == IntentStatus.CANCELED else None
    if is_over or (known and "*" in known):
        return {**OVER, **kept}
    if fact.action is None and fact.ended_attempt is None:
        return None if known is None else dict(known)
    joined = {**(known or {}), **kept}
    if fact.action is not None:
        attempt = fact.action.attempt
        joined[attempt] = max(joined.get(attempt, _stored(fact.action)), _stored(fact.action), key=_rank)
    if fact.ended_attempt is not None:
        joined[fact.ended_attempt] = {}
    return joined


def find_received(actions: Mapping[str, Any] | None) -> int:
    """Return what was received of a bank transfer for a payment that is not complete, in minor units."""
    return int((actions or {}).get(RECEIVED, {}).get("amount_minor", 0))


def find_returned(payment: Payment) -> int:
    """Return what a canceled payment had received; Stripe returned it to the customer's cash balance."""
    return find_received(payment.next_action) if payment.intent_status == IntentStatus.CANCELED else 0


def find_current(actions: Mapping[str, Any] | None, *, is_complete: bool) -> NextAction | None:
    """Return the action that the shopper can follow; without the session's completion, that may be a QR code.

    A QR code is followed while the session is open. Of several codes without a deadline, it is not known which is
    shown.
    """
    live = [action for action in _live(actions) if action["is_on_page"] != is_complete]
    if not live or (len(live) > 1 and not any(action["expires_at"] for action in live)):
        return None
    found = max(live, key=lambda action: (action["expires_at"] or 0, _rank(action)))
    return _loaded(found, is_refused=REFUSED in (actions or {}))


def find_action_of(session: CheckoutSession, *, now: datetime | None = None) -> NextAction | None:
    """Return what the shopper has to do to pay one session; None once its deadline has passed."""
    if session.payment_id is None or session.has_async_failed or session.payment_status != PaymentStatus.UNPAID:
        return None
    payment = session.payment
    if payment is None or payment.intent_status != IntentStatus.OPEN:
        return None
    if session.status not in (SessionStatus.OPEN, SessionStatus.COMPLETE):
        return None
    action = find_current(payment.next_action, is_complete=session.status == SessionStatus.COMPLETE)
    has_ended = action is not None and action.expires_at is not None and action.expires_at <= (now or timezone.now())
    return None if has_ended else action


def find_deadline(actions: Mapping[str, Any] | None) -> datetime | None:
    """Return the deadline of the action that the shopper can follow."""
    action = find_current(actions, is_complete=True) or find_current(actions, is_complete=False)
    return action.expires_at if action is not None else None


def find_waiting(payment: Payment) -> NextAction | None:
    """Return what a payment of a complete session waits for, even after its deadline."""
    return find_current(payment.next_action, is_complete=True) if has_action(payment) else None


def has_action(payment: Payment) -> bool:
    """Return whether a payment is known to wait for the shopper, even after a deadline."""
    return payment.intent_status == IntentStatus.OPEN and any(_live(payment.next_action))


def is_over(payment: Payment) -> bool:
    """Return whether no attempt to pay follows."""
    return "*" in (payment.next_action or {})


def note_refusal(locked: LockedOrder, payment_pk: int) -> None:
    """Record that Stripe does not cancel what a payment waits for."""
    for payment in locked.payments:
        if payment.pk == payment_pk and has_action(payment):
            write(payment, next_action={**(payment.next_action or {}), REFUSED: {}})


def _live(actions: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    return (action for attempt, action in (actions or {}).items() if action and attempt != RECEIVED)


def _rank(action: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the place of an action in the total order of what may be known of one attempt; an end is last."""
    if not action:
        return (1,)
    return (0, -action["amount_minor"], action["expires_at"] or 0, json.dumps(action, sort_keys=True))


def _stored(action: ActionFact) -> dict[str, Any]:
    return {
        "kind": action.kind,
        "url": action.url,
        "image_url": action.image_url,
        "amount_minor": action.amount_minor,
        "received_minor": action.received_minor,
        "currency": action.currency,
        "expires_at": None if action.expires_at is None else int(action.expires_at.timestamp()),
        "is_on_page": action.is_on_page,
        "details": [[detail.name, detail.value, detail.group] for detail in action.details],
    }


def _loaded(action: Mapping[str, Any], *, is_refused: bool) -> NextAction:
    ends_at = action["expires_at"]
    return NextAction(
        kind=action["kind"],
        url=action["url"],
        image_url=action["image_url"],
        amount_minor=action["amount_minor"],
        received_minor=action.get("received_minor", 0),
        is_refused=is_refused,
        currency=action["currency"],
        expires_at=None if ends_at is None else datetime.fromtimestamp(ends_at, tz=UTC),
        details=tuple(ActionDetail(name=name, value=value, group=group) for name, value, group in action["details"]),
    )
