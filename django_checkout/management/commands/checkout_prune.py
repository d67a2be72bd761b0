"""``checkout_prune``: delete old webhook events."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from django_checkout.conf import conf
from django_checkout.management.arguments import Progress, command_errors, positive
from django_checkout.operations import retention


class Command(BaseCommand):
    """Delete old processed and ignored events in small batches."""

    help = (
        "Deletes old webhook events that were processed or ignored, in small batches. Unprocessed and failed events "
        "are never deleted. Safe to repeat and to interrupt."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--min-age-days",
            type=positive,
            help="The minimum age of the events in days. Defaults to CHECKOUT_EVENT_RETENTION_DAYS "
            f"({conf.CHECKOUT_EVENT_RETENTION_DAYS}).",
        )
        parser.add_argument(
            "--limit", type=positive, help="The maximum number of events to delete. Defaults to no limit."
        )
        parser.add_argument("--dry-run", action="store_true", help="Count the events without deleting them.")

    def handle(self, *args: Any, **options: Any) -> None:
        progress = Progress(self.stderr)
        with command_errors():
            try:
                number = retention.prune(
                    min_age_days=options["min_age_days"],
                    limit=options["limit"],
                    is_dry=options["dry_run"],
                    progress=progress,
                )
            finally:
                progress.clear()
        self.stdout.write(f"{number} events {'would be' if options['dry_run'] else 'were'} deleted.")
