"""``checkout_doctor``: examine the installation, and say what mends what is wrong."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from django_checkout import doctor
from django_checkout.doctor import Severity
from django_checkout.management.arguments import ending, leave, write_json


class Command(BaseCommand):
    """Examine key, clock, endpoint, delivery, backlog and database; exit 1 if something is broken."""

    help = (
        "Examine this installation: keys and their permissions, clock, webhook endpoint at Stripe, a signed delivery "
        "to our own webhook, backlog, database, upkeep. Each finding comes with the command that mends it. Exit code: "
        "0 no errors, 1 errors, 2 it could not run. Changes nothing."
    )
    # It examines what system checks find, instead of being stopped by it.
    requires_system_checks: list[str] = []  # Django's own class attribute

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default="", help="where Stripe delivers (default: CHECKOUT_BASE_URL and our path)")
        parser.add_argument("--no-delivery", action="store_true", help="post no signed event to our own webhook")
        parser.add_argument("--format", choices=("table", "json"), default="table", help="(default: %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        with ending():
            found = doctor.examine(url=options["url"], delivers=not options["no_delivery"])
        errors = sum(finding.severity is Severity.ERROR for finding in found)
        if options["format"] == "json":
            write_json(self.stdout, {"ok": not errors, "findings": [asdict(finding) for finding in found]})
        else:
            for finding in found:
                self.stdout.write(f"{finding.severity:8} {finding.id}  {finding.message}")
                self.stdout.write(f"         {finding.command}")
            self.stdout.write(f"{len(found)} findings, {errors} of them errors." if found else "All is well.")
        leave(1 if errors else 0)
