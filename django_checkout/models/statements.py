"""Statements whose SQL Django builds once for each database: to build it takes longer than to run it.

The SQL is Django's own, or as plain as an update by primary key; values are prepared and converted by the fields.
Signals of the models are not sent. An error marks the transaction to be rolled back, as one in ``save()`` does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, Generic, TypeVar

from django.db import DatabaseError, IntegrityError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, Model, QuerySet
from django.db.models.sql import InsertQuery

from django_checkout.models import database

M = TypeVar("M", bound=Model)

#: https://mariadb.com/docs/server/reference/error-codes/mariadb-error-codes-1000-to-1099/e1062.
_MYSQL_DUPLICATE_KEY = 1062


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


class SelectIn(Generic[M]):
    """A query of whole rows whose only parameters are a list; its SQL is built once for each length of the list."""

    #: The SQL for longer lists is built each time.
    LONGEST = 20

    def __init__(self, build: Callable[[Sequence[Any]], QuerySet[M]]) -> None:
        """``build`` returns the query for a list of values."""
        self._build = build
        self._selects = [Select(partial(build, range(length))) for length in range(self.LONGEST + 1)]

    def __call__(self, values: Sequence[Any]) -> list[M]:
        """Return the rows; none, without a query, for an empty list."""
        if len(values) > self.LONGEST:
            return list(self._build(values))
        return self._selects[len(values)](*values) if values else []


def insert_new(row: Model) -> bool:
    """Insert a row and set its primary key; False if a row with the same unique value exists. Needs no savepoint.

    PostgreSQL and SQLite leave the statement out (``ON CONFLICT DO NOTHING``), every other error is raised. MariaDB's
    ``INSERT IGNORE`` would also truncate values and drop links, so there the error of a plain ``INSERT`` is read: it
    undoes this statement alone.
    """
    connection = database.connection()
    sql, fields, stamps = _compile_insert(type(row), connection.alias, connection.vendor)
    for stamp in stamps:
        stamp.pre_save(row, add=True)
    values = [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
    try:
        key = _insert(connection, row, sql, values)
    except IntegrityError as error:
        if connection.vendor == "mysql" and error.args[0] == _MYSQL_DUPLICATE_KEY:
            return False
        _mark_for_rollback(connection)
        raise
    except Exception:
        _mark_for_rollback(connection)
        raise
    if key is None:
        return False
    row.pk = key
    row._state.adding, row._state.db = False, connection.alias
    return True


def _insert(connection: BaseDatabaseWrapper, row: Model, sql: str, values: Sequence[Any]) -> Any:
    """Return the primary key of the new row, or None."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        if connection.features.can_return_columns_from_insert:
            returned = cursor.fetchone()
            return None if returned is None else returned[0]
        if cursor.rowcount < 1:
            return None
        return connection.ops.last_insert_id(cursor, row._meta.db_table, str(row._meta.pk.column))


@lru_cache(maxsize=100)
def _compile_insert(model: type[Model], alias: str, vendor: str) -> tuple[str, list[Any], list[Any]]:
    connection = database.connection()
    fields: list[Any] = [field for field in model._meta.local_concrete_fields if not field.primary_key]
    query = InsertQuery(model)
    query.insert_values(fields, [model()], raw=True)
    ((sql, _),) = query.get_compiler(connection=connection).as_sql()
    if vendor != "mysql":
        sql += " ON CONFLICT DO NOTHING"
    if connection.features.can_return_columns_from_insert:
        sql += f" RETURNING {connection.ops.quote_name(str(model._meta.pk.column))}"
    stamps = [field for field in fields if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)]
    return sql, fields, stamps


def _mark_for_rollback(connection: BaseDatabaseWrapper) -> None:
    """Let nobody who catches an error commit a transaction that the database has ended."""
    if connection.in_atomic_block:
        connection.set_rollback(True)


def update(rows: Sequence[Model], names: tuple[str, ...]) -> None:
    """Write the same columns of rows of one model.

    Raises:
        DatabaseError: the only row does not exist any more.
    """
    connection = database.connection()
    sql, fields = _compile_update(type(rows[0]), names, connection.alias)
    values = [
        [*(field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields), row.pk] for row in rows
    ]
    try:
        with connection.cursor() as cursor:
            if len(values) > 1:
                cursor.executemany(sql, values)
                return
            cursor.execute(sql, values[0])
            if cursor.rowcount == 0:
                raise DatabaseError(f"The row of {type(rows[0]).__name__} to update does not exist any more.")
    except Exception:
        _mark_for_rollback(connection)
        raise


@lru_cache(maxsize=1000)
def _compile_update(model: type[Model], names: tuple[str, ...], alias: str) -> tuple[str, list[Field[Any, Any]]]:
    quote = database.connection().ops.quote_name
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    columns = ", ".join(f"{quote(field.column)} = %s" for field in fields)
    key = quote(str(model._meta.pk.column))
    return f"UPDATE {quote(model._meta.db_table)} SET {columns} WHERE {key} = %s", fields  # noqa: S608  # our own names
