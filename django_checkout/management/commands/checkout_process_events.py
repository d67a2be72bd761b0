"""``checkout_process_events``: process pending work, from cron or a timer."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from django_checkout.exceptions import StripeCredentialsError
from django_checkout.management.arguments import Progress, command_errors, exit_with, positive, write_json
from django_checkout.operations import health, remaining
from django_checkout.operations.remaining import Remaining
from django_checkout.webhooks import pending_work, runs

#: The kinds of pending work, as ``process_pending`` reports them, and what was done.
_KINDS = {
    "events": "pending events processed",
    "notifications": "pending notifications delivered",
    "unknown_sessions": "sessions without a row looked up at Stripe",
    "unanswered_sessions": "unconfirmed sessions marked as failed",
    "unanswered_refunds": "unconfirmed refunds resumed",
    "voucher_reminders": "reminders of vouchers sent",
    "stale_sessions": "stale sessions read from Stripe",
    "deleted_orders": "sessions of deleted orders expired",
    "surplus_sessions": "orders with surplus sessions checked",
    "double_payments": "orders with a double payment checked",
    "credit_notes": "credit notes requested",
}
#: Sessions that wait for their shoppers are mentioned for this long: nothing has to be done.
_MENTIONED_FOR = timedelta(hours=1)


class Command(BaseCommand):
    """Process pending events, deliver pending notifications and resume unanswered requests."""

    help = (
        "Processes pending and failed webhook events, delivers pending notifications, and resumes sessions and "
        "refunds that Stripe has not confirmed, until nothing is due. Then lists what is left and why. Run it every "
        "minute. What fails again is retried after a minute, then after two, four and so on, up to six hours; --now "
        "does not wait for that. Exit codes: 0 nothing has failed, 1 something is left that failed, so that someone "
        "has to look at the cause, 2 the command could not run or Stripe refuses the key. Orders that need attention "
        "are listed and do not change the exit code. Safe to repeat, to run twice at the same time and to interrupt."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--now",
            action="store_true",
            help="Also take failed events and notifications whose next attempt is not due yet, for example after the "
            "cause of the failures is fixed.",
        )
        parser.add_argument(
            "--limit",
            type=positive,
            default=runs.DEFAULT_LIMIT,
            help="The maximum number of items of each kind. Defaults to %(default)s.",
        )
        parser.add_argument(
            "--format", choices=("text", "json"), default="text", help="Format of the report. Defaults to %(default)s."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        progress = Progress(self.stderr)
        with command_errors():
            try:
                report = pending_work.process_pending(
                    limit=options["limit"], ignores_backoff=options["now"], progress=progress
                )
            except StripeCredentialsError:
                health.report()
                raise
            finally:
                progress.clear()
            # A site without a monitor has at least its log.
            health.report()
            left = remaining.find()
        has_failed = any(group.has_failed for group in left) or any(report[f"{kind}_failed"] for kind in _KINDS)
        if options["format"] == "json":
            write_json(self.stdout, _as_json(report, left, has_failed=has_failed))
        else:
            self._print(report, left, has_failed=has_failed, verbosity=options["verbosity"])
            if has_failed:
                self._advise(report, left, is_now=options["now"])
        exit_with(int(has_failed))

    def _advise(self, report: Mapping[str, int], left: Sequence[Remaining], *, is_now: bool) -> None:
        failed = [group for group in left if group.has_failed]
        others = any(not group.is_unanswered for group in failed) or any(
            report[f"{kind}_failed"] > report[f"{kind}_unanswered"] for kind in _KINDS
        )
        if any(group.is_unanswered for group in failed) or any(report[f"{kind}_unanswered"] for kind in _KINDS):
            self.stdout.write(
                "Stripe did not respond. Nothing has to be done: what failed is retried by the next run or at the time "
                "shown, until Stripe responds. If this lasts, manage.py checkout_doctor says what to check."
            )
        if others and not is_now:
            self.stdout.write("After you have fixed the cause, run this command with --now: it retries them all.")

    def _print(self, report: Mapping[str, int], left: Sequence[Remaining], *, has_failed: bool, verbosity: int) -> None:
        for kind, text in _KINDS.items():
            if report[kind] or verbosity > 1:
                self.stdout.write(f"{report[kind] - report[f'{kind}_failed']} of {report[kind]} {text}.")
        waiting = [group for group in left if group.is_waiting]
        left = [group for group in left if not group.is_waiting]
        if left:
            self.stdout.write("Left:")
        for group in left:
            at = group.next_attempt_at
            next_attempt = f"; next attempt at {at:%Y-%m-%d %H:%M:%S} UTC" if at else ""
            self.stdout.write(f"  {group.kind}: {group.count} {group.reason}{next_attempt}")
        if has_failed and not any(group.has_failed for group in left):
            self.stdout.write("What failed is retried by the next run; the log says why.")
        elif not left:
            self.stdout.write("Nothing is left." if any(report.values()) else "Nothing is pending.")
        for group in waiting:
            if verbosity < 2 and group.waiting_since and timezone.now() - group.waiting_since > _MENTIONED_FOR:
                continue
            noun = "session was" if group.count == 1 else "sessions were"
            self.stdout.write(
                f"{group.count} {noun} not confirmed by Stripe. Nothing has to be done: this ends when the shopper "
                f"tries again, or from {group.next_attempt_at:%Y-%m-%d %H:%M} UTC on."
            )


def _as_json(report: Mapping[str, int], left: Sequence[Remaining], *, has_failed: bool) -> dict[str, Any]:
    done = {kind: {"attempted": report[kind], "failed": report[f"{kind}_failed"]} for kind in _KINDS}
    return {"processed": done, "left": [asdict(group) for group in left], "has_failed": has_failed}
