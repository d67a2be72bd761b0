"""Compares which user is which Customer at Stripe with who has paid as that Customer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from django_checkout import facts, gateway
from django_checkout.conf import conf
from django_checkout.models import CheckoutSession, Customer, Order
from django_checkout.reconcile.pages import patiently
from django_checkout.reconcile.report import Drift, Kind, new
from django_checkout.states import SessionStatus


def compare(page: Sequence[Mapping[str, Any]]) -> Iterator[Drift]:
    """Yield the Customers of a page's sessions that are nobody here, or somebody who has never paid as them."""
    ids = {customer_id for data in page if (customer_id := facts.find_id(data, "customer"))}
    if ids:
        yield from _compare(ids)


def _compare(ids: set[str]) -> Iterator[Drift]:
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
        if owner is None and (user in known or _is_deleted(customer_id)):
            continue
        yield new(Kind.RELATION_DIFFERS, customer_id, order, {"user": owner}, {"user": user})


def _is_deleted(customer_id: str) -> bool:
    return bool(patiently(partial(gateway.retrieve_object, "customer", customer_id)).get("deleted"))


def mend(subject: str) -> Drift | None:
    """Return whose Customer still differs; nothing is written.

    An order says whose it is now, not who paid: a Customer given to its user would show them another's saved cards.
    """
    return next(_compare({subject}), None)
