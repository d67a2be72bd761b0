"""Escapes formulas in CSV files: https://owasp.org/www-community/attacks/CSV_Injection."""

from __future__ import annotations

import re

#: The start of a formula in a cell; some spreadsheets also split cells at semicolons, pipes or tabs.
_FORMULA = re.compile(r"(?:^|(?<=[,;|\t\r\n]))(?=[\s\"']*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r])")
_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)


def without_formulas(text: str) -> str:
    """Return a text with an apostrophe before each formula in it."""
    return _FORMULA.sub("'", text)


def cell(value: object) -> object:
    """Return a cell's value without formulas; None and numbers, negative ones included, are unchanged."""
    text = str(value)
    return value if value is None or _NUMBER.fullmatch(text) else without_formulas(text)
