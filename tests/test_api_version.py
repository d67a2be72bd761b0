"""Whatever repeats a version of Stripe's API names one of ``API_VERSIONS``, in code, documents and scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import django_checkout
from django_checkout.api_versions import API_VERSIONS, DAHLIA, stripe_js_url
from django_checkout.conf import EMULATOR_SECRET
from django_checkout.emulator import messages
from django_checkout.emulator.emulator import DEFAULT_SECRET
from django_checkout.emulator.reference.versions import PLAYED
from tests.conformance import document

ROOT = Path(__file__).parents[1]
PACKAGE = Path(django_checkout.__file__).parent
SUFFIXES = {".html", ".js", ".json", ".md", ".mjs", ".py", ".toml", ".txt", ".yml"}
#: A whole version, the release in the address of Stripe.js, and the release that the emulator's script defaults to.
MENTION = re.compile(
    r"\d{4}-\d\d-\d\d\.(?P<whole>[a-z]+)|/(?P<path>[a-z]+)/stripe\.js|RELEASE = \"(?P<default>[a-z]+)\""
)
#: Mentions that stay when the version changes, since they are about other versions.
OTHER_VERSIONS = {
    "tests/emulator/test_events.py": {"2025-09-30.clover", "2026-03-25.dahlia"},
    "docs/runbook/practice.md": {"2025-03-31.basil"},
    "tests/incidents/test_api_upgrade.py": {"2025-03-31.basil"},
    "tests/test_checks.py": {"/clover/stripe.js", "/static/stripe.js", "2025-09-30.clover"},
    "docs/emulator/rules.md": {"2026-09-30.endive"},
    "docs/emulator/triggers.md": {"2024-09-30.acacia"},
    "tests/emulator/rules/versions.py": {"2026-08-27.dahlia", "2026-09-30.endive"},
    "tests/emulator/triggers.py": {"2024-09-30.acacia"},
    "tests/test_conf.py": {"2026-09-30.endive"},
    "tests/test_foreign_events.py": {"2027-01-27.preview"},
    "tests/emulator/test_versions.py": {
        "2026-08-26.endive",
        "2026-08-26.preview",
        "2026-08-27.dahlia",
        "2026-09-30.endive",
        "2026-11-18.endive",
    },
}
#: Files that repeat the version and do not import it.
REPEATING = {
    "django_checkout/api_versions.py",
    "django_checkout/emulator/messages.py",
    "django_checkout/emulator/api/parameters.txt",
    "django_checkout/static/django_checkout/emulator/stripe.js",
    "django_checkout/api/openapi.json",
    "tests/conformance/document.py",
}


def files() -> Iterator[tuple[str, Path]]:
    for top in (PACKAGE, *(ROOT / name for name in ("docs", "example_project", "tests"))):
        for path in sorted(top.rglob("*")):
            if path.suffix in SUFFIXES and path != Path(__file__) and "node_modules" not in path.parts:
                yield f"{top.name}/{path.relative_to(top).as_posix()}", path
    for path in sorted(ROOT.iterdir()):
        if path.suffix in SUFFIXES and path.name != "CHANGELOG.md":
            yield path.name, path


def mentions(name: str, path: Path) -> Iterator[tuple[str, bool]]:
    """Yield each mention with whether it agrees."""
    releases = {version.partition(".")[2] for version in API_VERSIONS}
    for match in MENTION.finditer(path.read_text(encoding="utf-8")):
        found = match["path"] or match["default"]
        if match[0] not in OTHER_VERSIONS.get(name, ()) and found != "emulator":
            yield match[0], found in releases if found else match[0] in API_VERSIONS


def test_every_mention_of_the_version_agrees():
    outdated = [
        f"{name}: {mention}" for name, path in files() for mention, agrees in mentions(name, path) if not agrees
    ]
    assert not outdated, "\n".join(outdated)


def test_the_files_that_repeat_the_version_are_compared():
    assert {name for name, path in files() if any(mentions(name, path))} >= REPEATING


def test_the_emulator_and_the_conformance_tests_use_the_version():
    assert (messages.API_VERSION, document.VERSION) == (DAHLIA, DAHLIA)
    assert set(API_VERSIONS) == set(PLAYED)
    assert API_VERSIONS[0] == DAHLIA


@pytest.mark.parametrize("version", API_VERSIONS)
def test_emulator_serves_stripe_js_of_the_release(version):
    script = (PACKAGE / "static/django_checkout/emulator/stripe.js").read_text(encoding="utf-8")
    (releases,) = re.findall(r'RELEASES = "(.*?)"', script)
    assert urlsplit(stripe_js_url(version)).path.split("/")[1] in releases.split("|")


def test_emulator_signs_with_the_secret_that_is_refused_with_a_live_key():
    assert DEFAULT_SECRET == EMULATOR_SECRET
