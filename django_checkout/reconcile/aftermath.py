"""Compares what follows a payment with our rows: refunds, disputes, subscriptions, a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from django.db.models import Q
from django.utils import timezone

from django_checkout import facts, gateway, ledger, states
from django_checkout.exceptions import StripeNotFoundError, UnknownFactError
from django_checkout.models import CheckoutSession, Dispute, Order, Payment, Refund, Subscription
from django_checkout.reconcile.pages import patiently
from django_checkout.reconcile.report import Drift, Kind, is_old, new
from django_checkout.reconcile.rows import is_uuid
from django_checkout.services.settling import apply_facts
from django_checkout.states import RefundStatus
from django_checkout.values import DisputeFact, RefundFact, SubscriptionFact

Json = Mapping[str, Any]

REFUNDS = "/v1/refunds"
DISPUTES = "/v1/disputes"
SUBSCRIPTIONS = "/v1/subscriptions"


def compare_refunds(page: Sequence[Json]) -> Iterator[Drift]:
    """Yield the refunds of our payments that differ; other payments' are passed over."""
    said = {str(data.get("id")): data for data in page}
    orders = _orders_of(page)
    uuids = {uuid: stripe_id for stripe_id, data in said.items() if (uuid := _refund_uuid(data))}
    rows = {}
    for row in Refund.objects.filter(Q(stripe_id__in=list(said)) | Q(uuid__in=list(uuids))).select_related("payment"):
        # A row that we asked with and that carries another id is the same refund.
        name = row.stripe_id if row.stripe_id in said else uuids[str(row.uuid)]
        if row.stripe_id is not None:
            rows[name] = row
    for stripe_id, data in said.items():
        order = _order_of(data, orders)
        if order is not None:
            yield from _compare_refund(rows.get(stripe_id), data, order)


def _refund_uuid(data: Json) -> str:
    uuid = str((data.get("metadata") or {}).get(facts.REFUND_KEY) or "")
    return uuid if is_uuid(uuid) else ""


def _compare_refund(row: Refund | None, data: Json, order: Order) -> Iterator[Drift]:
    drift = _guarded(_refund_drift, row, data, order)
    if drift is not None and row is not None and (drift.kind is Kind.RELATION_DIFFERS or _is_ahead(row, data)):
        # The page may be older than our row.
        latest = patiently(partial(gateway.retrieve_object, "refund", str(data["id"])))
        row.refresh_from_db()
        drift = _guarded(_refund_drift, row, latest, order)
    if drift is not None:
        yield drift


def _refund_drift(row: Refund | None, data: Json, order: Order) -> Drift | None:
    fact: RefundFact = facts.read_refund(data)
    if row is not None and (differing := _misplaced(row, fact)):
        here = {name: ours for name, (ours, _) in differing.items()}
        return new(
            Kind.RELATION_DIFFERS, fact.stripe_id, order, here, {name: its for name, (_, its) in differing.items()}
        )
    states.join(states.REFUND_RANK, RefundStatus.CREATING, fact.status)
    said = (fact.status or RefundStatus.PENDING, fact.amount_minor, fact.currency, fact.balance_transaction_id)
    agrees = row is not None and (row.status, row.amount_minor, row.currency, row.balance_transaction_id) == said
    is_stuck = row is not None and row.status == RefundStatus.PENDING and is_old(row.created_at)
    if agrees and not is_stuck:
        return None
    here = {"status": row.status, "amount": row.amount_minor, "currency": row.currency} if row else {"refund": None}
    at_stripe = {"status": said[0], "amount": said[1], "currency": said[2]}
    if row is not None and row.balance_transaction_id != fact.balance_transaction_id:
        # Without one, a refund that nobody asked for here counts as a release: ``states.find_releases``.
        here["balance_transaction"] = row.balance_transaction_id or None
        at_stripe["balance_transaction"] = fact.balance_transaction_id or None
    kind = Kind.STUCK_PROCESSING if agrees else Kind.REFUND_DIFFERS
    drift = new(kind, fact.stripe_id, order, here, at_stripe)
    return drift if row else replace(drift, answers_for=fact.refund_uuid)


