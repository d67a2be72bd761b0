"""Radar reviews: https://docs.stripe.com/api/radar/reviews."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import QuerySet

from django_checkout.conf import conf
from django_checkout.models import AttentionItem, Order
from django_checkout.reconcile.kinds import Kind
from django_checkout.reconcile.payments import find_payments, payment_of
from django_checkout.reconcile.report import Difference
from django_checkout.reconcile.resource import Json, Page, Resource, Window
from django_checkout.states import Attention
from django_checkout.stripe_api import facts
from django_checkout.values import ReviewFact


class Reviews(Resource):
    """Reviews of our payments. Stripe lists the open ones only: https://docs.stripe.com/api/radar/reviews/list."""

    name = "reviews"
    object_type = "review"
    path = "/v1/reviews"
    prefixes = ("prv_",)
    kinds = (Kind.REVIEW_DIFFERS,)
    id_field = "fact"
    created_field = "raised_at"

    def compare(self, page: Page) -> Iterator[Difference]:
        """Yield the open reviews that are not recorded, and the closed ones that are recorded as open."""
        payments = find_payments(page)
        for data in page:
            fact, payment = facts.read_review(data), payment_of(data, payments)
            is_open = payment.reviews.get(fact.stripe_id) if payment else None
            if payment and (is_open is None if fact.is_open else is_open):
                here = {"review": None} if is_open is None else {"open": True}
                yield Difference.of(Kind.REVIEW_DIFFERS, fact.stripe_id, payment.order, here, {"open": fact.is_open})

    def read(self, data: Json) -> ReviewFact:
        return facts.read_review(data)

    def rows(self, window: Window) -> QuerySet[AttentionItem]:
        """Return the reviews that are open here, whenever they were opened."""
        items = AttentionItem.objects.filter(code=Attention.REVIEW, resolved_at=None)
        return items.filter(order__livemode=conf.livemode)

    def rows_of_order(self, order: Order) -> QuerySet[AttentionItem]:
        return order.attention.filter(code=Attention.REVIEW, resolved_at=None)
