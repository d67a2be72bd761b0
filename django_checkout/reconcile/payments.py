"""Finds our payments that Stripe's refunds, disputes, fraud warnings and reviews name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from django.db.models import Q

from django_checkout.models import Dispute, Order, Payment, Refund
from django_checkout.reconcile import reads
from django_checkout.reconcile.resource import Json, Page
from django_checkout.stripe_api import facts
from django_checkout.values import DisputeFact, RefundFact


def find_payments(page: Sequence[Json]) -> dict[str, Payment]:
    """Return our payments that a page names, by PaymentIntent id and by charge id."""
    ids = {facts.find_id(data, key) for data in page for key in ("payment_intent", "charge")} - {""}
    rows = Payment.objects.filter(Q(stripe_id__in=ids) | Q(charge_id__in=ids)).exclude(order=None)
    found = list(rows.select_related("order").order_by())
    by_charge = {row.charge_id: row for row in found if row.charge_id}
    return by_charge | {row.stripe_id: row for row in found}


def payment_of(data: Json, payments: Mapping[str, Payment]) -> Payment | None:
    """Return the payment that one of Stripe's objects names."""
    return payments.get(facts.find_id(data, "payment_intent")) or payments.get(facts.find_id(data, "charge"))


def order_of(data: Json, payments: Mapping[str, Payment]) -> Order | None:
    """Return the order whose payment one of Stripe's objects names."""
    payment = payment_of(data, payments)
    return payment.order if payment else None


def pages_of_payments(path: str, order: Order) -> Iterator[Page]:
    """Yield the pages of a list, filtered by PaymentIntent, for each payment of an order."""
    for payment in order.payments.filter(stripe_id__startswith="pi_"):
        yield from reads.pages(path, payment_intent=payment.stripe_id)


def wrong_links(row: Refund | Dispute, fact: RefundFact | DisputeFact) -> dict[str, tuple[object, object]]:
    """Return the id and the payment of a refund or dispute here and at Stripe, where they differ."""
    found: dict[str, tuple[object, object]] = {}
    if row.stripe_id != fact.stripe_id:
        found["id"] = (row.stripe_id, fact.stripe_id)
    ids = {row.payment.stripe_id, row.payment.charge_id} - {""}
    if not ids & {fact.payment_intent_id, fact.charge_id}:
        found["payment"] = (row.payment.stripe_id, fact.payment_intent_id or fact.charge_id)
    return found
