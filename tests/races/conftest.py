from __future__ import annotations

import pytest
from django.db import connection


@pytest.fixture
def real_threads(transactional_db):
    """A database whose transactions run beside one another."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite runs one writer after the other: name PostgreSQL or MariaDB in DATABASE_URL")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr("stripe.HTTPClient.INITIAL_DELAY", 0)
    monkeypatch.setattr("stripe.HTTPClient.MAX_DELAY", 0)
