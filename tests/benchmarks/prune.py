"""Measures the pruning of a million events and its longest transaction: ``python -m tests.benchmarks.prune``.

Uses a separate PostgreSQL database, ``checkout_prune`` unless ``DATABASE_URL`` names another.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
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

    unsettled = WebhookEvent.objects.exclude(state__in=SETTLED).count()
    ends = [time.perf_counter()]
    deleted = retention.prune(
        now=timezone.now() + timedelta(days=4000), progress=lambda name, number: ends.append(time.perf_counter())
    )
    transactions = [end - start for start, end in itertools.pairwise(ends)]
    assert WebhookEvent.objects.count() == unsettled, "pruning deleted unprocessed events or kept settled ones"
    longest = max(transactions)
    is_ok = longest < MAX_TRANSACTION_SECONDS
    for name, value, limit in (
        ("events deleted", deleted, ""),
        ("events a second", deleted / (ends[-1] - ends[0]), ""),
        ("transactions", len(transactions), ""),
        ("longest transaction, seconds", longest, f"{'ok' if is_ok else 'TOO LONG'}, limit {MAX_TRANSACTION_SECONDS}"),
        ("unprocessed events kept", unsettled, ""),
    ):
        sys.stdout.write(f"{name:36} {value:12,.2f}   {limit}\n".rstrip() + "\n")
    return 0 if is_ok else 1


if __name__ == "__main__":
    main()
