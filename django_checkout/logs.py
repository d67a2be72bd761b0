"""Keeps each record of our loggers on one line, and each error logged once.

What a value holds cannot pass for another line or another key.
"""

from __future__ import annotations

import json
import logging
import re

LOGGERS = ("django_checkout", "django_checkout.emulator")
#: What needs no quotes in ``key=value``.
_PLAIN = re.compile(r"[^\s\"'=\\]+")
#: An attribute of errors that are logged.
_MARK = "_django_checkout_is_logged"


class OneLine(logging.Filter):
    """Quotes the arguments of a record where they are more than a word, and escapes what is no printable text."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record; it is always logged."""
        if isinstance(record.args, tuple):
            record.args = tuple(_quoted(value) for value in record.args)
        return True


def install() -> None:
    """Add the filter to our loggers; doing it again changes nothing."""
    for logger in map(logging.getLogger, LOGGERS):
        if not any(isinstance(known, OneLine) for known in logger.filters):
            logger.addFilter(OneLine())


def error_once(error: BaseException, message: str, *values: object) -> None:
    """Log an error with its traceback, unless that has been done where more was known of it."""
    if not hasattr(error, _MARK):
        logging.getLogger("django_checkout").error(message, *values, exc_info=error)
        setattr(error, _MARK, True)


def _quoted(value: object) -> object:
    if isinstance(value, int | float):
        return value
    text = str(value)
    if _PLAIN.fullmatch(text) and text.isprintable():
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())
