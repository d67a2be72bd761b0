"""Measures how fast two worker processes process events that are waiting, as a share of the floor's rate."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from tests.benchmarks import databases, webhook
from tests.benchmarks.report import Row
from tests.benchmarks.servers import ROOT
from tests.benchmarks.sizes import Sizes

MINIMUM = 0.6
WORKERS = 2
#: Prints when it is ready, waits for a line, works, and prints when its last task with events has ended.
PROGRAM = """
import django, time
django.setup()
from django_checkout.webhooks import tasks
print(flush=True)
input()
ended = 0.0
while tasks.drain():
    ended = time.time()
print(ended)
"""


def measure(sizes: Sizes) -> Iterator[Row]:
    """Yield the rows of this part. Each round measures the floor too."""
    from tests import backlog

    # One event for each order is the worst case: each has its notification.
    kinds = {"a purchase's events": backlog.TYPES, "one event an order": backlog.TYPES[-1:]}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    with webhook.serving(webhook.APPLICATION, webhook.SETTINGS) as server:
        for _ in range(sizes.drains):
            for name, types in kinds.items():
                floor = webhook.measure_floor(server, sizes.events)
                found[name].append((_drain(sizes.waiting, types), floor))
    for name, rates in found.items():
        ratio = statistics.median(rate / floor for rate, floor in rates)
        more = {"per second": statistics.median(rate for rate, _ in rates)}
        minimum = MINIMUM if name == "a purchase's events" else None
        yield Row(part="drain", name=name, value=ratio, unit="of the floor", minimum=minimum, more=more)


def _drain(events: int, types: tuple[str, ...]) -> float:
    """Return how many events two workers process in a second."""
    from tests import backlog

    databases.empty()
    backlog.build(events // len(types), types=types, state="received")
    command, pipe = [sys.executable, "-c", PROGRAM], subprocess.PIPE
    variables = {**os.environ, "PYTHONDEVMODE": ""}
    workers = [
        subprocess.Popen(command, cwd=ROOT, env=variables, stdin=pipe, stdout=pipe)  # noqa: S603  # our own command
        for _ in range(WORKERS)
    ]
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.readline()
    began = time.time()
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write(b"\n")
        worker.stdin.flush()
    outputs = [worker.communicate(timeout=600)[0] for worker in workers]
    if any(worker.returncode for worker in workers):
        raise RuntimeError("A worker has failed.")
    # The last task of each finds nothing, and waits for more.
    taken = max(float(output) for output in outputs) - began
    _check(events // len(types) * len(types))
    return events // len(types) * len(types) / taken


def _check(events: int) -> None:
    """Everything had its effect, once."""
    from django_checkout.models import Order, WebhookEvent
    from tests.host.models import HostOrder

    assert WebhookEvent.objects.filter(state="processed").count() == events
    assert not WebhookEvent.objects.exclude(state="processed").exists()
    assert not Order.objects.exclude(status="paid").exists()
    assert not HostOrder.objects.exclude(paid_times=1).exists()
