"""Orders as CSV, for a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from django.db.models import QuerySet
from django.http import StreamingHttpResponse

from django_checkout import money
from django_checkout.models import Order

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
#: A cell that begins with one of these is a formula to a spreadsheet:
#: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Echo:
    def write(self, value: str) -> str:
        return value


def orders_as_csv(orders: QuerySet[Order]) -> StreamingHttpResponse:
    """Return the orders as a download, in major units and with the time zone on every instant."""
    writer = csv.writer(_Echo())
    rows = orders.select_related("kept_payment").iterator(chunk_size=1000)
    response = StreamingHttpResponse(
        (writer.writerow(cells) for cells in _cells(rows)), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = 'attachment; filename="orders.csv"'
    return response


def _cells(orders: Iterable[Order]) -> Iterator[Iterable[str]]:
    yield COLUMNS
    for order in orders:
        yield [_cell(order, column) for column in COLUMNS]


def _cell(order: Order, column: str) -> str:
    if column in _AMOUNTS:
        minor = getattr(order, f"{column}_minor")
        return "" if minor is None else str(money.to_decimal(minor, order.currency))
    if column == "stripe_payment":
        return order.kept_payment.stripe_id if order.kept_payment else ""
    value = getattr(order, column)
    text = "" if value is None else value.isoformat() if hasattr(value, "isoformat") else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
