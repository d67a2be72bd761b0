"""``checkout_doctor``: check the installation and report how to fix each problem."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from django_checkout.management.arguments import COULD_NOT_RUN, command_errors, exit_with, write_json
from django_checkout.operations import doctor
from django_checkout.operations.doctor import ForeignAnswer, Severity


class Command(BaseCommand):
    """Check the installation; exit 1 if there are errors."""

    help = (
        "Checks this installation: keys and their permissions, clock, webhook endpoint at Stripe, webhook delivery, "
        "backlog, database and maintenance. Each finding names the command or setting that fixes it. Changes nothing. "
        "Exit codes: 0 no errors, 1 errors, 2 the command could not run."
    )
    # The command reports the errors of system checks as findings.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default="", help="The webhook's URL. Defaults to its URL under CHECKOUT_BASE_URL.")
        parser.add_argument(
            "--no-delivery", action="store_true", help="Do not post a signed test event to the site's webhook."
        )
        parser.add_argument(
            "--format", choices=("table", "json"), default="table", help="Output format. Defaults to %(default)s."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with command_errors():
            found = doctor.examine(url=options["url"], delivers=not options["no_delivery"])
        errors = sum(finding.severity is Severity.ERROR for finding in found)
        if options["format"] == "json":
            findings = [{**asdict(finding), "url": finding.url} for finding in found]
            write_json(self.stdout, {"ok": not errors, "findings": findings})
        else:
            for finding in found:
                self.stdout.write(f"{finding.severity:8} {finding.id}  {finding.message}")
                self.stdout.write(f"         {finding.command}")
                self.stdout.write(f"         {finding.url}")
            self.stdout.write(f"Findings: {len(found)}. Errors: {errors}." if found else "No problems found.")
        if foreign := next((finding for finding in found if isinstance(finding, ForeignAnswer)), None):
            raise CommandError(foreign.message, returncode=COULD_NOT_RUN)
        exit_with(1 if errors else 0)
