"""Formats log records safely on one line, and logs each error once.

A logged value cannot forge another record or another ``key=value`` pair.
"""

from __future__ import annotations

import json
import logging
import re

from django_checkout.exceptions import is_schema_missing

LOGGERS = ("django_checkout", "django_checkout.emulator")
#: Values that need no quotes in ``key=value``.
_PLAIN = re.compile(r"[^\s\"'=\\]+")
#: The attribute that marks an error as logged.
_MARK = "_django_checkout_is_logged"


class OneLine(logging.Filter):
    """A logging filter that quotes arguments with more than one word and escapes non-printable characters."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Quote the record's arguments; always return True."""
        if isinstance(record.args, tuple):
            record.args = tuple(_quoted(value) for value in record.args)
        return True


def install() -> None:
    """Add the filter to the app's loggers; safe to repeat."""
    for logger in map(logging.getLogger, LOGGERS):
        if not any(isinstance(known, OneLine) for known in logger.filters):
            logger.addFilter(OneLine())


def error_once(error: BaseException, message: str, *values: object) -> None:
    """Log an error with its traceback, unless a caller closer to its cause has logged it.

    If a table or a column is missing, one line says what to do.
    """
    if not hasattr(error, _MARK):
        logger = logging.getLogger("django_checkout")
        if is_schema_missing(error):
            logger.error("migrations_pending error=%s: run manage.py migrate", type(error).__name__)
        else:
            logger.error(message, *values, exc_info=error)
        setattr(error, _MARK, True)


def _quoted(value: object) -> object:
    if isinstance(value, int | float):
        return value
    text = str(value)
    if _PLAIN.fullmatch(text) and text.isprintable():
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())
