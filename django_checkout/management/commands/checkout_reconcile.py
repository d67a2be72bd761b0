"""``checkout_reconcile``: compare Stripe with the database, and resolve the differences."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from django_checkout import reconcile
from django_checkout.management.arguments import (
    COULD_NOT_RUN,
    Progress,
    command_errors,
    exit_with,
    instant,
    key_values,
    positive,
    write_csv,
    write_json,
)
from django_checkout.models import Order, Payout
from django_checkout.operations import balances
from django_checkout.reconcile import Difference, Outcome, Report, missed_events, payouts
from django_checkout.services.placing import place_by_reference
from django_checkout.webhooks import endpoints

#: Options that cannot be combined.
EXCLUSIVE = (
    ("order", "since"),
    ("order", "until"),
    ("order", "payouts"),
    ("order", "missed_events"),
    ("limit", "payouts"),
)
COLUMNS = ("kind", "outcome", "order", "subject", "here", "at_stripe", "suggestion")


class Command(BaseCommand):
    """Compare Stripe with the database; exit 0 if no difference is left, 1 on differences, 2 if it cannot run."""

    help = (
        "Compares Stripe's sessions, refunds, disputes, subscriptions, invoices, fraud warnings and reviews with what "
        "is recorded here. Changes nothing without --fix. With --fix, differences that are safe to fix are fixed, and "
        "the rest are recorded under Differences in the admin, with a suggestion. Exit codes: 0 no new differences, "
        "or all were fixed, 1 there are new differences, 2 the command could not run. Safe to repeat and to "
        "interrupt: the next run with --fix resumes where this one stopped, and then compares what has changed since."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--fix", action="store_true", help="Fix what is safe to fix, and record the rest.")
        parser.add_argument(
            "--since",
            type=instant,
            help="Compare what was created since this time: 2026-11-24, 2026-11-24T12:30, 36h or 7d. Defaults to two "
            "days before the end of the last complete run, or to 30 days ago.",
        )
        parser.add_argument("--until", type=instant, help="Compare what was created until this time. Defaults to now.")
        parser.add_argument("--order", help="Compare only the order with this reference.")
        parser.add_argument(
            "--limit",
            type=positive,
            help="Stop after this number of objects; the next run with --fix resumes there. Defaults to no limit.",
        )
        parser.add_argument(
            "--format",
            choices=("table", "json", "csv"),
            default="table",
            help="Format of the report. Defaults to %(default)s.",
        )
        which = parser.add_mutually_exclusive_group()
        which.add_argument(
            "--missed-events",
            action="store_true",
            help="Instead, fetch the events of the last 30 days that Stripe could not deliver, and process them as the "
            "webhook would, oldest first.",
        )
        which.add_argument(
            "--payouts",
            action="store_true",
            help="Instead, store payouts and balance transactions for the admin, and check that they add up. With "
            "--format csv, write the balance transactions.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        since, until = options["since"], options["until"]
        if since and since > (until or timezone.now()):
            raise CommandError("--since is after --until, or in the future.", returncode=COULD_NOT_RUN)
        _refuse_exclusive(options)
        progress = Progress(self.stderr)
        with command_errors():
            try:
                if options["missed_events"]:
                    code = self._process_missed_events(options, progress)
                elif options["payouts"]:
                    code = self._compare_payouts(options, progress)
                else:
                    code = self._reconcile(options, progress)
            finally:
                progress.clear()
        exit_with(code)

    def _reconcile(self, options: dict[str, Any], progress: Progress) -> int:
        order = None
        if options["order"] is not None:
            order = _get_order(options["order"], fix=options["fix"])
        chosen = {name: options[name] for name in ("since", "until", "fix", "limit")}
        report = reconcile.run(order=order, progress=progress, **chosen)
        if order is None:
            endpoints.look()
        progress.clear()
        self._print(report, options)
        return 0 if report.is_clean else 1

    def _compare_payouts(self, options: dict[str, Any], progress: Progress) -> int:
        report = payouts.run(since=options["since"], until=options["until"], fix=options["fix"], progress=progress)
        progress.clear()
        if options["format"] == "csv":
            rows = Payout.objects.filter(created_at__gte=report.since, created_at__lte=report.until)
            write_csv(self.stdout, balances.PAYOUT_COLUMNS, balances.payout_rows(rows))
        else:
            self._print(report, options)
        return 0 if report.is_clean else 1

    def _process_missed_events(self, options: dict[str, Any], progress: Progress) -> int:
        chosen = {name: options[name] for name in ("since", "until", "limit")}
        report = missed_events.process(progress=progress, **chosen)
        progress.clear()
        if options["format"] == "json":
            write_json(self.stdout, {"missed": 0, **report})
        elif options["format"] == "csv":
            write_csv(self.stdout, ("events", "count"), sorted(report.items()))
        else:
            results = ", ".join(f"{report[result]} {result}" for result in missed_events.RESULTS if report[result])
            self.stdout.write(f"{report['missed']} events missed{f': {results}' if results else ''}.")
            if report["arrived"]:
                self.stdout.write(f"{report['arrived']} undelivered events had arrived already.")
        return 1 if report["failed"] or report["busy"] else 0

    def _print(self, report: Report, options: dict[str, Any]) -> None:
        shown = [difference for difference in report.differences if difference.outcome is not Outcome.IGNORED]
        if options["format"] == "json":
            write_json(self.stdout, _report_as_json(report, shown))
        elif options["format"] == "csv":
            write_csv(self.stdout, COLUMNS, map(_as_cells, shown))
        else:
            self._print_table(report, shown, fix=options["fix"])

    def _print_table(self, report: Report, shown: list[Difference], *, fix: bool) -> None:
        for difference in shown:
            outcome, order = difference.outcome, difference.reference or "-"
            self.stdout.write(f"{difference.kind}  {outcome.label}  order={order}  {difference.subject}")
            self.stdout.write(f"    {difference.kind.explanation}")
            self.stdout.write(f"    here: {key_values(difference.here)}")
            self.stdout.write(f"    at Stripe: {key_values(difference.at_stripe)}")
            if outcome in (Outcome.LISTED, Outcome.KNOWN) or (outcome is Outcome.FOUND and not fix):
                self.stdout.write(f"    {difference.suggestion}")
            if difference.done:
                self.stdout.write(f"    {difference.done}")
        if report.is_resumed:
            self.stdout.write(
                "Resumed where the last run stopped. The differences that it reported are not repeated here."
            )
        seen = ", ".join(f"{number} {name}" for name, number in report.seen.items() if number) or "nothing"
        window = f" from {report.since:%Y-%m-%d %H:%M} to {report.until:%Y-%m-%d %H:%M} UTC" if report.since else ""
        self.stdout.write(f"Compared {seen}{window}.")
        counts = ", ".join(f"{report.count(outcome)} {outcome.label}" for outcome in Outcome if report.count(outcome))
        self.stdout.write(f"Differences: {counts or 'none'}.")
        if report.gone:
            what = "that were resolved" if fix else "that no longer exist (--fix resolves them)"
            self.stdout.write(f"Recorded differences {what}: {report.gone}.")
        if not report.is_complete:
            self.stdout.write("Stopped by --limit" + ("; run the command again to resume." if fix else "."))


def _get_order(reference: str, *, fix: bool) -> Order:
    """Return an order; with ``fix``, place the shop's order first if it is not here."""
    order = Order.objects.filter(reference=reference).first()
    if order is None and fix:
        order = place_by_reference(reference)
    if order is not None:
        return order
    next_step = (
        "If your shop has it, place it first: call services.place() with its row in manage.py shell, or define "
        "find_order() in your adapter."
        if fix
        else "If your shop has it, add --fix, which places it."
    )
    raise CommandError(f"There is no order {reference}. {next_step}", returncode=COULD_NOT_RUN)


