"""Customers: https://docs.stripe.com/api/customers. Only those of each page of sessions are compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django_checkout.conf import conf
from django_checkout.models import CheckoutSession, Customer, Order
from django_checkout.reconcile.kinds import Kind
from django_checkout.reconcile.report import Difference
from django_checkout.reconcile.resource import Page, Resource
from django_checkout.states import SessionStatus
from django_checkout.stripe_api import facts
from django_checkout.stripe_api.storable import storable_text


class Customers(Resource):
    """Compares which user a Customer belongs to with who has paid as that Customer."""

    name = "customers"
    object_type = "customer"
    prefixes = ("cus_",)

    def compare(self, page: Page) -> Iterator[Difference]:
        """Yield the Customers of a page's sessions that have no user here, or a user who has never paid as them."""
        ids = {storable_text(customer_id) for data in page if (customer_id := facts.find_id(data, "customer"))}
        if ids:
            yield from self._compare(ids)

    def recheck(self, subject: str) -> Iterator[Difference]:
        return self._compare({subject})

    def fix(self, subject: str) -> Difference | None:
        """Return what still differs; nothing is written.

        An order names its current user, not who paid: that user would see another user's cards if the Customer became
        theirs.
        """
        return next(self._compare({subject}), None)

    def _compare(self, ids: set[str]) -> Iterator[Difference]:
        sessions = CheckoutSession.objects.filter(customer_id__in=ids, status=SessionStatus.COMPLETE)
        payers: dict[str, dict[Any, Order]] = defaultdict(dict)
        for session in sessions.filter(livemode=conf.livemode, order__user__isnull=False).select_related("order"):
            if not session.is_guests:
                payers[session.customer_id][session.order.user_id] = session.order
        owners = dict(Customer.objects.filter(stripe_id__in=list(payers)).values_list("stripe_id", "user_id"))
        users = [user for orders in payers.values() for user in orders]
        known = set(Customer.objects.filter(user__in=users, livemode=conf.livemode).values_list("user_id", flat=True))
        for customer_id, orders in payers.items():
            owner = owners.get(customer_id)
            if owner in orders or len(orders) > 1:
                continue
            ((user, order),) = orders.items()
            if owner is None and (user in known or self.retrieve(customer_id).get("deleted")):
                continue
            yield Difference.of(Kind.RELATION_DIFFERS, customer_id, order, {"user": owner}, {"user": user})


CUSTOMERS = Customers()
