"""What the operations commands have in common: instants on the command line, tables, and how they end."""

from __future__ import annotations

import csv
import json
import logging
import re
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from django_checkout.exceptions import CheckoutError
from django_checkout.spreadsheets import cell

#: A command that could not run ends so; 1 says that it ran and found something.
COULD_NOT_RUN = 2

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}

logger = logging.getLogger("django_checkout")


def instant(text: str) -> datetime:
    """Read ``2026-11-24``, ``2026-11-24T12:30``, ``36h``, ``7d`` or ``2w``; without an offset it is local time."""
    ago = re.fullmatch(r"(\d{1,5})([hdw])", text.strip())
    try:
        if ago:
            return timezone.now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        day = parse_date(text.strip())
        if day is not None:
            return timezone.make_aware(datetime(day.year, day.month, day.day))  # noqa: DTZ001  # made aware here
        parsed = parse_datetime(text.strip())
    except (ValueError, OverflowError):
        parsed = None
    if parsed is None:
        raise ArgumentTypeError(f"{text!r} is not a date, a time or an age: 2026-11-24, 2026-11-24T12:30, 36h, 7d, 2w.")
    return parsed if parsed.tzinfo else timezone.make_aware(parsed)


def positive(text: str) -> int:
    """Read a whole number above zero."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number above zero.")
    return int(text)


@contextmanager
def ending() -> Iterator[None]:
    """Turn what stops a command into its message and exit code 2; a bug keeps its traceback in the log."""
    try:
        yield
    except CommandError:
        raise
    except (CheckoutError, ImproperlyConfigured) as error:
        raise CommandError(str(error), returncode=COULD_NOT_RUN) from error
    except Exception as error:
        logger.exception("command_failed")
        message = f"{type(error).__name__}: {error} (see the log, or --traceback)"
        raise CommandError(message, returncode=COULD_NOT_RUN) from error


class Counter:
    """A line on a terminal's stderr that counts; silent elsewhere."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._is_shown = bool(getattr(stream, "isatty", lambda: False)())
        self._width = 0

    def __call__(self, name: str, number: int) -> None:
        """Show how many of something have been looked at."""
        if self._is_shown:
            text = f"{name}: {number}"
            self._stream.write("\r" + text.ljust(self._width), ending="")
            self._stream.flush()
            self._width = len(text)

    def clear(self) -> None:
        """Take the line away."""
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r", ending="")
            self._width = 0


def write_json(stream: Any, value: Any) -> None:
    """Write a value as JSON, instants in ISO 8601."""
    stream.write(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def write_csv(stream: Any, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write rows as CSV with a header."""
    lines = csv.writer(_Lines(stream), lineterminator="\n")
    lines.writerow(columns)
    lines.writerows([cell(value) for value in row] for row in rows)


def words(values: Mapping[str, Any]) -> str:
    """Return ``key=value`` pairs for a table, without what is null."""
    return " ".join(f"{key}={value}" for key, value in values.items() if value is not None) or "nothing"


class _Lines:
    """Lets ``csv`` write to a command's stdout, which ends lines by itself."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        self._stream.write(text, ending="")


def leave(code: int) -> None:
    """End the command with an exit code that is not zero."""
    if code:
        sys.exit(code)