def _refuse_exclusive(options: dict[str, Any]) -> None:
    for one, other in EXCLUSIVE:
        if options[one] not in (None, False) and options[other] not in (None, False):
            names = (f"--{name.replace('_', '-')}" for name in (one, other))
            raise CommandError("{} cannot be combined with {}.".format(*names), returncode=COULD_NOT_RUN)


def _as_json(difference: Difference) -> dict[str, Any]:
    return {
        "kind": difference.kind,
        "outcome": difference.outcome,
        "order": difference.reference or None,
        "subject": difference.subject,
        "explanation": difference.kind.explanation,
        "here": difference.here,
        "at_stripe": difference.at_stripe,
        "suggestion": difference.suggestion,
        "done": difference.done,
    }


def _as_cells(difference: Difference) -> list[str]:
    values = _as_json(difference) | {"here": key_values(difference.here), "at_stripe": key_values(difference.at_stripe)}
    return [str(values[name] or "") for name in COLUMNS]


def _report_as_json(report: Report, shown: list[Difference]) -> dict[str, Any]:
    names = ("since", "until", "is_clean", "is_complete", "is_resumed")
    return {
        **{name: getattr(report, name) for name in names},
        "seen": dict(report.seen),
        "gone": report.gone,
        "drift": [_as_json(difference) for difference in shown],
    }
