"""The migrations are complete, named by hand, reversible, and the same for every project."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection, models
from django.db.migrations import RunPython, RunSQL
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import SwappableTuple
from django.db.migrations.operations.models import AddConstraint, AddIndex, RemoveIndex

from django_checkout import migrations as package
from django_checkout.models import AttentionItem, Order

pytestmark = pytest.mark.core

LABEL = "django_checkout"
FILES = sorted(Path(package.__file__).parent.glob("[0-9]*.py"))


@pytest.fixture(scope="module")
def migrations():
    """Our migrations by name, read from disk without a database."""
    disk = MigrationLoader(None).disk_migrations
    return {name: migration for (label, name), migration in disk.items() if label == LABEL}


@pytest.mark.django_db
def test_models_have_no_change_without_a_migration(capsys):
    call_command("makemigrations", LABEL, check_changes=True, dry_run=True, verbosity=1)

    assert "No changes detected" in capsys.readouterr().out


#: A project with other settings than the tests'.
OTHER_PROJECT = """
import sys, types
import tests.settings

other = types.ModuleType("other_settings")
other.__dict__.update({name: value for name, value in vars(tests.settings).items() if name.isupper()})
other.DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
other.STRIPE_SECRET_KEY = "sk_live_another"
other.CHECKOUT_ADAPTER = "django_checkout.adapters.CheckoutAdapter"
other.CHECKOUT_UI_MODE = "elements"
other.CHECKOUT_CAPTURE_METHOD = "manual"
other.CHECKOUT_SESSION_TTL_SECONDS = 1860
other.LANGUAGE_CODE, other.TIME_ZONE = "de", "Europe/Berlin"
other.DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
sys.modules["other_settings"] = other

import django
from django.core.management import call_command

