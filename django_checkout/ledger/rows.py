"""Writes columns of locked rows."""

from __future__ import annotations

from typing import Any

from django_checkout.models.base import Row


def write(row: Row, **values: Any) -> None:
    """Set and save columns of a row that is locked, and its ``updated_at`` if it has one."""
    for name, value in values.items():
        setattr(row, name, value)
    names = [*values, "updated_at"] if hasattr(row, "updated_at") else values
    row.save(update_fields=names)
