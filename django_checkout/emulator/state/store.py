"""Stores the emulator's objects as JSON documents in SQLite, in memory or in a file."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django_checkout.emulator.messages import Doc

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    object TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_by_type ON objects (object, seq);
CREATE INDEX IF NOT EXISTS objects_by_intent ON objects (object, json_extract(body, '$.payment_intent'));
CREATE INDEX IF NOT EXISTS objects_by_charge ON objects (object, json_extract(body, '$.charge'));
CREATE INDEX IF NOT EXISTS objects_by_state ON objects (object, json_extract(body, '$.state'));
CREATE INDEX IF NOT EXISTS objects_by_due ON objects (object, json_extract(body, '$.due_at'));
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
BUSY_TIMEOUT_SECONDS = 30


class Store:
    """Documents by id and type. Call every method inside ``transaction()``, which rolls back on an exception.

    One connection and one lock per process serialize the requests of a process; ``BEGIN IMMEDIATE`` serializes
    processes that share a file.
    """

    def __init__(self, path: str = "") -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(
            path or ":memory:", timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        if path:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(SCHEMA)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the store until the block ends. Nested blocks belong to the outermost one."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    def insert(self, document: Doc) -> Doc:
        """Insert a new document."""
        self._connection.execute(
            "INSERT INTO objects (id, object, body) VALUES (?, ?, ?)",
            (document["id"], document["object"], json.dumps(document)),
        )
        return document

    def save(self, document: Doc) -> Doc:
        """Save a changed document."""
        self._connection.execute("UPDATE objects SET body = ? WHERE id = ?", (json.dumps(document), document["id"]))
        return document

    def delete(self, object_id: str) -> None:
        """Delete a document."""
        self._connection.execute("DELETE FROM objects WHERE id = ?", (object_id,))

    def find(self, object_id: object, kind: str | None = None) -> Doc | None:
        """Return the document with this id (and of this type), or None."""
        row = self._connection.execute("SELECT body, object FROM objects WHERE id = ?", (object_id,)).fetchone()
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
        """Return documents of a type, newest first.

        ``where`` maps paths such as ``customer_details.email`` to a value or a list of values; ``ranges`` maps a path
        to comparisons; ``after`` and ``before`` are cursors: ids in the order of the result.
        """
        clauses = ["object = ?"]
        arguments: list[object] = [kind]
        for path, wanted in (where or {}).items():
            if wanted == []:
                return []
            choices = wanted if isinstance(wanted, list) else [wanted]
            clauses.append(f"json_extract(body, '$.{path}') IN ({', '.join('?' * len(choices))})")
            arguments.extend(choices)
        for path, comparisons in (ranges or {}).items():
            for name, bound in comparisons.items():
                clauses.append(f"json_extract(body, '$.{path}') {COMPARISONS[name]} ?")
                arguments.append(bound)
        is_reversed = before is not None and after is None
        for cursor, sign in ((after, "<"), (before, ">")):
            if cursor is not None:
                clauses.append(f"seq {sign} ?")
                arguments.append(self._sequence(cursor))
        order = "ASC" if is_reversed or oldest_first else "DESC"
        sql = f"SELECT body FROM objects WHERE {' AND '.join(clauses)} ORDER BY seq {order}"  # noqa: S608 - own names
        if limit is not None:
            sql += f" LIMIT {int(limit)}"
        found = [json.loads(row[0]) for row in self._connection.execute(sql, arguments)]
        return found[::-1] if is_reversed else found

    def _sequence(self, object_id: str) -> int:
        row = self._connection.execute("SELECT seq FROM objects WHERE id = ?", (object_id,)).fetchone()
        return int(row[0]) if row else 0

    def distinct(self, kind: str, path: str, pattern: str) -> list[str]:
        """Return the distinct values of a text field that match a pattern with ``*``."""
        rows = self._connection.execute(
            "SELECT DISTINCT json_extract(body, ?) FROM objects WHERE object = ? AND json_extract(body, ?) GLOB ?",
            (f"$.{path}", kind, f"$.{path}", pattern),
        )
        return [row[0] for row in rows]

    def setting(self, name: str, default: str) -> str:
        """Return a setting."""
        with self._lock:
            row = self._connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else default

    def set_setting(self, name: str, value: str) -> None:
        """Save a setting."""
        self._connection.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (name, value))
