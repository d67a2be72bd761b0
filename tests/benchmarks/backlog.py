"""Measures how fast one process works off failed events: ``python -m tests.benchmarks.backlog``.

Ten thousand events of card payments, three for each order, whose receiver writes one row of the site. Each round is
compared with bare inserts of as many rows in the same seconds, because the speed of a busy machine changes. PostgreSQL
unless ``DATABASE_URL`` names another database.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("DATABASE_URL", "postgres://root@127.0.0.1:5432/checkout_backlog")

#: Events in a second of the processor time of this process and of the database's.
MIN_PER_SECOND = 300
#: Events for each bare insert that is committed alone, by processor time.
MIN_RATIO = 0.15


def main() -> None:
    """Build the events, work them off and exit with 1 if that was too slow."""
    from tests.benchmarks import dataset

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000, help="how many (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=10, help="of how many parts (default: %(default)s)")
    parser.add_argument("--sessions-only", action="store_true", help="one event for each order instead of three")
    options = parser.parse_args()
    dataset.prepare()
    sys.exit(measure(options.events, options.rounds, sessions_only=options.sessions_only))


def measure(events: int, rounds: int, *, sessions_only: bool) -> int:
    """Print the figures and return 1 if one of them is below its minimum."""
    from django.core.management import call_command
    from django.db.models import F

    from django_checkout import signals
    from django_checkout.models import Order, WebhookEvent
    from django_checkout.webhooks import pending_work
    from tests import backlog
    from tests.host.models import HostOrder

    def receive(source, **arguments):
        HostOrder.objects.filter(pk=source.pk).update(paid_times=F("paid_times") + 1)

    types = backlog.TYPES[-1:] if sessions_only else backlog.TYPES
    call_command("flush", interactive=False, verbosity=0)
    backlog.build(events // len(types), types=types)
    count = WebhookEvent.objects.count()
    signals.order_paid.connect(receive, sender=Order)
    inserts, by_clock, by_processor = [], [], []
    for _ in range(rounds):
        inserts.append(_timed(_insert, 200)[1])
        wall, busy = _timed(pending_work.process_pending, limit=count // rounds)
        by_clock.append(count // rounds / wall)
        by_processor.append(count // rounds / busy)
    signals.order_paid.disconnect(receive, sender=Order)
    pending_work.process_pending()
    assert not WebhookEvent.objects.exclude(state="processed").exists()
    assert not Order.objects.exclude(status="paid").exists()
    assert not HostOrder.objects.exclude(paid_times=1).exists()
    ratio = statistics.median(rate * cost / 200 for rate, cost in zip(by_processor, inserts, strict=True))
    rate = statistics.median(by_processor)
    # With one event for each order, most of the time is spent on the notifications, and no minimum is promised.
    minima = (0, 0) if sessions_only else (MIN_PER_SECOND, MIN_RATIO)
    figures = [
        ("events a second of processor time", rate, minima[0]),
        ("events for each bare insert", ratio, minima[1]),
        ("events a second by the clock", statistics.median(by_clock), 0),
    ]
    for name, value, minimum in figures:
        verdict = f"{'kept' if value >= minimum else 'NOT KEPT'} {minimum}" if minimum else ""
        sys.stdout.write(f"{name:36} {value:12,.2f}   {verdict}".rstrip() + "\n")
    return 0 if all(value >= minimum for _, value, minimum in figures) else 1


def _insert(number: int) -> None:
    """Insert rows, each in a transaction of its own."""
    from django.db import connection

    with connection.cursor() as cursor:
        for n in range(number):
            values = [f"txn_{n}_{time.monotonic_ns()}"]
            cursor.execute(
                "INSERT INTO django_checkout_readticket (stripe_id, issued, applied) VALUES (%s, 0, 0)", values
            )


def _timed(work, *arguments, **options) -> tuple[float, float]:
    """Return the seconds that some work took, and the processor time of this process and the database's."""
    began, began_busy = time.perf_counter(), time.process_time() + _database_seconds()
    work(*arguments, **options)
    return time.perf_counter() - began, time.process_time() + _database_seconds() - began_busy


def _database_seconds() -> float:
    """Return the processor time of PostgreSQL's process for this connection; 0 for other databases."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        ((pid,),) = cursor.fetchall()
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
