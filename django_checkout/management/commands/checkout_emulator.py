"""Serves the emulator on a port of its own, to any Stripe client in any language."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_checkout.conf import EMULATOR_SECRET, conf
from django_checkout.emulator import Emulator
from django_checkout.emulator.server import EmulatorServer
from django_checkout.emulator.shared import own_webhook_url


class Command(BaseCommand):
    """``manage.py checkout_emulator``: at port 12111; events go to the webhook of the site."""

    help = "Serve a stand-in for Stripe: its API, its payment page, its webhooks. For development and tests only."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on (default: %(default)s).")
        parser.add_argument("--port", type=int, default=12111, help="Port, 0 for any (default: %(default)s).")
        parser.add_argument(
            "--allowed-host",
            action="append",
            default=[],
            help="A further name under which the emulator is reached, e.g. of a container; may be repeated "
            "(default: IP addresses and localhost).",
        )
        parser.add_argument("--store", default="", help="SQLite file to keep objects in (default: memory).")
        parser.add_argument(
            "--webhook-url", default=None, help='Where to post events (default: the site; "": nowhere).'
        )
        parser.add_argument("--webhook-secret", default="", help="Signing secret (default: the site's first).")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until interrupted."""
        if conf.has_live_key:
            raise CommandError("The emulator does not run with a live key; set a test key (sk_test_...).")
        configured = conf.STRIPE_WEBHOOK_SECRETS
        secret = options["webhook_secret"] or (configured[0] if configured else EMULATOR_SECRET)
        webhook_url = own_webhook_url() if options["webhook_url"] is None else options["webhook_url"]
        emulator = Emulator(
            store=options["store"],
            webhook_url=webhook_url,
            webhook_secret=secret,
        )
        try:
            server = EmulatorServer(
                (options["host"], options["port"]), emulator, allowed_hosts=options.get("allowed_host") or ()
            )
        except OSError as error:
            emulator.close()
            msg = f"Cannot listen on {options['host']}:{options['port']}: {error.strerror}"
            raise CommandError(msg) from error
        emulator.start_courier()
        self.stdout.write(f"Emulator of Stripe at {server.url} (STRIPE_API_BASE={server.url})")
        if webhook_url:
            self.stdout.write(f"Events are posted to {webhook_url}")
        else:
            self.stdout.write("Events are posted nowhere. Set CHECKOUT_BASE_URL, or give --webhook-url.")
        self.stdout.flush()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
        finally:
            server.server_close()
            emulator.close()
