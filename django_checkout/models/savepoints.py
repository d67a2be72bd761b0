"""Savepoints whose statements are sent together with others."""

from __future__ import annotations

from itertools import count
from types import TracebackType

from django.db import DatabaseError
from django.db.transaction import TransactionManagementError

from django_checkout.models import database
from django_checkout.models.statements import Statement, control

_numbers = count(1)
#: A transaction in which PostgreSQL runs no more statements, as both versions of psycopg have it.
_IN_ERROR = 3


class Savepoint:
    """A savepoint in an open transaction on our database, like that of ``atomic()``.

    The caller runs ``begin`` before the block, and ``release`` after it with what is sent next. Without a release it
    ends with the transaction.
    """

    def __init__(self) -> None:
        self._connection = database.connection()
        # One may begin inside another, and a name finds only the latest.
        self._name = f"django_checkout_{next(_numbers)}"

    @property
    def begin(self) -> Statement:
        """The statement that begins it."""
        return control(self._connection.ops.savepoint_create_sql(self._name))

    @property
    def release(self) -> Statement:
        """The statement that ends it."""
        return control(self._connection.ops.savepoint_commit_sql(self._name))

    def __enter__(self) -> None:
        self._connection.savepoint_ids.append(self._name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Roll back to the savepoint after an error.

        If there is none any more, the transaction can only be rolled back: MariaDB does so itself after a deadlock.

        Raises:
            TransactionManagementError: the block has caught an error of the database: a commit would be a rollback.
        """
        is_broken = error is not None or self._connection.needs_rollback or self._is_aborted()
        try:
            if is_broken:
                self._connection.needs_rollback = False
                self._connection.savepoint_rollback(self._name)
        except DatabaseError:
            self._connection.needs_rollback = True
            # What the block raised says whether the transaction can start over.
            if error is None:
                raise
        finally:
            self._connection.savepoint_ids.pop()
        if is_broken and error is None:
            raise TransactionManagementError("An error of the database was caught inside a transaction.")

    def _is_aborted(self) -> bool:
        info = getattr(self._connection.connection, "info", None)
        return getattr(info, "transaction_status", None) == _IN_ERROR
