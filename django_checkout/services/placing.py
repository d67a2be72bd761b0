"""Places the host's orders: writes what ``describe`` returns into ours, under lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import models

from django_checkout import ledger
from django_checkout.adapters import get_adapter, get_subject
from django_checkout.conf import conf
from django_checkout.exceptions import (
    OrderChangedError,
    OrderDataError,
    OrderNotFoundError,
    OrderNotPayableError,
    ReferenceTakenError,
)
from django_checkout.models import Order, OrderLine, database
from django_checkout.models.statements import Select
from django_checkout.models.writing import insert_new
from django_checkout.services.content import Columns, read_content
from django_checkout.services.orders import find_order
from django_checkout.states import OrderStatus
from django_checkout.values import OrderData

#: A change of one of these makes a new revision: a payment for the old one may not match.
_SOLD = frozenset(("content_hash", "mode", "params", "asked_discount_minor", "asked_discount_name"))

_LOCK = Select(lambda: Order.objects.select_for_update().filter(reference="").order_by())
_READ = Select(lambda: Order.objects.filter(pk=1).order_by())
_LINES = Select(lambda: OrderLine.objects.filter(order=1).order_by("position"))


class Placed(NamedTuple):
    """A locked order with its lines, and whether this transaction inserted it."""

    order: Order
    lines: Sequence[OrderLine]
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What was read of an order without locks, to be written under its lock."""

    #: The host's row; None if it has none.
    source: models.Model | None
    #: The only order that may be written; None if the host's row may have any.
    only: Order | None = None
    #: Empty if the host has no row: the order stays as it was placed.
    columns: Columns = field(default_factory=dict)
    lines: Sequence[Columns] = ()
    #: Whether an order with this reference is refused.
    is_new: bool = False
    #: Whether the host's row had no order.
    is_first: bool = False

    @property
    def subject(self) -> Any:
        """What the adapter's methods take as an order; None if the host has no row."""
        return get_subject(self.only) if self.source is None and self.only is not None else self.source

    def write(self) -> Placed:
        """Lock the order, or insert it, and write what changed; inside a transaction."""
        if self.only is not None and not self.columns:
            order = ledger.lock_order_alone(self.only.pk)
            return Placed(order, _LINES(order.pk), is_new=False)
        found = [] if self.is_first else _LOCK(self.columns["reference"])
        if self.only is not None and self.only not in found:
            raise OrderChangedError(_other_reference(self.only))
        if not found and (inserted := self._insert()) is not None:
            return inserted
        if self.is_new:
            raise ReferenceTakenError("An order has been placed under this reference.")
        # If there was none, another transaction has placed the same reference at the same time, and committed. Where
        # the host's transaction reads from a snapshot, only a read that locks sees the row.
        order = (found or _LOCK(self.columns["reference"]))[0]
        return _revise(order, self.columns, self.lines)

    def _insert(self) -> Placed | None:
        """Insert the order; None if its reference exists."""
        columns = self.columns
        if columns["source_id"] and not self.is_first:
            # A canceled order can be replaced, and so can an erased unpaid one, which can never be paid.
            known = Order.objects.filter(source_type=columns["source_type"], source_id=columns["source_id"]).exclude(
                models.Q(reference=columns["reference"])
                | models.Q(status=OrderStatus.CANCELED)
                | models.Q(status=OrderStatus.UNPAID, erased_at__isnull=False)
            )
            if other := known.order_by("-pk").first():
                raise OrderChangedError(_other_reference(other))
        order = Order(**columns, site_url=conf.CHECKOUT_BASE_URL)
        if not insert_new(order):
            return None
        return Placed(order, _write_lines(order, self.lines), is_new=True)


def place(source: Any, *, is_new: bool = False) -> Order:
    """Mirror the host's order (or an ``OrderData``) and return ours; the same content returns the same order.

    While the order is unpaid, changed content makes a new revision; ``is_new`` refuses that. Locks our order. Does not
    call Stripe, so it may run inside a transaction of the host, who then starts that over after a deadlock; outside of
    one, ``place`` does.

    Raises:
        OrderDataError: the content is not valid; the message names the field and its limit.
        ParameterError: Stripe does not allow an option in this mode, or in any UI mode of the site.
        OrderChangedError: lines or currency changed after the payment began; or the host's row was placed under
            another reference, and that order is not canceled.
        ReferenceTakenError: ``is_new``, and the reference exists.
    """
    return database.in_transaction(_describe(source, is_new=is_new).write).order


