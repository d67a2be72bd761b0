"""Compares the stored state of each order with what its rows say: columns, payable session, notifications, attention.

Orders that obviously agree cost a few queries per five hundred and no model instances; the others are loaded in full.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from django_checkout import ledger, services
from django_checkout.ledger import ColumnDifference
from django_checkout.models import Announcement, AttentionItem, CheckoutSession, Order, Payment
from django_checkout.models.announcements import AnnouncementState
from django_checkout.reconcile.kinds import Kind
from django_checkout.reconcile.reads import with_retries
from django_checkout.reconcile.report import Difference
from django_checkout.reconcile.resource import Window
from django_checkout.states import OrderStatus, PaymentStatus, SessionStatus

#: How many orders are in memory at once.
ORDERS_AT_ONCE = 500
#: How long a refund of an order may still fail.
SETTLING_DAYS = 30


def find_affected(window: Window) -> QuerySet[Order]:
    """Return the orders that a window may have changed: recently placed, saved, paid or attempted."""
    sessions = CheckoutSession.objects.filter(order=OuterRef("pk"), created_at__gte=window.since)
    is_affected = (
        Q(created_at__gte=window.extended(SETTLING_DAYS).since)
        | Q(updated_at__gte=window.since)
        | Q(paid_at__gte=window.since)
        | Exists(sessions)
    )
    return Order.objects.filter(is_affected, window.until_rows)


def find_without_session(rows: QuerySet[Order]) -> Iterator[Difference]:
    """Yield the orders whose status implies a payment and that have no session."""
    moved = rows.exclude(status__in=(OrderStatus.UNPAID, OrderStatus.CANCELED)).filter(sessions=None)
    for order in moved.order_by("pk").iterator(chunk_size=500):
        here = {"status": order.status, "paid": order.paid_minor, "currency": order.currency}
        yield Difference.of(Kind.ORDER_WITHOUT_SESSION, order.reference, order, here, {"session": None})


def compare(rows: QuerySet[Order], count: Callable[[int], None]) -> Iterator[Difference]:
    """Yield the orders that differ from what their rows say; ``count`` is called with how many were compared."""
    pks = rows.order_by("pk").values_list("pk", flat=True).iterator(chunk_size=ORDERS_AT_ONCE)
    while some := list(islice(pks, ORDERS_AT_ONCE)):
        doubtful = set(some) - _plain(some)
        wholes = ledger.load(list(Order.objects.filter(pk__in=doubtful).order_by("pk")))
        for order_pk in [found.order.pk for whole in wholes if (found := ledger.examine(whole)) is not None]:
            # Its rows were read one after the other, and may have been written in between.
            yield from recheck(order_pk)
        count(len(some))


def recheck(order_pk: int) -> Iterator[Difference]:
    """Lock one order and yield how it differs from what its rows say."""
    found = _examine(order_pk)
    if found is not None:
        yield _difference(found)


def fix(order_pk: int) -> Difference | None:
    """Derive an order from its rows again and expire its surplus open sessions; return what still differs."""
    with_retries(partial(ledger.in_transaction, partial(ledger.rederive, order_pk)))
    found = _examine(order_pk)
    if found is not None and found.surplus_sessions:
        for session in found.surplus_sessions:
            with_retries(partial(services.expire, session))
        found = _examine(order_pk)
    return _difference(found) if found else None


def _examine(order_pk: int) -> ColumnDifference | None:
    def work() -> ColumnDifference | None:
        order = ledger.lock_order(pk=order_pk).order
        (whole,) = ledger.load([order])
        is_unpaid = order.status in (OrderStatus.UNPAID, OrderStatus.CANCELED)
        if not (whole.sessions or whole.payments or is_unpaid):
            # ``find_without_session`` finds it.
            return None
        return ledger.examine(whole)

    return ledger.in_transaction(work)


def _difference(found: ColumnDifference) -> Difference:
    currency = {"currency": found.order.currency}
    here, derived = found.here | currency, found.derived | currency
    return Difference.of(Kind.ORDER_DIFFERS, found.order.reference, found.order, here, derived)


_AMOUNTS = ("discount_minor", "shipping_minor", "tax_minor", "total_minor")
_ORDER = ("pk", "reference", "status", "paid_minor", "kept_payment_id", "paid_at", "livemode", "revision", "currency")
_SESSION = (
    *("order_id", "pk", "stripe_id", "status", "payment_status", "payment_id", "live_for_id"),
    *("livemode", "revision", "currency", "mode"),
    *("asked_currency", "asked_subtotal_minor", "next_subtotal_minor", "amount_subtotal_minor"),
    *("is_manual_capture", "is_adjustable", "has_async_failed"),
)
_ANNOUNCEMENT = ("order_id", "signal", "fact", "state", "announced_at", "session_id")


def _plain(pks: list[int]) -> set[int]:
    """Return the orders that obviously agree: without an attempt, with an open session, or simply paid once."""
    quiet = Order.objects.filter(
        pk__in=pks,
        disputed=False,
        needs_attention=False,
        canceled_at=None,
        refunded_minor=0,
        source_deleted_at=None,
    )
    orders = {row.pk: row for row in quiet.order_by().values_list(*_ORDER, *_AMOUNTS, named=True)}
    amounts = (f"amount_{name}" for name in _AMOUNTS)
    sessions = _grouped(CheckoutSession.objects.filter(order__in=pks), *_SESSION, *amounts)
    announcements = _grouped(Announcement.objects.filter(order__in=pks), *_ANNOUNCEMENT)
    payments = Payment.objects.filter(order__in=pks)
    quiet_payments = payments.filter(refunds=None, disputes=None, refund_asked_minor=0, fraud_warning_id="", reviews={})
    paid = _grouped(quiet_payments, "order_id", "pk", "captured_minor")
    other_payments = payments.exclude(pk__in=[row.pk for rows in paid.values() for row in rows])
    doubtful = set(AttentionItem.objects.filter(order__in=pks).order_by().values_list("order_id", flat=True))
    doubtful |= set(other_payments.values_list("order_id", flat=True))
    found = set()
    for pk, order in orders.items():
        rows = (sessions[pk], paid[pk], announcements[pk])
        if pk not in doubtful and (_is_plainly_unpaid(order, *rows) or _is_plainly_paid(order, *rows)):
            found.add(pk)
    return found


def _is_plainly_unpaid(order: Any, sessions: list[Any], payments: list[Any], announcements: list[Any]) -> bool:
    if payments or order[2:6] != (OrderStatus.UNPAID, 0, None, None):
        return False
    if any(amount is not None for amount in order[-len(_AMOUNTS) :]):
        return False
    live = [row for row in sessions if (row.status, row.live_for_id) == (SessionStatus.OPEN, order.pk)]
    ended = [row for row in sessions if (row.status, row.live_for_id) == (SessionStatus.EXPIRED, None)]
    announced = {(row.fact, row.session_id) for row in announcements if _is_announced(row, "session_expired")}
    return (
        len(live) <= 1
        and len(live) + len(ended) == len(sessions)
        and all((row.payment_id, row.livemode) == (None, order.livemode) for row in sessions)
        and not any(row.has_async_failed for row in sessions)
        and len(announcements) == len(ended)
        and announced == {(row.stripe_id, row.pk) for row in ended}
    )


def _is_plainly_paid(order: Any, sessions: list[Any], payments: list[Any], announcements: list[Any]) -> bool:
    if not (len(sessions) == len(payments) == len(announcements) == 1):
        return False
    (session,), (payment,), (announcement,) = sessions, payments, announcements
    has_ended = (session.status, session.payment_status) == (SessionStatus.COMPLETE, PaymentStatus.PAID)
    is_simple = (session.mode, session.live_for_id) == ("payment", None) and session[-7:-4] == (False, False, False)
    is_simple = is_simple and session.next_subtotal_minor is None
    requested = (session.asked_currency, session.asked_subtotal_minor, session.revision)
    return (
        has_ended
        and is_simple
        and payment.captured_minor > 0
        and requested == (session.currency, session.amount_subtotal_minor, order.revision)
        and (session.payment_id, order.kept_payment_id) == (payment.pk, payment.pk)
        and (order.status, order.paid_minor) == (OrderStatus.PAID, payment.captured_minor)
        and order.paid_at is not None
        and (order.livemode, order.currency) == (session.livemode, session.currency)
        and order[-len(_AMOUNTS) :] == session[-len(_AMOUNTS) :]
        and _is_announced(announcement, "order_paid")
        and announcement.fact == order.reference
        and announcement.session_id == session.pk
    )


def _is_announced(announcement: Any, signal: str) -> bool:
    is_announced = announcement.state == AnnouncementState.ANNOUNCED and announcement.announced_at is not None
    return is_announced and bool(announcement.signal == signal)


def _grouped(rows: QuerySet[Any], *columns: str) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows.order_by().values_list(*columns, named=True):
        found[row.order_id].append(row)
    return found
