"""Compares Checkout Sessions as Stripe lists them, PaymentIntents expanded, with our rows: a page at a time.

Agreement costs one query a page and no objects; only what may differ is read into facts. Sessions that are not
provably ours are passed over untouched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db.models import Q, QuerySet

from django_checkout import facts, gateway, services, states
from django_checkout.conf import conf
from django_checkout.exceptions import UnknownFactError
from django_checkout.models import CheckoutSession, Order, Payment
from django_checkout.reconcile.pages import patiently
from django_checkout.reconcile.report import Drift, Kind, is_old
from django_checkout.services.settling import apply_facts
from django_checkout.states import IntentStatus, PaymentStatus, SessionStatus
from django_checkout.values import PaymentFact, SessionFact

Json = Mapping[str, Any]

PATH = "/v1/checkout/sessions"
EXPAND = ("data.payment_intent",)

_COLUMNS = (
    "stripe_id",
    "livemode",
    "status",
    "payment_status",
    "currency",
    "amount_total_minor",
    "subscription_id",
    "payment__stripe_id",
    "payment__intent_status",
    "payment__captured_minor",
    "payment__order_id",
    "order_id",
)


def compare(page: Sequence[Json]) -> Iterator[Drift]:
    """Yield what differs on a page; nothing is written, and Stripe is asked only where we seem to be ahead of it."""
    said = {str(data.get("id")): data for data in page}
    known = set()
    doubtful = []
    for row in CheckoutSession.objects.filter(stripe_id__in=list(said)).values_list(*_COLUMNS).order_by():
        known.add(row[0])
        if not _agrees(row, said[row[0]]):
            doubtful.append(row[0])
    rows = {row.stripe_id: row for row in _rows(Q(stripe_id__in=doubtful))} if doubtful else {}
    for stripe_id in doubtful:
        yield from compare_row(rows[stripe_id], said[stripe_id])
    strangers = {stripe_id: data for stripe_id, data in said.items() if stripe_id not in known}
    if strangers:
        yield from _compare_strangers(strangers)


def compare_row(row: CheckoutSession, data: Json) -> Iterator[Drift]:
    """Yield how a session of ours differs from what Stripe says of it, if it does."""
    try:
        drift = _drift_of(row, data)
        if drift is not None and drift.kind in (Kind.RECORDED_NOT_PAID, Kind.AMOUNT_DIFFERS):
            # The page may be older than our row: what we know better is believed only after another look.
            latest = patiently(partial(gateway.retrieve_session_data, str(data["id"])))
            drift = _drift_of(_rows(Q(pk=row.pk)).get(), latest)
    except UnknownFactError as error:
        here = {"status": row.status, "payment_status": row.payment_status}
        at_stripe = {**_words(data), "problem": error.code}
        drift = _new(Kind.NOT_UNDERSTOOD, str(data.get("id")), row.order, here, at_stripe)
    if drift is not None:
        yield drift


def mend(subject: str) -> Drift | None:
    """Apply what Stripe says of a session now; return what still differs after that, if anything.

    Two rows that agree, and an order that was paid twice, are told apart by who may decide: where the site's policy
    says so, the second payment is given back. Must run outside transactions.
    """
    data = patiently(partial(gateway.retrieve_session_data, subject))
    patiently(partial(apply_facts, facts.read_whole_session(data)))
    row = find_row(data)
    if row is None:
        return None
    if _is_surplus(row) and conf.CHECKOUT_DOUBLE_PAYMENT == "refund":
        patiently(partial(services.return_surplus, row.order))
        row = _rows(Q(pk=row.pk)).get()
    left = _drift_of(row, data)
    if left is None and _is_surplus(row):
        left = _double(row, _words(data))
    return left


def find_row(data: Json) -> CheckoutSession | None:
    """Return our row of a session that Stripe shows, by its id or by our UUID in its metadata."""
    uuid = facts.read_ownership(data).session_uuid
    which = Q(stripe_id=data["id"])
    if _is_uuid(uuid):
        which |= Q(uuid=uuid, stripe_id=None)
    return _rows(which).first()


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
            yield _new(Kind.DOUBLE_PAYMENT, payment.stripe_id, order, here, at_stripe)


def _rows(which: Q) -> QuerySet[CheckoutSession]:
    return CheckoutSession.objects.filter(which).select_related("order", "payment").defer("request", "lines")


def _agrees(row: tuple[Any, ...], data: Json) -> bool:
    """Whether a page's object says exactly what our columns do: the common case, decided without building facts."""
    _, livemode, status, payment_status, currency, total, subscription, payment_id, intent, captured, owner, order = row
    if (status, payment_status, livemode) != (data.get("status"), data.get("payment_status"), data.get("livemode")):
        return False
    if status == SessionStatus.COMPLETE:
        if (total, currency) != (data.get("amount_total"), data.get("currency") or ""):
            return False
        if payment_status == PaymentStatus.UNPAID:
            # Whether it is in flight or has failed is a longer story.
            return False
    if (data.get("subscription") or "") != subscription:
        return False
    said = data.get("payment_intent")
    if not isinstance(said, Mapping):
        return bool(status != SessionStatus.COMPLETE or payment_id is None or owner == order)
    if payment_id is None:
        return said.get("status") in states.CYCLING_INTENT_STATUSES and not said.get("amount_received")
    final = IntentStatus.OPEN if said.get("status") in states.CYCLING_INTENT_STATUSES else said.get("status")
    return (payment_id, intent, captured, owner) == (said.get("id"), final, said.get("amount_received"), order)


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
        return _double(row, _words(data))
    return _new(kind, fact.stripe_id, row.order, here, _words(data))


