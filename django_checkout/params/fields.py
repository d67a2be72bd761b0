"""Validates the type, characters and limits of single values from the host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.utils.functional import Promise

from django_checkout import money
from django_checkout.exceptions import MoneyError, OrderDataError


def text(value: Any, name: str, *, maximum: int, is_required: bool = False) -> str:
    """Return a text, lazy or not, as a plain ``str``; None becomes "".

    Raises:
        OrderDataError: the value is not a valid text.
    """
    if isinstance(value, Promise):
        value = str(value)
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise OrderDataError(f"{name} must be a string.")
    if is_required and not value.strip():
        raise OrderDataError(f"{name} must not be empty.")
    if len(value) > maximum:
        raise OrderDataError(f"{name} must have at most {maximum} characters.")
    if not is_storable(value):
        raise OrderDataError(f"{name} contains a character that cannot be stored: NUL or an unpaired surrogate.")
    # Convert a subclass such as SafeString.
    return str.__str__(value)


def is_storable(value: str) -> bool:
    """Whether PostgreSQL can store a text and UTF-8 can encode it."""
    return "\x00" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def whole(value: Any, name: str, *, minimum: int, maximum: int) -> int:
    """Return an integer that is not a bool.

    Raises:
        OrderDataError: the value is not an integer within the limits.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        raise OrderDataError(f"{name} must be an integer from {minimum} to {maximum}.")
    return int(value)


def amount(value: Any, name: str, currency: str) -> int:
    """Return an amount in minor units.

    Raises:
        MoneyError: the amount is not valid in the currency.
    """
    try:
        return int(money.check_minor(value, currency))
    except MoneyError as error:
        raise MoneyError(f"{name}: {error}") from error


def flag(value: Any, name: str) -> bool:
    """Return a bool.

    Raises:
        OrderDataError: the value is not a bool; ``"false"`` is not.
    """
    if not isinstance(value, bool):
        raise OrderDataError(f"{name} must be True or False.")
    return value


def choice(value: Any, name: str, choices: Sequence[str]) -> str:
    """Return one of the choices, or "".

    Raises:
        OrderDataError: the value is none of them.
    """
    chosen = text(value, name, maximum=64)
    if chosen and chosen not in choices:
        raise OrderDataError(f"{name} must be empty or one of: {', '.join(choices)}.")
    return chosen


def several(value: Any, name: str, *, maximum: int) -> tuple[Any, ...]:
    """Return the items of a list, a tuple or another iterable that is not a text or a mapping.

    Raises:
        OrderDataError: the value is not a list, or has too many items.
    """
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise OrderDataError(f"{name} must be a list or a tuple.")
    items = tuple(value)
    if len(items) > maximum:
        raise OrderDataError(f"{name} must have at most {maximum} items.")
    return items


def url(value: Any, name: str, *, maximum: int) -> str:
    """Return an absolute http(s) URL, or "".

    Raises:
        OrderDataError: the value is not an absolute URL.
    """
    address = text(value, name, maximum=maximum).strip()
    if not address:
        return ""
    try:
        parts = urlsplit(address)
        is_absolute = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_absolute = False
    if not is_absolute or any(character.isspace() or not character.isprintable() for character in address):
        raise OrderDataError(f"{name} must be an absolute URL that starts with https:// or http://.")
    return address
