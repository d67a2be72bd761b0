"""Stores payouts and their balance transactions, and checks that each payout adds up, and agrees with our orders.

https://docs.stripe.com/api/payouts, https://docs.stripe.com/api/balance_transactions
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any

from django.db.models import Q, Sum
from django.utils import timezone

from django_checkout.conf import conf
from django_checkout.models import BalanceTransaction, Discrepancy, Dispute, Payment, Payout, Refund, database
from django_checkout.models.reconciliation import DiscrepancyState
from django_checkout.reconcile import account, discrepancies, reads, runs
from django_checkout.reconcile.kinds import Kind
from django_checkout.reconcile.report import Difference, Report
from django_checkout.reconcile.resource import Json, Page, Window
from django_checkout.stripe_api import facts

SCOPE = "payouts"
#: How many days after its creation a paid payout may still fail, or one in transit may arrive.
SETTLING_DAYS = 14
PAYOUTS = "/v1/payouts"
LINES = "/v1/balance_transactions"
#: How many balance transactions of a payout are in memory at once.
LINES_AT_ONCE = 1000
#: The balance transactions that are a payout itself.
OWN_TYPES = ("payout", "payout_failure", "payout_cancel")
#: A payout with one of these statuses takes no money to the bank.
FAILED = ("failed", "canceled")


def run(
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    fix: bool = False,
    progress: Callable[[str, int], None] | None = None,
    now: datetime | None = None,
) -> Report:
    """Mirror payouts and balance transactions of a window, and report every payout that does not add up.

    The mirror is always written and changes no order; with ``fix`` what does not add up is recorded as a discrepancy.
    Must run outside transactions.

    Raises:
        RunBusyError: another run is active.
        StripeUnavailableError: Stripe does not answer; the next run begins where this one did.
        StripeCredentialsError: the key is wrong or belongs to another account.
    """
    record = discrepancies.record if fix else discrepancies.compare
    chosen = {"since": since, "until": until}
    with runs.begin(scope=SCOPE, **chosen, is_fixing=True, resumes=False, now=now or timezone.now()) as active:
        account.check_key()
        active.set_window(**chosen, find_time=partial(account.find_time, now))
        window = Window(active.row.since, until)
        report = Report(since=active.row.since, until=active.row.until)

        def count(name: str, number: int) -> None:
            report.seen[name] += number
            active.save_cursor("", "", report.seen)
            if progress is not None:
                progress(name, report.seen[name])

        for page in reads.pages(LINES, created=window.created):
            _write_lines(page, None)
            count("balance_transactions", len(page))
        for page in reads.pages(PAYOUTS, created=window.extended(SETTLING_DAYS).created):
            for data in page:
                payout = _write_payout(data, active.renew)
                report.differences += [record(difference) for difference in _check(payout)]
                count("payouts", 1)
        report.gone = _resolve_gone(report, fix=fix)
        active.row.found = len(report.differences)
        active.finish(is_complete=True, seen=report.seen)
    return report


def _write_payout(data: Json, renew: Callable[[], None]) -> Payout:
    """Write a payout and, if Stripe lists them, its balance transactions and their sum."""
    payout, _ = Payout.objects.update_or_create(
        stripe_id=data["id"],
        defaults={
            "livemode": bool(data["livemode"]),
            "currency": data["currency"],
            "amount_minor": data["amount"],
            "status": data["status"],
            "is_automatic": bool(data["automatic"]),
            "reconciliation_status": data.get("reconciliation_status") or "",
            "failure_code": data.get("failure_code") or "",
            "arrival_date": _instant(data["arrival_date"]).date(),
            "created_at": _instant(data["created"]),
        },
    )
    if payout.is_automatic and payout.reconciliation_status in ("completed", "") and payout.difference_minor != 0:
        for page in reads.pages(LINES, payout=payout.stripe_id):
            _write_lines(page, payout)
            renew()
        lines = payout.lines.exclude(type__in=OWN_TYPES)
        payout.lines_net_minor = lines.aggregate(net=Sum("net_minor", default=0))["net"]
        payout.save(update_fields=["lines_net_minor"])
    return payout


def _write_lines(page: Page, payout: Payout | None) -> None:
    payments = _payments_of(page)
    rows = [
        BalanceTransaction(
            stripe_id=data["id"],
            source_id=facts.find_id(data, "source"),
            payment=payments.get(facts.find_id(data, "source")),
            payout=payout,
            type=data["type"],
            reporting_category=data.get("reporting_category") or "",
            currency=data["currency"],
            amount_minor=data["amount"],
            fee_minor=data["fee"],
            net_minor=data["net"],
            exchange_rate="" if data.get("exchange_rate") is None else str(data["exchange_rate"]),
            status=data["status"],
            available_on=_instant(data["available_on"]),
            created_at=_instant(data["created"]),
        )
        for data in page
    ]
    # The list of all balance transactions does not name their payouts, so a stored payout is kept.
    changing = ["status", "available_on", "payment", *(["payout"] if payout else [])]
    # MariaDB checks every unique column and accepts no target.
    target = ["stripe_id"] if database.connection().features.supports_update_conflicts_with_target else None
    BalanceTransaction.objects.bulk_create(rows, update_conflicts=True, update_fields=changing, unique_fields=target)


def _payments_of(page: Page) -> dict[str, Payment]:
    """Return our payments by the ids of their charges, refunds and disputes that are a page's sources."""
    sources = {facts.find_id(data, "source") for data in page} - {""}
    charged = Payment.objects.filter(charge_id__in=sources, livemode=conf.livemode).order_by()
    found = {row.charge_id: row for row in charged}
    for model in (Refund, Dispute):
        for row in model.objects.filter(stripe_id__in=sources).select_related("payment"):
            found[str(row.stripe_id)] = row.payment
    return found


