"""Stripe's JSON as every database can hold it: what one of them refuses must not hide a payment. Pure.

PostgreSQL holds no NUL, none holds half a surrogate pair in UTF-8, MariaDB's JSON ends 32 levels deep, and JSON itself
knows neither NaN nor Infinity. https://www.postgresql.org/docs/current/datatype-json.html,
https://mariadb.com/docs/server/reference/sql-functions/special-functions/json-functions
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

#: What a ``BigIntegerField`` holds on each side of zero.
MAXIMUM_INTEGER = 2**63 - 1
#: No column of ours holds a longer id; Stripe promises that none is.
MAXIMUM_ID_LENGTH = 255

_MAXIMUM_DEPTH = 24
#: Longer numbers are none that anybody counts with.
_MAXIMUM_DIGITS = 40
#: Instants from 1970 to the year 3000; within a day of Python's own limits time zones overflow.
_INSTANTS = range(32_503_680_000)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def read_json(text: str) -> Any:
    """Return parsed JSON; NaN, Infinity and numbers that nobody counts with are null.

    Raises:
        ValueError: it is not JSON, or nested too deeply to be read.
    """
    try:
        return json.loads(text, parse_int=_read_integer, parse_constant=lambda name: None)
    except RecursionError as error:
        raise ValueError("The JSON is nested too deeply.") from error


def storable(value: Any, *, depth: int = 0) -> Any:
    """Return plain JSON types that every database holds, everything else unchanged."""
    if value is None or isinstance(value, int):
        # The commonest, before the slow look at what it can do.
        return value
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        if depth >= _MAXIMUM_DEPTH:
            return None
        return {storable_text(str(key)): storable(item, depth=depth + 1) for key, item in value.items()}
    if isinstance(value, Iterable):
        return None if depth >= _MAXIMUM_DEPTH else [storable(item, depth=depth + 1) for item in value]
    return value


def storable_text(text: str) -> str:
    """Return a text with U+FFFD in the place of what no column holds."""
    return text if text.isascii() and "\x00" not in text else _UNSTORABLE.sub("\ufffd", text)


def storable_id(text: str) -> str:
    """Return an id as it is, or, where it is too long for its column, its beginning and a digest of the whole."""
    text = storable_text(text)
    if len(text) <= MAXIMUM_ID_LENGTH:
        return text
    return f"{text[:190]}~{hashlib.sha256(text.encode()).hexdigest()}"


def find_instant(value: Any) -> datetime | None:
    """Return a Unix time as an instant; None where it is no instant that every database holds."""
    if isinstance(value, bool) or not isinstance(value, int) or value not in _INSTANTS:
        return None
    return datetime.fromtimestamp(value, tz=UTC)


def _read_integer(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MAXIMUM_DIGITS else None
