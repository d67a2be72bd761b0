"""Changes our rows and Stripe's objects by hand: without the ledger, and without an event."""

from __future__ import annotations

from typing import Any

from django_checkout.emulator import Emulator
from django_checkout.models import database


def overwrite(rows: Any, **values: Any) -> int:
    """Write any of our columns, including derived ones."""
    with database.atomic():
        return rows.all().update(**values)


def edit(emulator: Emulator, object_id: str, **changes: Any) -> None:
    """Change one of Stripe's objects."""
    with emulator.store.transaction():
        emulator.store.save({**emulator.store.find(object_id), **changes})


def rename(emulator: Emulator, object_id: str, new_id: str) -> None:
    """Give an object of Stripe's another id."""
    with emulator.store.transaction():
        document = emulator.store.find(object_id)
        emulator.store.delete(object_id)
        emulator.store.insert({**document, "id": new_id})


def forget(emulator: Emulator, *object_ids: str) -> None:
    """Delete some of Stripe's objects."""
    with emulator.store.transaction():
        for object_id in object_ids:
            emulator.store.delete(object_id)
