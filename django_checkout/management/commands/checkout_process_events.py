"""``checkout_process_events``: do what is pending, from cron or a timer."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from django_checkout import sweep
from django_checkout.management.arguments import ending, positive


class Command(BaseCommand):
    """Process waiting and failed events, deliver announcements, and settle requests that Stripe never answered."""

    help = (
        "Process waiting and failed webhook events, deliver pending announcements, and settle sessions "
        "and refunds that Stripe never answered for. Safe to run at any time, twice, and to be killed; run it every "
        "minute or so."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--limit", type=positive, default=1000, help="how many of each kind to look at (default: %(default)s)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with ending():
            report = sweep.sweep(limit=options["limit"])
        for name, count in sorted(report.items()):
            if count or options["verbosity"] > 1:
                self.stdout.write(f"{name}={count}")
        if not any(report.values()):
            self.stdout.write("Nothing is pending.")
