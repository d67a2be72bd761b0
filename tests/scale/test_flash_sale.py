"""A short flash sale: webhooks are lost, doubled, delayed and reordered, and processes of the site are killed."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.benchmarks.servers import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.scale]


@pytest.mark.parametrize("mode", ["inline", "task"])
def test_every_order_of_a_sale_is_right(mode, own_database):
    # The sale compares every order with Stripe at the end.
    options = ["--mode", mode, "--seconds", "2", "--crash-seconds", "0.5", "--lost", "0.1"]
    variables = {"DATABASE_URL": own_database, "DJANGO_SETTINGS_MODULE": "tests.benchmarks.site.sale_settings"}

    ended = subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-m", "tests.benchmarks.simulate", *options],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )

    found = re.search(r"100 orders, every one right; (\d+) processes killed, (\d+) completions lost", ended.stdout)
    assert found, ended.stdout + ended.stderr
    assert all(int(number) > 0 for number in found.groups())
