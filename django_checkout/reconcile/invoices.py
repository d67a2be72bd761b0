"""Invoices of subscriptions: https://docs.stripe.com/api/invoices."""

from __future__ import annotations

from collections.abc import Iterator

from django_checkout import ledger
from django_checkout.models import Announcement, CheckoutSession, Order, Subscription
from django_checkout.reconcile import reads
from django_checkout.reconcile.kinds import Kind
from django_checkout.reconcile.report import Difference
from django_checkout.reconcile.resource import Json, Page, Resource
from django_checkout.reconcile.subscriptions import ids_of_order, sells_subscriptions
from django_checkout.stripe_api import facts
from django_checkout.values import InvoiceFact


class Invoices(Resource):
    """Invoices of our subscriptions."""

    name = "invoices"
    object_type = "invoice"
    path = "/v1/invoices"
    prefixes = ("in_",)
    kinds = (Kind.INVOICE_UNKNOWN,)
    #: An invoice may be paid, or its payment fail again, this much later:
    #: https://docs.stripe.com/billing/revenue-recovery/smart-retries.
    settling_days = 60

    def is_used(self) -> bool:
        return sells_subscriptions()

    def compare(self, page: Page) -> Iterator[Difference]:
        """Yield the invoices that should have been announced and were not."""
        invoices = [fact for data in page if (fact := self.read(data)) is not None and ledger.invoice_signal(fact)]
        orders = _find_orders({fact.subscription_id for fact in invoices})
        rows = Announcement.objects.filter(fact__in=[fact.stripe_id for fact in invoices])
        announced = set(rows.values_list("order_id", "signal", "fact"))
        for fact in invoices:
            order, signal = orders.get(fact.subscription_id), ledger.invoice_signal(fact)
            if order is None or {(order.pk, name, fact.stripe_id) for name in (signal, ledger.RENEWED)} & announced:
                continue
            at_stripe = {"status": fact.status, "amount": fact.amount_due_minor, "currency": fact.currency}
            at_stripe = {"announced": signal, **at_stripe}
            yield Difference.of(Kind.INVOICE_UNKNOWN, fact.stripe_id, order, {"announced": None}, at_stripe)

    def read(self, data: Json) -> InvoiceFact | None:
        """Read an invoice; one that is still open after an attempt counts as after ``invoice.payment_failed``."""
        has_failed = data.get("status") == "open" and bool(data.get("attempt_count"))
        return facts.read_invoice(data, event_type="invoice.payment_failed" if has_failed else "")

    def pages_of_order(self, order: Order) -> Iterator[Page]:
        for subscription_id in ids_of_order(order):
            yield from reads.pages(self.path, subscription=subscription_id)


def _find_orders(subscription_ids: set[str]) -> dict[str, Order]:
    sessions = CheckoutSession.objects.filter(subscription_id__in=subscription_ids).defer("request")
    subscriptions = Subscription.objects.filter(stripe_id__in=subscription_ids)
    orders = {row.subscription_id: row.order for row in sessions.select_related("order")}
    return orders | {row.stripe_id: row.order for row in subscriptions.select_related("order")}
