"""Looks at our rows that Stripe did not mention: unknown at Stripe, never answered, waiting longer than they should."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import Q, QuerySet

from django_checkout import facts, gateway, services, states, sweep
from django_checkout.conf import conf
from django_checkout.exceptions import StripeCredentialsError, StripeNotFoundError
from django_checkout.models import CheckoutSession, Dispute, Order, Refund
from django_checkout.reconcile import aftermath, sessions
from django_checkout.reconcile.pages import pages, patiently
from django_checkout.reconcile.report import Drift, Kind, new
from django_checkout.states import IntentStatus, OrderStatus, PaymentStatus, RefundStatus, SessionStatus

#: So many sessions in a row that Stripe does not know mean that the key is of another account.
MAX_UNKNOWN = 50


class Mentioned:
    """Which of Stripe's objects a list has mentioned, in 24 bytes each, and how many of ours are unknown there."""

    def __init__(self, on_read: Callable[[], None] = lambda: None) -> None:
        #: Called for each of our rows that has to be read by itself.
        self.on_read = on_read
        #: How many of our sessions in a row Stripe does not know.
        self.unknown = 0
        # In the list's order, newest first; and sorted, once they are looked up.
        self._created = array("q")
        self._fingerprints = array("q")
        self._sorted: array[int] | None = None

    def add(self, page: Iterable[Mapping[str, Any]]) -> None:
        """Remember the objects of a page."""
        for data in page:
            self._created.append(data.get("created") or 0)
            self._fingerprints.append(hash(data["id"]))
        self._sorted = None

    def forget(self, after: datetime) -> None:
        """Forget what Stripe made after an instant: all of our rows of that time have been looked for."""
        instant = after.timestamp()
        number = next((n for n, created in enumerate(self._created) if created <= instant), len(self._created))
        del self._created[:number], self._fingerprints[:number]
        self._sorted = None

    def __contains__(self, stripe_id: object) -> bool:
        if self._sorted is None:
            self._sorted = array("q", sorted(self._fingerprints))
        fingerprint = hash(stripe_id)
        at = bisect_left(self._sorted, fingerprint)
        return at < len(self._sorted) and self._sorted[at] == fingerprint


def unmentioned_sessions(rows: QuerySet[CheckoutSession], seen: Mentioned) -> Iterator[Drift]:
    """Read from Stripe each session of these that it did not mention, and compare it.

    Raises:
        StripeCredentialsError: Stripe knows none of many in a row.
    """
    known = CheckoutSession.objects.select_related("order", "payment").defer("request", "lines")
    for pk in _unseen(rows, seen):
        row = known.get(pk=pk)
        stripe_id = row.stripe_id or ""
        try:
            data = patiently(partial(gateway.retrieve_session_data, stripe_id))
        except StripeNotFoundError:
            seen.unknown += 1
            if seen.unknown >= MAX_UNKNOWN:
                raise StripeCredentialsError(
                    f"Stripe knows none of {seen.unknown} sessions: is STRIPE_SECRET_KEY of the account that made them?"
                ) from None
            here = {"session": stripe_id, "status": row.status, "payment_status": row.payment_status}
            yield new(Kind.ORDER_WITHOUT_SESSION, stripe_id, row.order, here, {"session": None})
            continue
        seen.unknown = 0
        yield from sessions.compare_row(row, data)


def lost_sessions(order: Order) -> Iterator[list[dict[str, Any]]]:
    """Yield those of Stripe's sessions that were made when this order waited for answers it never got, and name it.

    Stripe's list cannot be asked for metadata, so what it made around the time of each try is looked through. A
    session of which we have no row at all is found by a window alone.
    """
    found: dict[str, dict[str, Any]] = {}
    never_heard = Q(status=SessionStatus.CREATING) | Q(error_code="no_answer")
    unanswered = order.sessions.filter(never_heard, stripe_id=None, livemode=conf.livemode).defer("request", "lines")
    for row in unanswered.order_by("pk"):
        made_after, made_before = row.made_between
        created = {"gte": int(made_after.timestamp()), "lte": int(made_before.timestamp())}
        for page in pages(sessions.PATH, created=created, expand=[*sessions.EXPAND]):
            found |= {str(data["id"]): data for data in page if _names(order, row, data)}
    # What we know by its id has been compared.
    for stripe_id in order.sessions.filter(stripe_id__in=list(found)).values_list("stripe_id", flat=True):
        found.pop(stripe_id or "")
    if found:
        yield list(found.values())


def _names(order: Order, row: CheckoutSession, data: Mapping[str, Any]) -> bool:
    owner = facts.read_ownership(data)
    return owner.session_uuid == str(row.uuid) or owner.reference == order.reference


