"""What payments and payouts did to the Stripe balance, read from balance transactions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from django.db.models import Count, QuerySet, Sum

from django_checkout.models import BalanceTransaction, Payout


class Balance(NamedTuple):
    """The totals of balance transactions in one currency."""

    currency: str
    gross_minor: int
    fee_minor: int
    net_minor: int
    lines: int


def payout_totals(payout: Payout) -> Mapping[str, Balance]:
    """Return the totals of a payout by type of balance transaction, such as ``charge``, in one query."""
    sums = (Sum("amount_minor"), Sum("fee_minor"), Sum("net_minor"), Count("id"))
    rows = payout.lines.order_by("type").values_list("type", "currency").annotate(*sums)
    return {kind: Balance(*totals) for kind, *totals in rows}


#: The columns of ``payout_rows``; amounts are minor units.
PAYOUT_COLUMNS = (
    "payout",
    "arrival_date",
    "balance_transaction",
    "type",
    "source",
    "order",
    "payment",
    "currency",
    "amount_minor",
    "fee_minor",
    "net_minor",
    "available_on",
    "created_at",
)


def payout_rows(payouts: QuerySet[Payout]) -> Iterator[tuple[str, ...]]:
    """Yield a row of ``PAYOUT_COLUMNS`` for each transaction of the payouts, without loading them all."""
    lines = BalanceTransaction.objects.filter(payout__in=payouts).select_related("payout", "payment__order")
    for line in lines.order_by("-payout__arrival_date", "payout_id", "id").iterator(chunk_size=2000):
        payment, payout = line.payment, line.payout
        order = payment.order if payment else None
        yield (
            payout.stripe_id if payout else "",
            payout.arrival_date.isoformat() if payout else "",
            line.stripe_id,
            line.type,
            line.source_id,
            order.reference if order else "",
            payment.stripe_id if payment else "",
            line.currency,
            str(line.amount_minor),
            str(line.fee_minor),
            str(line.net_minor),
            line.available_on.isoformat(),
            line.created_at.isoformat(),
        )
