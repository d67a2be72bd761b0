"""Which differences are mended, and how; and what an entry of the work list looks like now."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django_checkout import gateway, services
from django_checkout.conf import conf
from django_checkout.exceptions import StripeNotFoundError
from django_checkout.models import CheckoutSession, Discrepancy, Order
from django_checkout.reconcile import aftermath, leftovers, sessions
from django_checkout.reconcile.pages import patiently
from django_checkout.reconcile.report import Drift, Kind

#: The kinds that applying what Stripe says may mend, by the object they are about.
_MENDS: dict[Kind, Callable[[str], Drift | None]] = {
    Kind.PAID_NOT_RECORDED: sessions.mend,
    Kind.SESSION_BEHIND: sessions.mend,
    Kind.STALE_OPEN: sessions.mend,
    Kind.AMOUNT_DIFFERS: sessions.mend,
    Kind.REFUND_DIFFERS: aftermath.mend_refund,
    Kind.DISPUTE_UNKNOWN: aftermath.mend_dispute,
    Kind.DISPUTE_DIFFERS: aftermath.mend_dispute,
}


def find_way(drift: Drift) -> Callable[[], Drift | None] | None:
    """Return how a difference is mended, or None if that takes a person. What it returns is what is left of it."""
    if drift.kind is Kind.SUBSCRIPTION_DIFFERS:
        mend = sessions.mend if drift.subject.startswith("cs_") else aftermath.mend_subscription
        return partial(mend, drift.subject)
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
        elif row.kind == Kind.ORDER_WITHOUT_SESSION:
            found = list(leftovers.orders_without_session(Order.objects.filter(reference=row.subject)))
    except StripeNotFoundError:
        kind, order = Kind(row.kind), row.order
        return leftovers.new(kind, row.subject, order, row.here, row.at_stripe)
    return next((drift for drift in found if drift.subject == row.subject), None)


def _read(kind: str, stripe_id: str) -> dict[str, Any]:
    return patiently(partial(gateway.retrieve_object, kind, stripe_id))
