"""Every call and event of these tests is validated. A test with a fault fails at its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stripe

from django_checkout.emulator import Emulator, requests_session
from tests.conformance.document import VERSION
from tests.conformance.fixtures import session_validator, validator
from tests.conformance.validator import Validator
from tests.conformance.watch import watching

__all__ = ["session_validator", "validator"]


@pytest.fixture
def watched(validator: Validator) -> Iterator[Validator]:
    """The validator of all calls and events during a test."""
    with watching(validator, refused_too=True):
        yield validator
    validator.raise_faults()


@pytest.fixture
def emulator(watched: Validator) -> Iterator[Emulator]:
    """An emulator in memory."""
    made = Emulator()
    yield made
    made.close()


@pytest.fixture
def client(emulator: Emulator) -> stripe.StripeClient:
    """The real library, without django_checkout."""
    return stripe.StripeClient(
        "sk_test_conformance",
        stripe_version=VERSION,
        http_client=stripe.RequestsClient(session=requests_session(emulator)),
        base_addresses={"api": "http://emulator.test"},
    )
