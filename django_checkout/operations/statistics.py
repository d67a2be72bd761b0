"""The statistics of the dashboard: sales, conversion and open tasks, read without calling Stripe.

They count rows of the mode (live or test) of the site's key, in a fixed number of queries. Days start at midnight in
Django's current time zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from typing import Any

from django.db.models import (
    Case,
    Count,
    DateField,
    DateTimeField,
    ExpressionWrapper,
    F,
    Min,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, TruncDate
from django.utils import timezone

from django_checkout.conf import conf
from django_checkout.models import (
    Announcement,
    AttentionItem,
    CheckoutSession,
    Discrepancy,
    Dispute,
    Order,
    Refund,
    WebhookEvent,
)
from django_checkout.models.announcements import AnnouncementState
from django_checkout.models.reconciliation import DiscrepancyState
from django_checkout.operations import health
from django_checkout.states import CLOSED_DISPUTE_STATUSES, DisputeStatus, PaymentStatus, RefundStatus, SessionStatus

#: The periods of the dashboard, in days that end today.
PERIODS = (1, 7, 30)
#: A dispute whose evidence is due within this many days is pressing.
PRESSING_DAYS = 3
#: A dispute with one of these needs a response from the merchant.
DUE_STATUSES = (DisputeStatus.NEEDS_RESPONSE, DisputeStatus.WARNING_NEEDS_RESPONSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """The total of a number of orders or refunds in one currency."""

    currency: str
    amount_minor: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """How the sessions of a period ended; ``opened`` counts those that Stripe created."""

    opened: int = 0
    completed: int = 0
    paid: int = 0
    expired: int = 0
    #: Delayed payments that failed, and sessions that Stripe did not create.
    failed: int = 0

    def __add__(self, other: Funnel) -> Funnel:
        """Return the sums."""
        return Funnel(**{name: getattr(self, name) + getattr(other, name) for name in self.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The statistics of a period that ends today, or of one day; totals are sorted by currency."""

    first_day: date
    days: int
    revenue: tuple[Total, ...]
    refunds: tuple[Total, ...]
    funnel: Funnel


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputesDue:
    """The open disputes; ``due`` counts those that need the merchant's evidence."""

    open: int
    due: int
    #: Due within ``PRESSING_DAYS`` days.
    pressing: int
    #: Due in the past.
    overdue: int
    next_due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks(health.Health):
    """The state of webhooks, which could be read, and the number of events received today."""

    events_waiting: int
    events_failed: int
    announcements_pending: int
    received_today: int
    #: Every pending notification, due or not, with or without a receiver; counted up to ``alerts.MAX_COUNT``.
    notifications_pending: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """The statistics of the dashboard."""

    at: datetime
    #: One per entry of ``PERIODS``, shortest first.
    periods: tuple[Period, ...]
    #: Each day of the longest period, oldest first, including days without sales.
    days: tuple[Period, ...]
    #: The currencies of revenue and refunds in the longest period.
    currencies: tuple[str, ...]
    disputes: DisputesDue
    #: Open discrepancies by kind.
    discrepancies: Mapping[str, int]
    #: The number of unresolved reasons for attention.
    attention: int
    webhooks: Webhooks


def dashboard(*, now: datetime | None = None) -> Dashboard:
    """Return the statistics of today and of the 7 and 30 days that end today.

    Raises:
        Error: the database does not respond, or lacks a table or a column.
    """
    now = now or timezone.now()
    webhooks = _webhooks(now)
    today = timezone.localdate(now)
    first = today - timedelta(days=max(PERIODS) - 1)
    orders = Order.objects.filter(livemode=conf.livemode)
    revenue = _daily(orders, "paid_at", "paid_minor", first, today)
    refunded = Refund.objects.filter(status=RefundStatus.SUCCEEDED, is_release=False, payment__livemode=conf.livemode)
    # No refund is stored long before Stripe makes it, and this column has the index.
    refunded = refunded.filter(created_at__gte=_midnight(first) - timedelta(days=1))
    dated = refunded.alias(at=Coalesce("made_at", "created_at"))
    refunds = _daily(dated, "at", "amount_minor", first, today)
    funnels = _funnels(first, today)

    def period(first_day: date, days: int) -> Period:
        span = [first_day + timedelta(days=number) for number in range(days)]
        return Period(
            first_day=first_day,
            days=days,
            revenue=_sum(revenue, span),
            refunds=_sum(refunds, span),
            funnel=reduce(Funnel.__add__, (funnels[day] for day in span if day in funnels), Funnel()),
        )

    return Dashboard(
        at=now,
        periods=tuple(period(today - timedelta(days=days - 1), days) for days in PERIODS),
        days=tuple(period(first + timedelta(days=number), 1) for number in range(max(PERIODS))),
        currencies=tuple(sorted({currency for _, currency in (*revenue, *refunds)})),
        disputes=_disputes(now),
        discrepancies=_discrepancies(),
        attention=AttentionItem.objects.filter(resolved_at=None).count(),
        webhooks=webhooks,
    )


