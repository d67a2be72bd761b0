"""The merchant's figures: what was sold, what became of those who wanted to pay, and what waits for a person.

Read-only, of the mode (live or test) of the site's key, and each at a fixed number of queries, however much there is:
``dashboard`` takes thirteen, ``balance_of`` and ``payout_totals`` one each. Nothing here calls Stripe. Days begin at
midnight of Django's current time zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import reduce

from django.db.models import (
    Case,
    Count,
    DateField,
    DateTimeField,
    ExpressionWrapper,
    F,
    Max,
    Min,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Cast, TruncDate
from django.utils import timezone

from django_checkout import health
from django_checkout.conf import conf
from django_checkout.models import (
    AttentionItem,
    BalanceTransaction,
    CheckoutSession,
    Discrepancy,
    Dispute,
    Order,
    Payout,
    Refund,
    WebhookEvent,
)
from django_checkout.models.news import DiscrepancyState
from django_checkout.states import CLOSED_DISPUTE_STATUSES, PaymentStatus, RefundStatus, SessionStatus

#: The periods of the dashboard, in days that end today.
PERIODS = (1, 7, 30)
#: A dispute whose evidence is due within this many days is pressing.
PRESSING_DAYS = 3
#: A dispute in one of these waits for the merchant.
DUE_STATUSES = ("needs_response", "warning_needs_response")


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """Money of one currency, in minor units, and of how many orders or refunds it is."""

    currency: str
    amount_minor: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """What became of the sessions that were opened in a period; ``opened`` counts all but those Stripe refused."""

    opened: int = 0
    completed: int = 0
    paid: int = 0
    expired: int = 0
    #: Delayed payments that came to nothing, and sessions that Stripe never made.
    failed: int = 0

    def __add__(self, other: Funnel) -> Funnel:
        """Return both together."""
        return Funnel(
            opened=self.opened + other.opened,
            completed=self.completed + other.completed,
            paid=self.paid + other.paid,
            expired=self.expired + other.expired,
            failed=self.failed + other.failed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A number of days that end today, or one day of them (``days`` is 1): per currency, alphabetically."""

    first_day: date
    days: int
    revenue: tuple[Total, ...]
    refunds: tuple[Total, ...]
    funnel: Funnel


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputesDue:
    """Disputes that are not over; ``due`` of them wait for the merchant's evidence."""

    open: int
    due: int
    #: Due within ``PRESSING_DAYS`` days.
    pressing: int
    #: Their time has passed.
    overdue: int
    next_due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """How deliveries fare, as ``health`` judges it, and what came in today."""

    ok: bool
    reasons: tuple[health.Reason, ...]
    last_event_seconds: int | None
    oldest_waiting_seconds: int | None
    events_waiting: int
    events_failed: int
    announcements_pending: int
    received_today: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """Everything that stands at the top of the admin."""

    at: datetime
    #: One per entry of ``PERIODS``, shortest first.
    periods: tuple[Period, ...]
    #: Every day of the longest period, oldest first, those without sales included.
    days: tuple[Period, ...]
    #: The currencies of revenue and refunds in the longest period.
    currencies: tuple[str, ...]
    disputes: DisputesDue
    #: Open discrepancies by kind.
    discrepancies: Mapping[str, int]
    #: Reasons for attention that nobody has resolved.
    attention: int
    webhooks: Webhooks


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What charges, refunds and disputes did to the Stripe balance, in one currency of it."""

    currency: str
    gross_minor: int
    fee_minor: int
    net_minor: int
    #: The part of ``net_minor`` that is in a payout.
    paid_out_minor: int
    lines: int
    #: When the last of it becomes available.
    available_on: datetime | None


def dashboard(*, now: datetime | None = None) -> Dashboard:
    """Return the figures of today and of the 7 and 30 days that end today, in thirteen queries."""
    now = now or timezone.now()
    today = timezone.localdate(now)
    first = today - timedelta(days=max(PERIODS) - 1)
    revenue, refunds, funnels = _revenue(first, today), _refunds(first, today), _funnels(first, today)

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
        webhooks=_webhooks(now),
    )


def balance_of(order: Order) -> tuple[Balance, ...]:
    """Return what an order's payments did to the balance, per currency of the balance: fee and net, in one query."""
    return _balances(BalanceTransaction.objects.filter(payment__order=order))


def payout_totals(payout: Payout) -> Mapping[str, Balance]:
    """Return what a payout is made of, by type of movement (``charge``, ``refund``, ``adjustment``, ``stripe_fee``)."""
    rows = payout.lines.values("type", "currency").annotate(**_SUMS).order_by("type")
    return {row["type"]: _balance(row) for row in rows}


