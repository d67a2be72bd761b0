"""Serves the emulator on its own port, to any Stripe client in any language."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_checkout.conf import conf
from django_checkout.emulator import Emulator, StoreError, coverage
from django_checkout.emulator.server import EmulatorServer
from django_checkout.management.arguments import COULD_NOT_RUN
from django_checkout.webhooks.local import own_webhook_secret, own_webhook_url


class Command(BaseCommand):
    """``manage.py checkout_emulator``: on port 12111, with events sent to the site's webhook."""

    help = "Serves a stand-in for Stripe: API, payment pages and webhooks. For development and tests only."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on. Defaults to %(default)s.")
        parser.add_argument(
            "--port", type=int, default=12111, help="Port to listen on, 0 for any free one. Defaults to %(default)s."
        )
        parser.add_argument(
            "--allowed-host",
            action="append",
            default=[],
            help="Another host name to accept, such as a container's. Can be repeated. "
            "IP addresses and localhost are always accepted.",
        )
        parser.add_argument("--store", default="", help="SQLite file for the objects. Defaults to memory.")
        parser.add_argument(
            "--webhook-url",
            default=None,
            help="URL that events are sent to, or an empty string for none. Defaults to the site's webhook.",
        )
        parser.add_argument("--webhook-secret", default="", help="Signing secret. Defaults to the site's first.")
        parser.add_argument(
            "--rate-limit",
            choices=["sandbox", "live"],
            default="",
            help="Answer 429 to more requests per second than Stripe allows there. Defaults to no limit.",
        )
        parser.add_argument(
            "--coverage", action="store_true", help="Print which of Stripe's operations are implemented, and exit."
        )
        parser.add_argument("--format", choices=["text", "json"], help="Format of --coverage. Defaults to text.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until interrupted, or print the coverage."""
        if options["coverage"]:
            self._print_coverage(options["format"])
            return
        if options["format"]:
            raise CommandError("--format needs --coverage.", returncode=COULD_NOT_RUN)
        if conf.has_live_key:
            message = "The emulator does not run with a live key. Set a test key (sk_test_...)."
            raise CommandError(message, returncode=COULD_NOT_RUN)
        secret = options["webhook_secret"] or own_webhook_secret()
        webhook_url = own_webhook_url() if options["webhook_url"] is None else options["webhook_url"]
        # Without a URL nothing subscribes, so that events do not count as undelivered.
        events = ("*",) if webhook_url else ()
        try:
            emulator = Emulator(
                store=options["store"],
                webhook_url=webhook_url,
                webhook_secret=secret,
                enabled_events=events,
                webhook_version=conf.CHECKOUT_API_VERSION,
            )
        except StoreError as error:
            raise CommandError(str(error), returncode=COULD_NOT_RUN) from error
        emulator.rate_limits.mode = options["rate_limit"]
        try:
            address = (options["host"], options["port"])
            server = EmulatorServer(address, emulator, allowed_hosts=options["allowed_host"])
        except OSError as error:
            emulator.close()
            msg = f"Cannot listen on {options['host']}:{options['port']}: {error.strerror}"
            raise CommandError(msg, returncode=COULD_NOT_RUN) from error
        emulator.start_webhook_sender()
        self.stdout.write(f"Emulator of Stripe at {server.url} (STRIPE_API_BASE={server.url})")
        if webhook_url:
            self.stdout.write(f"Events are sent to {webhook_url}")
        else:
            hint = (
                "Events are sent once checkout_setup_webhook has created an endpoint."
                if options["webhook_url"] == ""
                else "Events are not sent. Set CHECKOUT_BASE_URL, use --webhook-url, or run checkout_setup_webhook."
            )
            self.stdout.write(hint)
        self.stdout.flush()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
        finally:
            server.server_close()
            emulator.close()

    def _print_coverage(self, output_format: str | None) -> None:
        if output_format == "json":
            self.stdout.write(json.dumps(coverage.as_json(), indent=2))
            return
        for line in coverage.as_text():
            self.stdout.write(line)
