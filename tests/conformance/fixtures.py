"""The judge, made once per test run: reading eight megabytes takes a while."""

from __future__ import annotations

import pytest

from tests.conformance import document
from tests.conformance.judge import Judge


@pytest.fixture(scope="session")
def session_judge() -> Judge:
    """A judge with the document; skips where there is none, and fails in CI."""
    try:
        return Judge(document.load())
    except document.UnavailableError as error:
        if document.is_required():
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture
def judge(session_judge: Judge) -> Judge:
    """A judge who has seen nothing yet."""
    session_judge.faults.clear()
    session_judge.judged.clear()
    return session_judge
