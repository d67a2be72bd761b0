"""Writes columns of locked rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from django.utils import timezone

from django_checkout.models.base import Row
from django_checkout.models.statements import run
from django_checkout.models.writing import updates


def write(row: Row, **values: Any) -> None:
    """Set and write columns of a row that is locked, and its ``updated_at`` if it has one; see ``write_many``."""
    for name, value in values.items():
        setattr(row, name, value)
    write_many([(row, values)])


def write_many(changes: Iterable[tuple[Row, Collection[str]]]) -> None:
    """Write columns of many locked rows, and their ``updated_at`` if they have one; signals are not sent."""
    if found := stamped(changes):
        run(*updates(found))


def stamped(changes: Iterable[tuple[Row, Collection[str]]]) -> list[tuple[Row, Collection[str]]]:
    """Set ``updated_at`` of the rows that have one; return the changes with that column."""
    now = timezone.now()
    found: list[tuple[Row, Collection[str]]] = []
    for row, names in changes:
        if hasattr(row, "updated_at"):
            row.updated_at = now
            names = {*names, "updated_at"}
        found.append((row, names))
    return found
