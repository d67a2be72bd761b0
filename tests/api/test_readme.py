"""The purchase in five requests of the README, run by a shell with curl against the demo."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from example_project.shop.demo_server import free_port, served
from tests.amounts import money

README = Path(__file__).resolve().parents[2] / "README.md"


def script():
    section = README.read_text(encoding="utf-8").partition("### A purchase in five requests")[2]
    return re.search(r"```bash\n(.*?)```", section, re.DOTALL)[1]


def test_purchase_has_five_requests():
    assert len(re.findall(r"\bcurl ", script(), re.MULTILINE)) == 5


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="needs bash and curl")
def test_purchase_in_the_readme_succeeds(tmp_path):
    base_url = f"http://127.0.0.1:{free_port()}"
    commands = script().replace("http://127.0.0.1:8000", base_url)

    with served(base_url, tmp_path, tmp_path / "server.log"):
        done = subprocess.run(  # noqa: S603  # the README's own commands
            ["bash", "-euo", "pipefail", "-c", commands],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    assert done.returncode == 0, done.stdout + done.stderr
    status = json.loads(done.stdout)
    assert (status["outcome"], status["paid"]["formatted"]) == ("paid", money("72.90"))
