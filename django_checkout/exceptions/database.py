"""The error of a database that lacks what this release needs."""

from __future__ import annotations

import re

from django.db import DatabaseError
from django.utils.translation import gettext_lazy as _

from django_checkout.exceptions.base import CheckoutError

#: "No such table" and "no such column": SQLSTATEs of PostgreSQL, numbers of MariaDB, texts of SQLite.
_SQLSTATES = frozenset(("42P01", "42703"))
_NUMBERS = frozenset((1146, 1054))
_TEXTS = re.compile(r"no such (table|column)|has no column named")


class MigrationsPendingError(CheckoutError):
    """A table or column is missing: the code was deployed before ``manage.py migrate``."""

    code = "migrations_pending"
    http_status = 503
    user_message = _("The shop is being updated. Please try again in a minute.")
    retry_after_seconds = 30


def is_schema_missing(error: BaseException) -> bool:
    """Return whether a table or a column is missing in the database."""
    if not isinstance(error, DatabaseError):
        return False
    cause = error.__cause__
    # psycopg has ``sqlstate``, psycopg2 ``pgcode``.
    if {getattr(cause, "sqlstate", None), getattr(cause, "pgcode", None)} & _SQLSTATES:
        return True
    first = next(iter(getattr(cause, "args", ())), None)
    return first in _NUMBERS or (isinstance(first, str) and bool(_TEXTS.search(first)))
