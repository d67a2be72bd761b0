"""Statements whose SQL Django builds once for each database: to build it takes longer than to run it.

The SQL is Django's own, and values are converted by the fields; ``writing`` has what changes rows. An error marks the
transaction to be rolled back, as one in ``save()`` does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from django.db import IntegrityError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model, QuerySet

from django_checkout.models import database

M = TypeVar("M", bound=Model)

#: https://mariadb.com/docs/server/reference/error-codes/mariadb-error-codes-1000-to-1099/e1062.
_MYSQL_DUPLICATE_KEY = 1062


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement with its values, and the function that reads its result."""

    sql: str
    values: Sequence[Any]
    #: Called with the cursor.
    read: Callable[[Any], Any]
    #: The result if a row with the same unique value exists and the database says so by an error.
    if_exists: Any = None


def run(*statements: Statement) -> list[Any]:
    """Run statements in this order and return their results: where the database can, in one round trip.

    Each sees what was committed before it began, not what was when the first began: PostgreSQL takes a snapshot for
    each statement of a simple query (https://www.postgresql.org/docs/current/protocol-flow.html).
    """
    connection = database.connection()
    try:
        with connection.cursor() as cursor:
            if len(statements) == 1 or not database.takes_several_statements():
                return [_run_one(cursor, statement) for statement in statements]
            sql = "; ".join(statement.sql for statement in statements)
            cursor.execute(sql, [value for statement in statements for value in statement.values])
            results = []
            for number, statement in enumerate(statements):
                if number:
                    cursor.nextset()
                results.append(statement.read(cursor))
            return results
    except Exception:
        # Nobody who catches the error can commit a transaction that the database has ended.
        if connection.in_atomic_block:
            connection.set_rollback(True)
        raise


def _run_one(cursor: Any, statement: Statement) -> Any:
    try:
        cursor.execute(statement.sql, statement.values)
    except IntegrityError as error:
        # MariaDB undoes this statement alone.
        if statement.if_exists is None or error.args[0] != _MYSQL_DUPLICATE_KEY:
            raise
        return statement.if_exists
    return statement.read(cursor)


def control(sql: str) -> Statement:
    """Return a statement that controls the transaction, such as a savepoint."""
    return Statement(sql, (), lambda cursor: None)


class Select(Generic[M]):
    """A query of whole rows, called with the values of its parameters, in the order in which they are in the SQL."""

    def __init__(self, build: Callable[[], QuerySet[M]]) -> None:
        """``build`` returns the query, with any values."""
        self._build = build
        self._compiled: dict[str, tuple[str, Callable[[Any], list[M]]]] = {}

    def __call__(self, *values: Any) -> list[M]:
        """Return the rows."""
        (rows,) = run(self.of(*values))
        return rows  # type: ignore[no-any-return]  # as ``read`` returned it

    def of(self, *values: Any) -> Statement:
        """Return the statement with its values, whose result is the rows."""
        connection = database.connection()
        compiled = self._compiled.get(connection.alias)
        if compiled is None:
            compiled = self._compiled[connection.alias] = self._compile(connection)
        sql, read = compiled
        return Statement(sql, values, read)

    def _compile(self, connection: BaseDatabaseWrapper) -> tuple[str, Callable[[Any], list[M]]]:
        query = self._build().query
        compiler = query.get_compiler(connection=connection)
        sql, _ = compiler.as_sql()
        columns: list[Any] = [column for column, *_ in compiler.select]
        names = [column.target.attname for column in columns]
        converters = compiler.get_converters(columns)
        model: Any = query.model
        alias = connection.alias

        def read(cursor: Any) -> list[M]:
            found = []
            for row in cursor.fetchall():
                converted = list(row)
                for position, (functions, expression) in converters.items():
                    for function in functions:
                        converted[position] = function(converted[position], expression, database.connection())
                found.append(model.from_db(alias, names, converted))
            return found

        return sql, read


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
        return run(self.of(values))[0] if values else []

    def of(self, values: Sequence[Any]) -> Statement:
        """Return the statement for a list that is not empty, whose result is the rows."""
        few = len(values) <= self.LONGEST
        select = self._selects[len(values)] if few else Select(partial(self._build, range(len(values))))
        return select.of(*values)
