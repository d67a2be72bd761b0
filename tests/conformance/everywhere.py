"""``pytest -p tests.conformance.everywhere``: validates the calls and events of every test of the suite.

Refused requests are skipped, because many tests send invalid ones on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from django_checkout.emulator.reference.versions import KNOWN
from tests.conformance.fixtures import session_validator, validator
from tests.conformance.validator import Validator
from tests.conformance.watch import watching

__all__ = ["session_validator", "validator"]

#: The emulator's extensions of the document: an endpoint can subscribe to thin events, which Stripe sends to event
#: destinations of its second API.
EXTENSIONS = (
    "POST /v1/webhook_endpoints body: enabled_events/0: 'v1.",
    # Versions that are newer than the document.
    *(f"POST /v1/webhook_endpoints body: api_version: '{name}'" for name in KNOWN if name.endswith(".endive")),
)


@pytest.fixture(autouse=True)
def _checked(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.node.get_closest_marker("conformance"):
        yield
        return
    found: Validator = request.getfixturevalue("validator")
    with watching(found, refused_too=False):
        yield
    found.faults = [fault for fault in found.faults if not fault.startswith(EXTENSIONS)]
    found.raise_faults()
