"""A user's Customers, Billing portal and subscriptions at Stripe."""

from __future__ import annotations

import logging
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from django_checkout import ledger, origins
from django_checkout.access.ways_back import check_way_back
from django_checkout.conf import conf
from django_checkout.exceptions import CustomerNotFoundError, StripeRefusedError, SubscriptionEndedError, WayBackError
from django_checkout.models import CheckoutSession, Customer, Order, Subscription
from django_checkout.params.spelling import find_email
from django_checkout.services import unanswered
from django_checkout.services.links import absolute_url
from django_checkout.services.syncing import apply_facts
from django_checkout.states import SessionStatus
from django_checkout.stripe_api import billing, facts, gateway
from django_checkout.stripe_api.steps import Steps, arun, run

logger = logging.getLogger("django_checkout")


def find_customer_id(user: Any) -> str:
    """Return the id of a user's first Customer at Stripe in the mode of the key, or ""."""
    return next(iter(find_customer_ids(user)), "")


def find_customer_ids(user: Any) -> list[str]:
    """Return the ids of all of a user's Customers at Stripe in the mode of the key, oldest first.

    Two first checkouts at the same time create two, each with its own subscriptions and Billing portal.
    """
    if user is None or user.pk is None:
        return []
    customers = Customer.objects.filter(user_id=user.pk, livemode=conf.livemode).order_by("pk")
    return list(customers.values_list("stripe_id", flat=True))


def forget_customer(order: Order, customer_id: Any) -> bool:
    """Delete the row of a Customer that was deleted at Stripe; return whether there was one."""
    if order.user_id is None or not isinstance(customer_id, str):
        return False
    return ledger.in_transaction(lambda: ledger.forget_customer(customer_id))


def update_email(session: CheckoutSession) -> Steps[None]:
    """Set the email address of the Customer of a new session to the order's, so that receipts arrive there.

    Checkout shows a Customer's address and does not let the shopper change it. One call to Stripe, none if the
    Customer's latest session was a purchase with this address. If Stripe refuses, the address stays.

    Raises:
        StripeUnavailableError: retry.
    """
    order, customer_id = session.order, session.request.get("customer", "")
    email = find_email(order.email)
    if (
        not email
        or not customer_id
        or email == _known_email(session, customer_id)
        or customer_id != find_customer_id(order.user)
    ):
        return
    try:
        yield from billing.update_customer_email(customer_id, email)
    except StripeRefusedError as error:
        logger.warning("customer_email_not_updated order=%s code=%s", order.reference, error.stripe_code or error.code)


def _known_email(session: CheckoutSession, customer_id: str) -> str | None:
    """Return the Customer's address at Stripe; None if another session that is not complete may have changed it."""
    of_customer = Q(customer_id=customer_id) | Q(request__customer=customer_id)
    others = CheckoutSession.objects.filter(of_customer, order__user=session.order.user).exclude(pk=session.pk)
    latest = others.order_by("-pk").values_list("status", "order__customer_details").first()
    if latest is None or latest[0] != SessionStatus.COMPLETE:
        return None
    return (latest[1] or {}).get("email")


@sensitive_variables()
def portal_url(user: Any, *, return_url: str, customer_id: str = "", request: HttpRequest | None = None) -> str:
    """Return a short-lived URL of Stripe's Billing portal, where a user manages cards, invoices and subscriptions.

    ``return_url`` is a path or URL of the site, of the request's host or of CHECKOUT_RETURN_ORIGINS, but not an app's:
    Stripe's portal links to web pages only. ``customer_id`` is one of ``find_customer_ids(user)``, by default the
    first. Redirect only this user, and do not store the URL. One call to Stripe; must run outside transactions.

    Raises:
        CustomerNotFoundError: the user has no Customer, or this one is not theirs.
        WayBackError: the portal may not link to ``return_url``.
        StripeUnavailableError: retry.
    """
    return run(_portal_url_steps(user, return_url, customer_id, request))


@sensitive_variables()
async def aportal_url(user: Any, *, return_url: str, customer_id: str = "", request: HttpRequest | None = None) -> str:
    """Do the same as ``portal_url`` from a coroutine."""
    return await arun(_portal_url_steps(user, return_url, customer_id, request))


def _portal_url_steps(user: Any, return_url: str, customer_id: str, request: HttpRequest | None) -> Steps[str]:
    check_way_back(return_url, request)
    if origins.is_app(return_url):
        # https://github.com/invertase/stripe-firebase-extensions/issues/63
        raise WayBackError("The Billing portal links to web pages only: use a page that opens the app.")
    if return_url.startswith("/"):
        return_url = absolute_url(return_url, request)
    customer_ids = find_customer_ids(user)
    if not customer_ids or (customer_id and customer_id not in customer_ids):
        raise CustomerNotFoundError("This user has no such Customer at Stripe.")
    chosen = customer_id or customer_ids[0]
    return (yield from billing.create_portal_session(chosen, return_url=return_url))


def cancel_subscription(subscription: Subscription, *, at_period_end: bool = True) -> Subscription:
    """Cancel a subscription at the end of the period, or now; return it in its new state.

    Must run outside transactions.

    Raises:
        SubscriptionEndedError: it has already ended.
        StripeUnansweredError: retry.
    """
    return run(_cancel_subscription_steps(subscription, at_period_end=at_period_end))


async def acancel_subscription(subscription: Subscription, *, at_period_end: bool = True) -> Subscription:
    """Do the same as ``cancel_subscription`` from a coroutine."""
    return await arun(_cancel_subscription_steps(subscription, at_period_end=at_period_end))


@unanswered.says(unanswered.SUBSCRIPTION, user_message=unanswered.CANCEL_UNKNOWN)
def _cancel_subscription_steps(subscription: Subscription, *, at_period_end: bool = True) -> Steps[Subscription]:
    if not subscription.is_active:
        raise SubscriptionEndedError(f"The subscription is {subscription.status}.")
    yield from billing.cancel_subscription(subscription.stripe_id, at_period_end=at_period_end)
    return (yield from _sync_subscription_steps(subscription))


def sync_subscription(subscription: Subscription) -> Subscription:
    """Retrieve a subscription and apply it; a ticket keeps a slow read from undoing a later one."""
    return run(_sync_subscription_steps(subscription))


async def async_subscription(subscription: Subscription) -> Subscription:
    """Do the same as ``sync_subscription`` from a coroutine."""
    return await arun(_sync_subscription_steps(subscription))


def _sync_subscription_steps(subscription: Subscription) -> Steps[Subscription]:
    ticket = ledger.in_transaction(lambda: ledger.take_ticket(subscription.stripe_id))
    latest = yield from gateway.retrieve_object("customer.subscription", subscription.stripe_id)
    apply_facts([facts.read_subscription(latest, ticket=ticket)])
    subscription.refresh_from_db()
    return subscription
