"""`manage.py demo`: fills the shop and serves it; `--check` makes a purchase in it."""

from __future__ import annotations

import argparse
import errno
import io
import os
import socket
import sys
import threading
from contextlib import closing
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, CommandParser, call_command
from django.core.servers.basehttp import WSGIRequestHandler

from django_checkout.api_versions import stripe_js_url
from django_checkout.conf import conf
from django_checkout.emulator import Emulator, StoreError
from django_checkout.emulator.transport import requests_session
from example_project.shop import demo_check
from example_project.shop.catalogue import seed_catalogue
from example_project.shop.demo_accounts import make_accounts
from example_project.shop.demo_server import HOST
from example_project.shop.promotions import WELCOME_CODE, seed_promotions


class Command(BaseCommand):
    """Migrates, adds the products and accounts that are missing, and serves."""

    help = "Serve the demo shop on this machine. With --check, make a complete purchase in it and exit."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="the port to serve on (default: %(default)s)")
        parser.add_argument(
            "--check",
            action="store_true",
            help="serve on a free port with a temporary database, make a purchase, print its timeline and exit",
        )
        # Set by --check, so that the server always ends with the check that started it.
        parser.add_argument("--until-stdin-closes", action="store_true", help=argparse.SUPPRESS)

    def handle(self, *, port: int, check: bool, until_stdin_closes: bool, **options: Any) -> None:
        if check:
            demo_check.run(self.stdout)
            return
        if not settings.DEBUG:
            raise CommandError("The demo serves with Django's development server, which needs DEBUG=True.")
        _require_free(port)
        _require_base_url(port)
        if until_stdin_closes:
            threading.Thread(target=_exit_with_stdin, daemon=True).start()
        try:
            self._open(port)
        except KeyboardInterrupt:
            self.stdout.write("The demo has stopped.")

    def _open(self, port: int) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        seed_catalogue()
        if conf.CHECKOUT_EMULATOR:
            # The same store, in an emulator that sends no webhooks: the server is not open yet.
            try:
                emulator = Emulator(store=conf.CHECKOUT_EMULATOR_STORE)
            except StoreError as error:
                raise CommandError(str(error)) from error
            with closing(emulator), requests_session(emulator) as session:
                seed_promotions(session)
        self._print_welcome(port, make_accounts() if conf.CHECKOUT_EMULATOR else [])
        # A response is several small writes; none waits until the previous one is acknowledged.
        WSGIRequestHandler.disable_nagle_algorithm = True
        call_command("runserver", f"{HOST}:{port}", use_reloader=False, skip_checks=False, stdout=io.StringIO())

    def _print_welcome(self, port: int, accounts: list[tuple[str, str, str]]) -> None:
        address = f"http://{HOST}:{port}"
        bold = self.style.SUCCESS
        lines = ["", bold("Thistle & Slip is open."), ""]
        lines.append(f"  Shop     {bold(address + '/')}")
        lines.append(f"  Admin    {bold(address + '/admin/')}")
        if accounts:
            lines.append("")
            lines.extend(f"  {title:<8} {username} / {password}" for title, username, password in accounts)
            lines.append("")
            lines.append("  Payments are emulated on this machine. Test cards, with any future date and any CVC:")
            lines.append("    4242 4242 4242 4242   succeeds")
            lines.append("    4000 0000 0000 0002   is declined")
            lines.append("    4000 0027 6000 3184   asks for 3-D Secure")
            lines.append(f"  Promotion code {WELCOME_CODE} takes 10% off.")
        else:
            lines.append("")
            lines.append(f"  Payments go to {conf.STRIPE_API_BASE}. For the admin, run manage.py createsuperuser.")
        lines.extend(["", "  All data is in var/; delete it to start from scratch. Stop with Ctrl-C.", ""])
        self.stdout.write("\n".join(lines))
        self.stdout.flush()


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
            raise CommandError(f"Port {port} {reason}. Choose another: manage.py demo --port {port + 1}") from error
        except OverflowError as error:
            raise CommandError("--port must be between 1 and 65535.") from error


def _require_base_url(port: int) -> None:
    """Restart with CHECKOUT_BASE_URL for this port, if the settings, which are read once, have another one."""
    base_url = f"http://{HOST}:{port}"
    if base_url == conf.CHECKOUT_BASE_URL or (not conf.CHECKOUT_EMULATOR and "CHECKOUT_BASE_URL" in os.environ):
        return
    os.environ["CHECKOUT_BASE_URL"] = base_url
    if conf.CHECKOUT_EMULATOR:
        os.environ["STRIPE_API_BASE"] = f"{base_url}/emulator"
        os.environ["STRIPE_JS_URL"] = stripe_js_url(conf.CHECKOUT_API_VERSION, f"{base_url}/emulator")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606 (the same command with other variables)


def _exit_with_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(0)
