"""Finds the payments of orders that were paid more than once."""

from __future__ import annotations

from collections.abc import Iterator

from django_checkout import states
from django_checkout.models import CheckoutSession, Order, Payment
from django_checkout.reconcile.kinds import Kind
from django_checkout.reconcile.report import Difference
from django_checkout.reconcile.resource import Json
from django_checkout.states import Attention, IntentStatus


def find(order_pk: int | None = None) -> Iterator[Difference]:
    """Yield the surplus payments, of one order or of all, that are neither returned nor accepted."""
    rows = Order.objects.filter(attention__code=Attention.DOUBLE_PAYMENT, attention__resolved_at=None)
    if order_pk is not None:
        rows = rows.filter(pk=order_pk)
    for order in rows.distinct().order_by("pk").iterator(chunk_size=500):
        items = order.attention.filter(code=Attention.DOUBLE_PAYMENT, resolved_at=None)
        for payment in order.payments.filter(stripe_id__in=items.values("fact")).order_by("pk"):
            if not _is_returned(payment):
                yield _difference(order, payment.stripe_id, payment.captured_minor)


def of_session(row: CheckoutSession, at_stripe: Json) -> Difference:
    """Return the difference for a session that paid its order a second time."""
    payment_id = at_stripe.get("payment_intent") or row.stripe_id or str(row.uuid)
    return _difference(row.order, payment_id, at_stripe.get("captured", at_stripe.get("total")))


def is_surplus(row: CheckoutSession) -> bool:
    """Return whether a session's payment is surplus and neither returned nor accepted."""
    if row.payment is None or _is_returned(row.payment):
        return False
    items = row.order.attention.filter(code=Attention.DOUBLE_PAYMENT, resolved_at=None)
    return items.filter(fact=row.payment.stripe_id).exists()


def _difference(order: Order, payment_id: str, captured: object) -> Difference:
    kept = order.kept_payment.stripe_id if order.kept_payment else None
    at_stripe = {"payment": payment_id, "captured": captured}
    return Difference.of(Kind.DOUBLE_PAYMENT, payment_id, order, {"kept": kept}, at_stripe)


def _is_returned(payment: Payment) -> bool:
    """Return whether a surplus payment was voided, or refunded here or in Stripe's dashboard."""
    if payment.intent_status == IntentStatus.CANCELED:
        return True
    refunds = payment.refunds.filter(status__in=states.ACTIVE_REFUND_STATUSES, is_release=False)
    return 0 < payment.captured_minor <= sum(refund.amount_minor for refund in refunds)
