"""``checkout_setup_webhook``: create or update the webhook endpoint at Stripe."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.views.decorators.debug import sensitive_variables

from django_checkout.management.arguments import command_errors
from django_checkout.webhooks import endpoints


class Command(BaseCommand):
    """Create or update the endpoint with the handled event types and the pinned API version."""

    help = (
        "Creates or updates this site's webhook endpoint at Stripe with the event types that are handled here and the "
        "API version of this release. Prints the signing secret of a new endpoint. Safe to repeat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default="", help="The webhook's URL. Defaults to its URL under CHECKOUT_BASE_URL.")
        parser.add_argument("--dry-run", action="store_true", help="Show the changes without making them.")
        which = parser.add_mutually_exclusive_group()
        which.add_argument(
            "--upgrade",
            action="store_true",
            help="Create a second endpoint if the first has another API version. Both receive events until "
            "--finish-upgrade.",
        )
        which.add_argument(
            "--finish-upgrade",
            action="store_true",
            help="Disable this URL's endpoints with other API versions. Deploy the new signing secret first.",
        )

    @sensitive_variables()
    def handle(self, *args: Any, **options: Any) -> None:
        is_dry = options["dry_run"]
        with command_errors():
            done = endpoints.set_up(
                options["url"], is_dry=is_dry, upgrade=options["upgrade"], finish=options["finish_upgrade"]
            )
        self.stdout.write(f"{done.url} {done.endpoint_id}".rstrip())
        for step in done.steps:
            self.stdout.write(f"{'would ' if is_dry else ''}{step}")
        if not done.steps:
            self.stdout.write("No changes: the endpoint is up to date.")
        if done.secret:
            self.stdout.write("")
            self.stdout.write("Add this signing secret to STRIPE_WEBHOOK_SECRETS. It is not shown again:")
            self.stdout.write(done.secret)
        for note in done.notes:
            self.stdout.write(note)
