"""Rows changed behind the ledger's back, as by a restored backup or a person at the database."""

from __future__ import annotations

from typing import Any

from django_checkout import database


def overwrite(rows: Any, **values: Any) -> int:
    """Write any columns of ours, derived ones included."""
    with database.atomic():
        return rows.all().update(**values)
