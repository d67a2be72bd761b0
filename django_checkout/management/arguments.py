"""What the commands share: argument types, progress, CSV and JSON output, and exit codes."""

from __future__ import annotations

import csv
import json
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

from django_checkout.exceptions import CheckoutError, find_database_reason
from django_checkout.operations.alerts import RULES, Reason
from django_checkout.operations.spreadsheets import cell
from django_checkout.stripe_api.time_limit import no_time_limit
from django_checkout.telemetry import logs

#: The exit code of a command that could not run; 1 means that it ran and found problems.
COULD_NOT_RUN = 2

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def instant(text: str) -> datetime:
    """Parse ``2026-11-24``, ``2026-11-24T12:30``, ``36h``, ``7d`` or ``2w``; without an offset it is local time."""
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
    """Parse a positive integer."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a positive integer.")
    return int(text)


@contextmanager
def command_errors() -> Iterator[None]:
    """Turn exceptions into ``CommandError`` with exit code 2; unexpected ones are logged with their traceback.

    A database that cannot be used, or lacks migrations, is described in one line. Nobody waits for a command, so only
    each attempt of a call to Stripe is limited.
    """
    try:
        with no_time_limit():
            yield
    except CommandError:
        raise
    except (CheckoutError, ImproperlyConfigured) as error:
        raise CommandError(str(error), returncode=COULD_NOT_RUN) from error
    except Exception as error:
        if reason := find_database_reason(error):
            # The line says everything; cron would mail a second one of the log.
            raise CommandError(_describe_database(error, reason), returncode=COULD_NOT_RUN) from error
        logs.error_once(error, "command_failed")
        message = f"{type(error).__name__}: {error} (see the log, or use --traceback)"
        raise CommandError(message, returncode=COULD_NOT_RUN) from error


def _describe_database(error: Exception, reason: str) -> str:
    rule, detail = RULES[Reason(reason)], " ".join(str(error).split())
    return f"{rule.text} {rule.hint}. ({type(error).__name__}: {detail})"


class Progress:
    """Progress on one line of stderr, if that is a terminal."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._is_shown = bool(getattr(stream, "isatty", lambda: False)())
        self._width = 0

    def __call__(self, name: str, number: int) -> None:
        """Show a name and a number in place of the previous ones."""
        if self._is_shown:
            text = f"{name}: {number}"
            self._stream.write("\r" + text.ljust(self._width), ending="")
            self._stream.flush()
            self._width = len(text)

    def clear(self) -> None:
        """Clear the line."""
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r", ending="")
            self._width = 0


def write_json(stream: Any, value: Any) -> None:
    """Write a value as JSON, times in ISO 8601."""
    stream.write(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def write_csv(stream: Any, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write rows as CSV with a header."""
    lines = csv.writer(_Lines(stream), lineterminator="\n")
    lines.writerow(columns)
    lines.writerows([cell(value) for value in row] for row in rows)


def key_values(values: Mapping[str, Any]) -> str:
    """Return ``key=value`` pairs for a table, without null values."""
    return " ".join(f"{key}={value}" for key, value in values.items() if value is not None) or "nothing"


class _Lines:
    """Adapts a command's stdout for ``csv``, which writes its own line endings."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        self._stream.write(text, ending="")


def exit_with(code: int) -> None:
    """Exit with a code, unless it is zero."""
    if code:
        sys.exit(code)
