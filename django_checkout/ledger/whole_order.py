"""Loads orders with all of their rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from django_checkout.ledger.locks import LockedOrder
from django_checkout.models import (
    Announcement,
    AttentionItem,
    CheckoutSession,
    Dispute,
    Order,
    Payment,
    Refund,
    Subscription,
)


@dataclass(slots=True, kw_only=True)
class WholeOrder(LockedOrder):
    """An order with all of its rows; only ``derivation.rederive`` locks them."""

    refunds: list[Refund] = field(default_factory=list)
    disputes: list[Dispute] = field(default_factory=list)
    subscriptions: list[Subscription] = field(default_factory=list)
    announcements: list[Announcement] = field(default_factory=list)
    attention: list[AttentionItem] = field(default_factory=list)

    def refunds_of(self, payment: Payment) -> list[Refund]:
        """Return a payment's refunds without releases, from the loaded rows."""
        return [row for row in self.refunds if row.payment_id == payment.pk and not row.is_release]

    def announced(self, signal: str) -> Announcement | None:
        """Return the first announcement of a signal, whatever its state."""
        return next((row for row in self.announcements if row.signal == signal), None)


def load(orders: Collection[Order]) -> Iterator[WholeOrder]:
    """Load the rows of several orders without locks, with one query per table."""
    pks = [order.pk for order in orders]
    sessions = _grouped(CheckoutSession.objects.filter(order__in=pks).defer("request", "lines"), "order_id")
    payments = _grouped(Payment.objects.filter(order__in=pks), "order_id")
    of_payments = [row.pk for found in payments.values() for row in found]
    refunds = _grouped(Refund.objects.filter(payment__in=of_payments), "payment_id")
    disputes = _grouped(Dispute.objects.filter(payment__in=of_payments), "payment_id")
    subscriptions = _grouped(Subscription.objects.filter(order__in=pks), "order_id")
    announcements = _grouped(Announcement.objects.filter(order__in=pks), "order_id")
    attention = _grouped(AttentionItem.objects.filter(order__in=pks), "order_id")
    for order in orders:
        own = payments[order.pk]
        yield WholeOrder(
            order=order,
            sessions=sessions[order.pk],
            payments=own,
            refunds=[row for payment in own for row in refunds[payment.pk]],
            disputes=[row for payment in own for row in disputes[payment.pk]],
            subscriptions=subscriptions[order.pk],
            announcements=announcements[order.pk],
            attention=attention[order.pk],
        )


def _grouped(rows: Any, key: str) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows.order_by("pk"):
        found[getattr(row, key)].append(row)
    return found
