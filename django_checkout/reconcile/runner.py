"""One run: compares a window of Stripe's lists with our rows, then what no list can contain.

A list is read a hundred objects per call, newest first, and compared page by page. Which ids it contained is remembered
until our rows of that time have been compared, once a second. So memory is bounded however long a list is: it holds
what was read within that second or created within minutes of it, and the report. Wherever a run is killed, everything
before the saved cursor has been compared from both sides. With ``fix`` a difference that is safe to
resolve is resolved at once: the object is read again and applied through the ledger. The rest is recorded as
discrepancies.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from django_checkout.exceptions import (
    CheckoutError,
    RunBusyError,
    StripeCredentialsError,
    StripeNotFoundError,
    StripeUnavailableError,
)
from django_checkout.models import Order, ReconciliationRun
from django_checkout.models.sessions import CLOCK_SLACK
from django_checkout.reconcile import (
    account,
    discrepancies,
    double_payments,
    orders,
    reads,
    resources,
    runs,
    unanswered,
)
from django_checkout.reconcile.kinds import Kind
from django_checkout.reconcile.listed_ids import ListedIds
from django_checkout.reconcile.report import Difference, Outcome, Report
from django_checkout.reconcile.resource import Json, Page, Resource, Window
from django_checkout.stripe_api.storable import storable_text

#: Called with the name of what is compared and how many have been.
Progress = Callable[[str, int], None]

SCOPE = "orders"


class _LimitReached(Exception):  # noqa: N818  # a signal within this module, not an error
    """As many objects have been compared as ``limit`` allows."""


def run(
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    fix: bool = False,
    order: Order | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
    now: datetime | None = None,
) -> Report:
    """Compare what Stripe created from ``since`` to ``until``, or for one order, with our rows; ``fix`` what differs.

    With ``fix`` a run resumes the last run that was killed or stopped, if both have the same window or neither has one.
    Another
    run follows it and compares what has changed since, unless ``until`` or ``limit`` is given. A dry run starts over:
    what it found is only in its report. Without ``since`` a run begins before the end of the last complete one. Must
    run outside transactions.

    Raises:
        RunBusyError: another run is active.
        StripeUnavailableError: Stripe does not answer; what was applied stays applied, and the next run resumes.
        StripeCredentialsError: the key is wrong, belongs to another account, or lacks a permission that the message
        names.
    """
    new_run = partial(_Run, fix=fix, limit=limit, progress=progress, now=now or timezone.now())
    if order is not None:
        return new_run(Report(), order=order).compare_order(order)
    report = _run_window(new_run, since=since, until=until, fix=fix, now=now)
    if report.is_resumed and report.is_complete and report.until is not None and until is None and limit is None:
        since = report.until - timedelta(hours=runs.OVERLAP_HOURS)
        report.add(_run_window(new_run, since=since, until=None, fix=fix, now=now))
    return report


def _run_window(
    new_run: Callable[..., _Run], *, since: datetime | None, until: datetime | None, fix: bool, now: datetime | None
) -> Report:
    chosen = {"since": since, "until": until}
    with runs.begin(scope=SCOPE, **chosen, is_fixing=fix, resumes=fix, now=now or timezone.now()) as active:
        account.check_key()
        active.set_window(**chosen, find_time=partial(account.find_time, now))
        report = Report(since=active.row.since, until=active.row.until, is_resumed=active.is_resumed)
        new_run(report, active=active).compare_window(active.row, Window(active.row.since, until))
        active.finish(is_complete=report.is_complete, seen=report.seen)
    return report


@dataclass
class _Run:
    """A run and what it remembers."""

    report: Report
    fix: bool
    limit: int | None
    progress: Progress | None
    now: datetime
    active: runs.ActiveRun | None = None
    order: Order | None = None
    _found: set[tuple[str, str]] = field(default_factory=set)
    _paid_orders: set[int] = field(default_factory=set)
    #: The UUIDs of unanswered requests whose object a list has contained.
    _answered: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        new = partial(ListedIds, on_unlisted=partial(self._count, "unmentioned", 1))
        self._listed: dict[str, ListedIds] = defaultdict(new)

    def compare_window(self, row: ReconciliationRun, window: Window) -> Report:
        """Compare the lists from the saved cursor on, then what no list can contain."""
        used = [resource for resource in resources.LISTED if resource.is_used()]
        names = [resource.name for resource in used]
        start, cursor = (names.index(row.stage), row.cursor) if row.stage in names else (0, "")
        try:
            for resource in used[start:]:
                self._compare_list(resource, window, cursor)
                cursor = ""
        except _LimitReached:
            self.report.is_complete = False
            return self.report
        for resource in used:
            self._compare_rows(resource, resource.rows_before(window, self.now))
        self._compare_the_rest(Order.objects.filter(window.rows), orders.find_affected(window))
        return self.report

    def compare_order(self, order: Order) -> Report:
        """Read everything of one order from Stripe and compare it."""
        account.check_key()
        try:
            for resource in resources.LISTED:
                for page in self._limited(resource.pages_of_order(order)):
                    self._compare_page(resource, page)
        except _LimitReached:
            self.report.is_complete = False
            return self.report
        for resource in resources.LISTED:
            self._compare_rows(resource, resource.rows_of_order(order))
        rows = Order.objects.filter(pk=order.pk)
        self._compare_the_rest(rows, rows)
        return self.report

    def _compare_list(self, resource: Resource, window: Window, cursor: str) -> None:
        """Compare a list from the cursor on. Before the cursor moves, compare our rows of the time down to it."""
        compared_to = self._created_at(resource, cursor) if cursor else None
        if compared_to is None:
            cursor = ""
        self._save_cursor(resource, cursor)
        rows, listed = resource.rows(window), self._listed[resource.name]
        filters = resource.filters(window) | {"is_stored": not resource.compares_raw}
        for page in self._limited(reads.pages(resource.path, after=cursor, **filters)):
            self._compare_page(resource, page)
            if page and (self._is_at_limit or (self.active is not None and self.active.is_due)):
                down_to = _created(page[-1]) + CLOCK_SLACK
                self._compare_rows(resource, rows, above=down_to, up_to=compared_to)
                listed.forget(down_to + CLOCK_SLACK)
                compared_to = down_to
                self._save_cursor(resource, storable_text(str(page[-1]["id"])))
        self._compare_rows(resource, rows, up_to=compared_to)

    def _limited(self, pages: Iterable[Page]) -> Iterator[Page]:
        """Yield pages up to the limit, the last one cut short, then raise ``_LimitReached``."""
        for page in pages:
            left = len(page) + 1 if self.limit is None else max(self.limit - sum(self.report.seen.values()), 0)
            yield page[:left]
            if left <= len(page):
                raise _LimitReached

    @property
    def _is_at_limit(self) -> bool:
        return self.limit is not None and sum(self.report.seen.values()) >= self.limit

    def _created_at(self, resource: Resource, cursor: str) -> datetime | None:
        """Return the time down to which rows were compared when the cursor was saved; None if its object is gone."""
        try:
            return _created(resource.retrieve(cursor)) + CLOCK_SLACK
        except StripeNotFoundError:
            return None

    def _save_cursor(self, resource: Resource, cursor: str) -> None:
        if self.active is not None:
            self.active.save_cursor(resource.name, cursor, self.report.seen)

    def _compare_page(self, resource: Resource, page: Page) -> None:
        self._listed[resource.name].add(page)
        self._record_all(resource.compare(page))
        self._count(resource.name, len(page))

    def _compare_rows(self, resource: Resource, rows: QuerySet[Any] | None, **bounds: datetime | None) -> None:
        """Compare those of our rows that no page contained."""
        self._record_all(resource.compare_unlisted(rows, self._listed[resource.name], **bounds))

    def _compare_the_rest(self, placed: QuerySet[Order], affected: QuerySet[Order]) -> None:
        """Compare what no list can contain; orders last, once what Stripe says has been applied to them."""
        order_pk = self.order.pk if self.order else None
        self._record_all(double_payments.find(order_pk))
        self._record_all(orders.find_without_session(placed))
        overdue = unanswered.find(self.order, self.now)
        self._record_all(difference for difference in overdue if difference.subject not in self._answered)
        self._record_all(orders.compare(affected, partial(self._count, "orders")))
        for row in discrepancies.find_open(except_for=self._found, order_pk=order_pk):
            difference = resources.recheck(row)
            if difference is not None:
                self._record(difference)
            else:
                self.report.gone += 1
                if self.fix:
                    discrepancies.resolve(row)
            self._count("worklist", 1)

    def _record_all(self, differences: Iterable[Difference]) -> None:
        for difference in differences:
            self._record(difference)

    def _record(self, difference: Difference) -> None:
        """Report a difference once: fixed, or recorded as a discrepancy; in a dry run neither."""
        if (difference.kind.value, difference.subject) in self._found:
            return
        difference = self._as_double_payment(difference)
        if difference.answers:
            self._answered.add(difference.answers)
        if not self._is_new(difference):
            return
        if not self.fix:
            self._report(discrepancies.compare(difference))
            return
        left = self._fix(difference)
        if left is None or left.is_fixed or left.kind is not difference.kind:
            # Its facts were applied; what is left, if anything, is another difference.
            done = left.done if left is not None and left.is_fixed else ""
            difference = replace(difference, outcome=Outcome.FIXED, done=done)
            discrepancies.resolve_fixed(difference)
            self._report(difference)
        if left is not None and not left.is_fixed and (left.kind is difference.kind or self._is_new(left)):
            self._report(discrepancies.record(left))

    def _as_double_payment(self, difference: Difference) -> Difference:
        """Return an order's second payment as such: a dry run records nothing, so only this run knows of the first."""
        order_pk = difference.order_pk
        if difference.kind is not Kind.PAID_NOT_RECORDED or order_pk is None:
            return difference
        if order_pk in self._paid_orders and not self.fix:
            payment_id = str(difference.at_stripe.get("payment_intent") or difference.subject)
            difference = replace(difference, kind=Kind.DOUBLE_PAYMENT, subject=payment_id)
        self._paid_orders.add(order_pk)
        return difference

    def _is_new(self, difference: Difference) -> bool:
        key = (difference.kind.value, difference.subject)
        is_new = key not in self._found
        self._found.add(key)
        return is_new

    def _fix(self, difference: Difference) -> Difference | None:
        """Resolve a difference if that is safe; return what is left of it."""
        try:
            return resources.fix(difference)
        except (StripeUnavailableError, StripeCredentialsError, RunBusyError):
            raise
        except CheckoutError as error:
            return replace(difference, at_stripe={**difference.at_stripe, "problem": error.code})

    def _report(self, difference: Difference) -> None:
        self.report.differences.append(difference)
        if self.active is not None:
            self.active.count(is_fixed=difference.is_fixed)

    def _count(self, name: str, number: int) -> None:
        self.report.seen[name] += number
        if self.active is not None:
            self.active.renew()
        if self.progress is not None:
            self.progress(name, self.report.seen[name])


def _created(data: Json) -> datetime:
    return datetime.fromtimestamp(data["created"], tz=UTC)
