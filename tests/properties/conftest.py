from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    """The SDK waits between its tries; nothing here depends on how long."""
    monkeypatch.setattr("stripe.HTTPClient.INITIAL_DELAY", 0)
    monkeypatch.setattr("stripe.HTTPClient.MAX_DELAY", 0)
