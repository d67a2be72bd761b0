"""Checks one value that a host gives, and returns it as a plain one: its type, its characters and its limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.utils.functional import Promise

from django_checkout import money
from django_checkout.exceptions import MoneyError, OrderDataError


def text(value: Any, name: str, *, maximum: int, is_required: bool = False) -> str:
    """Return a text, also a lazy one, as a plain ``str``; None is empty.

    Raises:
        OrderDataError: naming the field and its limit.
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
        raise OrderDataError(f"{name} must have {maximum} characters at most.")
    if not is_storable(value):
        raise OrderDataError(f"{name} holds a character that no database takes: NUL, or half of a surrogate pair.")
    # A subclass, such as a SafeString, is its plain text.
    return str.__str__(value)


def is_storable(value: str) -> bool:
    """Whether PostgreSQL takes a text, and UTF-8 has bytes for it."""
    return "\x00" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def whole(value: Any, name: str, *, minimum: int, maximum: int) -> int:
    """Return a whole number, never a bool.

    Raises:
        OrderDataError: naming the field and its limits.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        raise OrderDataError(f"{name} must be a whole number from {minimum} to {maximum}.")
    return int(value)


def amount(value: Any, name: str, currency: str) -> int:
    """Return an amount in minor units.

    Raises:
        MoneyError: naming the field.
    """
    try:
        return int(money.check_minor(value, currency))
    except MoneyError as error:
        raise MoneyError(f"{name}: {error}") from error


def flag(value: Any, name: str) -> bool:
    """Return True or False; ``"false"`` is neither.

    Raises:
        OrderDataError: naming the field.
    """
    if not isinstance(value, bool):
        raise OrderDataError(f"{name} must be True or False.")
    return value


def choice(value: Any, name: str, choices: Sequence[str]) -> str:
    """Return one of the choices, or "".

    Raises:
        OrderDataError: naming the field and its choices.
    """
    chosen = text(value, name, maximum=64)
    if chosen and chosen not in choices:
        raise OrderDataError(f"{name} must be empty or one of: {', '.join(choices)}.")
    return chosen


def several(value: Any, name: str, *, maximum: int) -> tuple[Any, ...]:
    """Return the members of a list, a tuple or the like; a single text is none.

    Raises:
        OrderDataError: naming the field and its limit.
    """
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise OrderDataError(f"{name} must be a list or a tuple.")
    members = tuple(value)
    if len(members) > maximum:
        raise OrderDataError(f"{name} must have {maximum} members at most.")
    return members


def url(value: Any, name: str, *, maximum: int) -> str:
    """Return an absolute http(s) URL, or "".

    Raises:
        OrderDataError: naming the field.
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
