"""The benchmarks, without their times: every part runs, has its rows and its effects."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.benchmarks.servers import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.scale]

#: Rows of each part; the peers are not installed here.
ROWS = {
    "webhook": {
        "floor",
        "paid session",
        "charge.succeeded",
        "payment_intent.succeeded",
        "duplicate",
        "foreign",
        "foreign refund",
        "forged",
        "refund.created",
        "charge.refunded, known",
        "charge.refunded",
        "queued",
        "p99 of a paid session",
        "cost of a forged one",
    },
    "drain": {"a purchase's events", "one event an order"},
    "start": {"statements", "commits", "around the call"},
    "pages": {"return page", "status"},
    "reconcile": {"100 sessions", "300 sessions", "300 sessions, calls", "300 sessions, memory", "cost of a session"},
    "admin": {"order list", "order page", "dashboard", "event list"},
    "memory": {"of a worker"},
    "import": {"django.setup()", "with the admin"},
}


@pytest.mark.parametrize("part", ROWS)
def test_part_has_every_row(part, own_database, tmp_path):
    # The benchmark checks the effects itself, for example that every order is paid once.
    path = tmp_path / "found.json"
    variables = {"DATABASE_URL": own_database, "DJANGO_SETTINGS_MODULE": "tests.benchmarks.site.settings"}

    ended = subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-m", "tests.benchmarks", part, "--quick", "--json", path],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert {row["name"] for row in json.loads(path.read_text())["rows"]} >= ROWS[part]
