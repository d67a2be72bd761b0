"""Measures ``/checkout/health/`` on a large shop with a large backlog: ``python -m tests.benchmarks.health``.

A million orders and events of ``dataset``, 100,000 of them failed, 100,000 not processed and 100,000 notifications
pending. The same request on empty tables is measured in the same run: the tables are emptied in a transaction that is
rolled back. Uses a separate PostgreSQL database, ``checkout_health`` unless ``DATABASE_URL`` names another.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time

from tests.benchmarks import dataset
from tests.benchmarks.dataset import say

os.environ.setdefault("DATABASE_URL", "postgres://root@127.0.0.1:5432/checkout_health")

MAX_MILLISECONDS = 50
#: How much longer the answer may take than on empty tables.
MAX_RATIO = 3
MAX_QUERIES = 21
BACKLOG = 100_000


def main() -> None:
    """Build the rows, measure, and exit with 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--orders", type=int, default=1_000_000, help="how many (default: %(default)s)")
    parser.add_argument("--events", type=int, default=1_000_000, help="how many (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=30, help="how often it is read (default: %(default)s)")
    options = parser.parse_args()
    dataset.prepare()
    dataset.build(orders=options.orders, events=options.events)
    build_backlog()
    sys.exit(measure(options.rounds))


def build_backlog() -> None:
    """Let the last events fail and wait, and the last notifications be pending, unless they are already."""
    from django.db import connection

    from django_checkout.models import WebhookEvent

    if WebhookEvent.objects.filter(state="received").count() >= BACKLOG:
        return
    with connection.cursor() as cursor:
        for table, state, first in (
            ("webhookevent", "failed", 0),
            ("webhookevent", "received", BACKLOG),
            ("announcement", "pending", 0),
        ):
            cursor.execute(
                f"UPDATE django_checkout_{table} SET state = %s WHERE id IN (SELECT id FROM django_checkout_{table} "  # noqa: S608
                "ORDER BY id DESC OFFSET %s LIMIT %s)",
                [state, first, BACKLOG],
            )
            cursor.execute(f"VACUUM ANALYZE django_checkout_{table}")


def measure(rounds: int) -> int:
    """Print the figures and return 1 if one of them exceeds its limit."""
    from django.db import connection, transaction
    from django.test.utils import CaptureQueriesContext

    from django_checkout import models
    from django_checkout.operations import health

    with CaptureQueriesContext(connection) as queries:
        health.read()
        count = len(queries)
    median, fastest = read_often(rounds)
    tables = ", ".join(getattr(models, name)._meta.db_table for name in models.__all__)
    with transaction.atomic():
        connection.cursor().execute(f"TRUNCATE {tables} CASCADE")
        empty, _ = read_often(rounds)
        transaction.set_rollback(True)
    figures = (
        # Not the median, which depends on the other processes of a busy machine; the ratio compares medians.
        ("fastest, ms", fastest * 1000, MAX_MILLISECONDS),
        ("median, ms", median * 1000, None),
        ("median on empty tables, ms", empty * 1000, None),
        ("ratio of the medians", median / empty, MAX_RATIO),
        ("queries", count, MAX_QUERIES),
    )
    for name, value, limit in figures:
        kept = "" if limit is None else f"{'kept' if value <= limit else 'NOT KEPT'}, limit {limit}"
        say(f"{name:36} {value:12,.2f}   {kept}".rstrip())
    return int(any(limit is not None and value > limit for _, value, limit in figures))


def read_often(rounds: int) -> tuple[float, float]:
    """Return the median and the shortest time in seconds."""
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        read()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken), min(taken)


def read() -> None:
    """Read the page."""
    from django.test import Client
    from django.urls import reverse

    Client().get(reverse("django_checkout:health"))


if __name__ == "__main__":
    main()