def _check(payout: Payout) -> Iterator[Difference]:
    """Yield how a payout differs from the sum of its lines, or its charges and refunds from those of our orders."""
    if payout.difference_minor and payout.status not in FAILED:
        here: dict[str, Any] = {"lines": payout.lines_net_minor}
        at_stripe = {"amount": payout.amount_minor, "currency": payout.currency}
        yield Difference.of(Kind.PAYOUT_DIFFERS, payout.stripe_id, None, here, at_stripe)
    charges = payout.lines.filter(Q(type="charge") | Q(type="payment")).exclude(payment=None)
    for line in charges.select_related("payment__order").order_by("pk").iterator(chunk_size=LINES_AT_ONCE):
        payment = line.payment
        # An amount that was converted cannot be compared.
        if payment is None or payment.currency != line.currency or line.amount_minor == payment.captured_minor:
            continue
        here = {"captured": payment.captured_minor, "currency": payment.currency}
        at_stripe = {"amount": line.amount_minor, "currency": line.currency, "payout": payout.stripe_id}
        yield Difference.of(Kind.PAYOUT_DIFFERS, line.stripe_id, payment.order, here, at_stripe)
    yield from _check_refunds(payout)


def _check_refunds(payout: Payout) -> Iterator[Difference]:
    refunds = payout.lines.filter(Q(type="refund") | Q(type="payment_refund")).exclude(payment=None)
    lines = refunds.order_by("pk").iterator(chunk_size=LINES_AT_ONCE)
    while some := list(islice(lines, LINES_AT_ONCE)):
        rows = Refund.objects.filter(stripe_id__in=[line.source_id for line in some])
        recorded = {row.stripe_id: row for row in rows.select_related("payment__order")}
        for line in some:
            row = recorded.get(line.source_id)
            if row is None or row.currency != line.currency or row.amount_minor == -line.amount_minor:
                continue
            here = {"refunded": row.amount_minor, "currency": row.currency}
            at_stripe = {"amount": -line.amount_minor, "currency": line.currency, "payout": payout.stripe_id}
            yield Difference.of(Kind.PAYOUT_DIFFERS, line.stripe_id, row.payment.order, here, at_stripe)


def _resolve_gone(report: Report, *, fix: bool) -> int:
    """Resolve the discrepancies of payouts that add up now; return how many there are."""
    still = {difference.subject for difference in report.differences}
    gone = 0
    for row in Discrepancy.objects.filter(kind=Kind.PAYOUT_DIFFERS, state=DiscrepancyState.OPEN):
        payout = Payout.objects.filter(Q(stripe_id=row.subject) | Q(lines__stripe_id=row.subject)).first()
        if row.subject in still or (payout and any(found.subject == row.subject for found in _check(payout))):
            continue
        gone += 1
        if fix:
            discrepancies.resolve(row)
    return gone


def _instant(value: int) -> datetime:
    return datetime.fromtimestamp(value, tz=UTC)
