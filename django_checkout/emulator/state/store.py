"""Stores the emulator's objects as JSON documents in SQLite, in memory or in a file."""

from __future__ import annotations

import json
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from django_checkout.emulator.messages import Doc, StoreError

#: SQLite's ``application_id`` of a store.
APPLICATION_ID = 0x43484B54
#: SQLite's ``user_version`` of a store. Increase it if stored documents or this schema change.
FORMAT = 3
SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    object TEXT NOT NULL,
    created INTEGER,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_by_type ON objects (object, created);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
COMMIT;
"""
COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
BUSY_TIMEOUT_SECONDS = 30
#: More combinations of choices than this are one query, which sorts all that it finds.
MAX_BRANCHES = 100


class Store:
    """Documents by id and type. Call every method inside ``transaction()``, which rolls back on an exception.

    One connection and one lock per process serialize the requests of a process; ``BEGIN IMMEDIATE`` serializes
    processes that share a file. Every method raises ``StoreError`` if SQLite cannot read or write.
    """

    def __init__(self, path: str = "") -> None:
        self.path = path
        self._lock = threading.RLock()
        self._depth = 0
        self._indexed: set[str] = set()
        with self._reported():
            self._connection = sqlite3.connect(
                path or ":memory:", timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
            )
        # An emulator that is not closed would warn when it is collected, since Python 3.13.
        weakref.finalize(self, self._connection.close)
        try:
            with self._reported():
                self._prepare()
        except StoreError:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        if self.path:
            self._check_format()
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(SCHEMA)
        self._connection.execute("PRAGMA optimize=0x10002")

    def _check_format(self) -> None:
        """Raise ``StoreError`` for a file with other content, before anything is written to it."""
        application, version = (
            self._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
        )
        if self._is_truncated():
            msg = f"The emulator's store {self.path} is incomplete: its end is missing. Delete it, or restore it."
            raise StoreError(msg)
        tables = {row[0] for row in self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables or (application, version) == (APPLICATION_ID, FORMAT):
            return
        if application == APPLICATION_ID or {"objects", "settings"} <= tables:
            reason = "was written by another version of the emulator. Delete it, or choose another file."
        else:
            reason = "is the database of another program. Choose another file."
        msg = f"The emulator's store {self.path} {reason}"
        raise StoreError(msg)

    def _is_truncated(self) -> bool:
        """Return whether the file is shorter than it says. Pages may be missing while SQLite has others in its log."""
        log = Path(f"{self.path}-wal")
        if log.is_file() and log.stat().st_size:
            return False
        pages, size = (self._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        return bool(Path(self.path).stat().st_size < pages * size)

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """Raise ``StoreError`` for an error of SQLite or of the disk."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except sqlite3.DatabaseError as error:
            msg = f"The emulator cannot use its store {Path(self.path) if self.path else 'in memory'}: {error}"
            raise StoreError(msg) from error

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the store until the block ends. Nested blocks belong to the outermost one."""
        with self._lock:
            if self._depth == 0:
                self._execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
                if self._depth == 1:
                    self._execute("COMMIT")
            except BaseException:
                if self._depth == 1:
                    self._roll_back()
                raise
            finally:
                self._depth -= 1

    def _roll_back(self) -> None:
        self._indexed.clear()
        # SQLite may have rolled back already, for example if the disk is full.
        if self._connection.in_transaction:
            self._execute("ROLLBACK")

    def _execute(self, sql: str, arguments: tuple[object, ...] | list[object] = ()) -> sqlite3.Cursor:
        with self._reported():
            return self._connection.execute(sql, arguments)

    @contextmanager
    def discarded(self) -> Iterator[None]:
        """Undo all changes of the block when it ends. Call it inside ``transaction()``."""
        indexed = set(self._indexed)
        self._connection.execute("SAVEPOINT discarded")
        try:
            yield
        finally:
            self._indexed = indexed
            self._connection.execute("ROLLBACK TO discarded")
            self._connection.execute("RELEASE discarded")

    def insert(self, document: Doc) -> Doc:
        """Insert a new document."""
        self._execute(
            "INSERT INTO objects (id, object, created, body) VALUES (?, ?, ?, ?)",
            (document["id"], document["object"], _created(document), json.dumps(document)),
        )
        return document

    def save(self, document: Doc) -> Doc:
        """Save a changed document."""
        self._execute(
            "UPDATE objects SET created = ?, body = ? WHERE id = ?",
            (_created(document), json.dumps(document), document["id"]),
        )
        return document

    def delete(self, object_id: str) -> None:
        """Delete a document."""
        self._execute("DELETE FROM objects WHERE id = ?", (object_id,))

    def find(self, object_id: object, kind: str | None = None) -> Doc | None:
        """Return the document with this id (and of this type), or None."""
        row = self._execute("SELECT body, object FROM objects WHERE id = ?", (object_id,)).fetchone()
        if row is None or (kind is not None and row[1] != kind):
            return None
        document: Doc = json.loads(row[0])
        return document

    def select(
        self,
        kind: str,
        where: Mapping[str, object] | None = None,
        *,
        ranges: Mapping[str, Mapping[str, int]] | None = None,
        after: str | None = None,
        before: str | None = None,
        limit: int | None = None,
        oldest_first: bool = False,
    ) -> list[Doc]:
        """Return documents of a type, newest first: by ``created``, then in the order of their insertion.

        ``where`` maps paths such as ``customer_details.email`` to a value, None or a list of values; ``ranges`` maps
        a path to comparisons; ``after`` and ``before`` are cursors: ids in the order of the result.
        """
        choices = {
            path: list(dict.fromkeys(wanted)) if isinstance(wanted, list) else [wanted]
            for path, wanted in (where or {}).items()
        }
        branches = list(product(*([[value] for value in values] for values in choices.values())))
        if limit is None or len(branches) > MAX_BRANCHES:
            branches = [tuple(choices.values())] if all(choices.values()) else []
        if not branches:
            return []
        clauses, arguments = self._bounds(ranges or {}, after, before)
        is_reversed = before is not None and after is None
        order = "ASC" if is_reversed or oldest_first else "DESC"
        ending = f" ORDER BY created {order}, seq {order}" + (f" LIMIT {int(limit)}" if limit is not None else "")
        selects, values = [], list[object]()
        for branch in branches:
            chosen = [self._is_one_of(path, wanted) for path, wanted in zip(choices, branch, strict=True)]
            conditions = " AND ".join(["object = ?", *chosen, *clauses])
            selects.append(f"SELECT * FROM (SELECT created, seq, body FROM objects WHERE {conditions}{ending})")  # noqa: S608 - own names
            given = (value for wanted in branch for value in wanted if value is not None)
            values += [kind, *given, *arguments]
        sql = " UNION ALL ".join(selects) + (ending if len(selects) > 1 else "")
        found = [json.loads(row[2]) for row in self._execute(sql, values)]
        return found[::-1] if is_reversed else found

    def _bounds(
        self, ranges: Mapping[str, Mapping[str, int]], after: str | None, before: str | None
    ) -> tuple[list[str], list[object]]:
        clauses, arguments = [], list[object]()
        for path, comparisons in ranges.items():
            for name, bound in comparisons.items():
                clauses.append(f"{self._column(path)} {COMPARISONS[name]} ?")
                arguments.append(bound)
        for cursor, sign in ((after, "<"), (before, ">")):
            if cursor is not None:
                clauses.append(f"(created, seq) {sign} (?, ?)")
                arguments += self._execute("SELECT created, seq FROM objects WHERE id = ?", (cursor,)).fetchone()
        return clauses, arguments

    def _is_one_of(self, path: str, wanted: Sequence[object]) -> str:
        if list(wanted) == [None]:
            return f"{self._column(path)} IS NULL"
        choices = ", ".join("?" * len(wanted))
        return f"{self._column(path)} = ?" if len(wanted) == 1 else f"{self._column(path)} IN ({choices})"

    def _column(self, path: str) -> str:
        """Return the expression of a field. Its index is created on first use, for documents that have the field."""
        if path == "created":
            return path
        column = f"json_extract(body, '$.{path}')"
        if path not in self._indexed:
            name = f"objects_with_{path.replace('.', '_in_')}"
            self._execute(
                f"CREATE INDEX IF NOT EXISTS {name} ON objects (object, {column}, created) WHERE {column} IS NOT NULL"
            )
            self._indexed.add(path)
        return column

    def distinct(self, kind: str, path: str, pattern: str) -> list[str]:
        """Return the distinct values of a text field that match a pattern with ``*``."""
        column = self._column(path)
        # One look-up in the index per value: https://wiki.postgresql.org/wiki/Loose_indexscan.
        sql = (
            f"WITH RECURSIVE found (value) AS (SELECT min({column}) FROM objects WHERE object = :kind AND {column} > ''"  # noqa: S608 - own names
            f" UNION ALL SELECT (SELECT min({column}) FROM objects WHERE object = :kind AND {column} > value)"
            " FROM found WHERE value IS NOT NULL) SELECT value FROM found WHERE value GLOB :pattern"
        )
        with self._reported():
            return [row[0] for row in self._connection.execute(sql, {"kind": kind, "pattern": pattern})]

    def setting(self, name: str, default: str) -> str:
        """Return a setting."""
        with self._lock:
            row = self._execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else default

    def set_setting(self, name: str, value: str) -> None:
        """Save a setting."""
        self._execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (name, value))


def _created(document: Doc) -> int | None:
    """Return when an object was created. Invoice items call it ``date``, payment links do not show it."""
    names = ("created", "date", "_created")
    return next((document[name] for name in names if name in document), None)
