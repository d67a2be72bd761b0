"""Every hint works when it is followed literally: its commands exist, with their options, and its settings as well."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.utils import translation

import django_checkout
from django_checkout.conf import NAMES
from django_checkout.operations.alerts import RULES

pytestmark = pytest.mark.core

PACKAGE = Path(django_checkout.__file__).parent
_COMMAND = re.compile(r"manage\.py (\w+)((?: --?[\w-]+| [A-Z]+\b(?![._]))*)")
_SETTING = re.compile(r"\b(?:CHECKOUT|STRIPE)_[A-Z_]+[A-Z]\b")
#: Names in hints that are neither settings nor commands.
NOT_SETTINGS = {"STRIPE_LOG"}


def _texts():
    """Yield every text of the package with its place; of an f-string its literal parts."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if "emulator" in path.parts or "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", node.value


def _options(name):
    app = get_commands()[name]
    parser = load_command_class(app, name).create_parser("manage.py", name)
    return {option for action in parser._actions for option in action.option_strings}


def test_every_command_that_a_text_names_exists_with_its_options():
    found = [(place, *match.groups()) for place, text in _texts() for match in _COMMAND.finditer(text)]

    wrong = [
        (place, name, option)
        for place, name, rest in found
        for option in re.findall(r"--[\w-]+", rest) or [""]
        if name not in get_commands() or (option and option not in _options(name))
    ]

    assert len(found) > 30
    assert wrong == []


def test_every_setting_that_an_alert_names_exists():
    with translation.override("en"):
        hints = " ".join(str(rule.hint) for rule in RULES.values())

    named = set(_SETTING.findall(hints))

    assert "STRIPE_WEBHOOK_SECRETS" in named
    assert named <= set(NAMES)


def test_every_setting_that_a_finding_names_exists():
    places = [(place, text) for place, text in _texts() if place.startswith("operations/")]

    named = {(place, name) for place, text in places for name in _SETTING.findall(text)}

    assert {(place, name) for place, name in named if name not in NAMES} == set()


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_alert_says_what_to_do(language):
    with translation.override(language):
        for rule in RULES.values():
            named = ("manage.py", "https://", "CHECKOUT_", "STRIPE_")
            assert rule.page or any(name in str(rule.hint) for name in named), rule.hint
