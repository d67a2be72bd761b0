"""Which differences are mended, and how; and what an entry of the work list looks like now."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django_checkout import gateway, services
from django_checkout.conf import conf
from django_checkout.exceptions import StripeNotFoundError
from django_checkout.models import CheckoutSession, Discrepancy, Order
from django_checkout.reconcile import aftermath, customers, leftovers, notices, orders, sessions, strangers
from django_checkout.reconcile.pages import patiently
from django_checkout.reconcile.report import Drift, Kind, new

#: The kinds that applying what Stripe says may mend, by the object they are about.
_MENDS: dict[Kind, Callable[[str], Drift | None]] = {
    Kind.PAID_NOT_RECORDED: sessions.mend,
    Kind.SESSION_BEHIND: sessions.mend,
    Kind.STALE_OPEN: sessions.mend,
    Kind.AMOUNT_DIFFERS: sessions.mend,
    Kind.SESSION_WITHOUT_ORDER: strangers.restore,
    Kind.REFUND_DIFFERS: aftermath.mend_refund,
    Kind.DISPUTE_UNKNOWN: aftermath.mend_dispute,
    Kind.DISPUTE_DIFFERS: aftermath.mend_dispute,
    Kind.INVOICE_UNKNOWN: notices.mend_invoice,
    Kind.FRAUD_WARNING_UNKNOWN: notices.mend_warning,
    Kind.REVIEW_DIFFERS: notices.mend_review,
}
#: How a row is mended whose kind of drift concerns several objects, by the prefix of its id.
_BY_PREFIX: dict[str, Callable[[str], Drift | None]] = {
    "cs_": sessions.mend,
    "cus_": customers.mend,
    "sub_": aftermath.mend_subscription,
    "re_": aftermath.mend_refund,
    "pyr_": aftermath.mend_refund,
    "du_": aftermath.mend_dispute,
    "dp_": aftermath.mend_dispute,
}


def find_way(drift: Drift) -> Callable[[], Drift | None] | None:
    """Return how a difference is mended, or None if that takes a person. What it returns is what is left of it."""
    if drift.kind in (Kind.SUBSCRIPTION_DIFFERS, Kind.RELATION_DIFFERS, Kind.AHEAD_OF_STRIPE):
        mend = next((mend for prefix, mend in _BY_PREFIX.items() if drift.subject.startswith(prefix)), None)
        return partial(mend, drift.subject) if mend else None
    if drift.kind is Kind.DOUBLE_PAYMENT:
        return partial(_return_surplus, drift)
    known = _MENDS.get(drift.kind)
    return partial(known, drift.subject) if known else None


def _return_surplus(drift: Drift) -> Drift | None:
    """Record the second payment and, where the site's policy says so, give it back; return it if it is still there."""
    order = Order.objects.get(pk=drift.order_pk or 0)
    rows = CheckoutSession.objects.filter(order=order).exclude(stripe_id=None)
    for stripe_id in rows.values_list("stripe_id", flat=True):
        patiently(partial(sessions.mend, stripe_id or ""))
    if conf.CHECKOUT_DOUBLE_PAYMENT == "refund":
        patiently(partial(services.return_surplus, order))
    return next((left for left in sessions.find_surplus(order.pk) if left.subject == drift.subject), None)


def look_again(row: Discrepancy) -> Drift | None:
    """Return what an entry of the work list looks like now, or None if it is gone."""
    found: list[Drift] = []
    try:
        if row.kind == Kind.DOUBLE_PAYMENT:
            found = list(sessions.find_surplus(row.order_id))
        elif row.subject.startswith("cs_"):
            found = list(sessions.compare([patiently(partial(gateway.retrieve_session_data, row.subject))]))
        elif row.subject.startswith(("re_", "pyr_")):
            found = list(aftermath.compare_refunds([_read("refund", row.subject)]))
        elif row.subject.startswith(("du_", "dp_")):
            found = list(aftermath.compare_disputes([_read("charge.dispute", row.subject)]))
        elif row.subject.startswith("sub_"):
            found = list(aftermath.compare_subscriptions([_read("customer.subscription", row.subject)]))
        elif row.subject.startswith("in_"):
            found = list(notices.compare_invoices([_read("invoice", row.subject)]))
        elif row.subject.startswith("issfr_"):
            found = list(notices.compare_warnings([_read("radar.early_fraud_warning", row.subject)]))
        elif row.subject.startswith("prv_"):
            found = list(notices.compare_reviews([_read("review", row.subject)]))
        elif row.subject.startswith("cus_"):
            found = list(customers.compare([{"customer": row.subject}]))
        elif row.kind == Kind.ORDER_DIFFERS:
            found = [drift for drift in (orders.compare_one(row.order_id or 0),) if drift is not None]
        elif row.kind == Kind.ORDER_WITHOUT_SESSION:
            found = list(leftovers.orders_without_session(Order.objects.filter(reference=row.subject)))
    except StripeNotFoundError:
        kind, order = Kind(row.kind), row.order
        return new(kind, row.subject, order, row.here, row.at_stripe)
    return next((drift for drift in found if drift.subject == row.subject), None)


def _read(kind: str, stripe_id: str) -> dict[str, Any]:
    return patiently(partial(gateway.retrieve_object, kind, stripe_id))
