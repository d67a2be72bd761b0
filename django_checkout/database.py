"""The database that holds this app's tables: routers are asked here, and every transaction opens here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

logger = logging.getLogger("django_checkout")

View = TypeVar("View", bound=Callable[..., Any])

#: Whether the code that runs now is this app's own, inside a transaction of its own.
_is_writing: ContextVar[bool] = ContextVar("django_checkout_is_writing", default=False)


class EveryAlias:
    """The aliases on which a view opens no transaction of ``ATOMIC_REQUESTS``: all of them."""

    def __contains__(self, alias: object) -> bool:
        return True

    def add(self, alias: str) -> None:
        """Accept what ``transaction.non_atomic_requests`` adds: it is here already."""


def alias() -> str:
    """Return the alias of the database that this app writes to; its tables all live in one."""
    return str(router.db_for_write(apps.get_model("django_checkout", "Order")))


@contextmanager
def atomic(*, durable: bool = False) -> Iterator[None]:
    """Open a transaction, or a savepoint inside one, on this app's database; what this app alone writes is open in it.

    Raises:
        RuntimeError: ``durable`` is set and a transaction is open already, on any database.
    """
    if durable:
        _refuse_open_transactions()
    with transaction.atomic(using=alias(), durable=durable), _writing(allowed=True):
        yield


@contextmanager
def site_atomic(row: Model | None) -> Iterator[None]:
    """Open a transaction on the database of a row of the site's as well (on its users' where there is no row).

    It commits before ours does. What the site registered with ``on_commit`` and then fails is logged: the writes stand.
    """
    model = get_user_model() if row is None else type(row)
    using = router.db_for_write(model)
    if using == alias():
        yield
        return
    committed: list[bool] = []
    try:
        with transaction.atomic(using=using):
            transaction.on_commit(partial(committed.append, True), using=using)
            yield
    except Exception:
        if not committed:
            raise
        logger.exception("on_commit_failed")


def host_code() -> AbstractContextManager[None]:
    """Run code of the site's inside a transaction of ours: it may not write what this app alone writes."""
    return _writing(allowed=False)


def is_writing() -> bool:
    """Return whether this app's own code runs inside one of its transactions."""
    return _is_writing.get()


def on_commit(work: Callable[[], Any]) -> None:
    """Call ``work`` once the open transaction on this app's database commits."""
    transaction.on_commit(work, using=alias())


def connection() -> BaseDatabaseWrapper:
    """Return the connection to this app's database."""
    return connections[alias()]


def non_atomic(view: View) -> View:
    """Exempt a view from ``ATOMIC_REQUESTS`` on every database: it calls Stripe, and no lock is held across HTTP."""
    view._non_atomic_requests = EveryAlias()  # type: ignore[attr-defined]  # where Django's handler looks
    return view


@contextmanager
def _writing(*, allowed: bool) -> Iterator[None]:
    token = _is_writing.set(allowed)
    try:
        yield
    finally:
        _is_writing.reset(token)


def _refuse_open_transactions() -> None:
    """Refuse to run inside a transaction of any database: its locks would be held while Stripe is asked.

    The transactions that a ``TestCase`` opens around a test do not count, as with Django's own ``durable``.
    """
    for open_connection in connections.all(initialized_only=True):
        blocks = open_connection.atomic_blocks
        if blocks and not getattr(blocks[-1], "_from_testcase", False):
            raise RuntimeError(
                f"A transaction is open on the database {open_connection.alias!r}: call this outside of transactions, "
                "because no lock may be held while Stripe is asked."
            )
