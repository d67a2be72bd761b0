"""Subscriptions: https://docs.stripe.com/api/subscriptions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from django.utils import timezone

from django_checkout import ledger
from django_checkout.models import CheckoutSession, Order, Subscription
from django_checkout.reconcile.kinds import Kind
from django_checkout.reconcile.report import Difference
from django_checkout.reconcile.resource import Json, Page, Resource, Window, compare_understood
from django_checkout.services.syncing import apply_facts
from django_checkout.stripe_api import facts
from django_checkout.values import SubscriptionFact


class Subscriptions(Resource):
    """Subscriptions that our orders started."""

    name = "subscriptions"
    object_type = "customer.subscription"
    path = "/v1/subscriptions"
    prefixes = ("sub_",)

    def is_used(self) -> bool:
        return sells_subscriptions()

    def filters(self, window: Window) -> dict[str, Any]:
        """Return the parameters of Stripe's list: all, since one may change however long ago it was created."""
        return {"status": "all"}

    def compare(self, page: Page) -> Iterator[Difference]:
        """Yield the subscriptions of our orders that are missing here or differ."""
        ids = [str(data.get("id")) for data in page]
        rows = {row.stripe_id: row for row in Subscription.objects.filter(stripe_id__in=ids).select_related("order")}
        started = _orders_that_started(ids)
        for data in page:
            row = rows.get(str(data.get("id")))
            order = started.get(str(data.get("id"))) or (row.order if row else None)
            if order is not None:
                yield from compare_understood(_find_difference, row, data, order)

    def fix(self, subject: str) -> Difference | None:
        """Read a subscription with a ticket, as disputes are read; return what still differs."""
        read_at = timezone.now()
        ticket = ledger.in_transaction(partial(ledger.take_ticket, subject))
        data = self.retrieve(subject)
        row = Subscription.objects.filter(stripe_id=subject).first()
        order = _orders_that_started([subject]).get(subject)
        if row is not None and order is not None and row.order_id != order.pk:
            ledger.in_transaction(partial(ledger.correct_subscription, row.pk, order.pk, read_at=read_at))
        apply_facts([facts.read_subscription(data, ticket=ticket)])
        return next(self.compare([data]), None)

    def pages_of_order(self, order: Order) -> Iterator[Page]:
        return ([self.retrieve(stripe_id)] for stripe_id in ids_of_order(order))


SUBSCRIPTIONS = Subscriptions()


def sells_subscriptions() -> bool:
    """Return whether any order here has or requested a subscription."""
    return Subscription.objects.exists() or CheckoutSession.objects.filter(mode="subscription").exists()


def ids_of_order(order: Order) -> set[str]:
    """Return the ids of the subscriptions that an order has here or that its sessions name."""
    ids = order.sessions.exclude(subscription_id="").values_list("subscription_id", flat=True)
    return {*ids, *order.subscriptions.values_list("stripe_id", flat=True)}


def _orders_that_started(ids: Sequence[str]) -> dict[str, Order]:
    sessions = CheckoutSession.objects.filter(subscription_id__in=ids).select_related("order").defer("request")
    return {session.subscription_id: session.order for session in sessions}


def _find_difference(row: Subscription | None, data: Json, order: Order) -> Difference | None:
    fact = facts.read_subscription(data, ticket=0)
    if row is not None and row.order_id != order.pk:
        here, at_stripe = {"order": row.order.reference}, {"order": order.reference}
        return Difference.of(Kind.RELATION_DIFFERS, fact.stripe_id, order, here, at_stripe)
    ours, theirs = _shown(row) if row else {"subscription": None}, _shown(fact)
    return None if ours == theirs else Difference.of(Kind.SUBSCRIPTION_DIFFERS, fact.stripe_id, order, ours, theirs)


def _shown(subscription: Subscription | SubscriptionFact) -> Json:
    return {
        "status": subscription.status,
        "cancels_at_period_end": subscription.is_canceled_at_period_end,
        "customer": subscription.customer_id,
        "ended": subscription.ended_at.isoformat() if subscription.ended_at else None,
        "period_ends": subscription.current_period_end.isoformat() if subscription.current_period_end else None,
    }