_Daily = dict[tuple[date, str], tuple[int, int]]


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime(day.year, day.month, day.day))  # noqa: DTZ001  # made aware here


def _day_of(column: str, first: date, last: date) -> Case:
    """Return the day of a time column in the current time zone, for days from ``first`` to ``last``.

    Uses offsets from UTC, one for each range of days, because MariaDB may not have its time zone tables loaded.
    """
    ranges: list[tuple[datetime, date | timedelta]] = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        begins, ends = _midnight(day), _midnight(day + timedelta(days=1))
        offset = begins.utcoffset() or timedelta()
        # No single offset is right on a day on which clocks change, so its times are mapped to the day.
        is_steady = offset == (ends.utcoffset() or timedelta())
        if is_steady and ranges and ranges[-1][1] == offset:
            ranges.pop()
        ranges.append((ends, offset if is_steady else day))
    cases = [
        When(
            **{f"{column}__lt": ends},
            then=Cast(Value(of), DateField()) if isinstance(of, date) else _local_day(column, of),
        )
        for ends, of in ranges
    ]
    return Case(*cases, default=_local_day(column, offset))


def _local_day(column: str, offset: timedelta) -> TruncDate:
    return TruncDate(ExpressionWrapper(F(column) + offset, DateTimeField()), tzinfo=UTC)


def _daily(rows: QuerySet[Any], column: str, amount: str, first: date, today: date) -> _Daily:
    recent = rows.filter(**{f"{column}__gte": _midnight(first)})
    days = recent.annotate(day=_day_of(column, first, today)).values("day", "currency").order_by()
    found = days.annotate(total=Sum(amount), number=Count("id"))
    return {(row["day"], row["currency"]): (row["total"], row["number"]) for row in found}


def _funnels(first: date, today: date) -> dict[date, Funnel]:
    rows = CheckoutSession.objects.filter(created_at__gte=_midnight(first), livemode=conf.livemode)
    day = _day_of("created_at", first, today)
    grouped = rows.annotate(day=day).values("day", "status", "payment_status", "has_async_failed")
    found: dict[date, Funnel] = {}
    for row in grouped.order_by().annotate(sessions=Count("id")):
        status, sessions = row["status"], row["sessions"]
        is_complete = status == SessionStatus.COMPLETE
        is_paid = is_complete and row["payment_status"] != PaymentStatus.UNPAID
        has_failed = status == SessionStatus.FAILED or (row["has_async_failed"] and not is_paid)
        part = Funnel(
            opened=0 if status in (SessionStatus.CREATING, SessionStatus.FAILED) else sessions,
            completed=sessions if is_complete else 0,
            paid=sessions if is_paid else 0,
            expired=sessions if status == SessionStatus.EXPIRED else 0,
            failed=sessions if has_failed else 0,
        )
        found[row["day"]] = found.get(row["day"], Funnel()) + part
    return found


def _sum(daily: _Daily, days: Iterable[date]) -> tuple[Total, ...]:
    included = set(days)
    totals: dict[str, tuple[int, int]] = {}
    for (day, currency), (amount, count) in daily.items():
        if day in included:
            before = totals.get(currency, (0, 0))
            totals[currency] = (before[0] + amount, before[1] + count)
    return tuple(
        Total(currency=currency, amount_minor=amount, count=count)
        for currency, (amount, count) in sorted(totals.items())
    )


def _disputes(now: datetime) -> DisputesDue:
    due = Q(status__in=DUE_STATUSES)
    rows = Dispute.objects.exclude(status__in=CLOSED_DISPUTE_STATUSES).filter(payment__livemode=conf.livemode)
    soon = now + timedelta(days=PRESSING_DAYS)
    found = rows.aggregate(
        open=Count("id"),
        due=Count("id", filter=due),
        pressing=Count("id", filter=due & Q(due_by__gt=now, due_by__lte=soon)),
        overdue=Count("id", filter=due & Q(due_by__lte=now)),
        next_due_at=Min("due_by", filter=due & Q(due_by__gt=now)),
    )
    return DisputesDue(**found)


def _discrepancies() -> dict[str, int]:
    rows = Discrepancy.objects.filter(state=DiscrepancyState.OPEN).values("kind").order_by("kind")
    return {row["kind"]: row["number"] for row in rows.annotate(number=Count("id"))}


def _webhooks(now: datetime) -> Webhooks:
    received = WebhookEvent.objects.filter(received_at__gte=_midnight(timezone.localdate(now))).count()
    found = health.read(now=now)
    pending = health.count(Announcement.objects.filter(state=AnnouncementState.PENDING), "signal", "next_attempt_at")
    return Webhooks(
        **{field.name: getattr(found, field.name) for field in fields(found)},
        received_today=received,
        notifications_pending=pending,
    )
