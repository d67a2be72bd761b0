"""Exports orders and payouts as CSV: with amounts in major units and without formulas."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from django.db.models import QuerySet
from django.http import StreamingHttpResponse

from django_checkout import money
from django_checkout.models import Order, Payout
from django_checkout.operations import balances
from django_checkout.operations.spreadsheets import without_formulas

COLUMNS = (
    "reference",
    "status",
    "livemode",
    "currency",
    "subtotal",
    "discount",
    "shipping",
    "tax",
    "total",
    "paid",
    "refunded",
    "disputed",
    "needs_attention",
    "email",
    "created_at",
    "paid_at",
    "stripe_payment",
)
_AMOUNTS = frozenset(("subtotal", "discount", "shipping", "tax", "total", "paid", "refunded"))
_MINOR = "_minor"


class _Echo:
    def write(self, value: str) -> str:
        return value


def orders_as_csv(orders: QuerySet[Order]) -> StreamingHttpResponse:
    """Return the orders as a download; times include their UTC offset."""
    return _download(_orders(orders.select_related("kept_payment").iterator(chunk_size=1000)), "orders.csv")


def payouts_as_csv(payouts: QuerySet[Payout], filename: str) -> StreamingHttpResponse:
    """Return the transactions of payouts as a download; amounts that leave the balance are negative."""
    return _download(_payout_lines(payouts), filename)


def _download(rows: Iterable[Iterable[str]], filename: str) -> StreamingHttpResponse:
    writer = csv.writer(_Echo(), quoting=csv.QUOTE_ALL)
    response = StreamingHttpResponse((writer.writerow(cells) for cells in rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def _orders(orders: Iterable[Order]) -> Iterator[Iterable[str]]:
    yield COLUMNS
    for order in orders:
        yield [_cell(order, column) for column in COLUMNS]


def _cell(order: Order, column: str) -> str:
    if column in _AMOUNTS:
        minor = getattr(order, f"{column}{_MINOR}")
        return "" if minor is None else _amount(minor, order.currency)
    if column == "stripe_payment":
        return order.kept_payment.stripe_id if order.kept_payment else ""
    value = getattr(order, column)
    return without_formulas("" if value is None else value.isoformat() if hasattr(value, "isoformat") else str(value))


def _payout_lines(payouts: QuerySet[Payout]) -> Iterator[Iterable[str]]:
    columns = balances.PAYOUT_COLUMNS
    currency = columns.index("currency")
    yield [column.removesuffix(_MINOR) for column in columns]
    for row in balances.payout_rows(payouts):
        yield [
            _amount(int(value), row[currency]) if column.endswith(_MINOR) else without_formulas(value)
            for column, value in zip(columns, row, strict=True)
        ]


def _amount(minor: int, currency: str) -> str:
    """Return an amount in major units, without the protection that would make a negative number a text."""
    return str(money.to_decimal(minor, currency))
