"""Runs a short sale in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable

from tests.benchmarks.servers import ROOT

ORDERS = 100
ROWS_BEFORE = 6
#: The sale compares every order with Stripe at the end.
ENDED = re.compile(rf"{ORDERS} orders, every one right; (\d+) processes killed, (\d+) completions lost")


def sell(url: str, *options: str, pool: str = "", meanwhile: Callable[[], None] | None = None) -> tuple[int, int]:
    """Sell; return how many processes were killed and how many events were lost. ``meanwhile`` is called amid it.

    Raises:
        AssertionError: an order is not right.
    """
    variables = {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.benchmarks.site.sale_settings"}
    command = [sys.executable, "-m", "tests.benchmarks.simulate", "--seconds", "2", "--lost", "0.1", *options]
    printed: list[str] = []
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(  # noqa: S603  # our own command
            command,
            cwd=ROOT,
            env={**os.environ, **variables, "BENCHMARK_POOL": pool},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        for line in process.stdout or ():
            printed.append(line)
            # After the heading and some rows, orders are paid.
            if meanwhile is not None and len(printed) == ROWS_BEFORE:
                meanwhile()
        process.wait()
        errors.seek(0)
        output = "".join(printed) + errors.read()
    found = ENDED.search(output)
    assert found, output
    assert meanwhile is None or len(printed) > ROWS_BEFORE
    return int(found[1]), int(found[2])
