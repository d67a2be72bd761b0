"""The column for Stripe's ids and the host's references: long enough, and case-sensitive on every database."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

#: Stripe promises that ids never exceed 255 characters, and nothing about their prefixes.
ID_LENGTH = 255


class CaseSensitiveCharField(models.CharField):  # type: ignore[type-arg]  # generic in the stubs only
    """A ``CharField`` that MariaDB and MySQL compare byte for byte, as PostgreSQL and SQLite do anyway."""

    def db_parameters(self, connection: BaseDatabaseWrapper) -> Any:
        """Add the binary collation where the default one would take ``cs_a`` and ``cs_A`` for the same."""
        parameters: Any = super().db_parameters(connection)
        if connection.vendor == "mysql":
            parameters["collation"] = "utf8mb4_bin"
        return parameters
