"""Indexes that a database stores as well as it can, without a warning of Django's about what another one cannot."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Q


class SparseIndex(models.Index):
    """An index of a column that is null or empty in most rows; these are left out, except in MariaDB."""

    def create_sql(
        self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor, using: str = "", **options: Any
    ) -> Any:
        """Return the statement."""
        index = models.Index(fields=self.fields, name=self.name)
        if schema_editor.connection.features.supports_partial_indexes:
            is_nullable = model._meta.get_field(self.fields[0]).null
            index.condition = Q(
                **{f"{self.fields[0]}__isnull": False} if is_nullable else {f"{self.fields[0]}__gt": ""}
            )
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


class WaitingIndex(models.Index):
    """An index of the events that are not settled, in the order in which they are due; MariaDB's has all events."""

    def create_sql(
        self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor, using: str = "", **options: Any
    ) -> Any:
        """Return the statement."""
        connection = schema_editor.connection
        if not connection.features.supports_partial_indexes:
            return models.Index(fields=["state", *self.fields], name=self.name).create_sql(model, schema_editor, using)
        first, *others = self.fields
        index = models.Index(fields=self.fields, name=self.name)
        if connection.vendor == "postgresql":
            # Elsewhere, nulls are first.
            index = models.Index(models.F(first).asc(nulls_first=True), *others, name=self.name)
        index.condition = Q(state__in=("received", "processing", "failed")) | Q(**{f"{first}__isnull": False})
        return index.create_sql(model, schema_editor, using, **options)
