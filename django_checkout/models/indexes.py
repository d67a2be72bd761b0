"""Indexes that a database stores as well as it can, without a warning of Django's about what another one cannot."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Q


class SparseIndex(models.Index):
    """An index of a nullable column that few rows have; the others are left out, except in MariaDB."""

    def create_sql(
        self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor, using: str = "", **options: Any
    ) -> Any:
        """Return the statement."""
        index = models.Index(fields=self.fields, name=self.name)
        if schema_editor.connection.features.supports_partial_indexes:
            index.condition = Q(**{f"{self.fields[0]}__isnull": False})
        return index.create_sql(model, schema_editor, using, **options)


class AddressIndex(models.Index):
    """An index for ``istartswith``: PostgreSQL compares upper-case letters, MariaDB's collation ignores the case."""

    def create_sql(
        self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor, using: str = "", **options: Any
    ) -> Any:
        """Return the statement."""
        if schema_editor.connection.vendor != "postgresql":
            return super().create_sql(model, schema_editor, using, **options)
        quote = schema_editor.quote_name
        column: Any = model._meta.get_field(self.fields[0])
        concurrently = "CONCURRENTLY " if options.get("concurrently") else ""
        return (
            f"CREATE INDEX {concurrently}{quote(self.name)} ON {quote(model._meta.db_table)} "
            f"(UPPER({quote(column.column)}) text_pattern_ops)"
        )
