"""Measures the admin's pages on the large shop of ``dataset``, in a process with the admin's settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.report import Row
from tests.benchmarks.servers import ROOT
from tests.benchmarks.sizes import Sizes


def measure(sizes: Sizes) -> Iterator[Row]:
    """Yield the rows of this part. The shop has a database of its own, which is kept for the next run."""
    from tests.benchmarks.admin_pages import MAXIMUM_MILLISECONDS

    url = f"{os.environ['DATABASE_URL']}_shop"
    variables = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONDEVMODE": ""}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pages.json"
        counts = ["--orders", str(sizes.orders), "--events", str(3 * sizes.orders)]
        for command in (["dataset", *counts], ["admin_pages", "--rounds", str(sizes.rounds), "--json", str(path)]):
            subprocess.run(  # noqa: S603  # our own command
                [sys.executable, "-m", f"tests.benchmarks.{command[0]}", *command[1:]],
                cwd=ROOT,
                env=variables,
                check=True,
                stdout=subprocess.DEVNULL,
            )
        for name, milliseconds, queries in json.loads(path.read_text()):
            more = {"queries": float(queries)}
            yield Row(part="admin", name=name, value=milliseconds, unit="ms", maximum=MAXIMUM_MILLISECONDS, more=more)