def _misplaced(row: Refund | Dispute, fact: RefundFact | DisputeFact) -> dict[str, tuple[object, object]]:
    """Return what a refund or a dispute belongs to here and at Stripe, where that differs."""
    found: dict[str, tuple[object, object]] = {}
    if row.stripe_id != fact.stripe_id:
        found["id"] = (row.stripe_id, fact.stripe_id)
    ids = {row.payment.stripe_id, row.payment.charge_id} - {""}
    if not ids & {fact.payment_intent_id, fact.charge_id}:
        found["payment"] = (row.payment.stripe_id, fact.payment_intent_id or fact.charge_id)
    return found


def _is_ahead(row: Refund, data: Json) -> bool:
    status = data.get("status")
    return status in states.REFUND_RANK and states.join(states.REFUND_RANK, row.status, status) == row.status


def mend_refund(subject: str) -> Drift | None:
    """Apply what Stripe says of a refund now; return what still differs after that, if anything."""
    data = patiently(partial(gateway.retrieve_object, "refund", subject))
    left = next(compare_refunds([data]), None)
    row = Refund.objects.filter(stripe_id=subject).first()
    has_never_been = row is not None and row.status != data.get("status") and _is_ahead(row, data)
    if left is not None and (left.kind is Kind.RELATION_DIFFERS or has_never_been):
        # Facts applied before would announce what never was.
        _correct_refund(subject)
    patiently(partial(apply_facts, [facts.read_refund(data)]))
    left = next(compare_refunds([data]), None)
    return _correct_refund(subject) if left is not None and left.kind is Kind.REFUND_DIFFERS else left


def _correct_refund(subject: str) -> Drift | None:
    """Set a refund's row to what a fresh read says, which no fact could; return what still differs."""
    read_at = timezone.now()
    data = patiently(partial(gateway.retrieve_object, "refund", subject))
    uuid = _refund_uuid(data)
    row = Refund.objects.filter(Q(stripe_id=subject) | (Q(uuid=uuid) if uuid else Q(pk=None))).first()
    if row is not None and (row.stripe_id == subject or _find("refund", row.stripe_id) is None):
        ledger.in_transaction(partial(ledger.correct_refund, row.pk, facts.read_refund(data), read_at=read_at))
    return next(compare_refunds([data]), None)


def _find(kind: str, stripe_id: str | None) -> Json | None:
    try:
        return patiently(partial(gateway.retrieve_object, kind, stripe_id or ""))
    except StripeNotFoundError:
        return None


def compare_disputes(page: Sequence[Json]) -> Iterator[Drift]:
    """Yield the disputes of our payments that are unknown or differ."""
    orders = _orders_of(page)
    found = Dispute.objects.filter(stripe_id__in=[data.get("id") for data in page]).select_related("payment")
    rows = {row.stripe_id: row for row in found}
    for data in page:
        order = _order_of(data, orders)
        if order is not None:
            drift = _guarded(_dispute_drift, rows.get(str(data.get("id"))), data, order)
            if drift is not None:
                yield drift


def _dispute_drift(row: Dispute | None, data: Json, order: Order) -> Drift | None:
    fact = facts.read_dispute(data, ticket=0)
    at_stripe = _dispute_says(fact)
    if row is None:
        return new(Kind.DISPUTE_UNKNOWN, fact.stripe_id, order, {"dispute": None}, at_stripe)
    if differing := _misplaced(row, fact):
        ours, its = differing["payment"]
        return new(Kind.RELATION_DIFFERS, fact.stripe_id, order, {"payment": ours}, {"payment": its})
    here = _dispute_says(row)
    return None if here == at_stripe else new(Kind.DISPUTE_DIFFERS, fact.stripe_id, order, here, at_stripe)


def _dispute_says(dispute: Dispute | DisputeFact) -> Json:
    said = {"status": dispute.status, "amount": dispute.amount_minor, "currency": dispute.currency}
    return said | {"withdrawn": dispute.withdrawn_minor, "withdrawn_currency": dispute.withdrawn_currency}


def mend_dispute(subject: str) -> Drift | None:
    """Read a dispute, numbered so that a slow read cannot undo a later one; return what still differs."""
    read_at = timezone.now()
    ticket = ledger.in_transaction(partial(ledger.take_ticket, subject))
    data = patiently(partial(gateway.retrieve_object, "charge.dispute", subject))
    fact = facts.read_dispute(data, ticket=ticket)
    row = Dispute.objects.filter(stripe_id=subject).select_related("payment").first()
    if row is not None and _misplaced(row, fact):
        payment = {"payment_intent_id": fact.payment_intent_id, "charge_id": fact.charge_id}
        ledger.in_transaction(partial(ledger.correct_dispute, row.pk, **payment, read_at=read_at))
    apply_facts([fact])
    return next(compare_disputes([data]), None)


