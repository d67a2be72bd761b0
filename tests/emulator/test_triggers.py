"""The table of triggers is counted and documented; ``test_stripe_cli.py`` runs it."""

from __future__ import annotations

from pathlib import Path

from django_checkout.emulator.reference.event_types import EVENT_TYPES

from .triggers import VERSION, triggers
from .write_triggers import PATH, text

ROOT = Path(__file__).resolve().parents[2]
#: How many triggers work.
FLOOR = 94


def test_the_documented_triggers_are_up_to_date():
    assert PATH.read_text(encoding="utf-8") == text(), "run python -m tests.emulator.write_triggers"


def test_the_number_of_triggers_that_work_does_not_fall():
    assert sum(trigger.works for trigger in triggers()) >= FLOOR


def test_each_trigger_is_listed_once():
    names = [trigger.name for trigger in triggers()]

    assert len(set(names)) == len(names)


def test_what_a_trigger_causes_is_an_event_of_stripes():
    assert {trigger.event for trigger in triggers() if trigger.works} <= EVENT_TYPES


def test_tox_installs_the_version_of_the_table():
    assert f"@stripe/cli@{VERSION}" in (ROOT / "tox.ini").read_text(encoding="utf-8")
