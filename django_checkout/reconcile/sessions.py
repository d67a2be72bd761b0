"""Compares Checkout Sessions as Stripe lists them, PaymentIntents expanded, with our rows: a page at a time.

Agreement costs one query a page and no objects; only what may differ is read into facts. Sessions that are not
provably ours are passed over untouched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from django.db.models import Q
from django.utils import timezone

from django_checkout import facts, gateway, ledger, services, states
from django_checkout.conf import conf
from django_checkout.exceptions import UnknownFactError
from django_checkout.models import CheckoutSession, Order, Payment
from django_checkout.reconcile import strangers
from django_checkout.reconcile.agreement import COLUMNS, TOTALS, agrees
from django_checkout.reconcile.pages import patiently
from django_checkout.reconcile.report import Drift, Kind, is_old, new
from django_checkout.reconcile.rows import is_uuid, session_rows, words
from django_checkout.services.settling import apply_facts
from django_checkout.states import IntentStatus, PaymentStatus, SessionStatus
from django_checkout.values import PaymentFact, SessionFact

Json = Mapping[str, Any]

PATH = "/v1/checkout/sessions"
EXPAND = ("data.payment_intent",)

#: What the first read believed to be wrong is believed only after another look: a page may be older than our row.
_LOOK_TWICE = (Kind.RECORDED_NOT_PAID, Kind.AMOUNT_DIFFERS, Kind.RELATION_DIFFERS, Kind.AHEAD_OF_STRIPE)


def compare(page: Sequence[Json]) -> Iterator[Drift]:
    """Yield what differs on a page; nothing is written, and Stripe is asked only where we seem to be ahead of it."""
    said = {str(data.get("id")): data for data in page}
    known = set()
    doubtful = []
    for row in CheckoutSession.objects.filter(stripe_id__in=list(said)).values_list(*COLUMNS).order_by():
        known.add(row[0])
        if not agrees(row, said[row[0]]):
            doubtful.append(row[0])
    rows = {row.stripe_id: row for row in session_rows(Q(stripe_id__in=doubtful))} if doubtful else {}
    for stripe_id in doubtful:
        yield from compare_row(rows[stripe_id], said[stripe_id])
    unknown = {stripe_id: data for stripe_id, data in said.items() if stripe_id not in known}
    if unknown:
        yield from strangers.compare(unknown)


def compare_row(row: CheckoutSession, data: Json) -> Iterator[Drift]:
    """Yield how a session of ours differs from what Stripe says of it, if it does."""
    try:
        drift = _drift_of(row, data)
        if drift is not None and drift.kind in _LOOK_TWICE:
            latest = patiently(partial(gateway.retrieve_session_data, str(data["id"])))
            drift = _drift_of(session_rows(Q(pk=row.pk)).get(), latest)
    except UnknownFactError as error:
        here = {"status": row.status, "payment_status": row.payment_status}
        at_stripe = {**words(data), "problem": error.code}
        drift = new(Kind.NOT_UNDERSTOOD, str(data.get("id")), row.order, here, at_stripe)
    if drift is not None:
        yield drift


def mend(subject: str) -> Drift | None:
    """Apply what Stripe says of a session now; return what still differs after that, if anything.

    Two rows that agree, and an order that was paid twice, are told apart by who may decide: where the site's policy
    says so, the second payment is given back. Must run outside transactions.
    """
    data = patiently(partial(gateway.retrieve_session_data, subject))
    row = find_row(data) or _find_misnamed(data)
    fact = facts.read_session(data)
    if row is not None and _relations(row, fact):
        # What hangs on the wrong row is moved first: facts applied before would make another row.
        row = _correct(row, subject)
        if fact.client_reference_id not in ("", row.order.reference):
            # It may be for another order than ours says: neither hears of it.
            return _drift_of(row, data)
    patiently(partial(apply_facts, facts.read_whole_session(data)))
    row = find_row(data)
    if row is None:
        return None
    if patiently(partial(services.expire_surplus, row.order)):
        data = patiently(partial(gateway.retrieve_session_data, subject))
        row = session_rows(Q(pk=row.pk)).get()
    left = _drift_of(row, data)
    if left is not None and left.kind is Kind.AHEAD_OF_STRIPE:
        row = _correct(row, subject)
        left = _drift_of(row, data)
    if _is_surplus(row) and conf.CHECKOUT_DOUBLE_PAYMENT == "refund":
        patiently(partial(services.return_surplus, row.order))
        row = session_rows(Q(pk=row.pk)).get()
        left = _drift_of(row, data)
    if left is None and _is_surplus(row):
        left = _double(row, words(data))
    return left


def _find_misnamed(data: Json) -> CheckoutSession | None:
    """Return the row that carries a session's UUID under an id that Stripe does not know."""
    uuid = facts.read_ownership(data).session_uuid
    if data.get("recovered_from") or not is_uuid(uuid):
        return None
    row = session_rows(Q(uuid=uuid)).exclude(stripe_id=data["id"]).exclude(stripe_id=None).first()
    return None if row is None or strangers.is_known(row.stripe_id or "") else row


