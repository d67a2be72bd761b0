"""Every call and event of these tests is judged; a test fails on the first fault after it has ended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stripe

from django_checkout.emulator import Emulator, requests_session
from tests.conformance.document import VERSION
from tests.conformance.fixtures import judge, session_judge
from tests.conformance.judge import Judge
from tests.conformance.watch import watching

__all__ = ["judge", "session_judge"]


@pytest.fixture
def watched(judge: Judge) -> Iterator[Judge]:
    """The judge, watching; his verdict is spoken at the end."""
    with watching(judge, refused_too=True):
        yield judge
    judge.verdict()


@pytest.fixture
def emulator(watched: Judge) -> Iterator[Emulator]:
    """An emulator in memory."""
    made = Emulator()
    yield made
    made.close()


@pytest.fixture
def client(emulator: Emulator) -> stripe.StripeClient:
    """The real library, without our app."""
    return stripe.StripeClient(
        "sk_test_conformance",
        stripe_version=VERSION,
        http_client=stripe.RequestsClient(session=requests_session(emulator)),
        base_addresses={"api": "http://emulator.test"},
    )
