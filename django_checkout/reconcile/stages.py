"""Which of Stripe's lists a run walks, how a page of each is compared, and which of our rows belong beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import Q

from django_checkout.conf import conf
from django_checkout.models import CheckoutSession, Dispute, Refund, Subscription
from django_checkout.reconcile import aftermath, customers, leftovers, notices, sessions
from django_checkout.reconcile.leftovers import Mentioned
from django_checkout.reconcile.report import Drift

Page = Sequence[dict[str, Any]]

#: A refund that succeeded may fail this much later: https://docs.stripe.com/refunds#failed-refunds.
REFUND_SETTLING_DAYS = 30
#: A dispute takes months, and an appeal may open it again: https://docs.stripe.com/disputes/how-disputes-work.
DISPUTE_SETTLING_DAYS = 180


@dataclass(frozen=True, slots=True)
class Stage:
    """One of Stripe's lists."""

    name: str
    #: What ``gateway.retrieve_object`` calls one of its objects.
    kind: str
    path: str
    compare: Callable[[Page], Iterator[Drift]]
    filters: dict[str, Any] = field(default_factory=dict)
    #: Looks at those of our rows that the list did not mention, given which by the time of their creation.
    look_for: Callable[[Q], Iterator[Drift]] = lambda which: iter(())


def stages_of(since: datetime, until: datetime, mentioned: Mapping[str, Mentioned]) -> list[Stage]:
    """Return the lists that a run walks in this window, in order."""
    created = {"gte": int(since.timestamp()), "lte": int(until.timestamp())}
    first_refund = first_refund_of(since)
    ours = Q(payment__livemode=conf.livemode)
    session_rows = CheckoutSession.objects.filter(created_at__gte=since, created_at__lte=until, livemode=conf.livemode)
    refund_rows = Refund.objects.filter(ours, created_at__gte=first_refund, created_at__lte=until)
    dispute_rows = Dispute.objects.filter(ours)
    stages = [
        Stage(
            "sessions",
            "checkout.session",
            sessions.PATH,
            compare_sessions,
            {"created": created, "expand": [*sessions.EXPAND]},
            lambda which: leftovers.unmentioned_sessions(session_rows.filter(which), mentioned["sessions"]),
        ),
        Stage(
            "refunds",
            "refund",
            aftermath.REFUNDS,
            aftermath.compare_refunds,
            {"created": {**created, "gte": int(first_refund.timestamp())}},
            lambda which: leftovers.unmentioned_refunds(refund_rows.filter(which), mentioned["refunds"]),
        ),
        Stage(
            "disputes",
            "charge.dispute",
            aftermath.DISPUTES,
            aftermath.compare_disputes,
            {"created": {**created, "gte": int((since - timedelta(days=DISPUTE_SETTLING_DAYS)).timestamp())}},
            lambda which: leftovers.unmentioned_disputes(dispute_rows.filter(which), mentioned["disputes"]),
        ),
    ]
    if Subscription.objects.exists() or CheckoutSession.objects.filter(mode="subscription").exists():
        # However long ago they began, they may have moved since.
        kind, compare = "customer.subscription", aftermath.compare_subscriptions
        stages.append(Stage("subscriptions", kind, aftermath.SUBSCRIPTIONS, compare, {"status": "all"}))
        first_invoice = since - timedelta(days=notices.INVOICE_SETTLING_DAYS)
        since_then = {"created": {**created, "gte": int(first_invoice.timestamp())}}
        stages.append(Stage("invoices", "invoice", notices.INVOICES, notices.compare_invoices, since_then))
    kind = "radar.early_fraud_warning"
    stages.append(Stage("fraud warnings", kind, notices.WARNINGS, notices.compare_warnings, {"created": created}))
    look_for = partial(notices.unmentioned_reviews, mentioned["reviews"])
    path, compare = notices.REVIEWS, notices.compare_reviews
    stages.append(Stage("reviews", "review", path, compare, {"created": created}, lambda which: look_for()))
    return stages


def compare_sessions(page: Page) -> Iterator[Drift]:
    """Yield what differs of a page's sessions, then of the Customers who paid them."""
    yield from sessions.compare(page)
    yield from customers.compare(page)


def first_refund_of(since: datetime) -> datetime:
    """Return how far back the refunds reach that may still move in a window."""
    return since - timedelta(days=REFUND_SETTLING_DAYS)