def _correct(row: CheckoutSession, stripe_id: str) -> CheckoutSession:
    """Set a row to what a fresh read says, which no fact could."""
    read_at = timezone.now()
    data = patiently(partial(gateway.retrieve_session_data, stripe_id))
    fact = facts.read_session(data)
    ledger.in_transaction(partial(ledger.correct_session, row.pk, fact, read_at=read_at))
    return session_rows(Q(pk=row.pk)).get()


def find_row(data: Json) -> CheckoutSession | None:
    """Return our row of a session that Stripe shows, by its id or by our UUID in its metadata."""
    uuid = facts.read_ownership(data).session_uuid
    which = Q(stripe_id=data["id"])
    if is_uuid(uuid):
        which |= Q(uuid=uuid, stripe_id=None)
    return session_rows(which).first()


def find_surplus(order_pk: int | None = None) -> Iterator[Drift]:
    """Yield the payments of orders that were paid more than once and that nobody has given back or accepted."""
    rows = Order.objects.filter(attention__code=states.Attention.DOUBLE_PAYMENT, attention__resolved_at=None)
    if order_pk is not None:
        rows = rows.filter(pk=order_pk)
    for order in rows.distinct().order_by("pk").iterator(chunk_size=500):
        items = order.attention.filter(code=states.Attention.DOUBLE_PAYMENT, resolved_at=None)
        for payment in order.payments.filter(stripe_id__in=items.values("fact")).order_by("pk"):
            if _is_given_back(payment):
                continue
            here = {"kept": order.kept_payment.stripe_id if order.kept_payment else None}
            at_stripe = {"payment": payment.stripe_id, "captured": payment.captured_minor}
            yield new(Kind.DOUBLE_PAYMENT, payment.stripe_id, order, here, at_stripe)


def _drift_of(row: CheckoutSession, data: Json) -> Drift | None:
    fact = facts.read_session(data)
    intent = data.get("payment_intent")
    payment = facts.read_payment_intent(intent) if isinstance(intent, Mapping) else None
    if fact.ownership.livemode is not None and fact.ownership.livemode != row.livemode:
        return None
    kind = _kind_of(row, fact, payment)
    if kind is None:
        return None
    here: dict[str, Any] = {"status": row.status, "payment_status": row.payment_status}
    here |= {"total": row.amount_total_minor, "currency": row.currency}
    if payment is not None:
        here["captured"] = _captured(row)
    if fact.subscription_id or row.subscription_id:
        here["subscription"] = row.subscription_id or None
    if kind is Kind.DOUBLE_PAYMENT:
        return _double(row, words(data))
    at_stripe = words(data)
    if kind is Kind.RELATION_DIFFERS:
        differing = _relations(row, fact)
        here |= {name: ours for name, (ours, _) in differing.items()}
        at_stripe |= {name: theirs for name, (_, theirs) in differing.items()}
    elif kind is Kind.AHEAD_OF_STRIPE and payment is not None and row.payment is not None:
        here |= {"intent": row.payment.intent_status, "amount": row.payment.amount_minor}
        at_stripe |= {"intent": payment.status, "amount": payment.amount_minor}
    return new(kind, fact.stripe_id, row.order, here, at_stripe)


