from __future__ import annotations

import re

import pytest

from tests import diagram
from tests.test_architecture import EMULATOR, LAYERS, PACKAGE

pytestmark = pytest.mark.core


@pytest.mark.parametrize("name", ["states", "layers"])
def test_readme_matches_the_code(name):
    assert diagram.drawn(name) == diagram.draw(name), "run: python -m tests.diagram"


def test_readme_says_what_each_package_is_for():
    table = diagram.README.read_text(encoding="utf-8").partition("| package | responsibility |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(\w+)`", "\n".join(row.split("|")[1] for row in table.splitlines() if row)))
    packages = {part for parts in LAYERS for part in parts if (PACKAGE / part).is_dir()} | {EMULATOR}
    assert packages - named == {"management", "telemetry"}
    assert named <= packages
