"""Measures whether the memory of a worker grows with the events that it has processed."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks import webhook
from tests.benchmarks.report import Row
from tests.benchmarks.servers import SECRET, load, serving
from tests.benchmarks.sizes import Sizes

#: How many times each event is posted: once fresh, then as a duplicate.
COPIES = 4
CHUNK = 2000
#: The memory at the end, of what it was after a fifth of the events.
MAX_GROWTH = 1.05


def measure(sizes: Sizes) -> Iterator[Row]:
    """Yield the rows of this part."""
    from tests import backlog

    measured: list[float] = []
    orders = min(CHUNK // COPIES, sizes.remembered // COPIES)
    with serving(webhook.APPLICATION, webhook.SETTINGS) as server:
        for first in range(0, sizes.remembered // COPIES, orders):
            texts = [text for (text,) in backlog.copies(orders, types=webhook.TYPES[:1], first=first)]
            bodies = texts + [webhook.foreign(text) for text in texts] + texts * (COPIES - 2)
            result = load(server, webhook.WEBHOOK, bodies, secret=SECRET)
            assert result["statuses"] == {"200": len(bodies)}, result["statuses"]
            measured.append(server.megabytes())
    early = measured[len(measured) // 5]
    more = {"MB": measured[-1], "events": float(sizes.remembered)}
    yield Row(
        part="memory", name="of a worker", value=measured[-1] / early, unit="of before", maximum=MAX_GROWTH, more=more
    )
