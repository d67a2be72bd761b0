"""Reads payouts and what they are made of, and proves that each adds up: to its lines, and the lines to our orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from django.db.models import Q, Sum
from django.utils import timezone

from django_checkout import database, facts
from django_checkout.conf import conf
from django_checkout.models import BalanceTransaction, Discrepancy, Dispute, Payment, Payout, Refund
from django_checkout.models.news import DiscrepancyState
from django_checkout.reconcile import account, diary, worklist
from django_checkout.reconcile.pages import pages
from django_checkout.reconcile.report import Drift, Kind, Report, new

Json = Mapping[str, Any]

SCOPE = "payouts"
#: A payout's status is final so many days after it began.
SETTLING_DAYS = 14
PAYOUTS = "/v1/payouts"
LINES = "/v1/balance_transactions"
#: So many lines of a payout are in memory at once.
LINES_AT_ONCE = 1000
#: The line of a payout that is the payout itself.
OWN_TYPES = ("payout", "payout_failure", "payout_cancel")
#: A payout that ended so takes no money to the bank.
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

    The mirror is written always and touches no order; with ``fix`` what does not add up goes on the work list. Must
    run outside transactions.

    Raises:
        RunBusyError: another run is going on.
        StripeUnavailableError: Stripe stopped answering; the next run begins where this one did.
        StripeCredentialsError: the key is wrong, or of another account.
    """
    now = now or timezone.now()
    entry = diary.begin(scope=SCOPE, since=since, until=until, is_fixing=True, resumes=False, now=now)
    report = Report(since=entry.row.since, until=entry.row.until)
    try:
        account.check_key()
        created = {"gte": int(entry.row.since.timestamp()), "lte": int(entry.row.until.timestamp())}
        for page in pages(LINES, created=created):
            _write_lines(page, None)
            _count(report, entry, "balance_transactions", len(page), progress)
        # One that was paid may still fail, and one on its way arrive.
        created["gte"] -= SETTLING_DAYS * 24 * 3600
        for page in pages(PAYOUTS, created=created):
            for data in page:
                payout = _write_payout(data, entry.renew)
                report.drift += [worklist.write(drift) if fix else worklist.compare(drift) for drift in _check(payout)]
                _count(report, entry, "payouts", 1, progress)
        report.gone = _cross_out(report, fix=fix)
        entry.row.found = len(report.drift)
        entry.finish(is_complete=True, seen=report.seen)
    except BaseException:
        entry.stop()
        raise
    return report


def _count(
    report: Report, entry: diary.Entry, name: str, number: int, progress: Callable[[str, int], None] | None
) -> None:
    report.seen[name] += number
    entry.note("", "", report.seen)
    if progress is not None:
        progress(name, report.seen[name])


def _write_payout(data: Json, renew: Callable[[], None]) -> Payout:
    """Write a payout and, where Stripe tells them, its lines and what they add up to."""
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
        for page in pages(LINES, payout=payout.stripe_id):
            _write_lines(page, payout)
            renew()
        lines = payout.lines.exclude(type__in=OWN_TYPES)
        payout.lines_net_minor = lines.aggregate(net=Sum("net_minor", default=0))["net"]
        payout.save(update_fields=["lines_net_minor"])
    return payout


def _write_lines(page: Sequence[Json], payout: Payout | None) -> None:
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
    # A line that the general list shows does not tell its payout; what is known of it stays.
    changing = ["status", "available_on", "payment", *(["payout"] if payout else [])]
    # MariaDB looks at every unique column and takes no target.
    target = ["stripe_id"] if database.connection().features.supports_update_conflicts_with_target else None
    BalanceTransaction.objects.bulk_create(rows, update_conflicts=True, update_fields=changing, unique_fields=target)


def _payments_of(page: Sequence[Json]) -> dict[str, Payment]:
    """Return our payments by the ids of their charges, refunds and disputes that a page names as sources."""
    sources = {facts.find_id(data, "source") for data in page} - {""}
    found = {
        row.charge_id: row for row in Payment.objects.filter(charge_id__in=sources, livemode=conf.livemode).order_by()
    }
    for model in (Refund, Dispute):
        for row in model.objects.filter(stripe_id__in=sources).select_related("payment"):
            found[str(row.stripe_id)] = row.payment
    return found


def _check(payout: Payout) -> Iterator[Drift]:
    """Yield how a payout does not add up: to its lines, or its charges and refunds to what our orders recorded."""
    difference = payout.difference_minor
    if difference and payout.status not in FAILED:
        here: dict[str, Any] = {"lines": payout.lines_net_minor}
        at_stripe = {"amount": payout.amount_minor, "currency": payout.currency}
        yield new(Kind.PAYOUT_DIFFERS, payout.stripe_id, None, here, at_stripe)
    charges = payout.lines.filter(Q(type="charge") | Q(type="payment")).exclude(payment=None)
    for line in charges.select_related("payment__order").order_by("pk").iterator(chunk_size=LINES_AT_ONCE):
        payment = line.payment
        # Converted money is compared in no currency.
        if payment is None or payment.currency != line.currency or line.amount_minor == payment.captured_minor:
            continue
        here = {"captured": payment.captured_minor, "currency": payment.currency}
        at_stripe = {"amount": line.amount_minor, "currency": line.currency, "payout": payout.stripe_id}
        yield new(Kind.PAYOUT_DIFFERS, line.stripe_id, payment.order, here, at_stripe)
    yield from _check_refunds(payout)


def _check_refunds(payout: Payout) -> Iterator[Drift]:
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
            yield new(Kind.PAYOUT_DIFFERS, line.stripe_id, row.payment.order, here, at_stripe)


def _cross_out(report: Report, *, fix: bool) -> int:
    """Resolve the entries about payouts that add up by now; return how many there are."""
    still = {drift.subject for drift in report.drift}
    gone = 0
    for row in Discrepancy.objects.filter(kind=Kind.PAYOUT_DIFFERS, state=DiscrepancyState.OPEN):
        payout = Payout.objects.filter(Q(stripe_id=row.subject) | Q(lines__stripe_id=row.subject)).first()
        if row.subject in still or (payout and any(drift.subject == row.subject for drift in _check(payout))):
            continue
        gone += 1
        if fix:
            worklist.cross_out(row)
    return gone


def _instant(value: int) -> datetime:
    return datetime.fromtimestamp(value, tz=UTC)
