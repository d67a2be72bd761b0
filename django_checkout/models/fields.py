"""The field for Stripe's ids and the host's references: case-sensitive on every database."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

#: Stripe promises that ids never exceed 255 characters, and nothing about their prefixes.
ID_LENGTH = 255


class CaseSensitiveCharField(models.CharField):  # type: ignore[type-arg]  # generic in the stubs only
    """A ``CharField`` that MariaDB and MySQL compare byte by byte, as PostgreSQL and SQLite always do.

    One of ``ID_LENGTH`` is compared as a whole, so in PostgreSQL it has no second index for searches by prefix.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"max_length": ID_LENGTH, **options})

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        """Return the type by a name to which Django adds no index with ``varchar_pattern_ops``."""
        name = super().db_type(connection)
        if connection.vendor == "postgresql" and self.max_length == ID_LENGTH and name is not None:
            return name.replace("varchar", "character varying")
        return name

    def db_parameters(self, connection: BaseDatabaseWrapper) -> Any:
        """Add a binary collation where the default one treats ``cs_a`` and ``cs_A`` as equal."""
        parameters: Any = super().db_parameters(connection)
        if connection.vendor == "mysql":
            parameters["collation"] = "utf8mb4_bin"
        return parameters
