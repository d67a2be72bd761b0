"""Writes columns of locked rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from django.utils import timezone

from django_checkout.models import statements
from django_checkout.models.base import Row


def write(row: Row, **values: Any) -> None:
    """Set and write columns of a row that is locked, and its ``updated_at`` if it has one; see ``write_many``."""
    for name, value in values.items():
        setattr(row, name, value)
    write_many([(row, values)])


def write_many(changes: Iterable[tuple[Row, Collection[str]]]) -> None:
    """Write columns of many locked rows, and their ``updated_at`` if they have one.

    One statement for all rows of a model with the same columns. Signals of the models are not sent.
    """
    now = timezone.now()
    groups: dict[tuple[type[Row], tuple[str, ...]], list[Row]] = defaultdict(list)
    for row, names in changes:
        if hasattr(row, "updated_at"):
            row.updated_at = now
            names = {*names, "updated_at"}
        groups[type(row), tuple(sorted(names))].append(row)
    for (_, columns), rows in groups.items():
        statements.update(rows, columns)
