"""``checkout_prune``: delete old webhook events, and rows of no order."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from django_checkout.conf import conf
from django_checkout.management.arguments import Progress, command_errors, positive
from django_checkout.operations import retention, unowned


class Command(BaseCommand):
    """Delete old processed and ignored events, and rows of no order, in small batches."""

    help = (
        "Deletes old webhook events that were processed or ignored, in small batches. Unprocessed and failed events "
        "are never deleted. Also deletes payments, refunds and disputes of other systems on the account. Safe to "
        "repeat and to interrupt."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--min-age-days",
            type=positive,
            help="The minimum age of the events in days. Defaults to CHECKOUT_EVENT_RETENTION_DAYS "
            f"({conf.CHECKOUT_EVENT_RETENTION_DAYS}).",
        )
        parser.add_argument(
            "--limit",
            type=positive,
            help="The maximum number of events, payments and tickets to delete; a payment takes its refunds and "
            "disputes with it. Defaults to no limit.",
        )
        parser.add_argument("--dry-run", action="store_true", help="Count what would be deleted.")

    def handle(self, *args: Any, **options: Any) -> None:
        progress = Progress(self.stderr)
        with command_errors():
            common = {"min_age_days": options["min_age_days"], "is_dry": options["dry_run"], "progress": progress}
            try:
                number = retention.prune(limit=options["limit"], **common)
                left = None if options["limit"] is None else options["limit"] - number
                rows = unowned.prune(limit=left, **common)
            finally:
                progress.clear()
        were_deleted = "would be deleted." if options["dry_run"] else "were deleted."
        self.stdout.write(f"{number} events {were_deleted}")
        if any(rows):
            counts = ", ".join(f"{count} {name}" for name, count in rows._asdict().items())
            self.stdout.write(f"Of no order: {counts} {were_deleted}")
