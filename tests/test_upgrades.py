"""Old and new code next to each other: rows of the old code on a new database, and new code on an old database."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.models import database
from django_checkout.testing import post_event
from tests.factories import HostOrderFactory
from tests.migration_rows import apps_at, fill, migrate, outdated, states

pytestmark = pytest.mark.core

UPGRADING = Path(__file__).parents[1] / "docs" / "upgrading.md"
#: The state of the database in the last release; until there is one, of the last version that was handed over.
LAST_RELEASE = "0015_label_columns_plainly"


def _since_the_last_release():
    names = states(None)
    return names[names.index(LAST_RELEASE) :]


@pytest.mark.django_db
@pytest.mark.parametrize("name", _since_the_last_release())
def test_old_code_writes_and_reads_after_every_later_migration(name):
    rows = fill(apps_at(connection, name))

    for row in rows.values():
        row.refresh_from_db()
        row.save()
        assert type(row).objects.filter(pk=row.pk).update(**_unchanged(row))
    for row in reversed(rows.values()):
        row.delete()


def _unchanged(row):
    field = next(field for field in row._meta.local_fields if not field.primary_key)
    return {field.attname: getattr(row, field.attname)}


@pytest.fixture
def migrated_back(transactional_db):
    """Migrate back; the database is at the newest state again after the test."""
    database.check_schema.cache_clear()
    yield lambda name: migrate(connection, name)
    migrate(connection, states(None)[-1])
    database.check_schema.cache_clear()


@pytest.mark.slow
def test_every_migration_is_reversed_and_applied_with_rows_in_the_tables(migrated_back):
    names = states(None)
    for name, earlier in zip(reversed(names), [*reversed(names[:-1]), None], strict=True):
        fill(apps_at(connection, name))
        migrated_back(earlier)
    for name in names:
        migrated_back(name)
        fill(apps_at(connection, name))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in _since_the_last_release() if name <= outdated()])
def test_new_code_on_an_old_database_is_unavailable_and_says_migrate(name, migrated_back, stripe_emulator, caplog):
    session = services.start(services.place(HostOrderFactory()))
    stripe_emulator.pay(session.stripe_id)
    order = session.order
    events = stripe_emulator.events()
    links = {
        view: reverse(f"django_checkout:{view}", args=[make_token(order, purpose)])
        for view, purpose in (("pay", Purpose.PAY), ("return", Purpose.STATUS), ("status", Purpose.STATUS))
    }
    migrated_back(name)
    browser = Client(raise_request_exception=False)

    health = browser.get(reverse("django_checkout:health"))
    pages = {view: browser.get(url) for view, url in links.items()}
    deliveries = [post_event(event).status_code for event in events]

    assert (health.status_code, health.json()["reasons"]) == (503, ["migrations_pending"])
    assert {page.status_code for page in pages.values()} <= {200, 503}
    for page in pages.values():
        if page.status_code == 503:
            assert "is being updated" in page.text
            assert page.headers["Retry-After"]
    assert set(deliveries) <= {200, 503}
    lines = [record for record in caplog.records if record.getMessage().startswith("migrations_pending")]
    assert all("run manage.py migrate" in line.getMessage() and line.exc_info is None for line in lines)
    assert len(lines) == deliveries.count(503) + sum(page.status_code == 503 for page in pages.values())

    caplog.clear()
    refusals = []
    for command in ("checkout_process_events", "checkout_reconcile", "checkout_prune"):
        try:
            call_command(command, stdout=io.StringIO())
        except CommandError as error:
            refusals.append(error)
    assert all("Run manage.py migrate" in str(error) and error.returncode == 2 for error in refusals)
    assert [record for record in caplog.records if record.exc_info] == []

    migrated_back(states(None)[-1])
    assert {post_event(event).status_code for event in events} == {200}
    order.refresh_from_db()
    assert order.status == "paid"
    assert browser.get(reverse("django_checkout:health")).status_code == 200


def test_every_migration_is_documented():
    """The last release works while those before the deployment run, and they come first."""
    rows = re.findall(r"^\| (\d{4}) \| (before|stop|after) \|", UPGRADING.read_text(encoding="utf-8"), re.MULTILINE)
    when = dict(rows)

    assert list(when) == [name[:4] for name in states(None)]
    later = [when[name[:4]] for name in _since_the_last_release()[1:]]
    assert later == sorted(later, key=["before", "after"].index)
