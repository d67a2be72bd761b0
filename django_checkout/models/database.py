"""The database with this app's tables: only this module consults routers, and opens and retries transactions."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from functools import cache, partial
from importlib import import_module
from typing import Any, TypeVar

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from django_checkout.exceptions import is_conflict

logger = logging.getLogger("django_checkout")

T = TypeVar("T")
View = TypeVar("View", bound=Callable[..., Any])

#: How often a transaction is tried before its deadlock is an error.
ATTEMPTS = 8

#: Whether the running code is this app's own, inside a transaction of its own.
_is_writing: ContextVar[bool] = ContextVar("django_checkout_is_writing", default=False)


class EveryAlias:
    """Contains every alias: a view with this set runs without ``ATOMIC_REQUESTS``."""

    def __contains__(self, alias: object) -> bool:
        return True

    def add(self, alias: str) -> None:
        """Ignore what ``transaction.non_atomic_requests`` adds; it is contained already."""


def alias() -> str:
    """Return the alias of the database that this app writes to; its tables all live in one."""
    return str(router.db_for_write(_order_model()))


@cache
def _order_model() -> type[Model]:
    return apps.get_model("django_checkout", "Order")


@contextmanager
def atomic(*, durable: bool = False) -> Iterator[None]:
    """Open a transaction, or a savepoint, on this app's database; in it, derived columns can be written.

    Raises:
        RuntimeError: ``durable`` is set and a transaction is open already, on any database.
    """
    if durable:
        _refuse_open_transactions()
    with transaction.atomic(using=alias(), durable=durable), _writing(allowed=True):
        yield


@contextmanager
def contained() -> Iterator[None]:
    """In an open transaction, open a savepoint, so that a query that fails here does not end the transaction."""
    with atomic() if connection().in_atomic_block else nullcontext():
        yield


class TransactionRestartError(Exception):
    """Raised inside ``in_transaction`` to start the transaction over."""


def in_transaction(work: Callable[[], T], *, durable: bool = False, attempts: int = ATTEMPTS) -> T:
    """Run ``work`` in a transaction and return its result; after a deadlock, run it again, up to 8 times.

    In an open transaction it runs once, in a savepoint: only whoever opened the transaction can start it over. An
    error in an ``on_commit`` hook is logged: the work is committed and must not run again, and the next hooks run.

    Raises:
        RuntimeError: ``durable`` is set and a transaction is open already, on any database.
    """
    if not durable and connection().in_atomic_block:
        with atomic():
            return work()
    for attempt in range(1, attempts + 1):
        committed: list[bool] = []
        results: list[T] = []
        hooks: list[Any] = []
        try:
            with atomic(durable=durable):
                # Runs before every other hook, so an error with ``committed`` set came after the commit.
                on_commit(partial(committed.append, True))
                results.append(work())
                hooks = connection().run_on_commit
        except Exception as error:
            if committed:
                logger.exception("on_commit_failed")
                _run_hooks(hooks)
                break
            if attempt == attempts or not is_retryable(error):
                raise
            time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311  # jitter, not a secret
        else:
            break
    return results[0]


def _run_hooks(hooks: list[Any]) -> None:
    """Run the ``on_commit`` hooks that are left: Django takes each out of its list, and stops at one that raises."""
    while hooks:
        _, hook, *_ = hooks.pop(0)
        try:
            hook()
        except Exception:
            logger.exception("on_commit_failed")


def is_retryable(error: Exception) -> bool:
    """Return whether the transaction must start over: a deadlock, a failed serialization, or ``in_transaction``'s."""
    return isinstance(error, TransactionRestartError) or is_conflict(error)


@contextmanager
def without_queries(error: type[Exception]) -> Iterator[None]:
    """Raise ``error`` at every query on this app's database, before it is sent; inside a transaction."""

    def refuse(*arguments: Any) -> Any:
        raise error

    used = connection()
    try:
        with used.execute_wrapper(refuse):
            yield
    finally:
        # Django marks the transaction of a save() that fails, but nothing was sent.
        used.set_rollback(False)


@contextmanager
def site_atomic(row: Model | None) -> Iterator[None]:
    """Open a transaction also on the database of one of the site's rows, or of its users if the row is None.

    It commits before ours does. An error in an ``on_commit`` hook of the site is logged: its writes are committed.
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
            connections[using].validate_no_broken_transaction()
    except Exception:
        if not committed:
            raise
        logger.exception("on_commit_failed")


@contextmanager
def host_code() -> Iterator[None]:
    """Run the site's code inside a transaction of ours, in which it cannot write derived columns.

    Raises:
        TransactionManagementError: it has caught a database error, so Django would roll back what it wrote.
    """
    with _writing(allowed=False):
        yield
        connection().validate_no_broken_transaction()


def is_writing() -> bool:
    """Return whether this app's own code runs inside one of its transactions."""
    return _is_writing.get()


@cache
def check_schema() -> None:
    """Select every column of every table, once per process: nothing is done after the first success.

    Raises:
        DatabaseError: a table or a column is missing.
    """
    for model in apps.get_app_config("django_checkout").get_models():
        model._base_manager.using(alias()).filter(pk=0).first()


def on_commit(work: Callable[[], Any]) -> None:
    """Call ``work`` once the open transaction on this app's database commits."""
    transaction.on_commit(work, using=alias())


def is_in_transaction() -> bool:
    """Return whether a transaction is open on this app's database."""
    return _is_open(connection())


def connection() -> BaseDatabaseWrapper:
    """Return the connection to this app's database."""
    return connections[alias()]


def takes_several_statements() -> bool:
    """Return whether a query may consist of several statements: with psycopg 3 and its usual cursors."""
    used = connection()
    if used.vendor != "postgresql" or {"server_side_binding", "cursor_factory"} & {*used.settings_dict["OPTIONS"]}:
        return False
    return bool(import_module("django.db.backends.postgresql.psycopg_any").is_psycopg3)


def takes_lists_of_rows() -> bool:
    """Return whether one statement can insert or update many rows and return their keys: PostgreSQL's and SQLite's."""
    used = connection()
    return used.vendor in ("postgresql", "sqlite") and bool(used.features.can_return_rows_from_bulk_insert)


def can_skip_locked() -> bool:
    """Return whether a query can leave out the rows that another transaction has locked."""
    return bool(connection().features.has_select_for_update_skip_locked)


def non_atomic(view: View) -> View:
    """Exempt a view from ``ATOMIC_REQUESTS`` on every database: it calls Stripe, which must not hold a lock."""
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
    """Refuse to run in a transaction on any database: its locks would be held while Stripe is called."""
    for open_connection in connections.all(initialized_only=True):
        if _is_open(open_connection):
            raise RuntimeError(
                f"A transaction is open on the database {open_connection.alias!r}. Call this outside of transactions: "
                "no lock may be held while Stripe is called."
            )


def _is_open(of: BaseDatabaseWrapper) -> bool:
    """Whether a transaction is open; one that a ``TestCase`` opens around a test does not count, as for ``durable``."""
    return bool(of.atomic_blocks) and not getattr(of.atomic_blocks[-1], "_from_testcase", False)