django.setup()
call_command("makemigrations", "django_checkout", check_changes=True, dry_run=True)
"""


def test_settings_of_a_project_make_no_migration():
    done = subprocess.run(  # noqa: S603  # our own interpreter and script
        [sys.executable, "-c", OTHER_PROJECT],
        cwd=Path(__file__).resolve().parents[1],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "other_settings"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "No changes detected" in done.stdout


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_migration_is_named_in_words(path):
    assert re.fullmatch(r"\d{4}_[a-z]+(_[a-z]+)*", path.stem)
    assert "_auto" not in path.stem


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_migration_contains_no_value_of_a_setting(path):
    source = path.read_text(encoding="utf-8")

    assert set(re.findall(r"\bsettings\.(\w+)", source)) <= {"AUTH_USER_MODEL"}
    assert "auth.user" not in source.lower()
    assert not re.search(r"sk_|pk_|whsec_|https?://(?!docs\.|www\.)", source)


def test_history_is_linear(migrations):
    loader = MigrationLoader(None)

    assert loader.detect_conflicts() == {}
    assert len(loader.graph.leaf_nodes(LABEL)) == 1
    assert [name[:4] for name in sorted(migrations)] == [f"{number:04}" for number in range(1, len(migrations) + 1)]


def test_migrations_depend_only_on_django(migrations):
    fixed = {
        dependency[0]
        for migration in migrations.values()
        for dependency in migration.dependencies
        if not isinstance(dependency, SwappableTuple)
    }

    assert fixed <= {LABEL, "contenttypes"}


def test_every_operation_is_reversible(migrations):
    operations = [operation for migration in migrations.values() for operation in migration.operations]

    assert all(operation.reversible for operation in operations)


def test_schema_and_data_are_migrated_separately(migrations):
    for name, migration in migrations.items():
        moves_data = [isinstance(operation, RunPython | RunSQL) for operation in migration.operations]
        assert all(moves_data) or not any(moves_data), name


def test_constraints_and_indexes_are_named_after_their_model_and_rule():
    names = [
        item.name
        for model in Order._meta.app_config.get_models()
        for item in [*model._meta.constraints, *model._meta.indexes]
    ]

    assert [name for name in names if not re.fullmatch(r"checkout_[a-z]+(_[a-z0-9]+)+", name)] == []
    assert len(set(names)) == len(names)


def test_added_constraints_and_indexes_still_exist(migrations):
    state = MigrationLoader(None).project_state()
    operations = [
        part
        for migration in migrations.values()
        for operation in migration.operations
        for part in getattr(operation, "state_operations", [operation])
    ]
    added = {
        operation.constraint.name if isinstance(operation, AddConstraint) else operation.index.name
        for operation in operations
        if isinstance(operation, AddConstraint | AddIndex)
    }
    known = {
        item.name
        for (label, _name), model in state.models.items()
        if label == LABEL
        for item in [*model.options.get("constraints", []), *model.options.get("indexes", [])]
    }

    removed = {operation.name for operation in operations if isinstance(operation, RemoveIndex)}

    assert added - removed <= known


def test_primary_keys_are_big():
    for model in Order._meta.app_config.get_models():
        assert isinstance(model._meta.pk, models.BigAutoField), model


@pytest.mark.django_db
def test_every_model_has_its_table():
    tables = {model._meta.db_table for model in Order._meta.app_config.get_models()}

    assert tables <= set(connection.introspection.table_names())


def foreign_keys(table, column):
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)
    return [name for name, about in found.items() if about["foreign_key"] and about["columns"] == [column]]


@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="the constraint is part of the table there")
@pytest.mark.django_db(transaction=True)
def test_old_constraints_on_rows_of_the_site_are_dropped():
    columns = import_module(f"{package.__name__}.0004_drop_constraints_on_rows_of_the_site").COLUMNS
    last = [(LABEL, FILES[-1].stem)]
    MigrationExecutor(connection).migrate([(LABEL, "0003_tell_which_subscription")])
    try:
        with connection.schema_editor() as editor:
            for number, (table, column) in enumerate(columns):
                target = ContentType if column == "source_type_id" else get_user_model()
                editor.execute(
                    f"ALTER TABLE {table} ADD CONSTRAINT old_{number} FOREIGN KEY ({column}) "
                    f"REFERENCES {target._meta.db_table} ({target._meta.pk.column})"
                )
        assert all(foreign_keys(*place) for place in columns)
    finally:
        MigrationExecutor(connection).migrate(last)

    assert not any(foreign_keys(*place) for place in columns)


def stored_indexes():
    """Return the indexes of our tables by name: their columns, and whether they are valid."""
    found = {}
    with connection.cursor() as cursor:
        for model in Order._meta.app_config.get_models():
            about = connection.introspection.get_constraints(cursor, model._meta.db_table)
            found |= {(model.__name__, name): row["columns"] for name, row in about.items() if row["index"]}
        if connection.vendor == "postgresql":
            cursor.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")
            found["invalid"] = cursor.fetchall()
    return found


@pytest.mark.django_db(transaction=True)
def test_indexes_are_replaced_and_restored_again_after_an_interruption():
    migration = import_module(f"{package.__name__}.0023_drop_indexes_without_a_query")
    apps = MigrationLoader(connection).project_state((LABEL, "0022_tell_when_stripe_made_a_refund")).apps
    replaced = stored_indexes()
    try:
        for _ in range(2):
            run(migration.replace, apps)
            assert stored_indexes() == replaced
        run(migration.restore, apps)
        restored = stored_indexes()
        run(migration.restore, apps)
        assert stored_indexes() == restored != replaced
    finally:
        run(migration.replace, apps)
    assert stored_indexes() == replaced


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="others have no invalid indexes")
@pytest.mark.parametrize("way", ["replace", "restore"])
@pytest.mark.django_db(transaction=True)
def test_invalid_indexes_are_made_again_or_dropped(way):
    migration = import_module(f"{package.__name__}.0023_drop_indexes_without_a_query")
    apps = MigrationLoader(connection).project_state((LABEL, "0022_tell_when_stripe_made_a_refund")).apps
    replaced = stored_indexes()
    with connection.cursor() as cursor:
        for name in migration.NAMES:
            # What CREATE and DROP INDEX CONCURRENTLY leave when they are canceled.
            cursor.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", [name])
    try:
        run(getattr(migration, way), apps)
        assert stored_indexes()["invalid"] == []
    finally:
        run(migration.replace, apps)
    assert stored_indexes() == replaced


def run(function, apps):
    """Run a function of a migration outside a transaction."""
    with connection.schema_editor(atomic=False) as editor:
        function(apps, editor)


#: The texts that attention items held before 0013, by code, and what is stored instead.
ATTENTION_TEXTS = {
    ("amount_mismatch", "1900 for 2000"): {"paid_minor": 1900, "expected_minor": 2000, "currency": "eur"},
    ("amount_mismatch", "nothing was paid for 2000"): {"expected_minor": 2000, "currency": "eur"},
    ("amount_mismatch", "paid for revision 1 of 2"): {"paid_revision": 1, "revision": 2},
    ("amount_mismatch", "no line at 500 usd"): {"missing_price_minor": 500, "currency": "usd"},
    ("amount_mismatch", "quantity 9 is not within 1 to 5"): {"quantity": 9, "minimum": 1, "maximum": 5},
    ("amount_mismatch", "2 lines were not offered"): {"unoffered_lines": 2},
    ("currency_mismatch", "usd for eur"): {"paid_currency": "usd", "expected_currency": "eur"},
    ("double_payment", "1900 usd"): {"captured_minor": 1900, "currency": "usd"},
    ("over_refunded", "2500 of 2000"): {"refunded_minor": 2500, "paid_minor": 2000, "currency": "eur"},
    ("refund_failed", "expired_or_canceled_card"): {"failure_reason": "expired_or_canceled_card"},
    ("disputed", "fraudulent"): {"reason": "fraudulent"},
    ("paid_after_cancel", ""): {},
    ("something_older", "look at it"): {"text": "look at it"},
}


@pytest.mark.django_db(transaction=True)
def test_details_of_attention_are_converted_and_converted_back():
    last = [(LABEL, FILES[-1].stem)]
    texts = [text for _, text in ATTENTION_TEXTS]
    old = MigrationExecutor(connection).migrate([(LABEL, "0012_add_details_of_attention")]).apps
    try:
        order = old.get_model(LABEL, "Order").objects.create(reference="A-1", currency="eur", subtotal_minor=2000)
        for number, (code, text) in enumerate(ATTENTION_TEXTS):
            order.attention.create(code=code, fact=str(number), detail=text)
        MigrationExecutor(connection).migrate(last)
        items = AttentionItem.objects.order_by("pk")
        assert [item.details for item in items] == list(ATTENTION_TEXTS.values())
        assert all(item.detail_text for item in items if item.details)

        old = MigrationExecutor(connection).migrate([(LABEL, "0012_add_details_of_attention")]).apps
        rows = old.get_model(LABEL, "AttentionItem").objects.order_by("pk")
        assert list(rows.values_list("detail", flat=True)) == texts
    finally:
        MigrationExecutor(connection).migrate(last)


def test_links_to_rows_of_the_site_have_no_constraint():
    columns = import_module(f"{package.__name__}.0004_drop_constraints_on_rows_of_the_site").COLUMNS
    links = {
        (model._meta.db_table, field.column)
        for model in Order._meta.app_config.get_models()
        for field in model._meta.concrete_fields
        if field.is_relation and field.remote_field.model._meta.app_label != LABEL
    }

    # Added without a constraint.
    later = {(f"{LABEL}_{model}", "waived_by_id") for model in ("announcement", "webhookevent")}
    assert links == set(columns) | later
