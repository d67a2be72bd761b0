"""What an error of the database says about its state: migrations are missing, or it cannot be used at all."""

from __future__ import annotations

import re

from django.db import DatabaseError, InterfaceError, InternalError, OperationalError
from django.utils.translation import gettext_lazy as _

from django_checkout.exceptions.base import CheckoutError

#: "No such table" and "no such column": SQLSTATEs of PostgreSQL, numbers of MariaDB, texts of SQLite.
_SQLSTATES = frozenset(("42P01", "42703"))
_NUMBERS = frozenset((1146, 1054))
#: "Start the transaction over": SQLSTATEs of PostgreSQL, numbers of MariaDB.
_CONFLICT_SQLSTATES = frozenset(("40001", "40P01"))
_CONFLICT_NUMBERS = frozenset((1205, 1213, 1020))
#: "Read-only transaction", which PostgreSQL reports as an internal error.
_READ_ONLY = "25006"
_TEXTS = re.compile(r"no such (table|column)|has no column named")


#: The reason of the alert while the database cannot be read or written.
DATABASE_UNAVAILABLE = "database_unavailable"


class MigrationsPendingError(CheckoutError):
    """A table or column is missing: the code was deployed before ``manage.py migrate``."""

    code = "migrations_pending"
    http_status = 503
    user_message = _("The shop is being updated. Please try again in a minute.")
    retry_after_seconds = 30


def find_database_reason(error: BaseException) -> str:
    """Return the reason of the alert that an error of the database is about; "" if it is a bug or another error."""
    if is_schema_missing(error):
        return MigrationsPendingError.code
    return DATABASE_UNAVAILABLE if is_database_unavailable(error) else ""


def is_database_unavailable(error: BaseException) -> bool:
    """Return whether the database does not respond, or refuses writes, for example because its disk is full."""
    if isinstance(error, InternalError):
        return _READ_ONLY in _states_of(error)
    is_operational = isinstance(error, OperationalError | InterfaceError)
    return is_operational and not is_schema_missing(error) and not is_conflict(error)


def is_conflict(error: BaseException) -> bool:
    """Return whether one transaction met another: a deadlock, a failed serialization, or a wait that was too long."""
    return bool(_states_of(error) & _CONFLICT_SQLSTATES) or _first_argument(error) in _CONFLICT_NUMBERS


def is_schema_missing(error: BaseException) -> bool:
    """Return whether a table or a column is missing in the database."""
    if not isinstance(error, DatabaseError):
        return False
    if _states_of(error) & _SQLSTATES:
        return True
    first = _first_argument(error)
    return first in _NUMBERS or (isinstance(first, str) and bool(_TEXTS.search(first)))


def _first_argument(error: BaseException) -> object:
    return next(iter(getattr(error.__cause__, "args", ())), None)


def _states_of(error: BaseException) -> set[str | None]:
    """Return the SQLSTATE of an error: psycopg has ``sqlstate``, psycopg2 ``pgcode``."""
    cause = error.__cause__
    return {getattr(cause, "sqlstate", None), getattr(cause, "pgcode", None)}
