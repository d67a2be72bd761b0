from __future__ import annotations

import pytest
from django.db import connection


@pytest.fixture
def real_threads(transactional_db):
    """A database whose transactions run beside one another."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite runs one writer after the other: name PostgreSQL or MariaDB in DATABASE_URL")
