"""Measures the pruning of a million events while others arrive: ``python -m tests.benchmarks.prune``.

Prints its longest transaction, how long an event waits to be stored before and meanwhile, and how large the table is
once as many events have arrived again.

Uses a separate PostgreSQL database, ``checkout_prune`` unless ``DATABASE_URL`` names another.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
import threading
import time

from tests.benchmarks import dataset

os.environ.setdefault("DATABASE_URL", "postgres://root@127.0.0.1:5432/checkout_prune")

MAX_TRANSACTION_SECONDS = 2


def main() -> None:
    """Build the events and prune them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000, help="how many (default: %(default)s)")
    options = parser.parse_args()
    dataset.prepare()
    dataset.build(orders=1000, events=options.events)
    sys.exit(measure())


def measure() -> int:
    """Delete all settled events and print the results; return 1 if a transaction took too long."""
    from datetime import timedelta

    from django.utils import timezone

    from django_checkout.models import WebhookEvent
    from django_checkout.operations import retention
    from django_checkout.webhooks.inbox import SETTLED

    alone = Arrivals()
    time.sleep(5)
    alone.stop()
    before = table_bytes()
    unsettled = WebhookEvent.objects.exclude(state__in=SETTLED).count()
    meanwhile = Arrivals()
    ends = [time.perf_counter()]
    deleted = retention.prune(
        now=timezone.now() + timedelta(days=4000), progress=lambda name, number: ends.append(time.perf_counter())
    )
    meanwhile.stop()
    transactions = [end - start for start, end in itertools.pairwise(ends)]
    is_complete = WebhookEvent.objects.count() == unsettled + len(meanwhile.seconds)
    assert is_complete, "pruning deleted unprocessed events or kept settled ones"
    longest = max(transactions)
    is_ok = longest < MAX_TRANSACTION_SECONDS
    for name, value, limit in (
        ("events deleted", deleted, ""),
        ("events a second", deleted / (ends[-1] - ends[0]), ""),
        ("transactions", len(transactions), ""),
        ("longest transaction, seconds", longest, f"{'ok' if is_ok else 'TOO LONG'}, limit {MAX_TRANSACTION_SECONDS}"),
        ("unprocessed events kept", unsettled, ""),
        ("events stored meanwhile", len(meanwhile.seconds), ""),
        ("median wait, times that without", meanwhile.median / alone.median, ""),
        ("longest wait, seconds", max(meanwhile.seconds), ""),
        ("table afterwards, times its size", refilled_bytes(deleted) / before, "with as many events again"),
    ):
        sys.stdout.write(f"{name:36} {value:12,.2f}   {limit}\n".rstrip() + "\n")
    return 0 if is_ok else 1


class Arrivals:
    """A thread that stores about 100 events a second, unprocessed, until it is stopped."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        from django.db import connection
        from django.utils import timezone

        from django_checkout.models import WebhookEvent
        from django_checkout.models.writing import insert_new

        while not self._stopped.wait(0.01):
            event = WebhookEvent(stripe_id=f"evt_{time.perf_counter_ns()}", type="t", livemode=False)
            event.created_at = timezone.now()
            began = time.perf_counter()
            insert_new(event)
            self.seconds.append(time.perf_counter() - began)
        connection.close()


def table_bytes() -> int:
    """Return the size of the events' table with its indexes."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size('django_checkout_webhookevent')")
        return int(cursor.fetchone()[0])


def refilled_bytes(number: int) -> int:
    """Return the size once the table was vacuumed, as PostgreSQL does by itself, and has as many events again."""
    from django.db import connection

    from django_checkout.models import WebhookEvent

    columns = dataset.event_columns(1000, number) | {"id": "n + 10000000", "stripe_id": "'evt_again_' || n"}
    with connection.cursor() as cursor:
        cursor.execute("VACUUM django_checkout_webhookevent")
        dataset.insert(cursor, WebhookEvent, columns, "true", number)
    return table_bytes()


if __name__ == "__main__":
    main()
