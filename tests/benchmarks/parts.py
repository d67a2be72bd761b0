"""The parts of the benchmark, each of which can be measured alone."""

from __future__ import annotations

import pstats
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks import (
    databases,
    drain,
    importing,
    memory,
    peer_webhooks,
    reconcile,
    served_pages,
    staff_pages,
    starting,
    webhook,
)
from tests.benchmarks.report import Row
from tests.benchmarks.sizes import Sizes

PROFILED_FUNCTIONS = 40
#: Each part by its name.
PARTS: dict[str, Callable[[Sizes], Iterator[Row]]] = {
    "webhook": webhook.measure,
    "drain": drain.measure,
    "peers": peer_webhooks.measure,
    "start": starting.measure,
    "pages": served_pages.measure,
    "reconcile": reconcile.measure,
    "admin": staff_pages.measure,
    "memory": memory.measure,
    "import": importing.measure,
}


def measure(name: str, sizes: Sizes, *, profile: Path | None = None) -> Iterator[Row]:
    """Yield the rows of a part, on an empty database."""
    databases.prepare()
    databases.empty()
    if name == "webhook":
        yield from webhook.measure(sizes, profile=profile)
    else:
        yield from PARTS[name](sizes)


def print_profile(path: Path) -> None:
    """Print where the time of the workers was spent, and the counts of each kind of event."""
    from tests.benchmarks import hot_path

    files = list(path.parent.glob(f"{path.name}.*"))
    if files:
        profile = pstats.Stats(*map(str, files), stream=sys.stdout)
        profile.sort_stats("tottime").print_stats(PROFILED_FUNCTIONS)
    for file in files:
        file.unlink()
    hot_path.main()