def _kind_of(row: CheckoutSession, fact: SessionFact, payment: PaymentFact | None) -> Kind | None:
    received = (payment.captured_minor or 0) if payment else 0
    is_paid_there = fact.payment_status == PaymentStatus.PAID or received > 0
    is_paid_here = row.payment_status == PaymentStatus.PAID or _captured(row) > 0
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
    if (fact.subscription_id or "") != row.subscription_id:
        return Kind.SUBSCRIPTION_DIFFERS
    return Kind.STUCK_PROCESSING if _is_stuck(row) else None


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
    if payment is None:
        return False
    known = row.payment.intent_status if row.payment else IntentStatus.OPEN
    return states.join_intent(known, payment.status) != known or (payment.captured_minor or 0) > _captured(row)


def _compare_strangers(said: Mapping[str, Json]) -> Iterator[Drift]:
    """Compare sessions whose ids we do not know: those we never heard the answer of, copies of ours, orphans.

    Whose they are is decided as ``ledger.sessions.lock_order_of_session`` does.
    """
    owners = {stripe_id: facts.read_ownership(data) for stripe_id, data in said.items()}
    uuids = {owner.session_uuid: stripe_id for stripe_id, owner in owners.items() if _is_uuid(owner.session_uuid)}
    copies: dict[str, list[str]] = {}
    for stripe_id, data in said.items():
        if parent := facts.find_id(data, "recovered_from"):
            copies.setdefault(parent, []).append(stripe_id)
    found: set[str] = set()
    if uuids or copies:
        for row in _rows(Q(uuid__in=list(uuids), stripe_id=None) | Q(stripe_id__in=list(copies))):
            for its_id in copies[row.stripe_id] if row.stripe_id else [uuids[str(row.uuid)]]:
                if row.livemode != owners[its_id].livemode or its_id in found:
                    continue
                found.add(its_id)
                kind = Kind.PAID_NOT_RECORDED if _is_paid(said[its_id]) else Kind.SESSION_BEHIND
                drift = _new(kind, its_id, row.order, {"session": None}, _words(said[its_id]))
                yield drift if row.stripe_id else replace(drift, answers_for=str(row.uuid))
    for its_id in uuids.values():
        if its_id not in found and _is_orphan(said[its_id]):
            reference = owners[its_id].reference
            order = Order.objects.filter(reference=reference).first() if reference else None
            here = {"order": order.reference if order else None, "session": None}
            at_stripe = {**_words(said[its_id]), "order_id": reference}
            yield _new(Kind.SESSION_WITHOUT_ORDER, its_id, order, here, at_stripe)


def _is_given_back(payment: Payment) -> bool:
    """Whether nothing of a surplus payment is left: voided, or refunded here or in Stripe's dashboard."""
    if payment.intent_status == IntentStatus.CANCELED:
        return True
    refunds = payment.refunds.filter(status__in=states.ACTIVE_REFUND_STATUSES, is_release=False)
    return 0 < payment.captured_minor <= sum(refund.amount_minor for refund in refunds)


def _is_orphan(data: Json) -> bool:
    """Whether a session with our marks should have an order here: alive or complete, of our mode, and of this site.

    Another installation may share the account: the addresses that it sends shoppers back to are its own.
    """
    if data.get("status") == SessionStatus.EXPIRED or data.get("livemode") != conf.livemode:
        return False
    back = data.get("success_url") or data.get("return_url") or data.get("cancel_url")
    return not (back and conf.CHECKOUT_BASE_URL) or urlsplit(back).netloc == urlsplit(conf.CHECKOUT_BASE_URL).netloc


def _is_paid(data: Json) -> bool:
    intent = data.get("payment_intent")
    received = intent.get("amount_received") if isinstance(intent, Mapping) else 0
    return data.get("payment_status") == PaymentStatus.PAID or bool(received)


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
    return _new(Kind.DOUBLE_PAYMENT, payment_id, row.order, {"kept": kept}, said)


def _new(kind: Kind, subject: str, order: Order | None, here: Json, at_stripe: Json) -> Drift:
    reference, order_pk = (order.reference, order.pk) if order else ("", None)
    return Drift(
        kind=kind, subject=subject, reference=reference, order_pk=order_pk, here=dict(here), at_stripe=dict(at_stripe)
    )


def _words(data: Json) -> dict[str, Any]:
    said = {name: data.get(key) for name, key in _WORDS.items()}
    intent = data.get("payment_intent")
    if isinstance(intent, Mapping):
        said |= {"captured": intent.get("amount_received"), "payment_intent": intent.get("id")}
    if data.get("subscription"):
        said["subscription"] = facts.find_id(data, "subscription")
    return said


_WORDS = {"status": "status", "payment_status": "payment_status", "total": "amount_total", "currency": "currency"}


def _is_uuid(text: str) -> bool:
    try:
        return bool(text) and UUID(text) is not None
    except ValueError:
        # Another integration's metadata may hold anything under our key.
        return False
