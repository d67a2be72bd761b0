"""Statements that insert and update rows; their SQL is as plain as an update by primary key, and is built once.

Values are prepared by the fields. Signals of the models are not sent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeVar

from django.db import DatabaseError
from django.db.models import Model
from django.db.models.sql import InsertQuery

from django_checkout.models import database
from django_checkout.models.statements import Statement, run

R = TypeVar("R", bound=Model)


def insert_new(row: Model) -> bool:
    """Insert a row and set its primary key; False if a row with the same unique value exists. Needs no savepoint."""
    return bool(run(*insertions([row]))[0])


def insertions(rows: Sequence[R], key: tuple[str, ...] = ()) -> list[Statement]:
    """Return statements that insert rows of one model, set their primary keys and return those that were new.

    ``key`` are the columns by which several rows are told apart. PostgreSQL and SQLite leave a row out that exists
    (``ON CONFLICT DO NOTHING``), every other error is raised. MariaDB's ``INSERT IGNORE`` would also truncate values
    and drop links, so there the error of a plain ``INSERT`` is read: it undoes this statement alone.
    """
    connection = database.connection()
    head, tail, fields, stamps = _compile_insert(type(rows[0]), key, connection.alias, connection.vendor)
    for row in rows:
        for stamp in stamps:
            stamp.pre_save(row, add=True)
    places = f"({', '.join(['%s'] * len(fields))})"
    found = []
    for some in _split(rows, len(fields)):
        sql = head + ", ".join([places] * len(some)) + tail
        values = [field.get_db_prep_save(getattr(row, field.attname), connection) for row in some for field in fields]
        found.append(Statement(sql, values, partial(_read_inserted, some, key), if_exists=[]))
    return found


def _split(rows: Sequence[R], columns: int) -> list[Sequence[R]]:
    """Return the rows in lists for one statement each, of which some databases limit the values."""
    limit = database.connection().features.max_query_params
    size = 1 if not database.takes_lists_of_rows() else max(limit // (columns + 1), 1) if limit else len(rows)
    return [rows[first : first + size] for first in range(0, len(rows), size)]


def _read_inserted(rows: Sequence[R], key: tuple[str, ...], cursor: Any) -> list[R]:
    connection = database.connection()
    row = rows[0]
    if connection.features.can_return_columns_from_insert:
        returned = cursor.fetchall()
    elif cursor.rowcount < 1:
        returned = []
    else:
        returned = [(connection.ops.last_insert_id(cursor, row._meta.db_table, str(row._meta.pk.column)),)]
    names = key if len(rows) > 1 else ()
    keys = {tuple(found[1 : len(names) + 1]): found[0] for found in returned}
    new = []
    for row in rows:
        pk = keys.pop(tuple(getattr(row, name) for name in names), None)
        # Taken out: of two like it, one was inserted.
        if pk is not None:
            row.pk = pk
            row._state.adding, row._state.db = False, connection.alias
            new.append(row)
    return new


class _Insert(NamedTuple):
    head: str
    tail: str
    fields: list[Any]
    stamps: list[Any]


@lru_cache(maxsize=100)
def _compile_insert(model: type[Model], key: tuple[str, ...], alias: str, vendor: str) -> _Insert:
    connection = database.connection()
    quote = connection.ops.quote_name
    fields: list[Any] = [field for field in model._meta.local_concrete_fields if not field.primary_key]
    query = InsertQuery(model)
    query.insert_values(fields, [model()], raw=True)
    ((sql, _),) = query.get_compiler(connection=connection).as_sql()
    head = sql[: sql.index("VALUES (") + len("VALUES ")]
    tail = "" if vendor == "mysql" else " ON CONFLICT DO NOTHING"
    if connection.features.can_return_columns_from_insert:
        returned: list[Any] = [model._meta.pk, *map(model._meta.get_field, key)]
        tail += f" RETURNING {', '.join(quote(field.column) for field in returned)}"
    stamps = [field for field in fields if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)]
    return _Insert(head, tail, fields, stamps)


def updates(
    changes: Iterable[tuple[Model, Collection[str]]], new: Mapping[Any, Model] | None = None
) -> list[Statement]:
    """Return statements that write columns of rows: where the database can, one for all with the same columns.

    ``new`` are rows that an earlier statement inserts, by the temporary primary key that foreign keys have.

    Raises:
        DatabaseError: when they run, the only row of a statement does not exist any more.
    """
    groups: dict[tuple[type[Model], tuple[str, ...]], list[Model]] = defaultdict(list)
    for row, names in changes:
        groups[type(row), tuple(sorted(names))].append(row)
    found: list[Statement] = []
    for (model, names), rows in groups.items():
        update = _compile_update(model, names, database.alias())
        for some in _split(rows, len(names)):
            make = _update_many if len(some) > 1 else _update_one
            found.append(make(update, some, new or {}))
    return found


class _Update(NamedTuple):
    table: str
    key: str
    fields: list[Any]
    columns: list[str]
    #: The type of each column, for a list of values.
    types: list[str]


@lru_cache(maxsize=1000)
def _compile_update(model: type[Model], names: tuple[str, ...], alias: str) -> _Update:
    connection = database.connection()
    quote = connection.ops.quote_name
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    return _Update(
        table=quote(model._meta.db_table),
        key=quote(str(model._meta.pk.column)),
        fields=fields,
        columns=[quote(field.column) for field in fields],
        types=[_type_of(field, connection) for field in fields],
    )


def _type_of(field: Any, connection: Any) -> str:
    # To cast to varchar(3) would truncate a longer value instead of refusing it.
    name = str(field.db_type(connection))
    return "text" if name.startswith("varchar") else name


def _values_of(update: _Update, row: Model, new: Mapping[Any, Model]) -> tuple[list[str], list[Any]]:
    """Return the placeholders and values of a row's columns."""
    connection = database.connection()
    places, values = [], []
    for field in update.fields:
        value = getattr(row, field.attname)
        place = "%s"
        if field.is_relation and value in new:
            place, value = _find_new(new[value])
        else:
            value = field.get_db_prep_save(value, connection)
        places.append(place)
        values.append(value)
    return places, values


