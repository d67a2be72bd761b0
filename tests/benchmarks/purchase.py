"""Measures a purchase in the test kit and the start of an emulator: ``python -m tests.benchmarks.purchase``.

A purchase places an order, creates its session, pays it, and delivers its webhooks to the site until the order is paid.
It uses the database of the tests: SQLite, or ``DATABASE_URL``. Prints the first duration, with imports, and the median
of the others, also in processor time, which other programs do not change; and exits with 1 if a median exceeds its
limit. ``--profile`` prints where the processor time of the purchases after the first is spent.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import django

MAX_PURCHASE_MILLISECONDS = 50
MAX_START_MILLISECONDS = 30
PROFILED_FUNCTIONS = 40
#: Durations of one action, and how much of each the processor worked, in milliseconds.
Durations = list[tuple[float, float]]


def main() -> None:
    """Measure, and exit with 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=50, help="how often each is measured (default: %(default)s)")
    parser.add_argument("--profile", action="store_true", help="print the functions that take the longest")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    with test_database():
        starts = measured(start, options.rounds)
        purchases = measure_purchases(options.rounds, profile=options.profile)
    is_start_fast = report("start", starts, MAX_START_MILLISECONDS)
    is_purchase_fast = report("purchase", purchases, MAX_PURCHASE_MILLISECONDS)
    sys.exit(not (is_start_fast and is_purchase_fast))


def report(name: str, durations: Durations, limit: int) -> bool:
    """Print the durations of an action; return whether the median of all but the first is within the limit."""
    first, *later = durations
    median, processor = (statistics.median(found) for found in zip(*later, strict=True))
    print(
        f"{name:10} first {first[0]:7.2f} ms, then {median:6.2f} ms (processor {processor:6.2f} ms); at most {limit} ms"
    )
    return median <= limit


@contextmanager
def test_database() -> Iterator[None]:
    """Create the database of the tests, and destroy it at the end."""
    from django.test.runner import DiscoverRunner

    runner = DiscoverRunner(verbosity=0, interactive=False)
    runner.setup_test_environment()
    databases = runner.setup_databases()
    try:
        yield
    finally:
        runner.teardown_databases(databases)
        runner.teardown_test_environment()


def start() -> None:
    """Start and end an emulator as the kit's fixture does."""
    from django_checkout.testing import emulated_stripe

    with emulated_stripe():
        pass


def measure_purchases(rounds: int, *, profile: bool) -> Durations:
    """Return the durations of purchases with one emulator."""
    from django_checkout import services
    from django_checkout.testing import deliver_events, emulated_stripe
    from tests.factories import HostOrderFactory

    profiler = cProfile.Profile(time.thread_time)
    with emulated_stripe() as emulator:

        def buy() -> None:
            order = services.place(HostOrderFactory())
            emulator.pay(services.start(order).stripe_id)
            deliver_events(emulator)
            order.refresh_from_db()
            assert order.status == "paid"

        first = measured(buy, 1)
        with profiler if profile else nullcontext():
            later = measured(buy, rounds)
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(PROFILED_FUNCTIONS)
    return first + later


def measured(action: Callable[[], object], rounds: int) -> Durations:
    """Return the durations of an action."""
    durations = []
    for _ in range(rounds):
        started, worked = time.perf_counter(), time.thread_time()
        action()
        durations.append((1000 * (time.perf_counter() - started), 1000 * (time.thread_time() - worked)))
    return durations


if __name__ == "__main__":
    main()
