"""``checkout_setup_webhook``: create the webhook endpoint at Stripe, or bring it up to date."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.views.decorators.debug import sensitive_variables

from django_checkout import endpoints
from django_checkout.management.arguments import ending


class Command(BaseCommand):
    """Create or update the endpoint, with the events that are handled here and the API version of this release."""

    help = (
        "Create the webhook endpoint at Stripe for this site, or bring it up to date: the types of event that are "
        "handled here, and the API version that this release is written for. Prints the signing secret of a new "
        "endpoint, once. Safe to repeat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default="", help="where Stripe delivers (default: CHECKOUT_BASE_URL and our path)")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
        which = parser.add_mutually_exclusive_group()
        which.add_argument(
            "--upgrade",
            action="store_true",
            help="create a second endpoint where the first has another API version; both deliver until you finish",
        )
        which.add_argument(
            "--finish-upgrade",
            action="store_true",
            help="disable the endpoints of this address with other API versions; deploy the new secret before",
        )

    @sensitive_variables()
    def handle(self, *args: Any, **options: Any) -> None:
        is_dry = options["dry_run"]
        with ending():
            done = endpoints.set_up(
                options["url"], is_dry=is_dry, upgrade=options["upgrade"], finish=options["finish_upgrade"]
            )
        self.stdout.write(f"{done.url} {done.endpoint_id}".rstrip())
        for step in done.steps:
            self.stdout.write(f"{'would ' if is_dry else ''}{step}")
        if not done.steps:
            self.stdout.write("Nothing to do: the endpoint is as it should be.")
        if done.secret:
            self.stdout.write("")
            self.stdout.write("Add this signing secret to STRIPE_WEBHOOK_SECRETS; it is not shown again:")
            self.stdout.write(done.secret)
        for note in done.notes:
            self.stdout.write(note)
