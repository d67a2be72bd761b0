"""Derives each order of a window anew from its rows, and compares: columns, payable session, announcements, attention.

Orders that plainly agree cost a few queries for five hundred and no objects; the others are loaded whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from django_checkout import ledger, services
from django_checkout.ledger import Difference
from django_checkout.models import Announcement, AttentionItem, CheckoutSession, Order, Payment
from django_checkout.models.news import AnnouncementState
from django_checkout.reconcile.pages import patiently
from django_checkout.reconcile.report import Drift, Kind
from django_checkout.states import OrderStatus, PaymentStatus, SessionStatus

#: So many orders are in memory at once.
ORDERS_AT_ONCE = 500
#: Orders are derived anew as long as a refund of theirs may still fail.
SETTLING_DAYS = 30


def touched(since: datetime, until: datetime) -> QuerySet[Order]:
    """Return the orders that a window may have changed: placed in it or not long before, written, paid or tried."""
    sessions = CheckoutSession.objects.filter(order=OuterRef("pk"), created_at__gte=since)
    recent = (
        Q(created_at__gte=since - timedelta(days=SETTLING_DAYS))
        | Q(updated_at__gte=since)
        | Q(paid_at__gte=since)
        | Exists(sessions)
    )
    return Order.objects.filter(recent, created_at__lte=until)


def compare(rows: QuerySet[Order], count: Callable[[int], None]) -> Iterator[tuple[Drift, Callable[[], Drift | None]]]:
    """Yield the orders that differ from what their rows say, each with how it is mended; ``count`` hears how many."""
    pks = rows.order_by("pk").values_list("pk", flat=True).iterator(chunk_size=ORDERS_AT_ONCE)
    for some in _batched(pks):
        doubtful = set(some) - _plain(some)
        for order_pk in [
            difference.order.pk
            for whole in ledger.load(list(Order.objects.filter(pk__in=doubtful).order_by("pk")))
            if (difference := ledger.examine(whole)) is not None
        ]:
            # Its rows were read one after the other, and may have been written in between.
            confirmed = _examine(order_pk)
            if confirmed is not None:
                yield _drift(confirmed), partial(mend, order_pk)
        count(len(some))


def compare_one(order_pk: int) -> Drift | None:
    """Return how one order differs from what its rows say."""
    difference = _examine(order_pk)
    return _drift(difference) if difference else None


def mend(order_pk: int) -> Drift | None:
    """Derive an order anew and expire what is payable beside its one live session; return what still differs."""
    patiently(partial(ledger.in_transaction, partial(ledger.rederive, order_pk)))
    difference = _examine(order_pk)
    if difference is not None and difference.surplus_sessions:
        for session in difference.surplus_sessions:
            patiently(partial(services.expire, session))
        difference = _examine(order_pk)
    return _drift(difference) if difference else None


def _examine(order_pk: int) -> Difference | None:
    def work() -> Difference | None:
        order = ledger.lock_order(pk=order_pk).order
        (whole,) = ledger.load([order])
        # An order whose sessions are all unknown here is listed as such.
        if (
            not whole.sessions
            and not whole.payments
            and order.status
            not in (
                OrderStatus.UNPAID,
                OrderStatus.CANCELED,
            )
        ):
            return None
        return ledger.examine(whole)

    return ledger.in_transaction(work)


def _drift(difference: Difference) -> Drift:
    order = difference.order
    return Drift(
        kind=Kind.ORDER_DIFFERS,
        subject=order.reference,
        reference=order.reference,
        order_pk=order.pk,
        here=difference.here | {"currency": order.currency},
        at_stripe=difference.derived | {"currency": order.currency},
    )


_AMOUNTS = ("discount_minor", "shipping_minor", "tax_minor", "total_minor")
_ORDER = ("pk", "reference", "status", "paid_minor", "kept_payment_id", "paid_at", "livemode", "revision", "currency")
_SESSION = (
    *(
        "order_id",
        "pk",
        "stripe_id",
        "status",
        "payment_status",
        "payment_id",
        "live_for_id",
        "livemode",
        "revision",
        "currency",
        "mode",
    ),
    *("asked_currency", "asked_subtotal_minor", "next_subtotal_minor", "amount_subtotal_minor"),
    *("is_manual_capture", "is_adjustable", "has_async_failed"),
)
_TOLD = ("order_id", "signal", "fact", "state", "announced_at", "session_id")


def _plain(pks: list[int]) -> set[int]:
    """Return the orders that plainly agree: nothing was tried, or one session is open, or one was simply paid."""
    calm = Order.objects.filter(pk__in=pks, disputed=False, needs_attention=False, canceled_at=None, refunded_minor=0)
    orders = {row.pk: row for row in calm.order_by().values_list(*_ORDER, *_AMOUNTS, named=True)}
    amounts = (f"amount_{name}" for name in _AMOUNTS)
    sessions = _grouped(CheckoutSession.objects.filter(order__in=pks), *_SESSION, *amounts)
    told = _grouped(Announcement.objects.filter(order__in=pks), *_TOLD)
    payments = Payment.objects.filter(order__in=pks)
    calm_payments = payments.filter(refunds=None, disputes=None, refund_asked_minor=0, fraud_warning_id="", reviews={})
    paid = _grouped(calm_payments, "order_id", "pk", "captured_minor")
    unplain = set(AttentionItem.objects.filter(order__in=pks).order_by().values_list("order_id", flat=True))
    unplain |= set(
        payments.exclude(pk__in=[row.pk for rows in paid.values() for row in rows]).values_list("order_id", flat=True)
    )
    found = set()
    for pk, order in orders.items():
        rows = (sessions[pk], paid[pk], told[pk])
        if pk not in unplain and (_is_plainly_unpaid(order, *rows) or _is_plainly_paid(order, *rows)):
            found.add(pk)
    return found


def _is_plainly_unpaid(order: Any, sessions: list[Any], payments: list[Any], told: list[Any]) -> bool:
    if payments or order[2:6] != (OrderStatus.UNPAID, 0, None, None):
        return False
    if any(amount is not None for amount in order[-len(_AMOUNTS) :]):
        return False
    live = [row for row in sessions if (row.status, row.live_for_id) == (SessionStatus.OPEN, order.pk)]
    ended = [row for row in sessions if (row.status, row.live_for_id) == (SessionStatus.EXPIRED, None)]
    announced = {(row.fact, row.session_id) for row in told if _is_told(row, "session_expired")}
    return (
        len(live) <= 1
        and len(live) + len(ended) == len(sessions)
        and all((row.payment_id, row.livemode) == (None, order.livemode) for row in sessions)
        and not any(row.has_async_failed for row in sessions)
        and len(told) == len(ended)
        and announced == {(row.stripe_id, row.pk) for row in ended}
    )


def _is_plainly_paid(order: Any, sessions: list[Any], payments: list[Any], told: list[Any]) -> bool:
    if not (len(sessions) == len(payments) == len(told) == 1):
        return False
    (session,), (payment,), (announcement,) = sessions, payments, told
    has_ended = (session.status, session.payment_status) == (SessionStatus.COMPLETE, PaymentStatus.PAID)
    is_simple = (session.mode, session.live_for_id) == ("payment", None) and session[-7:-4] == (False, False, False)
    is_simple = is_simple and session.next_subtotal_minor is None
    asked = (session.asked_currency, session.asked_subtotal_minor, session.revision)
    return (
        has_ended
        and is_simple
        and payment.captured_minor > 0
        and asked == (session.currency, session.amount_subtotal_minor, order.revision)
        and (session.payment_id, order.kept_payment_id) == (payment.pk, payment.pk)
        and (order.status, order.paid_minor) == (OrderStatus.PAID, payment.captured_minor)
        and order.paid_at is not None
        and (order.livemode, order.currency) == (session.livemode, session.currency)
        and order[-len(_AMOUNTS) :] == session[-len(_AMOUNTS) :]
        and _is_told(announcement, "order_paid")
        and announcement.fact == order.reference
        and announcement.session_id == session.pk
    )


def _is_told(announcement: Any, signal: str) -> bool:
    is_announced = announcement.state == AnnouncementState.ANNOUNCED and announcement.announced_at is not None
    return is_announced and bool(announcement.signal == signal)


def _grouped(rows: QuerySet[Any], *columns: str) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows.order_by().values_list(*columns, named=True):
        found[row.order_id].append(row)
    return found


def _batched(pks: Iterable[int]) -> Iterator[list[int]]:
    some: list[int] = []
    for pk in pks:
        some.append(pk)
        if len(some) == ORDERS_AT_ONCE:
            yield some
            some = []
    if some:
        yield some
