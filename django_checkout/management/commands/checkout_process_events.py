"""``checkout_process_events``: process pending work, from cron or a timer."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from django_checkout.management.arguments import command_errors, positive
from django_checkout.webhooks import pending_work

#: The kinds of pending work, as ``process_pending`` reports them, and what was done.
_KINDS = {
    "events": "pending events processed",
    "notifications": "pending notifications delivered",
    "unanswered_sessions": "unconfirmed sessions marked as failed",
    "unanswered_refunds": "unconfirmed refunds resumed",
    "stale_sessions": "stale sessions read from Stripe",
    "surplus_sessions": "orders with surplus sessions checked",
    "double_payments": "orders with a double payment checked",
}


class Command(BaseCommand):
    """Process pending events, deliver pending notifications and resume unanswered requests."""

    help = (
        "Processes pending and failed webhook events, delivers pending notifications, and resumes sessions and "
        "refunds that Stripe has not confirmed. Run it every minute. Safe to repeat and to interrupt."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--limit",
            type=positive,
            default=1000,
            help="The maximum number of items of each kind. Defaults to %(default)s.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with command_errors():
            report = pending_work.process_pending(limit=options["limit"])
        for kind, text in _KINDS.items():
            if report[kind] or options["verbosity"] > 1:
                self.stdout.write(f"{report[kind] - report[f'{kind}_failed']} of {report[kind]} {text}.")
        if not any(report.values()):
            self.stdout.write("Nothing is pending.")
