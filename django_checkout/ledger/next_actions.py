"""Joins what a payment waits for outside of the payment page: vouchers, bank transfers and QR codes.

A payment's ``next_action`` maps each attempt to its action, or to an empty object once the attempt has failed or is
being processed. Two facts about one attempt are joined to the one with less left to pay, then with the later deadline;
that an attempt has ended outweighs both. Once the payment has ended, or the session's delayed payment has failed, there
is no action and there never is one again. So the facts may arrive late, repeated and in any order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from django_checkout.models import CheckoutSession, Payment
from django_checkout.states import IntentStatus, PaymentStatus, SessionStatus
from django_checkout.values import ActionDetail, ActionFact, NextAction, PaymentFact

#: No attempt follows.
OVER: Mapping[str, Any] = {"*": {}}


def join_actions(
    known: Mapping[str, Any] | None, fact: PaymentFact, status: str, *, is_over: bool = False
) -> dict[str, Any] | None:
    """Return the actions of a payment whose joined status is known; with ``is_over``, no attempt follows."""
    if status != IntentStatus.OPEN:
        return None
    if is_over or (known and "*" in known):
        return dict(OVER)
    if fact.action is None and fact.ended_attempt is None:
        return None if known is None else dict(known)
    joined = dict(known or {})
    if fact.action is not None:
        attempt = fact.action.attempt
        joined[attempt] = max(joined.get(attempt, _stored(fact.action)), _stored(fact.action), key=_rank)
    if fact.ended_attempt is not None:
        joined[fact.ended_attempt] = {}
    return joined


def find_current(actions: Mapping[str, Any] | None, *, is_complete: bool) -> NextAction | None:
    """Return the action that the shopper can follow; without the session's completion, that may be a QR code.

    A QR code is followed while the session is open. Of several codes without a deadline, it is not known which is
    shown.
    """
    live = [action for action in (actions or {}).values() if action and action["is_on_page"] != is_complete]
    if len(live) > 1 and not any(action["expires_at"] for action in live):
        return None
    return _loaded(max(live, key=lambda action: (action["expires_at"] or 0, _rank(action)))) if live else None


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


def has_action(payment: Payment) -> bool:
    """Return whether a payment is known to wait for the shopper, even after a deadline."""
    return payment.intent_status == IntentStatus.OPEN and any((payment.next_action or {}).values())


def is_over(payment: Payment) -> bool:
    """Return whether no attempt to pay follows."""
    return "*" in (payment.next_action or {})


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
        "currency": action.currency,
        "expires_at": None if action.expires_at is None else int(action.expires_at.timestamp()),
        "is_on_page": action.is_on_page,
        "details": [[detail.name, detail.value, detail.group] for detail in action.details],
    }


def _loaded(action: Mapping[str, Any]) -> NextAction:
    ends_at = action["expires_at"]
    return NextAction(
        kind=action["kind"],
        url=action["url"],
        image_url=action["image_url"],
        amount_minor=action["amount_minor"],
        currency=action["currency"],
        expires_at=None if ends_at is None else datetime.fromtimestamp(ends_at, tz=UTC),
        details=tuple(ActionDetail(name=name, value=value, group=group) for name, value, group in action["details"]),
    )
