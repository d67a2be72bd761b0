"""Signals, languages and stored fields are complete: each test names what is left out when one is added."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
from django.utils.translation import get_language_info

import django_checkout
from django_checkout import signals, values
from django_checkout.states import SignalName
from example_project import settings as example_settings
from tests.test_signals import CONTRACT

pytestmark = pytest.mark.core

ROOT = Path(__file__).parents[1]
PACKAGE = Path(django_checkout.__file__).parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    """Return a section of the README."""
    return re.split(r"^##+ ", README.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def cells(text: str, column: int) -> set[str]:
    """Return the code in one column of the tables in a text."""
    rows = [line.split("|") for line in text.splitlines() if line.startswith("|")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row[column])}


def assert_complete(places: dict[str, set[str]]) -> None:
    """Assert that every place has the same names; the message says which place lacks which."""
    names = sorted(set().union(*places.values()))
    omissions = [f"{name} lacks {place}" for name in names for place, found in places.items() if name not in found]
    assert not omissions, "\n".join(omissions)


def test_every_signal_is_complete():
    ledger = "".join(path.read_text(encoding="utf-8") for path in (PACKAGE / "ledger").glob("*.py"))
    assert_complete(
        {
            "an announcement in ledger/": {name for name in CONTRACT if f'"{name}"' in ledger},
            "a signal in signals.py": {n for n, found in vars(signals).items() if isinstance(found, signals.Signal)},
            "a label in states.SignalName": set(SignalName.values),
            "a name in tests/test_signals.py": CONTRACT,
            "a row in README.md": cells(section("Signals"), 1),
        }
    )


@pytest.mark.parametrize("path", sorted((PACKAGE / "locale").iterdir()), ids=lambda path: path.name)
def test_every_language_is_complete(path):
    code = {path.name}
    assert_complete(
        {
            "a django.po": code if (path / "LC_MESSAGES/django.po").is_file() else set(),
            "a compiled django.mo": code if (path / "LC_MESSAGES/django.mo").is_file() else set(),
            "its English name in README.md": code if get_language_info(path.name)["name"] in README else set(),
            "an entry in LANGUAGES of the example project": code & set(dict(example_settings.LANGUAGES)),
        }
    )


@pytest.mark.parametrize("fact", get_args(values.Fact), ids=lambda fact: fact.__name__)
def test_every_field_of_a_fact_is_read_and_used(fact):
    reader = ast.parse((PACKAGE / "stripe_api/facts.py").read_text(encoding="utf-8"))
    read = {
        keyword.arg
        for node in ast.walk(reader)
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in (fact.__name__, "replace")
        for keyword in node.keywords
    }
    used = {
        node.attr if isinstance(node, ast.Attribute) else str(node.value)
        for package in ("ledger", "services", "webhooks", "reconcile")
        for path in (PACKAGE / package).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute | ast.Constant)
    }
    names = {field.name for field in fields(fact)}
    assert_complete(
        {
            "a field in values.py": names,
            "a value in stripe_api/facts.py": read & names,
            "a use": used & names,
        }
    )
