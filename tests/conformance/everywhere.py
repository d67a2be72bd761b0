"""``pytest -p tests.conformance.everywhere``: judges what any test of the suite sends and is answered.

Requests that the emulator refuses are left out: many tests send bad ones on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.fixtures import judge, session_judge
from tests.conformance.judge import Judge
from tests.conformance.watch import watching

__all__ = ["judge", "session_judge"]


@pytest.fixture(autouse=True)
def _judged(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.node.get_closest_marker("conformance"):
        yield
        return
    found: Judge = request.getfixturevalue("judge")
    with watching(found, refused_too=False):
        yield
    found.verdict()