#: The columns of a payout as CSV; amounts are minor units.
PAYOUT_COLUMNS = (
    "payout",
    "arrival_date",
    "balance_transaction",
    "type",
    "source",
    "order",
    "payment",
    "currency",
    "amount_minor",
    "fee_minor",
    "net_minor",
    "available_on",
    "created_at",
)


def payout_rows(payouts: QuerySet[Payout]) -> Iterator[tuple[str, ...]]:
    """Yield a row of ``PAYOUT_COLUMNS`` for every line of some payouts, payout by payout, without holding them all."""
    lines = BalanceTransaction.objects.filter(payout__in=payouts).select_related("payout", "payment__order")
    for line in lines.order_by("-payout__arrival_date", "payout_id", "id").iterator(chunk_size=2000):
        payment, payout = line.payment, line.payout
        order = payment.order if payment else None
        yield (
            payout.stripe_id if payout else "",
            payout.arrival_date.isoformat() if payout else "",
            line.stripe_id,
            line.type,
            line.source_id,
            order.reference if order else "",
            payment.stripe_id if payment else "",
            line.currency,
            str(line.amount_minor),
            str(line.fee_minor),
            str(line.net_minor),
            line.available_on.isoformat(),
            line.created_at.isoformat(),
        )


_Daily = dict[tuple[date, str], tuple[int, int]]

_SUMS = {
    "gross": Sum("amount_minor"),
    "fee": Sum("fee_minor"),
    "net": Sum("net_minor"),
    "paid_out": Sum("net_minor", filter=Q(payout__isnull=False), default=0),
    "lines": Count("id"),
    "available": Max("available_on"),
}


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime(day.year, day.month, day.day))  # noqa: DTZ001  # made aware here


def _day_of(column: str, first: date, last: date) -> Case:
    """Return the day of a column's instants, from the first day to the last, in our time zone.

    By offsets from UTC, one for each stretch of days: MariaDB knows zones by name only where somebody has loaded them.
    """
    stretches: list[tuple[datetime, date | timedelta]] = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        begins, ends = _midnight(day), _midnight(day + timedelta(days=1))
        offset = begins.utcoffset() or timedelta()
        # On the day of a change of clocks no offset is right: what falls in it is of that day.
        is_steady = offset == (ends.utcoffset() or timedelta())
        if is_steady and stretches and stretches[-1][1] == offset:
            stretches.pop()
        stretches.append((ends, offset if is_steady else day))
    cases = [
        When(
            **{f"{column}__lt": ends},
            then=Cast(Value(of), DateField()) if isinstance(of, date) else _local_day(column, of),
        )
        for ends, of in stretches
    ]
    return Case(*cases, default=_local_day(column, offset))


def _local_day(column: str, offset: timedelta) -> TruncDate:
    return TruncDate(ExpressionWrapper(F(column) + offset, DateTimeField()), tzinfo=UTC)


def _revenue(first: date, today: date) -> _Daily:
    rows = Order.objects.filter(paid_at__gte=_midnight(first), livemode=conf.livemode)
    daily = rows.annotate(day=_day_of("paid_at", first, today)).values("day", "currency").order_by()
    found = daily.annotate(amount=Sum("paid_minor"), orders=Count("id"))
    return {(row["day"], row["currency"]): (row["amount"], row["orders"]) for row in found}


def _refunds(first: date, today: date) -> _Daily:
    rows = Refund.objects.filter(
        created_at__gte=_midnight(first),
        status=RefundStatus.SUCCEEDED,
        is_release=False,
        payment__livemode=conf.livemode,
    )
    daily = rows.annotate(day=_day_of("created_at", first, today)).values("day", "currency").order_by()
    found = daily.annotate(amount=Sum("amount_minor"), refunds=Count("id"))
    return {(row["day"], row["currency"]): (row["amount"], row["refunds"]) for row in found}


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
    wanted = set(days)
    totals: dict[str, tuple[int, int]] = {}
    for (day, currency), (amount, count) in daily.items():
        if day in wanted:
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
    return Webhooks(**health.report(now=now), received_today=received)


def _balances(lines: QuerySet[BalanceTransaction]) -> tuple[Balance, ...]:
    rows = lines.values("currency").annotate(**_SUMS).order_by(F("currency"))
    return tuple(_balance(row) for row in rows)


def _balance(row: Mapping[str, object]) -> Balance:
    names = {"gross_minor": "gross", "fee_minor": "fee", "net_minor": "net", "paid_out_minor": "paid_out"}
    values: dict[str, object] = {ours: row[theirs] for ours, theirs in names.items()}
    values |= {"currency": row["currency"], "lines": row["lines"], "available_on": row["available"]}
    return Balance(**values)  # type: ignore[arg-type]  # the columns of the query above
