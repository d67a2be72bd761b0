"""Decides how a session at Stripe differs from our row of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet

from django_checkout import ledger, states
from django_checkout.models import CheckoutSession
from django_checkout.reconcile import double_payments
from django_checkout.reconcile.kinds import Kind
from django_checkout.reconcile.report import Difference
from django_checkout.reconcile.resource import Json, is_stuck
from django_checkout.states import IntentStatus, PaymentStatus, SessionStatus
from django_checkout.stripe_api import facts
from django_checkout.values import PaymentFact, SessionFact

_TOTALS = ("discount", "shipping", "tax")
_AMOUNTS = tuple(f"amount_{name}_minor" for name in ("subtotal", *_TOTALS))
#: What ``agrees`` is given.
COLUMNS = (
    *("stripe_id", "livemode", "status", "payment_status", "currency", "amount_total_minor", "subscription_id"),
    *("payment__stripe_id", "payment__intent_status", "payment__captured_minor", "payment__order_id"),
    *("order_id", "uuid", "order__reference", *_AMOUNTS, "customer_id"),
    *("payment__livemode", "payment__currency", "payment__amount_minor", "payment__charge_id", "site_url"),
)
_REPORTED = {"status": "status", "payment_status": "payment_status", "total": "amount_total", "currency": "currency"}


def session_rows(which: Q) -> QuerySet[CheckoutSession]:
    """Return sessions with their orders and payments, without the large columns."""
    return CheckoutSession.objects.filter(which).select_related("order", "payment__order").defer("request", "lines")


def at_stripe(data: Json) -> dict[str, Any]:
    """Return what the report shows of a session at Stripe and its expanded payment."""
    shown = {name: data.get(key) for name, key in _REPORTED.items()}
    intent = data.get("payment_intent")
    if isinstance(intent, Mapping):
        shown |= {"captured": intent.get("amount_received"), "payment_intent": intent.get("id")}
    if data.get("subscription"):
        shown["subscription"] = facts.find_id(data, "subscription")
    return shown


def agrees(row: tuple[Any, ...], data: Json) -> bool:
    """Return whether a listed session matches our columns exactly.

    This is the common case, so it builds neither facts nor models; a session in doubt is compared again in full.
    """
    _, livemode, status, payment_status, currency, total, subscription = row[:7]
    payment_id, intent, captured, payment_order, order, uuid, reference = row[7:14]
    if (status, payment_status, livemode) != (data.get("status"), data.get("payment_status"), data.get("livemode")):
        return False
    metadata = data.get("metadata") or {}
    if metadata.get(facts.SESSION_KEY) == str(uuid) and metadata.get(facts.ORDER_KEY) not in (None, reference):
        return False
    if data.get("client_reference_id") not in (None, reference):
        return False
    if status == SessionStatus.COMPLETE:
        if (total, currency) != (data.get("amount_total"), data.get("currency") or ""):
            return False
        totals = data.get("total_details") or {}
        amounts = (data.get("amount_subtotal"), *(totals.get(f"amount_{name}") for name in _TOTALS))
        if row[14:18] != amounts or row[18] != (facts.find_id(data, "customer") or row[18]):
            return False
        if payment_status == PaymentStatus.UNPAID:
            # It may be processing, or have failed.
            return False
    if (data.get("subscription") or "") != subscription:
        return False
    payment = data.get("payment_intent")
    if not isinstance(payment, Mapping):
        return bool(status != SessionStatus.COMPLETE or payment_id is None or payment_order == order)
    is_cycling = payment.get("status") in states.CYCLING_INTENT_STATUSES
    if payment_id is None:
        return is_cycling and not payment.get("amount_received")
    joined = IntentStatus.OPEN if is_cycling else payment.get("status")
    recorded = (payment_id, intent, captured, payment_order)
    if recorded != (payment.get("id"), joined, payment.get("amount_received"), order):
        return False
    charge_id = facts.find_id(payment, "latest_charge") if joined == IntentStatus.SUCCEEDED else ""
    return bool(row[19:23] == (livemode, payment.get("currency"), payment.get("amount"), charge_id or row[22]))


def find_difference(row: CheckoutSession, data: Json) -> Difference | None:
    """Return how one of our sessions differs from what Stripe says. Raises ``UnknownFactError``."""
    fact = facts.read_session(data)
    intent = data.get("payment_intent")
    payment = facts.read_payment_intent(intent) if isinstance(intent, Mapping) else None
    if fact.ownership.livemode is not None and fact.ownership.livemode != row.livemode:
        return None
    kind = _find_kind(row, fact, payment)
    if kind is None:
        return None
    there = at_stripe(data)
    if kind is Kind.DOUBLE_PAYMENT:
        return double_payments.of_session(row, there)
    here: dict[str, Any] = {"status": row.status, "payment_status": row.payment_status}
    here |= {"total": row.amount_total_minor, "currency": row.currency}
    if payment is not None:
        here["captured"] = _captured(row)
    if fact.subscription_id or row.subscription_id:
        here["subscription"] = row.subscription_id or None
    if kind is Kind.RELATION_DIFFERS:
        links = wrong_links(row, fact)
        here |= {name: ours for name, (ours, _) in links.items()}
        there |= {name: theirs for name, (_, theirs) in links.items()}
    elif kind is Kind.AHEAD_OF_STRIPE and payment is not None and row.payment is not None:
        here |= {"intent": row.payment.intent_status, "amount": row.payment.amount_minor}
        there |= {"intent": payment.status, "amount": payment.amount_minor}
    return Difference.of(kind, fact.stripe_id, row.order, here, there)


def _find_kind(row: CheckoutSession, fact: SessionFact, payment: PaymentFact | None) -> Kind | None:
    """Return how a session differs: wrong links first, then what facts can advance, then what they cannot."""
    if wrong_links(row, fact):
        return Kind.RELATION_DIFFERS
    received = (payment.captured_minor or 0) if payment else 0
    is_paid_there = fact.payment_status == PaymentStatus.PAID or received > 0
    is_paid_here = row.payment_status == PaymentStatus.PAID or _captured(row) > 0
    if _is_behind(row, fact, payment):
        if is_paid_there and not is_paid_here:
            kept = row.order.kept_payment_id
            return Kind.PAID_NOT_RECORDED if kept is None or kept == row.payment_id else Kind.DOUBLE_PAYMENT
        has_ended = fact.status != SessionStatus.OPEN
        return Kind.STALE_OPEN if row.status == SessionStatus.OPEN and has_ended else Kind.SESSION_BEHIND
    if is_paid_here and not is_paid_there:
        return Kind.RECORDED_NOT_PAID
    has_captured_less = payment is not None and row.payment is not None and received < _captured(row)
    if has_captured_less or (fact.status == SessionStatus.COMPLETE and _differs_in_amount(row, fact)):
        return Kind.AMOUNT_DIFFERS
    if (fact.subscription_id or "") != row.subscription_id:
        return Kind.SUBSCRIPTION_DIFFERS
    if _is_ahead(row, fact, payment):
        return Kind.AHEAD_OF_STRIPE
    return Kind.STUCK_PROCESSING if _is_stuck(row) else None


def wrong_links(row: CheckoutSession, fact: SessionFact) -> dict[str, tuple[object, object]]:
    """Return what a session is linked to here and at Stripe, where that differs."""
    found: dict[str, tuple[object, object]] = {}
    if row.stripe_id != fact.stripe_id:
        if row.stripe_id is not None:
            found["session"] = (row.stripe_id, fact.stripe_id)
        return found
    others = ledger.named_orders(row, fact) - {row.order.reference}
    if others:
        found["order"] = (row.order.reference, ", ".join(sorted(others)))
    if row.payment is not None:
        if fact.payment is not None and row.payment.stripe_id != fact.payment.payment_intent_id:
            found["payment"] = (row.payment.stripe_id, fact.payment.payment_intent_id)
        if row.payment.order_id != row.order_id:
            owner_here = row.payment.order.reference if row.payment.order else None
            found["order_of_payment"] = (owner_here, row.order.reference)
    return found


def _is_behind(row: CheckoutSession, fact: SessionFact, payment: PaymentFact | None) -> bool:
    """Return whether joining what Stripe says would change our row."""
    if row.stripe_id is None or states.join(states.SESSION_RANK, row.status, fact.status) != row.status:
        return True
    if states.join(states.PAYMENT_RANK, row.payment_status, fact.payment_status) != row.payment_status:
        return True
    if fact.has_async_failed and not row.has_async_failed:
        return True
    if row.status == SessionStatus.COMPLETE and row.customer_id != (fact.customer_id or row.customer_id):
        return True
    if payment is None:
        return False
    if row.payment is not None:
        recorded = (row.payment.livemode, row.payment.currency, row.payment.charge_id)
        charge_id = payment.charge_id or row.payment.charge_id
        if recorded != (payment.ownership.livemode, payment.currency, charge_id):
            return True
    known = row.payment.intent_status if row.payment else IntentStatus.OPEN
    if states.join_intent(known, payment.status) != known or (payment.captured_minor or 0) > _captured(row):
        return True
    return row.order.erased_at is None and _waits_for_another(row, payment)


def _waits_for_another(row: CheckoutSession, payment: PaymentFact) -> bool:
    """Return whether the shopper has something else to do than our row says, such as to transfer less."""
    known = row.payment.next_action if row.payment else None
    status = row.payment.intent_status if row.payment else IntentStatus.OPEN
    joined = ledger.join_actions(known, payment, status, is_over=row.has_async_failed)
    is_complete = row.status == SessionStatus.COMPLETE
    return ledger.find_current(joined, is_complete=is_complete) != ledger.find_current(known, is_complete=is_complete)


def _is_ahead(row: CheckoutSession, fact: SessionFact, payment: PaymentFact | None) -> bool:
    """Return whether our row has a status, or its payment a status or amount, that Stripe has not reached."""
    if row.status in states.SESSION_RANK and fact.status is not None and row.status != fact.status:
        return True
    if payment is None or row.payment is None:
        return False
    joined = (states.join_intent(IntentStatus.OPEN, payment.status), payment.amount_minor)
    return joined != (row.payment.intent_status, row.payment.amount_minor)


def _differs_in_amount(row: CheckoutSession, fact: SessionFact) -> bool:
    if (fact.amount_total_minor, fact.currency or "") != (row.amount_total_minor, row.currency):
        return True
    return any(getattr(row, name) != getattr(fact, name) for name in _AMOUNTS)


def _is_stuck(row: CheckoutSession) -> bool:
    """Return whether a delayed payment has been processing for longer than any bank takes."""
    is_processing = row.status == SessionStatus.COMPLETE and row.payment_status == PaymentStatus.UNPAID
    is_over = row.has_async_failed or (row.payment is not None and row.payment.intent_status == IntentStatus.CANCELED)
    return is_processing and not is_over and not row.is_manual_capture and is_stuck(row.created_at)


def _captured(row: CheckoutSession) -> int:
    return row.payment.captured_minor if row.payment else 0
