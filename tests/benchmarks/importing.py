"""Measures what the app adds to ``django.setup()``."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator

from tests.benchmarks.report import Row
from tests.benchmarks.servers import ROOT
from tests.benchmarks.sizes import Sizes

MAX_MILLISECONDS = 40
PROGRAM = """
import sys, time
from django.conf import settings
apps = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.messages", "django.contrib.sessions"]
settings.configure(INSTALLED_APPS=[*apps, *sys.argv[1:]], USE_TZ=True)
import django
began = time.process_time()
django.setup()
print(time.process_time() - began)
"""
APP, ADMIN = "django_checkout", "django.contrib.admin"


def measure(sizes: Sizes) -> Iterator[Row]:
    """Yield the rows of this part: the differences of medians, by processor time."""
    found: dict[tuple[str, ...], list[float]] = {apps: [] for apps in ((), (APP,), (ADMIN,), (ADMIN, APP))}
    for _ in range(2 * sizes.rounds + 1):
        for apps, taken in found.items():
            taken.append(_setup(*apps))
    # The first of each writes the bytecode.
    bare, with_app, admin, admin_with_app = (1000 * statistics.median(taken[1:]) for taken in found.values())
    for name, with_it, without, maximum in (
        ("django.setup()", with_app, bare, MAX_MILLISECONDS),
        ("with the admin", admin_with_app, admin, None),
    ):
        more = {"without it": without}
        yield Row(part="import", name=name, value=with_it - without, unit="ms more", maximum=maximum, more=more)


def _setup(*apps: str) -> float:
    """Return the seconds of ``django.setup()`` in a process of its own."""
    variables = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "-c", PROGRAM, *apps]
    ended = subprocess.run(  # noqa: S603  # our own command
        command, cwd=ROOT, env={**variables, "PYTHONDEVMODE": ""}, check=True, capture_output=True, text=True
    )
    return float(ended.stdout)
