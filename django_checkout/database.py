"""The database that holds this app's tables: routers are asked here, and every transaction opens here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.db import connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper


def alias() -> str:
    """Return the alias of the database that this app writes to; its tables all live in one."""
    return str(router.db_for_write(apps.get_model("django_checkout", "Order")))


def atomic(*, durable: bool = False) -> Any:
    """Open a transaction, or a savepoint inside one, on this app's database.

    Raises:
        RuntimeError: ``durable`` is set and a transaction is open already.
    """
    return transaction.atomic(using=alias(), durable=durable)


def on_commit(work: Callable[[], Any]) -> None:
    """Call ``work`` once the open transaction on this app's database commits."""
    transaction.on_commit(work, using=alias())


def connection() -> BaseDatabaseWrapper:
    """Return the connection to this app's database."""
    return connections[alias()]
