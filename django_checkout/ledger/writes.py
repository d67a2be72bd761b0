"""Writes what changed in locked orders together: new payments, columns and new notifications, in one round trip."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from django_checkout.ledger.locks import LockedOrder, LockOrderChangedError
from django_checkout.ledger.rows import stamped
from django_checkout.models import Announcement, Order, Payment
from django_checkout.models.base import FactRow
from django_checkout.models.statements import Statement, run
from django_checkout.models.writing import insertions, updates

#: The columns of an order that are written.
_WRITTEN = Order.derived_columns | {"livemode", "email", "customer_details"}


def write_orders(
    orders: Sequence[LockedOrder], announcements: Sequence[Announcement] = (), *following: Statement
) -> list[Announcement]:
    """Write what changed in some orders, and insert announcements; return those that were not stored before.

    ``following`` are statements to run after that in the same round trip.

    Raises:
        LockOrderChangedError: a refund or a dispute has inserted one of the new payments since they were looked for.
    """
    new = {payment.pk: payment for locked in orders for payment in locked.uninserted_payments()}
    payments = insertions(list(new.values()), ("stripe_id",)) if new else []
    changed = updates(stamped(change for locked in orders for change in _changes(locked)), new)
    stored = insertions(announcements, ("order_id", "signal", "fact")) if announcements else []
    if not (payments or changed or stored or following):
        return []
    results = run(*payments, *changed, *stored, *following)
    if sum(map(len, results[: len(payments)])) < len(new):
        raise LockOrderChangedError
    for locked in orders:
        _replace_keys(locked, new)
        locked.remember()
    first = len(payments) + len(changed)
    return [row for rows in results[first : first + len(stored)] for row in rows]


def insert_payments(orders: Sequence[LockedOrder]) -> None:
    """Insert the new payments of some orders now, because other rows must refer to them.

    Raises:
        LockOrderChangedError: as in ``write_orders``.
    """
    new = {payment.pk: payment for locked in orders for payment in locked.uninserted_payments()}
    if not new:
        return
    results = run(*insertions(list(new.values()), ("stripe_id",)))
    if sum(map(len, results)) < len(new):
        raise LockOrderChangedError
    for locked in orders:
        _replace_keys(locked, new)


def _changes(locked: LockedOrder) -> Iterator[tuple[FactRow, Collection[str]]]:
    """Yield the rows that changed, each with the names of its columns, payments before what refers to them."""
    for payment in locked.payments:
        names = locked.changed_payments.pop(payment.pk, None)
        # A new one is inserted with every column.
        if names and payment.pk > 0:
            yield payment, names
    for session in locked.sessions:
        if names := locked.changed_sessions.pop(session.pk, None):
            yield session, names
    order = locked.order
    derived = {name: value for name, value in locked.original.items() if name.removesuffix("_id") in _WRITTEN}
    if changed := [name for name, value in derived.items() if getattr(order, name) != value]:
        yield order, changed


def _replace_keys(locked: LockedOrder, new: dict[int, Payment]) -> None:
    """Replace the temporary primary keys of payments, which are inserted now."""
    for session in locked.sessions:
        if session.payment_id in new:
            session.payment = new[session.payment_id]
    if locked.order.kept_payment_id in new:
        locked.order.kept_payment = new[locked.order.kept_payment_id]
    locked.new_payment_pks = {new[pk].pk if pk in new else pk for pk in locked.new_payment_pks}
    for key in new:
        locked.changed_payments.pop(key, None)
