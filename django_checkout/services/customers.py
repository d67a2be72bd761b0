"""What a user has at Stripe: the Customer, the Billing portal, and subscriptions."""

from __future__ import annotations

import logging
from typing import Any

from django.db.models import Q

from django_checkout import billing_gateway, facts, gateway, ledger
from django_checkout.conf import conf
from django_checkout.exceptions import CustomerNotFoundError, StripeRefusedError, SubscriptionEndedError
from django_checkout.models import CheckoutSession, Customer, Order, Subscription
from django_checkout.params.spelling import find_email
from django_checkout.services.settling import apply_facts
from django_checkout.states import SessionStatus
from django_checkout.steps import Steps, waits

logger = logging.getLogger("django_checkout")


def find_customer_id(user: Any) -> str:
    """Return the id of a user's first Customer at Stripe in the mode of our key, or "" if they have none."""
    if user is None or user.pk is None:
        return ""
    customer = Customer.objects.filter(user_id=user.pk, livemode=conf.livemode).order_by("pk").first()
    return "" if customer is None else customer.stripe_id


def find_customer_ids(user: Any) -> list[str]:
    """Return the ids of all of a user's Customers at Stripe in the mode of our key, the first one first.

    Two first checkouts at once make two; each has its own subscriptions, and its own Billing portal.
    """
    if user is None or user.pk is None:
        return []
    customers = Customer.objects.filter(user_id=user.pk, livemode=conf.livemode).order_by("pk")
    return list(customers.values_list("stripe_id", flat=True))


def forget_customer(order: Order, customer_id: Any) -> bool:
    """Forget a Customer that Stripe has no more; False where it was not ours to begin with."""
    if order.user_id is None or not isinstance(customer_id, str):
        return False
    return ledger.in_transaction(lambda: ledger.forget_customer(customer_id))


@waits
def update_email(session: CheckoutSession) -> Steps[None]:
    """Give the Customer that a session is about to be created for the order's present e-mail address, for receipts.

    Checkout shows a Customer's address and lets nobody change it. One call to Stripe, none where the Customer's latest
    session was a purchase with this address; what Stripe refuses is left as it was.

    Raises:
        StripeUnavailableError: try again.
    """
    order, customer_id = session.order, session.request.get("customer", "")
    email = find_email(order.email)
    if (
        not email
        or not customer_id
        or customer_id != find_customer_id(order.user)
        or email == _known_email(session, customer_id)
    ):
        return
    try:
        yield from billing_gateway.update_customer_email.steps(customer_id, email)
    except StripeRefusedError as error:
        logger.warning("customer_email_not_updated order=%s code=%s", order.reference, error.stripe_code or error.code)


def _known_email(session: CheckoutSession, customer_id: str) -> str | None:
    """Return the Customer's address at Stripe, None where it is not known: a session that is not complete changed it.

    ``session`` itself is left out.
    """
    of_customer = Q(customer_id=customer_id) | Q(request__customer=customer_id)
    others = CheckoutSession.objects.filter(of_customer, order__user=session.order.user).exclude(pk=session.pk)
    latest = others.order_by("-pk").values_list("status", "order__customer_details").first()
    if latest is None or latest[0] != SessionStatus.COMPLETE:
        return None
    return (latest[1] or {}).get("email")


@waits
def portal_url(user: Any, *, return_url: str, customer_id: str = "") -> Steps[str]:
    """Return a short-lived address of Stripe's Billing portal for a user: cards, invoices, subscriptions.

    ``customer_id`` is one of ``find_customer_ids(user)``; without it, their first. One call to Stripe; must run outside
    transactions. Send only this user there, and only at once.

    Raises:
        CustomerNotFoundError: the user has bought nothing that made a Customer, or this one is not theirs.
        StripeUnavailableError: try again.
    """
    customer_ids = find_customer_ids(user)
    if not customer_ids or (customer_id and customer_id not in customer_ids):
        raise CustomerNotFoundError("This user has no such Customer at Stripe.")
    chosen = customer_id or customer_ids[0]
    return (yield from billing_gateway.create_portal_session.steps(chosen, return_url=return_url))


@waits
def cancel_subscription(subscription: Subscription, *, at_period_end: bool = True) -> Steps[Subscription]:
    """End a subscription when what has been paid for is over, or now; return it as it is then.

    Must run outside transactions.

    Raises:
        SubscriptionEndedError: it has ended already.
        StripeUnavailableError: try again.
    """
    if not subscription.is_active:
        raise SubscriptionEndedError(f"The subscription is {subscription.status}.")
    yield from billing_gateway.cancel_subscription.steps(subscription.stripe_id, at_period_end=at_period_end)
    return (yield from sync_subscription.steps(subscription))


@waits
def sync_subscription(subscription: Subscription) -> Steps[Subscription]:
    """Read a subscription from Stripe, numbered so that a slow read cannot undo a later one, and apply it."""
    ticket = ledger.in_transaction(lambda: ledger.take_ticket(subscription.stripe_id))
    latest = yield from gateway.retrieve_object.steps("customer.subscription", subscription.stripe_id)
    apply_facts([facts.read_subscription(latest, ticket=ticket)])
    subscription.refresh_from_db()
    return subscription
