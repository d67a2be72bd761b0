"""Measures what ``services.start`` costs around its call to Stripe."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any

from tests.benchmarks.report import Row
from tests.benchmarks.sizes import Sizes

MAX_STATEMENTS, MAX_COMMITS, MAX_MILLISECONDS = 8, 2, 5


def measure(sizes: Sizes) -> Iterator[Row]:
    """Yield the rows of this part."""
    from django_checkout import services
    from django_checkout.testing import emulated_stripe
    from tests.benchmarks.counting import count
    from tests.factories import HostOrderFactory

    around: list[float] = []
    with emulated_stripe() as emulator:
        services.start(HostOrderFactory())
        host = HostOrderFactory()
        cost = count(lambda: services.start(host), emulator)
        handle, spent = emulator.handle, [0.0]

        def timed(request: Any) -> Any:
            began = time.perf_counter()
            try:
                return handle(request)
            finally:
                spent[0] += time.perf_counter() - began

        emulator.handle = timed  # type: ignore[method-assign]  # times it, and does the same
        for _ in range(sizes.events):
            host = HostOrderFactory()
            spent[0], began = 0.0, time.perf_counter()
            services.start(host)
            around.append(time.perf_counter() - began - spent[0])
    # A new order of the site: it is placed too.
    yield Row(part="start", name="statements", value=cost.statements, unit="", maximum=MAX_STATEMENTS)
    yield Row(part="start", name="commits", value=cost.commits, unit="", maximum=MAX_COMMITS)
    milliseconds = 1000 * statistics.median(around)
    yield Row(part="start", name="around the call", value=milliseconds, unit="ms", maximum=MAX_MILLISECONDS)
