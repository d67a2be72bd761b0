"""Keeps what others wrote from being a formula to the spreadsheet that opens our CSV files."""

from __future__ import annotations

import re

#: Where a cell begins, also to a spreadsheet that splits at semicolons or tabs, and what makes a formula of it:
#: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = re.compile(r"(?:^|(?<=[,;|\t\r\n]))(?=[\s\"']*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r])")
_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)


def without_formulas(text: str) -> str:
    """Return a text with an apostrophe before each formula in it."""
    return _FORMULA.sub("'", text)


def cell(value: object) -> object:
    """Return the same for a value that may also be null, or a number: that stays one when it is negative."""
    text = str(value)
    return value if value is None or _NUMBER.fullmatch(text) else without_formulas(text)
