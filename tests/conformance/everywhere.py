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

#: What the emulator takes beyond the document: an endpoint that asks for thin twins of events, which Stripe sends to
#: the event destinations of its second API.
EXTENSIONS = ("POST /v1/webhook_endpoints body: enabled_events/0: 'v1.",)


@pytest.fixture(autouse=True)
def _judged(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.node.get_closest_marker("conformance"):
        yield
        return
    found: Judge = request.getfixturevalue("judge")
    with watching(found, refused_too=False):
        yield
    found.faults = [fault for fault in found.faults if not fault.startswith(EXTENSIONS)]
    found.verdict()
