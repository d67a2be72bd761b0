from __future__ import annotations

import pytest
from django.db import connection


@pytest.fixture
def real_threads(transactional_db):
    """A database that runs transactions in parallel."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time: set DATABASE_URL to PostgreSQL or MariaDB")