def place_by_reference(reference: str) -> Order | None:
    """Place the host's order that the adapter's ``find_order`` returns, and return ours; None if there is none.

    Raises:
        the errors of ``place``.
    """
    source = get_adapter().find_order(reference)
    order = None if source is None else place(source)
    return order if order is not None and order.reference == reference else None


def place_source(order: Order, source: Any) -> Order:
    """Place the host's row of our order again.

    Raises:
        OrderChangedError: the row has another reference now and would be another order; nothing is written.
    """
    return database.in_transaction(_describe(source, only=order).write).order


def describe_again(order: Any) -> Placement:
    """Read our order and describe the host's row, to be placed again; an ``OrderData`` is placed now.

    Raises:
        OrderNotFoundError: the host has deleted its row.
        OrderNotPayableError: the order is not unpaid; ``describe`` is not called.
    """
    if not isinstance(order, models.Model):
        return Placement(source=None, only=place(order))
    is_ours = isinstance(order, Order)
    # The passed instance may hold an old status and an old row of the host.
    known = next(iter(_READ(order.pk)), None) if is_ours else find_order(order)
    if known is None:
        if is_ours:
            raise OrderNotFoundError("The order does not exist.")
        return _describe(order, is_first=True)
    # The host's row may replace a canceled order; a link is for its own order only.
    if known.status != OrderStatus.UNPAID and (is_ours or known.status != OrderStatus.CANCELED):
        raise OrderNotPayableError(f"The order is {known.status}.")
    if not is_ours:
        return _describe(order)
    if not known.source_id:
        return Placement(source=None, only=known)
    if known.source is None:
        raise OrderNotFoundError("The shop has deleted the order.")
    return _describe(known.source, only=known)


def _describe(source: Any, *, is_new: bool = False, only: Order | None = None, is_first: bool = False) -> Placement:
    if isinstance(source, OrderData):
        content = source
    else:
        with database.host_code():
            content = get_adapter().describe(source)
    host_row = source if isinstance(source, models.Model) else None
    columns, lines = read_content(content, host_row)
    # A row that was deleted is back.
    columns["source_deleted_at"] = None
    return Placement(source=host_row, only=only, columns=columns, lines=lines, is_new=is_new, is_first=is_first)


def _other_reference(order: Order) -> str:
    return (
        f"The row was placed as order {order.reference!r}, but describe() now returns another reference. It must "
        "return the same reference each time. To sell the row under a new one, cancel the unpaid order first."
    )


def _revise(order: Order, columns: Columns, lines: Sequence[Columns]) -> Placed:
    if (order.source_type_id, order.source_id) != (getattr(columns["source_type"], "pk", None), columns["source_id"]):
        raise OrderDataError("Another order has been placed under this reference.")
    is_same = order.content_hash == columns["content_hash"]
    placed = Placed(order, _lines(order, lines), is_new=False)
    if order.status != OrderStatus.UNPAID or order.erased_at is not None:
        if is_same:
            return placed
        raise OrderChangedError("The order's lines or currency changed after its payment began or it was canceled.")
    changed = [name for name, value in columns.items() if _key(order, name) != getattr(value, "pk", value)]
    if changed:
        for name in changed:
            setattr(order, name, columns[name])
        if not _SOLD.isdisjoint(changed):
            order.revision += 1
        order.save(update_fields=[*changed, "revision", "updated_at"])
    if not is_same:
        order.lines.all().delete()
        _write_lines(order, lines)
    return placed


def _key(order: Order, name: str) -> Any:
    """Return a column's value; of a link its key, so that the linked row is not read."""
    column: Any = Order._meta.get_field(name)
    return getattr(order, column.attname)


def _write_lines(order: Order, lines: Sequence[Columns]) -> list[OrderLine]:
    return OrderLine.objects.bulk_create(_lines(order, lines))


def _lines(order: Order, lines: Sequence[Columns]) -> list[OrderLine]:
    return [OrderLine(order=order, position=position, **line) for position, line in enumerate(lines, start=1)]
