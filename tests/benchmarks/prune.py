"""How fast a million events are pruned, and how long the longest transaction is: ``python -m tests.benchmarks.prune``.

In a PostgreSQL database of its own, ``checkout_prune`` unless ``DATABASE_URL`` names another.
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
    """Build, prune, and fail where a transaction took too long."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000, help="how many (default: %(default)s)")
    options = parser.parse_args()
    dataset.prepare()
    dataset.build(orders=1000, events=options.events)
    sys.exit(measure())


def measure() -> int:
    """Delete everything that is settled and print the figures; return 1 if a transaction took too long."""
    from datetime import timedelta

    from django.utils import timezone

    from django_checkout import retention
    from django_checkout.models import WebhookEvent

    unsettled = WebhookEvent.objects.exclude(state__in=retention.SETTLED).count()
    ends = [time.perf_counter()]
    deleted = retention.prune(
        now=timezone.now() + timedelta(days=4000), progress=lambda name, number: ends.append(time.perf_counter())
    )
    transactions = [end - start for start, end in itertools.pairwise(ends)]
    assert WebhookEvent.objects.count() == unsettled, "it deleted what was not processed, or left something"
    longest = max(transactions)
    is_kept = longest < MAX_TRANSACTION_SECONDS
    for name, value, verdict in (
        ("events deleted", deleted, ""),
        ("events a second", deleted / (ends[-1] - ends[0]), ""),
        ("transactions", len(transactions), ""),
        ("longest of them, seconds", longest, f"{'kept' if is_kept else 'NOT KEPT'} {MAX_TRANSACTION_SECONDS}"),
        ("left, because not processed", unsettled, ""),
    ):
        sys.stdout.write(f"{name:36} {value:12,.2f}   {verdict}\n".rstrip() + "\n")
    return 0 if is_kept else 1


if __name__ == "__main__":
    main()
