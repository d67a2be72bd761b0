"""``checkout_prune``: delete events that have served their time."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from django_checkout import retention
from django_checkout.conf import conf
from django_checkout.management.arguments import Counter, ending, positive


class Command(BaseCommand):
    """Delete old, settled events in small batches."""

    help = (
        "Delete webhook events that were processed or ignored and are old enough. One that waits or has failed is "
        "never deleted. Batches are small, so that nobody waits for them; safe to repeat, and to kill."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--min-age-days",
            type=positive,
            help=f"how old, in days (default: CHECKOUT_EVENT_RETENTION_DAYS, {conf.CHECKOUT_EVENT_RETENTION_DAYS})",
        )
        parser.add_argument("--limit", type=positive, help="delete at most so many (default: no limit)")
        parser.add_argument("--dry-run", action="store_true", help="only count them")

    def handle(self, *args: Any, **options: Any) -> None:
        counter = Counter(self.stderr)
        with ending():
            try:
                number = retention.prune(
                    min_age_days=options["min_age_days"],
                    limit=options["limit"],
                    is_dry=options["dry_run"],
                    progress=counter,
                )
            finally:
                counter.clear()
        self.stdout.write(f"{number} events {'would be' if options['dry_run'] else 'were'} deleted.")