def _kind_of(row: CheckoutSession, fact: SessionFact, payment: PaymentFact | None) -> Kind | None:
    received = (payment.captured_minor or 0) if payment else 0
    is_paid_there = fact.payment_status == PaymentStatus.PAID or received > 0
    is_paid_here = row.payment_status == PaymentStatus.PAID or _captured(row) > 0
    if _relations(row, fact):
        return Kind.RELATION_DIFFERS
    if _is_behind(row, fact, payment):
        if is_paid_there and not is_paid_here:
            kept = row.order.kept_payment_id
            return Kind.PAID_NOT_RECORDED if kept is None or kept == row.payment_id else Kind.DOUBLE_PAYMENT
        ended = fact.status != SessionStatus.OPEN
        return Kind.STALE_OPEN if row.status == SessionStatus.OPEN and ended else Kind.SESSION_BEHIND
    if is_paid_here and not is_paid_there:
        return Kind.RECORDED_NOT_PAID
    if payment is not None and row.payment is not None and received < _captured(row):
        return Kind.AMOUNT_DIFFERS
    is_complete = fact.status == SessionStatus.COMPLETE
    if is_complete and (fact.amount_total_minor, fact.currency or "") != (row.amount_total_minor, row.currency):
        return Kind.AMOUNT_DIFFERS
    if is_complete and any(getattr(row, name) != getattr(fact, name) for name in _AMOUNTS):
        return Kind.AMOUNT_DIFFERS
    if (fact.subscription_id or "") != row.subscription_id:
        return Kind.SUBSCRIPTION_DIFFERS
    if _is_ahead(row, fact, payment):
        return Kind.AHEAD_OF_STRIPE
    return Kind.STUCK_PROCESSING if _is_stuck(row) else None


_AMOUNTS = tuple(f"amount_{name}_minor" for name in ("subtotal", *TOTALS))


def _relations(row: CheckoutSession, fact: SessionFact) -> dict[str, tuple[object, object]]:
    """Return what a session is joined to here and at Stripe, where that differs."""
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


def _is_ahead(row: CheckoutSession, fact: SessionFact, payment: PaymentFact | None) -> bool:
    """Whether our row has a status, or its payment an amount, that Stripe has not reached."""
    if row.status in states.SESSION_RANK and fact.status is not None and row.status != fact.status:
        return True
    if payment is None or row.payment is None:
        return False
    said = (states.join_intent(IntentStatus.OPEN, payment.status), payment.amount_minor)
    return said != (row.payment.intent_status, row.payment.amount_minor)


def _is_stuck(row: CheckoutSession) -> bool:
    """Whether a delayed payment has been in flight for longer than any bank takes."""
    in_flight = row.status == SessionStatus.COMPLETE and row.payment_status == PaymentStatus.UNPAID
    is_over = row.has_async_failed or (row.payment is not None and row.payment.intent_status == IntentStatus.CANCELED)
    return in_flight and not is_over and not row.is_manual_capture and is_old(row.created_at)


def _is_behind(row: CheckoutSession, fact: SessionFact, payment: PaymentFact | None) -> bool:
    """Whether joining what Stripe says would move our row on."""
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
        written = (row.payment.livemode, row.payment.currency, row.payment.charge_id)
        charge_id = payment.charge_id or row.payment.charge_id
        if written != (payment.ownership.livemode, payment.currency, charge_id):
            return True
    known = row.payment.intent_status if row.payment else IntentStatus.OPEN
    return states.join_intent(known, payment.status) != known or (payment.captured_minor or 0) > _captured(row)


def _is_given_back(payment: Payment) -> bool:
    """Whether nothing of a surplus payment is left: voided, or refunded here or in Stripe's dashboard."""
    if payment.intent_status == IntentStatus.CANCELED:
        return True
    refunds = payment.refunds.filter(status__in=states.ACTIVE_REFUND_STATUSES, is_release=False)
    return 0 < payment.captured_minor <= sum(refund.amount_minor for refund in refunds)


def _is_surplus(row: CheckoutSession) -> bool:
    items = row.order.attention.filter(code=states.Attention.DOUBLE_PAYMENT, resolved_at=None)
    if row.payment is None or _is_given_back(row.payment):
        return False
    return items.filter(fact=row.payment.stripe_id).exists()


def _captured(row: CheckoutSession) -> int:
    return row.payment.captured_minor if row.payment else 0


def _double(row: CheckoutSession, at_stripe: Json) -> Drift:
    kept = row.order.kept_payment.stripe_id if row.order.kept_payment else None
    payment_id = at_stripe.get("payment_intent") or row.stripe_id or str(row.uuid)
    said = {"payment": payment_id, "captured": at_stripe.get("captured", at_stripe.get("total"))}
    return new(Kind.DOUBLE_PAYMENT, payment_id, row.order, {"kept": kept}, said)