def compare_subscriptions(page: Sequence[Json]) -> Iterator[Drift]:
    """Yield the subscriptions that our orders started and that are missing here or in another state."""
    ids = [str(data.get("id")) for data in page]
    rows = {row.stripe_id: row for row in Subscription.objects.filter(stripe_id__in=ids).select_related("order")}
    started = _starters(ids)
    for data in page:
        row = rows.get(str(data.get("id")))
        order = started.get(str(data.get("id"))) or (row.order if row else None)
        if order is not None:
            drift = _guarded(_subscription_drift, row, data, order)
            if drift is not None:
                yield drift


def _starters(ids: Sequence[str]) -> dict[str, Order]:
    """Return the orders whose sessions started these subscriptions."""
    sessions = CheckoutSession.objects.filter(subscription_id__in=ids).select_related("order").defer("request")
    return {session.subscription_id: session.order for session in sessions}


def _subscription_drift(row: Subscription | None, data: Json, order: Order) -> Drift | None:
    fact: SubscriptionFact = facts.read_subscription(data, ticket=0)
    if row is not None and row.order_id != order.pk:
        here = {"order": row.order.reference}
        return new(Kind.RELATION_DIFFERS, fact.stripe_id, order, here, {"order": order.reference})
    at_stripe = {"status": fact.status, "cancels_at_period_end": fact.is_canceled_at_period_end}
    at_stripe |= {"customer": fact.customer_id, "ended": fact.ended_at.isoformat() if fact.ended_at else None}
    at_stripe |= {"period_ends": fact.current_period_end.isoformat() if fact.current_period_end else None}
    here = {"subscription": None}
    if row is not None:
        here = {"status": row.status, "cancels_at_period_end": row.is_canceled_at_period_end}
        here |= {"customer": row.customer_id, "ended": row.ended_at.isoformat() if row.ended_at else None}
        here |= {"period_ends": row.current_period_end.isoformat() if row.current_period_end else None}
    return None if here == at_stripe else new(Kind.SUBSCRIPTION_DIFFERS, fact.stripe_id, order, here, at_stripe)


def mend_subscription(subject: str) -> Drift | None:
    """Read a subscription, numbered as disputes are; return what still differs."""
    read_at = timezone.now()
    ticket = ledger.in_transaction(partial(ledger.take_ticket, subject))
    data = patiently(partial(gateway.retrieve_object, "customer.subscription", subject))
    row, starter = Subscription.objects.filter(stripe_id=subject).first(), _starters([subject]).get(subject)
    if row is not None and starter is not None and row.order_id != starter.pk:
        ledger.in_transaction(partial(ledger.correct_subscription, row.pk, starter.pk, read_at=read_at))
    apply_facts([facts.read_subscription(data, ticket=ticket)])
    return next(compare_subscriptions([data]), None)


def _guarded(compare: Callable[..., Drift | None], row: Any, data: Json, order: Order) -> Drift | None:
    """Report what cannot be understood, instead of ending the run at it."""
    try:
        return compare(row, data, order)
    except UnknownFactError as error:
        at_stripe = {"status": data.get("status"), "problem": error.code}
        here = {"status": row.status if row else None}
        return new(Kind.NOT_UNDERSTOOD, str(data.get("id")), order, here, at_stripe)


def _orders_of(page: Iterable[Json]) -> dict[str, Order]:
    """Return the orders of our payments that a page names, by PaymentIntent id and by charge id."""
    ids = {facts.find_id(data, key) for data in page for key in ("payment_intent", "charge")} - {""}
    found = list(
        Payment.objects.filter(Q(stripe_id__in=ids) | Q(charge_id__in=ids))
        .exclude(order=None)
        .select_related("order")
        .order_by()
    )
    by_charge = {row.charge_id: row.order for row in found if row.charge_id and row.order}
    return by_charge | {row.stripe_id: row.order for row in found if row.order}


def _order_of(data: Json, orders: Mapping[str, Order]) -> Order | None:
    return orders.get(facts.find_id(data, "payment_intent")) or orders.get(facts.find_id(data, "charge"))