def unsettled_sessions(before: datetime, now: datetime) -> QuerySet[CheckoutSession]:
    """Return the sessions created before a run's window that may still move: overdue or in flight."""
    in_flight = Q(status=SessionStatus.COMPLETE, payment_status=PaymentStatus.UNPAID, has_async_failed=False)
    in_flight &= ~Q(payment__intent_status=IntentStatus.CANCELED)
    overdue = Q(status=SessionStatus.OPEN, expires_at__lte=now)
    return CheckoutSession.objects.filter(in_flight | overdue, created_at__lt=before, livemode=conf.livemode)


def unmentioned_refunds(rows: QuerySet[Refund], seen: Mentioned) -> Iterator[Drift]:
    """Read from Stripe each refund of these that it did not mention, and compare it."""
    ours = rows.exclude(payment__order=None)
    for pk in _unseen(ours, seen):
        row = Refund.objects.select_related("payment__order").get(pk=pk)
        data = _find("refund", row.stripe_id or "")
        if data is None:
            here = {"status": row.status, "amount": row.amount_minor, "currency": row.currency}
            yield new(Kind.REFUND_DIFFERS, row.stripe_id or "", row.payment.order, here, {"refund": None})
            continue
        yield from aftermath.compare_refunds([data])


def unsettled_refunds(before: datetime) -> QuerySet[Refund]:
    """Return the refunds made before a run's window that may still move."""
    waiting = (RefundStatus.PENDING, RefundStatus.REQUIRES_ACTION)
    return Refund.objects.filter(status__in=waiting, created_at__lt=before, payment__livemode=conf.livemode)


def unmentioned_disputes(rows: QuerySet[Dispute], seen: Mentioned) -> Iterator[Drift]:
    """Read from Stripe each open dispute of these that it did not mention, and compare it."""
    ours = rows.exclude(payment__order=None).exclude(status__in=states.CLOSED_DISPUTE_STATUSES)
    for pk in _unseen(ours, seen):
        row = Dispute.objects.select_related("payment__order").get(pk=pk)
        data = _find("charge.dispute", row.stripe_id)
        if data is None:
            here = {"status": row.status, "amount": row.amount_minor, "currency": row.currency}
            yield new(Kind.DISPUTE_DIFFERS, row.stripe_id, row.payment.order, here, {"dispute": None})
            continue
        yield from aftermath.compare_disputes([data])


def unanswered(order: Order | None, now: datetime) -> Iterator[tuple[Drift, Callable[[], object]]]:
    """Yield what was asked of Stripe and never answered, with how to mend it: sessions to fail, refunds to finish."""
    sessions_of = Q(order=order) if order else Q()
    creating = CheckoutSession.objects.filter(sessions_of, status=SessionStatus.CREATING, expires_at__lte=now)
    for session in creating.select_related("order").defer("request").order_by("pk").iterator(chunk_size=500):
        here = {"status": session.status, "since": session.created_at.isoformat()}
        drift = new(Kind.STUCK_PROCESSING, str(session.uuid), session.order, here, {"session": None})
        yield drift, partial(sweep.fail_unanswered_session, session.pk, session.order_id)
    refunds_of = Q(payment__order=order) if order else Q()
    asked = Refund.objects.filter(refunds_of, status=RefundStatus.CREATING, is_ours=True)
    free = asked.filter(Q(leased_until=None) | Q(leased_until__lte=now))
    for refund in _with_orders(free):
        here = {"status": refund.status, "amount": refund.amount_minor, "currency": refund.currency}
        here |= {"since": refund.created_at.isoformat()}
        drift = new(Kind.STUCK_PROCESSING, str(refund.uuid), refund.payment.order, here, {"refund": None})
        yield drift, partial(services.resume_refund, refund)


def orders_without_session(rows: QuerySet[Order]) -> Iterator[Drift]:
    """Yield the orders whose status speaks of money and that have no session to tell of it."""
    moved = rows.exclude(status__in=(OrderStatus.UNPAID, OrderStatus.CANCELED)).filter(sessions=None)
    for order in moved.order_by("pk").iterator(chunk_size=500):
        here = {"status": order.status, "paid": order.paid_minor, "currency": order.currency}
        yield new(Kind.ORDER_WITHOUT_SESSION, order.reference, order, here, {"session": None})


def _unseen(rows: QuerySet[Any], seen: Mentioned) -> Iterator[int]:
    """Yield the primary keys of the rows whose Stripe ids were not mentioned, without loading the others."""
    ids = rows.exclude(stripe_id=None).order_by().values_list("pk", "stripe_id")
    for pk, stripe_id in ids.iterator(chunk_size=2000):
        if stripe_id not in seen:
            seen.on_read()
            yield pk


def _with_orders(rows: QuerySet[Any]) -> Iterator[Any]:
    found = rows.exclude(payment__order=None).select_related("payment__order")
    return iter(found.order_by("pk").iterator(chunk_size=500))


def _find(kind: str, stripe_id: str) -> dict[str, Any] | None:
    try:
        return patiently(partial(gateway.retrieve_object, kind, stripe_id))
    except StripeNotFoundError:
        return None
