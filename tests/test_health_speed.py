"""Health answers quickly however large the backlog is: bounded counts, and an index for each of its queries."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from django_checkout.models import Announcement, CheckoutSession, WebhookEvent, database
from django_checkout.operations import alerts, health
from tests.factories import HostOrderFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]

#: A last one that is sorted by the primary key needs no other index.
_LAST = re.compile(r"ORDER BY \S+id\S* DESC LIMIT 1$")
_LARGE = re.compile(r"django_checkout_(order|checkoutsession|webhookevent|announcement|attentionitem)\b")
_REFUNDS = re.compile(r"FROM \S+django_checkout_refund\b")
_LIMIT = re.compile(r"LIMIT \d+(\) \S+)?$")
#: As many rows as the query names.
_BY_KEY = re.compile(r"""\b(id|object_id)["`] IN \(""")
MAX_QUERIES = 22


@pytest.fixture
def backlog(paid_order):
    """Events in every state, a pending notification, and a session that expired."""
    now = timezone.now()
    WebhookEvent.objects.bulk_create(
        WebhookEvent(stripe_id=f"evt_{state}_{number}", type="t", livemode=False, state=state, created_at=now)
        for state in ("received", "processing", "failed")
        for number in range(3)
    )
    Announcement.objects.update(state="pending", attempts=1)
    CheckoutSession.objects.update(expired_at=now)


def _selects():
    # Once per process.
    database.check_schema()
    with CaptureQueriesContext(connection) as queries:
        Client().get(reverse("django_checkout:health"))
    return [query["sql"] for query in queries if query["sql"].startswith("SELECT")]


def test_number_of_queries_is_limited(backlog, stripe_requests):
    assert len(_selects()) <= MAX_QUERIES
    assert stripe_requests == []


def test_nothing_is_counted_without_a_limit(backlog, monkeypatch):
    counted = [sql for sql in _selects() if "COUNT(" in sql]

    assert counted
    assert all("LIMIT 1000" in sql for sql in counted)


def test_no_table_that_grows_is_read_without_a_limit(backlog):
    read = [sql for sql in _selects() if _LARGE.search(sql) or _REFUNDS.search(sql)]

    assert [sql for sql in read if not _LIMIT.search(sql) and not _BY_KEY.search(sql)] == []


def test_counting_stops(db, monkeypatch):
    monkeypatch.setattr(health, "MAX_COUNT", 2)
    monkeypatch.setattr(alerts, "MAX_COUNT", 2)
    now = timezone.now()
    WebhookEvent.objects.bulk_create(
        WebhookEvent(stripe_id=f"evt_{number}", type="t", livemode=False, state="failed", created_at=now)
        for number in range(5)
    )

    (alert,) = health.read().alerts

    assert alert.number == 2
    assert alert.text == "Events that failed: 2+."


def _explained(sql):
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Tables of a few rows are read whole otherwise.
            cursor.execute("SET LOCAL enable_seqscan = off")
        prefix = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
        cursor.execute(f"{prefix} {sql.replace('%', '%%')}", [])
        return [" ".join(str(part) for part in row) for row in cursor.fetchall()]


@pytest.mark.skipif(connection.vendor == "mysql", reason="MariaDB reads a table of a few rows whole")
def test_every_query_uses_an_index(backlog):
    scans = [
        (line, sql)
        for sql in _selects()
        if _LARGE.search(sql) and not _LAST.search(sql)
        for line in _explained(sql)
        if (line_scans := re.search(r"\b(SCAN|Seq Scan on|TEMP B-TREE FOR ORDER)\b", line))
        and (_LARGE.search(line) or "TEMP" in line_scans[0])
        and "INDEX" not in line
    ]

    assert scans == []


def test_health_of_a_busy_site_takes_no_more_queries(backlog, stripe_emulator, pay):
    from django_checkout import services

    before = len(_selects())
    for _ in range(3):
        pay(services.place(HostOrderFactory()))

    assert len(_selects()) <= before
