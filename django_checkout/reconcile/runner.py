"""One run: walk what Stripe created in a window and our rows beside it, then what waits, then the work list.

Lists are paged raw, a hundred objects a call, newest first, and compared a page at a time. That an object was mentioned
is remembered until our rows of its time have been looked for among those mentioned, once a second. So, however long a
list is, in memory is what was read within that second or made within minutes of it, and the differences, for the
report; and wherever a run is killed, all that the diary's cursor has passed was looked at from both sides. With ``fix``
a difference that is safe to mend is mended at once by reading the object anew and applying it through the ledger; the
rest goes on the work list.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from django_checkout import gateway
from django_checkout.conf import conf
from django_checkout.exceptions import (
    CheckoutError,
    RunBusyError,
    StripeCredentialsError,
    StripeNotFoundError,
    StripeUnavailableError,
)
from django_checkout.models import (
    Dispute,
    Order,
    Payment,
    ReconciliationRun,
    Refund,
)
from django_checkout.models.sessions import CLOCK_SLACK
from django_checkout.reconcile import account, aftermath, diary, leftovers, mending, notices, orders, sessions, worklist
from django_checkout.reconcile.pages import pages, patiently
from django_checkout.reconcile.report import Drift, Kind, Outcome, Report
from django_checkout.reconcile.stages import Page, Stage, compare_sessions, first_refund_of, stages_of

#: Called with the name of what is being read and how many have been looked at.
Progress = Callable[[str, int], None]

SCOPE = "orders"


class _Limit(Exception):  # noqa: N818  # a signal within this module, not an error
    """As many objects have been looked at as were asked for."""


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
    """Compare what Stripe created from ``since`` to ``until`` (or one order) with our rows; with ``fix`` mend it.

    A run that mends goes on where the last one of this window, or of none given, was killed or stopped. What was
    walked before that, and what has come since, is looked at by another run right after it, unless ``until`` or
    ``limit`` say how far to go. A dry run begins anew: what it found is nowhere but in its report. Without ``since``
    a run begins before the end of the last complete one. Must run outside transactions.

    Raises:
        RunBusyError: another run is going on.
        StripeUnavailableError: Stripe stopped answering; what was applied stays applied, and the next run goes on.
        StripeCredentialsError: the key is wrong, of another account, or lacks a permission that the message names.
    """
    now = now or timezone.now()
    if order is not None:
        run_of_order = _Run(Report(), fix=fix, limit=limit, progress=progress, now=now, order=order)
        try:
            run_of_order.look_at_order(order)
        except _Limit:
            run_of_order.report.is_complete = False
        return run_of_order.report
    report, is_resumed = _look_at_window(since=since, until=until, fix=fix, limit=limit, progress=progress, now=now)
    if is_resumed and report.is_complete and report.until is not None and until is None and limit is None:
        since = report.until - timedelta(hours=diary.OVERLAP_HOURS)
        later, _ = _look_at_window(since=since, until=None, fix=fix, limit=None, progress=progress, now=now)
        report.add(later)
    return report


def _look_at_window(
    *,
    since: datetime | None,
    until: datetime | None,
    fix: bool,
    limit: int | None,
    progress: Progress | None,
    now: datetime,
) -> tuple[Report, bool]:
    entry = diary.begin(scope=SCOPE, since=since, until=until, is_fixing=fix, resumes=fix, now=now)
    report = Report(since=entry.row.since, until=entry.row.until, is_resumed=entry.is_resumed)
    going = _Run(report, fix=fix, limit=limit, progress=progress, now=now, entry=entry)
    try:
        try:
            going.look_at_window(entry.row)
        except _Limit:
            report.is_complete = False
        entry.finish(is_complete=report.is_complete, seen=report.seen)
    except BaseException:
        entry.stop()
        raise
    return report, entry.is_resumed


class _Run:
    """What a run carries along."""

    def __init__(
        self,
        report: Report,
        *,
        fix: bool,
        limit: int | None,
        progress: Progress | None,
        now: datetime,
        entry: diary.Entry | None = None,
        order: Order | None = None,
    ) -> None:
        self.report = report
        self.fix = fix
        self.now = now
        self._limit = limit
        self._progress = progress
        self._entry = entry
        self._order = order
        self._seen: set[tuple[str, str]] = set()
        self._paid_orders: set[int] = set()
        #: Rows that Stripe never answered for, as far as we know, and whose objects a list has shown.
        self._answered: set[str] = set()
        self._mentioned: dict[str, leftovers.Mentioned] = defaultdict(
            partial(leftovers.Mentioned, partial(self._count, "unmentioned", 1))
        )

    def look_at_window(self, row: ReconciliationRun) -> None:
        """Walk the lists, going on at the diary's cursor, then look at what no list can tell."""
        account.check_key()
        stages = stages_of(row.since, row.until, self._mentioned)
        names = [stage.name for stage in stages]
        start, cursor = (names.index(row.stage), row.cursor) if row.stage in names else (0, "")
        for stage in stages[start:]:
            self._walk(stage, cursor)
            cursor = ""
        older = leftovers.unsettled_sessions(row.since, self.now)
        self._meet_all(leftovers.unmentioned_sessions(older, self._mentioned["sessions"]))
        older_refunds = leftovers.unsettled_refunds(first_refund_of(row.since))
        self._meet_all(leftovers.unmentioned_refunds(older_refunds, self._mentioned["refunds"]))
        self._look_at_what_waits(Order.objects.filter(created_at__gte=row.since, created_at__lte=row.until))
        self._derive(orders.touched(row.since, row.until))
        self._look_at_worklist()

    def look_at_order(self, order: Order) -> None:
        """Read everything of one order from Stripe and compare it."""
        account.check_key()
        for session in order.sessions.exclude(stripe_id=None):
            try:
                data = patiently(partial(gateway.retrieve_session_data, session.stripe_id or ""))
            except StripeNotFoundError:
                continue
            self._take("sessions", [data], compare_sessions)
        for page in leftovers.lost_sessions(order):
            self._take("sessions", page, compare_sessions)
        for payment in Payment.objects.filter(order=order, stripe_id__startswith="pi_"):
            named = {"payment_intent": payment.stripe_id}
            self._walk(Stage("refunds", "refund", aftermath.REFUNDS, aftermath.compare_refunds, named))
            self._walk(Stage("disputes", "charge.dispute", aftermath.DISPUTES, aftermath.compare_disputes, named))
            kind = "radar.early_fraud_warning"
            self._walk(Stage("fraud warnings", kind, notices.WARNINGS, notices.compare_warnings, named))
        ids = order.sessions.exclude(subscription_id="").values_list("subscription_id", flat=True)
        for subscription_id in {*ids, *order.subscriptions.values_list("stripe_id", flat=True)}:
            data = patiently(partial(gateway.retrieve_object, "customer.subscription", subscription_id))
            self._take("subscriptions", [data], aftermath.compare_subscriptions)
            of_it = {"subscription": subscription_id}
            self._walk(Stage("invoices", "invoice", notices.INVOICES, notices.compare_invoices, of_it))
        ours = Q(payment__order=order)
        rows = order.sessions.filter(livemode=conf.livemode)
        self._meet_all(leftovers.unmentioned_sessions(rows, self._mentioned["sessions"]))
        self._meet_all(leftovers.unmentioned_refunds(Refund.objects.filter(ours), self._mentioned["refunds"]))
        self._meet_all(leftovers.unmentioned_disputes(Dispute.objects.filter(ours), self._mentioned["disputes"]))
        self._meet_all(notices.unmentioned_reviews((), order.pk))
        self._look_at_what_waits(Order.objects.filter(pk=order.pk))
        self._derive(Order.objects.filter(pk=order.pk))
        self._look_at_worklist()

    def _walk(self, stage: Stage, cursor: str = "") -> None:
        """Compare a list from the cursor on; before the cursor moves, our rows are looked for as far as it has got."""
        looked_down_to = self._reached(stage, cursor) if cursor else None
        if looked_down_to is None:
            cursor = ""
        self._note(stage, cursor)
        for listed in pages(stage.path, after=cursor, **stage.filters):
            left = len(listed) if self._limit is None else max(self._limit - sum(self.report.seen.values()), 0)
            page = listed[:left]
            self._take(stage.name, page, stage.compare)
            is_enough = self._limit is not None and left <= len(listed)
            if page and (is_enough or (self._entry is not None and self._entry.is_due)):
                down_to = _instant(page[-1]) + CLOCK_SLACK
                self._look_for(stage, down_to, looked_down_to)
                self._mentioned[stage.name].forget(down_to + CLOCK_SLACK)
                looked_down_to = down_to
                self._note(stage, str(page[-1]["id"]))
            if is_enough:
                raise _Limit
        self._look_for(stage, None, looked_down_to)

    def _reached(self, stage: Stage, cursor: str) -> datetime | None:
        """Return how far down our rows were looked for when a list was left at this object; None if it is gone."""
        try:
            return _instant(patiently(partial(gateway.retrieve_object, stage.kind, cursor))) + CLOCK_SLACK
        except StripeNotFoundError:
            return None

    def _look_for(self, stage: Stage, above: datetime | None, up_to: datetime | None) -> None:
        created = Q() if above is None else Q(created_at__gt=above)
        self._meet_all(stage.look_for(created if up_to is None else created & Q(created_at__lte=up_to)))

    def _note(self, stage: Stage, cursor: str) -> None:
        if self._entry is not None:
            self._entry.note(stage.name, cursor, self.report.seen)

    def _take(self, name: str, page: Page, compare: Callable[[Page], Iterator[Drift]]) -> None:
        self._mentioned[name].add(page)
        for drift in compare(page):
            self._meet(drift)
        self._count(name, len(page))

    def _look_at_what_waits(self, rows: QuerySet[Order]) -> None:
        """Look at what no list of Stripe's can mention."""
        self._meet_all(sessions.find_surplus(self._order.pk if self._order else None))
        self._meet_all(leftovers.orders_without_session(rows))
        for drift, mend in leftovers.unanswered(self._order, self.now):
            if drift.subject not in self._answered:
                self._meet(drift, partial(_finish, mend))

    def _derive(self, rows: QuerySet[Order]) -> None:
        """Derive orders anew from their rows, once what Stripe says has been applied to these."""
        for drift, mend in orders.compare(rows, partial(self._count, "orders")):
            self._meet(drift, mend)

    def _meet_all(self, drifts: Iterator[Drift]) -> None:
        for drift in drifts:
            self._meet(drift)

    def _look_at_worklist(self) -> None:
        """Look once more at what is on the work list and was not come across; what is gone is crossed out."""
        for row in worklist.unseen(self._seen, self._order.pk if self._order else None):
            drift = mending.look_again(row)
            if drift is None:
                self.report.gone += 1
                if self.fix:
                    worklist.cross_out(row)
            elif (drift.kind, drift.subject) not in self._seen:
                self._meet(drift)
            self._count("worklist", 1)

    def _meet(self, drift: Drift, mend: Callable[[], Drift | None] | None = None) -> None:
        """Note a difference once: mend it, or put it on the work list, or in a dry run do neither."""
        order_pk = drift.order_pk
        if drift.kind is Kind.PAID_NOT_RECORDED and order_pk is not None:
            # Nothing is recorded in a dry run, so the first payment of an order is only known from this run.
            if order_pk in self._paid_orders and not self.fix:
                payment = str(drift.at_stripe.get("payment_intent") or drift.subject)
                drift = replace(drift, kind=Kind.DOUBLE_PAYMENT, subject=payment)
            self._paid_orders.add(order_pk)
        if drift.answers_for:
            self._answered.add(drift.answers_for)
        key = (drift.kind.value, drift.subject)
        if key in self._seen:
            return
        self._seen.add(key)
        if not self.fix:
            self._tell(worklist.compare(drift))
            return
        left = self._mended(drift, mend)
        if left is None:
            self._tell(replace(drift, outcome=Outcome.MENDED))
            return
        if left.kind is not drift.kind:
            # Its facts were applied; what is left is another matter, for a person.
            self._tell(replace(drift, outcome=Outcome.MENDED))
            if (left.kind.value, left.subject) in self._seen:
                return
            self._seen.add((left.kind.value, left.subject))
        self._tell(worklist.write(left))

    def _tell(self, drift: Drift) -> None:
        self.report.drift.append(drift)
        if self._entry is not None:
            self._entry.count(drift.is_mended)

    def _mended(self, drift: Drift, mend: Callable[[], Drift | None] | None) -> Drift | None:
        """Mend a difference if that is safe; return what is left of it, or None."""
        way = mend or mending.find_way(drift)
        if way is None:
            return drift
        try:
            return way()
        except (StripeUnavailableError, StripeCredentialsError, RunBusyError):
            raise
        except CheckoutError as error:
            return replace(drift, at_stripe={**drift.at_stripe, "problem": error.code})

    def _count(self, name: str, number: int) -> None:
        self.report.seen[name] += number
        if self._entry is not None:
            self._entry.renew()
        if self._progress is not None:
            self._progress(name, self.report.seen[name])


def _finish(mend: Callable[[], object]) -> None:
    patiently(mend)


def _instant(data: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(data["created"], tz=UTC)
