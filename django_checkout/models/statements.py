"""Statements whose SQL Django builds once: to build it takes longer than to run it. For work on many rows.

The SQL is Django's own, or as plain as an update by primary key; values are prepared and converted by the fields.
Signals of the models are not sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Generic, TypeVar

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, Model, QuerySet

from django_checkout.models import database

M = TypeVar("M", bound=Model)


class Select(Generic[M]):
    """A query of whole rows, called with the values of its parameters, in the order in which they are in the SQL."""

    def __init__(self, build: Callable[[], QuerySet[M]]) -> None:
        """``build`` returns the query, with any values."""
        self._build = build
        self._compiled: dict[str, Callable[..., list[M]]] = {}

    def __call__(self, *values: Any) -> list[M]:
        """Return the rows."""
        connection = database.connection()
        run = self._compiled.get(connection.alias)
        if run is None:
            run = self._compiled[connection.alias] = self._compile(connection)
        return run(connection, values)

    def _compile(self, connection: BaseDatabaseWrapper) -> Callable[..., list[M]]:
        query = self._build().query
        compiler = query.get_compiler(connection=connection)
        sql, _ = compiler.as_sql()
        columns: list[Any] = [column for column, *_ in compiler.select]
        names = [column.target.attname for column in columns]
        converters = compiler.get_converters(columns)
        model: Any = query.model

        def run(connection: BaseDatabaseWrapper, values: Sequence[Any]) -> list[M]:
            with connection.cursor() as cursor:
                cursor.execute(sql, values)
                rows = cursor.fetchall()
            found = []
            for row in rows:
                converted = list(row)
                for position, (functions, expression) in converters.items():
                    for function in functions:
                        converted[position] = function(converted[position], expression, connection)
                found.append(model.from_db(connection.alias, names, converted))
            return found

        return run


def update(rows: Sequence[Model], names: tuple[str, ...]) -> None:
    """Write the same columns of rows of one model."""
    connection = database.connection()
    sql, fields = _compile_update(type(rows[0]), names, connection.vendor)
    values = [
        [*(field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields), row.pk] for row in rows
    ]
    with connection.cursor() as cursor:
        if len(values) == 1:
            cursor.execute(sql, values[0])
        else:
            cursor.executemany(sql, values)


@lru_cache(maxsize=1000)
def _compile_update(model: type[Model], names: tuple[str, ...], vendor: str) -> tuple[str, list[Field[Any, Any]]]:
    quote = database.connection().ops.quote_name
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    columns = ", ".join(f"{quote(field.column)} = %s" for field in fields)
    key = quote(str(model._meta.pk.column))
    return f"UPDATE {quote(model._meta.db_table)} SET {columns} WHERE {key} = %s", fields  # noqa: S608  # our own names
