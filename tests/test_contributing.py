"""Signals, languages, UI modes and stored fields are complete: each test names what is left out when one is added."""

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
from django_checkout.conf import UI_MODES
from django_checkout.models import CheckoutSession, Dispute, Order, Payment, Refund, Subscription
from django_checkout.states import SignalName
from django_checkout.webhooks import envelope
from example_project import settings as example_settings
from tests.test_signals import CONTRACT

pytestmark = pytest.mark.core

ROOT = Path(__file__).parents[1]
PACKAGE = Path(django_checkout.__file__).parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
#: Columns that the admin does not name: leases, hashes, counters, what only requests to Stripe contain, and what a
#: property shows.
NOT_SHOWN = {
    Order: "asked_discount_minor asked_discount_name content_hash erased_at locale metadata params requests_count "
    "requests_since site_url source_deleted_at source_type",
    CheckoutSession: "expired_at is_adjustable leased_until live_for next_subtotal_minor recovery_url request_hash "
    "return_url site_url url",
    Payment: "next_action reviews",
    Refund: "balance_transaction_id key leased_until made_at refusal_code",
    Dispute: "",
    Subscription: "",
}
#: Keys of Stripe's objects that ``facts`` reads and a processed event does not keep: personal data and links.
NOT_KEPT = (
    "address after_expiration brand collected_information consent custom_fields customer_details key last4 name "
    "receipt_number recovery shipping_cost shipping_details shipping_rate url value wallet"
)
#: Fields of facts that reconciliation does not compare: links, personal data, what only informs the reader, and what
#: is compared as a group or through another field.
NOT_COMPARED = {
    values.SessionFact: "mode amount_subtotal_minor amount_discount_minor amount_shipping_minor amount_tax_minor "
    "presentment_currency presentment_amount_minor invoice_id expires_at recovered_from recovery_url url "
    "customer_details may_wait",
    values.PaymentFact: "action capture_before ended_attempt method review_id",
    values.RefundFact: "payment_intent_id charge_id reason failure_reason made_at",
    values.DisputeFact: "payment_intent_id charge_id reason due_by",
    values.SubscriptionFact: "ownership",
}
COMPARED_IN = {
    values.SessionFact: "session_differences",
    values.PaymentFact: "session_differences",
    values.RefundFact: "refunds",
    values.DisputeFact: "disputes",
    values.SubscriptionFact: "subscriptions",
}


def section(heading: str) -> str:
    """Return a section of the README."""
    return re.split(r"^##+ ", README.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def cells(text: str, column: int) -> set[str]:
    """Return the code in one column of the tables in a text."""
    rows = [line.split("|") for line in text.splitlines() if line.startswith("|")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row[column])}


def words_of(*paths: Path) -> set[str]:
    """Return the attributes, and the words of the strings, in some modules."""
    found: set[str] = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.update(re.findall(r"\w+", node.value.replace("__", " ")))
    return found


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


def test_every_key_that_facts_read_is_kept_or_left_out_on_purpose():
    reader = ast.parse((PACKAGE / "stripe_api/facts.py").read_text(encoding="utf-8"))
    read = {
        argument.value
        for call in ast.walk(reader)
        if isinstance(call, ast.Call)
        for argument in call.args[1:] + call.args[:1] * (ast.unparse(call.func).endswith(".get"))
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }
    assert read - envelope.KEPT == set(NOT_KEPT.split())


@pytest.mark.parametrize("model", NOT_SHOWN, ids=lambda model: model.__name__)
def test_every_column_is_shown_in_the_admin_or_left_out_on_purpose(model):
    shown = words_of(*(PACKAGE / "admin").glob("*.py"))
    assert {field.name for field in model._meta.concrete_fields} - shown == set(NOT_SHOWN[model].split())


@pytest.mark.parametrize("fact", COMPARED_IN, ids=lambda fact: fact.__name__)
def test_every_field_of_a_fact_is_compared_or_left_out_on_purpose(fact):
    compared = words_of(PACKAGE / "reconcile" / f"{COMPARED_IN[fact]}.py")
    assert {field.name for field in fields(fact)} - compared == set(NOT_COMPARED[fact].split())


def test_tests_of_every_ui_mode_take_the_list_from_the_code():
    modes = [re.escape(f'"{mode}"') for mode in UI_MODES]
    literal = re.compile(r"\[" + r",\s*".join(modes) + r"\]")
    copies = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("*.py")
        if literal.search(path.read_text(encoding="utf-8"))
    ]
    assert copies == []
