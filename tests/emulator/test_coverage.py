"""What the emulator plays is counted, printed and documented."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from django_checkout.emulator import coverage
from django_checkout.emulator.api.document import operations
from django_checkout.emulator.api.routes import ROUTES

from .plausible import OPERATIONS
from .write_coverage import PATH, text

#: How many of the plausible operations are played. All of them are.
FLOOR = 127


def printed(*arguments):
    """Return the output of the command."""
    out = StringIO()
    call_command("checkout_emulator", "--coverage", *arguments, stdout=out)
    return out.getvalue()


def test_the_table_names_every_operation_and_what_is_not_played():
    lines = printed().splitlines()

    assert "  GET /v1/refunds: played" in lines
    assert "  POST /v1/sources: not played" in lines
    assert any(line.startswith("  POST /v1/refunds: partly; not: ") for line in lines)
    assert any(line.startswith("refunds (5 of ") for line in lines)
    assert lines[-1].startswith(f"{len(operations())} operations of Stripe's API: ")


def test_the_table_is_printed_as_json():
    rows = {row["operation"]: row for row in json.loads(printed("--format", "json"))}

    assert rows["POST /v1/refunds"]["resource"] == "refunds"
    assert "origin" in rows["POST /v1/refunds"]["lacks"]
    assert rows["GET /v1/checkout/sessions/{session}/line_items"]["resource"] == "checkout/sessions"


def test_a_format_without_coverage_is_refused():
    with pytest.raises(CommandError):
        call_command("checkout_emulator", "--format", "json")


def test_the_documented_table_is_up_to_date():
    assert PATH.read_text(encoding="utf-8") == text(), "run python -m tests.emulator.write_coverage"


def test_plausible_operations_are_stripes():
    assert len(set(OPERATIONS)) == len(OPERATIONS) == 127
    assert set(OPERATIONS) <= set(operations())


def test_most_plausible_operations_are_played():
    missing = sorted(set(OPERATIONS) - ROUTES.keys())

    assert len(OPERATIONS) - len(missing) >= FLOOR, missing
    assert coverage.summary()
