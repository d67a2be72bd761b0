"""The runbook is complete, its links lead somewhere, and its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import load_command_class

import django_checkout
from django_checkout.emulator.control.actions import ACTIONS
from django_checkout.emulator.incidents import OUTAGES
from django_checkout.operations.alerts import RUNBOOK, Reason
from django_checkout.operations.doctor import IDS, Finding, Severity

from .world import commands_in

pytestmark = pytest.mark.core

PACKAGE = Path(django_checkout.__file__).parent
FOLDER = Path(__file__).parents[2] / "docs/runbook"
PAGES = sorted(path.name for path in FOLDER.glob("*.md"))
_LOGGED = re.compile(r'(?:logger\.(?:info|warning|error|exception|log)\(\s*(?:level, )?|error_once\(\w+,\s*)"(\w+)')


def text_of(page):
    return (FOLDER / page).read_text(encoding="utf-8")


def anchors(page):
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section(title):
    """Return the headings in one section of the reference."""
    text = text_of("reference.md").partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return re.findall(r"^### (\w+)$", text, re.MULTILINE)


def test_reference_has_every_alert():
    assert sorted(section("Alerts")) == sorted(reason.value for reason in Reason)


def test_reference_has_every_finding():
    assert sorted(section("Findings")) == sorted(IDS.values())


def test_reference_has_every_log_record():
    sources = [path for path in PACKAGE.rglob("*.py") if "emulator" not in path.parts]
    names = {name for path in sources for name in _LOGGED.findall(path.read_text(encoding="utf-8"))}

    assert len(names) > 30
    assert sorted(section("Log records")) == sorted(names)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\(([\w.-]*)(?:#([\w-]+))?\)", text_of(page)):
        assert (target or page) in PAGES, target
        assert not anchor or anchor in anchors(target or page), f"{target}#{anchor}"
    for path, anchor in re.findall(r"\]\(\.\./([\w./-]+)(?:#([\w-]+))?\)", text_of(page)):
        assert (FOLDER.parent / path).is_file(), path
        assert not anchor or anchor in anchors(f"../{path}"), f"{path}#{anchor}"


def test_index_links_every_page():
    assert set(PAGES) - {"README.md"} == set(re.findall(r"\]\(([\w-]+\.md)\)", text_of("README.md")))


def test_site_links_the_reference():
    assert RUNBOOK.endswith("/docs/runbook/reference.md")
    assert "docs/runbook/README.md" in (FOLDER.parents[1] / "README.md").read_text(encoding="utf-8")


def test_link_of_every_finding_and_of_every_alert_leads_to_its_anchor():
    known = anchors("reference.md")
    findings = [
        Finding(id=number, severity=Severity.INFO, message="", command="") for number in (*IDS.values(), "E001", "W005")
    ]
    links = [*(finding.url for finding in findings), *(f"{RUNBOOK}#{reason}" for reason in Reason)]

    assert len({*links}) == len(IDS) + 1 + len(Reason)
    assert [link for link in links if link.partition("#")[2] not in known or not link.startswith(RUNBOOK)] == []


def test_controls_of_the_practice_exist():
    found = re.findall(r"-d action=(\w+)", text_of("practice.md"))

    assert len(set(found)) > 8
    assert set(found) <= ACTIONS.keys()
    assert set(re.findall(r"`(hang|close|unavailable|html|garbage|half)`", text_of("practice.md"))) == set(OUTAGES[1:])


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist(page):
    text = re.sub(r"\bmanage (?=checkout_)", "manage.py ", text_of(page))
    for command in commands_in(text):
        name, *words = command.split()
        if name.startswith("checkout_"):
            parser = load_command_class("django_checkout", name).create_parser("manage.py", name)
            known = {option for action in parser._actions for option in action.option_strings}
            assert {word for word in words if word.startswith("--")} <= known, command
