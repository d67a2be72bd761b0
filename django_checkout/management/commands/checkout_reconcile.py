"""``checkout_reconcile``: find what was missed between Stripe and us, and mend it."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from django_checkout import figures, reconcile
from django_checkout.management.arguments import (
    COULD_NOT_RUN,
    Counter,
    ending,
    instant,
    leave,
    positive,
    words,
    write_csv,
    write_json,
)
from django_checkout.models import Order, Payout
from django_checkout.reconcile import Drift, Outcome, Report, missed, payouts

#: Options of which one would say nothing beside the other.
NOT_TOGETHER = (
    ("order", "since"),
    ("order", "until"),
    ("order", "payouts"),
    ("order", "missed_events"),
    ("limit", "payouts"),
)
COLUMNS = ("kind", "outcome", "order", "subject", "here", "at_stripe", "suggestion")


class Command(BaseCommand):
    """Compare what Stripe has with what we recorded; exit 0 if nothing is left, 1 on drift, 2 if it could not run."""

    help = (
        "Walk Stripe's sessions, refunds, disputes and subscriptions and compare them with what is recorded here. "
        "Changes nothing without --fix; with it, what is safe is mended by applying what Stripe says, and the rest is "
        "put on the work list (Discrepancies in the admin) with a suggestion. Exit code: 0 nothing is left to do, 1 "
        "there are differences that are neither mended nor on the work list already, 2 it could not run. Safe to "
        "repeat and to kill: the next run with --fix goes on where this one stopped, and then looks at what has come "
        "or moved since."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--fix", action="store_true", help="mend what is safe, and list the rest")
        parser.add_argument(
            "--since",
            type=instant,
            help="look at what was created since: 2026-11-24, 2026-11-24T12:30, 36h, 7d (default: two days before the "
            "end of the last complete run, or 30 days)",
        )
        parser.add_argument("--until", type=instant, help="and until (default: now)")
        parser.add_argument("--order", help="look at one order only, by its reference")
        parser.add_argument(
            "--limit",
            type=positive,
            help="stop after so many objects; the next run with --fix goes on there (default: no limit)",
        )
        parser.add_argument(
            "--format", choices=("table", "json", "csv"), default="table", help="of the report (default: %(default)s)"
        )
        which = parser.add_mutually_exclusive_group()
        which.add_argument(
            "--missed-events",
            action="store_true",
            help="instead, fetch the events of the last 30 days that Stripe could not deliver and process them, oldest "
            "first, as the webhook would",
        )
        which.add_argument(
            "--payouts",
            action="store_true",
            help="instead, read payouts and balance transactions into the admin and prove that they add up; with "
            "--format csv, their lines",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        since, until = options["since"], options["until"]
        if since and since > (until or timezone.now()):
            raise CommandError("--since lies after --until, or in the future.", returncode=COULD_NOT_RUN)
        _refuse_what_does_not_go_together(options)
        counter = Counter(self.stderr)
        with ending():
            try:
                if options["missed_events"]:
                    code = self._feed(options, counter)
                elif options["payouts"]:
                    code = self._pay_out(options, counter)
                else:
                    code = self._reconcile(options, counter)
            finally:
                counter.clear()
        leave(code)

    def _reconcile(self, options: dict[str, Any], counter: Counter) -> int:
        order = None
        if options["order"] is not None:
            order = Order.objects.filter(reference=options["order"]).first()
            if order is None:
                raise CommandError(f"There is no order {options['order']}.", returncode=COULD_NOT_RUN)
        report = reconcile.run(
            since=options["since"],
            until=options["until"],
            fix=options["fix"],
            order=order,
            limit=options["limit"],
            progress=counter,
        )
        counter.clear()
        self._print(report, options)
        return 0 if report.is_clean else 1

    def _pay_out(self, options: dict[str, Any], counter: Counter) -> int:
        report = payouts.run(since=options["since"], until=options["until"], fix=options["fix"], progress=counter)
        counter.clear()
        if options["format"] == "csv":
            rows = Payout.objects.filter(created_at__gte=report.since, created_at__lte=report.until)
            write_csv(self.stdout, figures.PAYOUT_COLUMNS, figures.payout_rows(rows))
        else:
            self._print(report, options)
        return 0 if report.is_clean else 1

    def _feed(self, options: dict[str, Any], counter: Counter) -> int:
        report = missed.feed(since=options["since"], until=options["until"], limit=options["limit"], progress=counter)
        counter.clear()
        if options["format"] == "json":
            write_json(self.stdout, dict(report))
        else:
            write_csv(self.stdout, ("events", "count"), sorted(report.items()))
        return 1 if report["failed"] or report["busy"] else 0

    def _print(self, report: Report, options: dict[str, Any]) -> None:
        shown = [drift for drift in report.drift if drift.outcome is not Outcome.IGNORED]
        if options["format"] == "json":
            write_json(self.stdout, _as_json(report, shown))
        elif options["format"] == "csv":
            write_csv(self.stdout, COLUMNS, (tuple(row.values()) for row in _rows(shown)))
        else:
            self._print_table(report, shown, fix=options["fix"])

    def _print_table(self, report: Report, shown: list[Drift], *, fix: bool) -> None:
        for drift in shown:
            self.stdout.write(f"{drift.kind}  {drift.outcome}  order={drift.reference or '-'}  {drift.subject}")
            self.stdout.write(f"    {drift.explanation}")
            self.stdout.write(f"    here: {words(drift.here)}")
            self.stdout.write(f"    at Stripe: {words(drift.at_stripe)}")
            if drift.outcome in (Outcome.LISTED, Outcome.KNOWN) or (drift.outcome is Outcome.FOUND and not fix):
                self.stdout.write(f"    {drift.suggestion}")
        if report.is_resumed:
            self.stdout.write("Went on where the last run had stopped; what that one saw is not repeated here.")
        seen = ", ".join(f"{number} {name}" for name, number in report.seen.items() if number) or "nothing"
        window = f" from {report.since:%Y-%m-%d %H:%M} to {report.until:%Y-%m-%d %H:%M} UTC" if report.since else ""
        self.stdout.write(f"Looked at {seen}{window}.")
        counts = ", ".join(f"{report.count(outcome)} {outcome}" for outcome in Outcome if report.count(outcome))
        self.stdout.write(f"Differences: {counts or 'none'}.")
        if report.gone:
            what = "were crossed out" if fix else "are gone (--fix crosses them out)"
            self.stdout.write(f"{report.gone} entries of the work list {what}.")
        if not report.is_complete:
            self.stdout.write("Stopped by --limit" + ("; run it again to go on." if fix else "."))


def _refuse_what_does_not_go_together(options: dict[str, Any]) -> None:
    for one, other in NOT_TOGETHER:
        if options[one] not in (None, False) and options[other] not in (None, False):
            names = (f"--{name.replace('_', '-')}" for name in (one, other))
            raise CommandError("{} does not go with {}.".format(*names), returncode=COULD_NOT_RUN)


def _rows(drifts: list[Drift]) -> Iterator[dict[str, str]]:
    for drift in drifts:
        yield {
            "kind": str(drift.kind),
            "outcome": str(drift.outcome),
            "order": drift.reference,
            "subject": drift.subject,
            "here": words(drift.here),
            "at_stripe": words(drift.at_stripe),
            "suggestion": drift.suggestion,
        }


def _as_json(report: Report, shown: list[Drift]) -> dict[str, Any]:
    return {
        "since": report.since,
        "until": report.until,
        "is_clean": report.is_clean,
        "is_complete": report.is_complete,
        "is_resumed": report.is_resumed,
        "seen": dict(report.seen),
        "gone": report.gone,
        "drift": [
            {
                "kind": drift.kind,
                "outcome": drift.outcome,
                "order": drift.reference or None,
                "subject": drift.subject,
                "explanation": drift.explanation,
                "here": drift.here,
                "at_stripe": drift.at_stripe,
                "suggestion": drift.suggestion,
            }
            for drift in shown
        ],
    }
