"""The pull side: walk Stripe, compare with our rows in batches, and apply what differs through the ledger.

Sessions are paged raw (a hundred a call, PaymentIntents expanded) and compared a page at a time, so that memory stays
constant and agreement costs two queries a page. Objects that are not provably ours are passed over untouched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

from django.db.models import Q

from django_checkout import facts, gateway, ledger, services, states
from django_checkout.exceptions import CheckoutError, StripeUnavailableError, UnknownFactError
from django_checkout.models import CheckoutSession, Dispute, Payment, Refund
from django_checkout.services.settling import apply_facts
from django_checkout.values import PaymentFact, RefundFact, SessionFact


class Kind(StrEnum):
    """How Stripe and we can differ."""

    #: Stripe has the money and we do not know.
    PAID_NOT_RECORDED = "paid_not_recorded"
    #: The session or its payment has moved on at Stripe in another way.
    SESSION_BEHIND = "session_behind"
    #: We recorded another amount than Stripe took.
    AMOUNT_DIFFERS = "amount_differs"
    REFUND_DIFFERS = "refund_differs"
    DISPUTE_DIFFERS = "dispute_differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One difference: what it is about, what each side says, and whether applying Stripe's facts removed it."""

    kind: Kind
    subject: str
    reference: str
    here: Mapping[str, Any]
    at_stripe: Mapping[str, Any]
    is_mended: bool = False


