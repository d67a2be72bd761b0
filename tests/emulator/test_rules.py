"""The register of Stripe's rules, played against the running emulator over HTTP."""

from __future__ import annotations

import re
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest
from stripe._api_version import _ApiVersion

import django_checkout.emulator
from django_checkout.api_versions import ENDIVE
from django_checkout.emulator import Emulator
from django_checkout.emulator.messages import NOT_IMPLEMENTED
from django_checkout.emulator.server import EmulatorServer
from tests.serving import serving

from .rules import RULES
from .rules.__main__ import PATH, page
from .rules.player import Player
from .rules.rule import SOURCE

#: The emulator's clock does not move by itself, so that a limit of time is met exactly.
NOW = 1_790_000_000


@pytest.fixture(scope="module")
def server():
    """An HTTP server whose emulator each rule replaces."""
    first = Emulator()
    with serving(EmulatorServer(("127.0.0.1", 0), first)) as made:
        yield made
    first.close()


@pytest.fixture
def player(server):
    emulator = server.emulator = Emulator(wall=lambda: NOW)
    made = Player(server.url)
    yield made
    made.close()
    emulator.close()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_emulator_keeps_the_rule_and_is_no_stricter(rule, player):
    assert player.play(rule) == []


def test_register_has_at_least_150_rules_with_ids_of_their_own():
    counted = Counter(rule.id for rule in RULES)

    assert len(counted) >= 150
    assert max(counted.values()) == 1


def test_the_documented_register_is_up_to_date():
    assert PATH.read_text(encoding="utf-8") == page(), "run python -m tests.emulator.rules --write"


def test_every_rule_has_a_source_that_can_be_looked_up():
    assert [rule.id for rule in RULES if not SOURCE.fullmatch(rule.source)] == []


#: Codes that are not in the SDK's list: of ``stripe.js`` and the payment page, and why a bank declines a card.
OTHER_CODES = {"checkout_amount_mismatch", "email_incomplete", "generic_decline", "live_mode_test_card"}
#: What Stripe answers to a restricted key.
OF_KEYS = {"more_permissions_required"}


def test_every_error_code_of_the_emulator_is_stripe_s():
    text = files("stripe").joinpath("_payment_intent.py").read_text(encoding="utf-8")
    known = set(re.findall(r'"([a-z0-9_]+)"', text)) | OTHER_CODES | OF_KEYS | {NOT_IMPLEMENTED}
    used = {
        code: path.name
        for path in Path(django_checkout.emulator.__file__).parent.rglob("*.py")
        for code in re.findall(r'\bcode="([a-z0-9_]+)"', path.read_text(encoding="utf-8"))
    }

    assert {code: name for code, name in used.items() if code not in known} == {}


def test_every_field_of_the_sdk_that_is_a_source_exists():
    unknown = []
    # An older library does not have what is new in the newer version.
    known = [rule for rule in RULES if not rule.id.startswith("version.endive.") or _ApiVersion.CURRENT == ENDIVE]
    for source in {rule.source for rule in known if ".py " in rule.source}:
        path, name = source.split()
        owner, attribute = name.split(".")
        text = files("stripe").joinpath(path.removeprefix("stripe/")).read_text(encoding="utf-8")
        found = re.search(rf"class {owner}\b(.*?)(\n(    )?class |\Z)", text, re.DOTALL)
        if not found or not re.search(rf"\b{attribute}\b", found[1]):
            unknown.append(source)
    assert unknown == []