def _find_new(row: Any) -> tuple[str, str]:
    """Return the SQL and value that find a row which is inserted in the same round trip."""
    quote = database.connection().ops.quote_name
    table, names = row._meta.db_table, ("id", "stripe_id")
    pk, stripe_id = map(quote, names)
    return f"(SELECT {pk} FROM {quote(table)} WHERE {stripe_id} = %s)", row.stripe_id  # noqa: S608  # our own names


def _update_one(update: _Update, rows: Sequence[Model], new: Mapping[Any, Model]) -> Statement:
    (row,) = rows
    places, values = _values_of(update, row, new)
    columns = ", ".join(f"{column} = {place}" for column, place in zip(update.columns, places, strict=True))
    sql = f"UPDATE {update.table} SET {columns} WHERE {update.key} = %s"  # noqa: S608  # our own names
    return Statement(sql, [*values, row.pk], partial(_check_updated, type(row)))


def _check_updated(model: type[Model], cursor: Any) -> None:
    if cursor.rowcount == 0:
        raise DatabaseError(f"The row of {model.__name__} to update does not exist any more.")


def _update_many(update: _Update, rows: Sequence[Model], new: Mapping[Any, Model]) -> Statement:
    """Return one statement for many rows, with a list of values as PostgreSQL and SQLite take it."""
    has_types = database.connection().vendor == "postgresql"
    lists, values = [], []
    for number, row in enumerate(rows):
        places, own = _values_of(update, row, new)
        if has_types and not number:
            # The types of the first row are those of all.
            places = [f"{place}::{name}" for place, name in zip(places, update.types, strict=True)]
        lists.append(f"(%s, {', '.join(places)})")
        values += [row.pk, *own]
    columns = ", ".join(f"{column} = new.column{number}" for number, column in enumerate(update.columns, start=2))
    sql = (
        f"UPDATE {update.table} SET {columns} FROM (VALUES {', '.join(lists)}) AS new"  # noqa: S608  # our own names
        f" WHERE {update.table}.{update.key} = new.column1"
    )
    return Statement(sql, values, lambda cursor: None)