@dataclass(slots=True, kw_only=True)
class Report:
    """What a run saw."""

    #: Objects looked at, by kind: ``sessions``, ``refunds``, ``disputes``.
    seen: Counter[str] = field(default_factory=Counter)
    drift: list[Drift] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing differs any more."""
        return all(drift.is_mended for drift in self.drift)


def run(*, since: datetime, until: datetime | None = None, fix: bool = False) -> Report:
    """Walk what Stripe created from ``since`` to ``until`` and compare; with ``fix`` apply what differs.

    Must run outside transactions.

    Raises:
        StripeUnavailableError: Stripe stopped answering; what was applied stays applied, and the run can be repeated.
    """
    report = Report()
    created = {"gte": int(since.timestamp())} | ({"lte": int(until.timestamp())} if until else {})
    for page in gateway.walk("/v1/checkout/sessions", created=created, expand=["data.payment_intent"]):
        report.seen["sessions"] += len(page)
        for drift, session in _compare_sessions(page):
            report.drift.append(_mended(drift, partial(services.sync, session)) if fix else drift)
    for page in gateway.walk("/v1/refunds", created=created):
        report.seen["refunds"] += len(page)
        for drift, fact in _compare_refunds(page):
            report.drift.append(_mended(drift, partial(apply_facts, [fact])) if fix else drift)
    for page in gateway.walk("/v1/disputes", created=created):
        report.seen["disputes"] += len(page)
        for drift in _compare_disputes(page):
            report.drift.append(_mended(drift, partial(_read_dispute, drift.subject)) if fix else drift)
    return report


def _compare_sessions(page: list[dict[str, Any]]) -> Iterator[tuple[Drift, CheckoutSession]]:
    said = {str(data.get("id")): data for data in page}
    uuids = {_uuid(data): stripe_id for stripe_id, data in said.items() if _uuid(data)}
    parents = {facts.find_id(data, "recovered_from"): stripe_id for stripe_id, data in said.items()}
    parents.pop("", None)
    ours = Q(stripe_id__in=said) | Q(uuid__in=uuids) | Q(stripe_id__in=parents)
    rows = CheckoutSession.objects.filter(ours).select_related("order", "payment").defer("request")
    known = {row.stripe_id for row in rows}
    for row in rows:
        stripe_id = row.stripe_id if row.stripe_id in said else uuids.get(str(row.uuid))
        if stripe_id is not None and (row.stripe_id is None or row.stripe_id == stripe_id):
            drift = _session_drift(row, said[stripe_id])
            if drift is not None:
                yield drift, _with_id(row, stripe_id)
        copy_id = parents.get(row.stripe_id or "")
        if copy_id is not None and copy_id not in known:
            copy = said[copy_id]
            here: dict[str, Any] = {"session": None}
            yield _drift(Kind.SESSION_BEHIND, copy_id, row.order.reference, here, _words(copy)), _with_id(row, copy_id)


def _session_drift(row: CheckoutSession, data: Mapping[str, Any]) -> Drift | None:
    fact = facts.read_session(data)
    intent = data.get("payment_intent")
    payment = facts.read_payment_intent(intent) if isinstance(intent, Mapping) else None
    if fact.ownership.livemode is not None and fact.ownership.livemode != row.livemode:
        return None
    here = {"status": row.status, "payment_status": row.payment_status, "total": row.amount_total_minor}
    captured = row.payment.captured_minor if row.payment else 0
    if payment is not None:
        here["captured"] = captured
    if _is_behind(row, fact, payment):
        money_moved = fact.payment_status == states.PaymentStatus.PAID or (payment and payment.captured_minor)
        was_known = row.payment_status == states.PaymentStatus.PAID or captured > 0
        kind = Kind.PAID_NOT_RECORDED if money_moved and not was_known else Kind.SESSION_BEHIND
        return _drift(kind, fact.stripe_id, row.order.reference, here, _words(data))
    is_complete = fact.status == states.SessionStatus.COMPLETE
    if is_complete and (fact.amount_total_minor, fact.currency or "") != (row.amount_total_minor, row.currency):
        return _drift(Kind.AMOUNT_DIFFERS, fact.stripe_id, row.order.reference, here, _words(data))
    return None


def _is_behind(row: CheckoutSession, fact: SessionFact, payment: PaymentFact | None) -> bool:
    """Whether joining what Stripe says would change our row."""
    try:
        if states.join(states.SESSION_RANK, row.status, fact.status) != row.status:
            return True
        if states.join(states.PAYMENT_RANK, row.payment_status, fact.payment_status) != row.payment_status:
            return True
        if payment is None:
            return False
        intent_status = row.payment.intent_status if row.payment else states.IntentStatus.OPEN
        is_moved = states.join_intent(intent_status, payment.status) != intent_status
    except UnknownFactError:
        return True
    return is_moved or (payment.captured_minor or 0) > (row.payment.captured_minor if row.payment else 0)


def _compare_refunds(page: list[dict[str, Any]]) -> Iterator[tuple[Drift, RefundFact]]:
    said = [facts.read_refund(data) for data in page]
    payments = _our_payments((fact.payment_intent_id, fact.charge_id) for fact in said)
    rows = {row.stripe_id: row for row in Refund.objects.filter(stripe_id__in=[fact.stripe_id for fact in said])}
    for fact in said:
        payment = payments.get(fact.payment_intent_id or "") or payments.get(fact.charge_id or "")
        row = rows.get(fact.stripe_id)
        if payment is None or payment.order is None:
            continue
        here = {"status": row.status, "amount": row.amount_minor} if row else {"status": None}
        at_stripe = {"status": fact.status, "amount": fact.amount_minor, "currency": fact.currency}
        if row is None or states.join(states.REFUND_RANK, row.status, fact.status) != row.status:
            yield _drift(Kind.REFUND_DIFFERS, fact.stripe_id, payment.order.reference, here, at_stripe), fact


def _compare_disputes(page: list[dict[str, Any]]) -> Iterator[Drift]:
    said = [facts.read_dispute(data, ticket=0) for data in page]
    payments = _our_payments((fact.payment_intent_id, fact.charge_id) for fact in said)
    rows = {row.stripe_id: row for row in Dispute.objects.filter(stripe_id__in=[fact.stripe_id for fact in said])}
    for fact in said:
        payment = payments.get(fact.payment_intent_id or "") or payments.get(fact.charge_id or "")
        row = rows.get(fact.stripe_id)
        if payment is None or payment.order is None or (row is not None and row.status == fact.status):
            continue
        here = {"status": row.status if row else None}
        yield _drift(Kind.DISPUTE_DIFFERS, fact.stripe_id, payment.order.reference, here, {"status": fact.status})


def _our_payments(ids: Iterable[tuple[str | None, str | None]]) -> dict[str, Payment]:
    """Return our payments by PaymentIntent id and by charge id."""
    wanted = {stripe_id for pair in ids for stripe_id in pair if stripe_id}
    ours = Payment.objects.filter(Q(stripe_id__in=wanted) | Q(charge_id__in=wanted)).select_related("order")
    found = list(ours)
    return {row.charge_id: row for row in found if row.charge_id} | {row.stripe_id: row for row in found}


def _read_dispute(dispute_id: str) -> None:
    ticket = ledger.in_transaction(partial(ledger.take_ticket, dispute_id))
    apply_facts([facts.read_dispute(gateway.retrieve_object("charge.dispute", dispute_id), ticket=ticket)])


def _mended(drift: Drift, mend: partial[Any]) -> Drift:
    """Apply what Stripe says; the drift stays in the report, mended or not."""
    try:
        mend()
    except StripeUnavailableError:
        raise
    except CheckoutError:
        return drift
    return _drift(drift.kind, drift.subject, drift.reference, drift.here, drift.at_stripe, is_mended=True)


def _drift(
    kind: Kind,
    subject: str,
    reference: str,
    here: Mapping[str, Any],
    at_stripe: Mapping[str, Any],
    *,
    is_mended: bool = False,
) -> Drift:
    return Drift(kind=kind, subject=subject, reference=reference, here=here, at_stripe=at_stripe, is_mended=is_mended)


def _words(data: Mapping[str, Any]) -> dict[str, Any]:
    intent = data.get("payment_intent")
    captured = {"captured": intent.get("amount_received")} if isinstance(intent, Mapping) else {}
    names = {"status": "status", "payment_status": "payment_status", "total": "amount_total"}
    return {name: data.get(key) for name, key in names.items()} | captured


def _uuid(data: Mapping[str, Any]) -> str:
    return facts.read_ownership(data).session_uuid


def _with_id(row: CheckoutSession, stripe_id: str) -> CheckoutSession:
    """Return a session to be read from Stripe under an id that our row may not have yet."""
    return CheckoutSession(pk=row.pk, order_id=row.order_id, stripe_id=stripe_id)
