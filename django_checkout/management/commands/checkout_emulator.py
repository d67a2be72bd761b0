"""Serves the emulator on a port of its own, to any Stripe client in any language."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_checkout.conf import conf
from django_checkout.emulator import Emulator
from django_checkout.emulator.emulator import DEFAULT_SECRET
from django_checkout.emulator.server import EmulatorServer


class Command(BaseCommand):
    """``manage.py checkout_emulator --port 12111 --webhook-url http://127.0.0.1:8000/checkout/webhook/``."""

    help = "Serve a stand-in for Stripe: its API, its payment page, its webhooks. For development and tests only."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on (default: %(default)s).")
        parser.add_argument("--port", type=int, default=12111, help="Port, 0 for any (default: %(default)s).")
        parser.add_argument("--store", default="", help="SQLite file to keep objects in (default: memory).")
        parser.add_argument("--webhook-url", default="", help="Where to post events (default: nowhere).")
        parser.add_argument("--webhook-secret", default="", help="Signing secret (default: the site's first).")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until interrupted."""
        configured = conf.STRIPE_WEBHOOK_SECRETS
        secret = options["webhook_secret"] or (configured[0] if configured else DEFAULT_SECRET)
        emulator = Emulator(
            store=options["store"],
            webhook_url=options["webhook_url"],
            webhook_secret=secret,
        )
        try:
            server = EmulatorServer((options["host"], options["port"]), emulator)
        except OSError as error:
            emulator.close()
            msg = f"Cannot listen on {options['host']}:{options['port']}: {error.strerror}"
            raise CommandError(msg) from error
        emulator.start_courier()
        self.stdout.write(f"Emulator of Stripe at {server.url} (STRIPE_API_BASE={server.url})")
        if options["webhook_url"]:
            self.stdout.write(f"Events go to {options['webhook_url']}")
        self.stdout.flush()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
        finally:
            server.server_close()
            emulator.close()
