"""The validator, created once per test run because the document is large."""

from __future__ import annotations

import pytest

from tests.conformance import document
from tests.conformance.validator import Validator


@pytest.fixture(scope="session")
def session_validator() -> Validator:
    """A validator with the document. Skip without the document, or fail in CI."""
    try:
        return Validator(document.load())
    except document.UnavailableError as error:
        if document.is_required():
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture
def validator(session_validator: Validator) -> Validator:
    """A validator without recorded faults."""
    session_validator.faults.clear()
    session_validator.checked.clear()
    return session_validator
