"""Makes Stripe's JSON storable in every supported database, so that no value can hide a payment. Pure.

PostgreSQL refuses NUL, UTF-8 has no lone surrogates, MariaDB limits JSON to 32 levels, and JSON has no NaN or
Infinity. https://www.postgresql.org/docs/current/datatype-json.html,
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

#: The maximum of a ``BigIntegerField``.
MAXIMUM_INTEGER = 2**63 - 1
#: The size of the id columns, which is the maximum that Stripe documents.
MAXIMUM_ID_LENGTH = 255

_MAXIMUM_DEPTH = 24
#: A longer number cannot be an amount or a time, and parsing it is slow.
_MAXIMUM_DIGITS = 40
#: From 1970 to the year 3000; close to Python's own limits time zone conversion overflows.
_INSTANTS = range(32_503_680_000)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def read_json(text: str) -> Any:
    """Return parsed JSON; NaN, Infinity and very long numbers become None.

    Raises:
        ValueError: it is not JSON, or nested too deeply.
    """
    try:
        return json.loads(text, parse_int=_read_integer, parse_constant=lambda name: None)
    except RecursionError as error:
        raise ValueError("The JSON is nested too deeply.") from error


def storable(value: Any, *, depth: int = 0) -> Any:
    """Return the value with everything replaced that a database would refuse."""
    if value is None or isinstance(value, int):
        # The most common types, and then concrete ones, before the slow isinstance checks of Mapping and Iterable.
        return value
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (dict, Mapping)):
        if depth >= _MAXIMUM_DEPTH:
            return None
        return {storable_text(str(key)): storable(item, depth=depth + 1) for key, item in value.items()}
    if isinstance(value, (list, Iterable)):
        return None if depth >= _MAXIMUM_DEPTH else [storable(item, depth=depth + 1) for item in value]
    return value


def storable_text(text: str) -> str:
    """Return the text with U+FFFD in place of each character that a database refuses."""
    return text if text.isascii() and "\x00" not in text else _UNSTORABLE.sub("\ufffd", text)


def storable_id(text: str) -> str:
    """Return the id; one that is too long for its column becomes its beginning and a digest."""
    text = storable_text(text)
    if len(text) <= MAXIMUM_ID_LENGTH:
        return text
    return f"{text[:190]}~{hashlib.sha256(text.encode()).hexdigest()}"


def find_instant(value: Any) -> datetime | None:
    """Return a Unix time as an aware datetime; None if a database could not store it."""
    if isinstance(value, bool) or not isinstance(value, int) or value not in _INSTANTS:
        return None
    return datetime.fromtimestamp(value, tz=UTC)


def _read_integer(digits: str) -> int | None:
    return int(digits) if len(digits.removeprefix("-")) <= _MAXIMUM_DIGITS else None
