"""One run: walk what Stripe created in a window, then our rows that it did not mention, then the work list.

Lists are paged raw, a hundred objects a call, and compared a page at a time, so that memory stays constant (eight
bytes are remembered of each object). With ``fix`` a difference that is safe to mend is mended at once by reading the
object anew and applying it through the ledger; the rest goes on the work list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
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
    CheckoutSession,
    Dispute,
    Order,
    Payment,
    ReconciliationRun,
    Refund,
    Subscription,
)
from django_checkout.reconcile import aftermath, diary, leftovers, mending, sessions, worklist
from django_checkout.reconcile.pages import pages, patiently
from django_checkout.reconcile.report import Drift, Kind, Outcome, Report

#: Called with the name of what is being read and how many have been looked at.
Progress = Callable[[str, int], None]
Page = Sequence[dict[str, Any]]

SCOPE = "orders"


@dataclass(frozen=True, slots=True)
class _Stage:
    """One of Stripe's lists, and how a page of it is compared."""

    name: str
    path: str
    compare: Callable[[Page], Iterator[Drift]]
    filters: dict[str, Any] = field(default_factory=dict)


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

    Without ``since`` and ``until`` a run goes on where the last one was stopped, or begins before the end of the last
    complete one. Must run outside transactions.

    Raises:
        RunBusyError: another run is going on.
        StripeUnavailableError: Stripe stopped answering; what was applied stays applied, and the next run goes on.
        StripeCredentialsError: the key is wrong, or lacks a permission that the message names.
    """
    now = now or timezone.now()
    if order is not None:
        run_of_order = _Run(Report(), fix=fix, limit=limit, progress=progress, now=now, order=order)
        try:
            run_of_order.look_at_order(order)
        except _Limit:
            run_of_order.report.is_complete = False
        return run_of_order.report
    entry = diary.begin(scope=SCOPE, since=since, until=until, is_fixing=fix, now=now)
    report = Report(since=entry.row.since, until=entry.row.until, is_resumed=entry.is_resumed)
    going = _Run(report, fix=fix, limit=limit, progress=progress, now=now, entry=entry)
    try:
        try:
            going.look_at_window(entry.row)
        except _Limit:
            report.is_complete = False
        found = sum(drift.outcome is not Outcome.MENDED for drift in report.drift)
        mended = report.count(Outcome.MENDED)
        entry.finish(is_complete=report.is_complete, found=found, mended=mended, seen=report.seen)
    except BaseException:
        entry.stop()
        raise
    return report


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
        self._mentioned: dict[str, set[int]] = {"sessions": set(), "refunds": set(), "disputes": set()}

    def look_at_window(self, row: ReconciliationRun) -> None:
        """Walk the lists, going on at the diary's cursor, then look at what they did not mention."""
        created = {"gte": int(row.since.timestamp()), "lte": int(row.until.timestamp())}
        stages = [
            _Stage("sessions", sessions.PATH, sessions.compare, {"created": created, "expand": [*sessions.EXPAND]}),
            _Stage("refunds", aftermath.REFUNDS, aftermath.compare_refunds, {"created": created}),
            _Stage("disputes", aftermath.DISPUTES, aftermath.compare_disputes, {"created": created}),
        ]
        if Subscription.objects.exists() or CheckoutSession.objects.filter(mode="subscription").exists():
            # However long ago they began, they may have moved since.
            all_of_them = {"status": "all"}
            compare = aftermath.compare_subscriptions
            stages.append(_Stage("subscriptions", aftermath.SUBSCRIPTIONS, compare, all_of_them))
        names = [stage.name for stage in stages]
        start, cursor = (names.index(row.stage), row.cursor) if row.stage in names else (0, "")
        window = Q(created_at__gte=row.since, created_at__lte=row.until)
        rows = CheckoutSession.objects.filter(window, livemode=conf.livemode)
        if cursor and start == 0:
            # What was seen before the run was stopped is forgotten; the next run's window covers it again.
            resumed_at = rows.filter(stripe_id=cursor).values_list("created_at", flat=True).first()
            rows = rows.filter(created_at__lte=resumed_at) if resumed_at else rows
        elif start:
            rows = rows.none()
        for stage in stages[start:]:
            self._walk(stage, cursor)
            cursor = ""
        refunds = Refund.objects.filter(window, payment__livemode=conf.livemode)
        disputes = Dispute.objects.filter(payment__livemode=conf.livemode)
        # A list that was walked by the run that this one goes on with, or begun there, is not known in full here.
        walked_refunds = refunds if start == 0 else refunds.none()
        self._look_at_rows(rows, walked_refunds, disputes)
        older = leftovers.unsettled_sessions(row.since, self.now)
        older_refunds = leftovers.unsettled_refunds(row.since)
        self._look_at_rows(older, older_refunds, Dispute.objects.none())
        self._look_at_what_waits(Order.objects.filter(window))
        self._look_at_worklist()

    def look_at_order(self, order: Order) -> None:
        """Read everything of one order from Stripe and compare it."""
        for session in order.sessions.exclude(stripe_id=None):
            try:
                data = patiently(partial(gateway.retrieve_session_data, session.stripe_id or ""))
            except StripeNotFoundError:
                continue
            self._take("sessions", [data], sessions.compare)
        for payment in Payment.objects.filter(order=order, stripe_id__startswith="pi_"):
            named = {"payment_intent": payment.stripe_id}
            self._walk(_Stage("refunds", aftermath.REFUNDS, aftermath.compare_refunds, named))
            self._walk(_Stage("disputes", aftermath.DISPUTES, aftermath.compare_disputes, named))
        ids = order.sessions.exclude(subscription_id="").values_list("subscription_id", flat=True)
        for subscription_id in {*ids, *order.subscriptions.values_list("stripe_id", flat=True)}:
            data = patiently(partial(gateway.retrieve_object, "customer.subscription", subscription_id))
            self._take("subscriptions", [data], aftermath.compare_subscriptions)
        ours = Q(payment__order=order)
        rows = order.sessions.filter(livemode=conf.livemode)
        self._look_at_rows(rows, Refund.objects.filter(ours), Dispute.objects.filter(ours))
        self._look_at_what_waits(Order.objects.filter(pk=order.pk))
        self._look_at_worklist()

    def _walk(self, stage: _Stage, cursor: str = "") -> None:
        if self._entry is not None:
            self._entry.note(stage.name, cursor, self.report.seen)
        for listed in pages(stage.path, after=cursor, **stage.filters):
            left = len(listed) if self._limit is None else self._limit - sum(self.report.seen.values())
            page = listed[:left]
            self._take(stage.name, page, stage.compare)
            if self._entry is not None and page:
                self._entry.note(stage.name, str(page[-1]["id"]), self.report.seen)
            if left <= len(listed) and self._limit is not None:
                raise _Limit

    def _take(self, name: str, page: Page, compare: Callable[[Page], Iterator[Drift]]) -> None:
        self._mentioned.setdefault(name, set()).update(leftovers.fingerprint(str(data["id"])) for data in page)
        for drift in compare(page):
            self._meet(drift)
        self._count(name, len(page))

    def _look_at_rows(
        self, rows: QuerySet[CheckoutSession], refunds: QuerySet[Refund], disputes: QuerySet[Dispute]
    ) -> None:
        """Look at those of our rows that Stripe did not mention."""
        self._meet_all(leftovers.unmentioned_sessions(rows, self._mentioned["sessions"]))
        self._meet_all(leftovers.unmentioned_refunds(refunds, self._mentioned["refunds"]))
        self._meet_all(leftovers.unmentioned_disputes(disputes, self._mentioned["disputes"]))

    def _look_at_what_waits(self, orders: QuerySet[Order]) -> None:
        """Look at what no list of Stripe's can mention."""
        self._meet_all(sessions.find_surplus(self._order.pk if self._order else None))
        self._meet_all(leftovers.orders_without_session(orders))
        for drift, mend in leftovers.unanswered(self._order, self.now):
            self._meet(drift, partial(_finish, mend))

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
        key = (drift.kind.value, drift.subject)
        if key in self._seen:
            return
        self._seen.add(key)
        if not self.fix:
            self.report.drift.append(worklist.compare(drift))
            return
        left = self._mended(drift, mend)
        if left is None:
            self.report.drift.append(replace(drift, outcome=Outcome.MENDED))
        else:
            if left.kind is not drift.kind:
                # Its facts were applied; what is left is another matter, for a person.
                self.report.drift.append(replace(drift, outcome=Outcome.MENDED))
                if (left.kind.value, left.subject) in self._seen:
                    return
                self._seen.add((left.kind.value, left.subject))
            self.report.drift.append(worklist.write(left))
        if self._entry is not None:
            self._entry.renew()

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
        if self._progress is not None:
            self._progress(name, self.report.seen[name])


def _finish(mend: Callable[[], object]) -> None:
    patiently(mend)
