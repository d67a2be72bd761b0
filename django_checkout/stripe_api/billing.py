"""Calls to Stripe about coupons, customers, the Billing portal and subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django_checkout.exceptions import StripeRefusedError
from django_checkout.stripe_api import facts
from django_checkout.stripe_api.client import ask, checked, get_client, plain
from django_checkout.stripe_api.steps import Steps

if TYPE_CHECKING:
    import stripe


def create_coupon(coupon_id: str, *, amount_minor: int, currency: str, name: str, reference: str) -> Steps[None]:
    """Create the coupon of an order's one-off discount; safe to repeat."""
    params: stripe.params.CouponCreateParams = {
        "id": coupon_id,
        "amount_off": amount_minor,
        "currency": currency,
        "duration": "once",
        "metadata": {facts.ORDER_KEY: reference},
    }
    if name:
        params["name"] = name
    coupons = get_client().v1.coupons
    try:
        yield from ask(coupons.create, coupons.create_async, params)
    except StripeRefusedError as error:
        if error.stripe_code != "resource_already_exists":
            raise


def update_customer_email(customer_id: str, email: str) -> Steps[None]:
    """Set the email address that receives a Customer's receipts and invoices."""
    customers = get_client().v1.customers
    yield from ask(customers.update, customers.update_async, checked(customer_id), {"email": email})


def create_portal_session(customer_id: str, *, return_url: str) -> Steps[str]:
    """Return a short-lived URL of the Billing portal for one customer.

    https://docs.stripe.com/api/customer_portal/sessions/create
    """
    portals = get_client().v1.billing_portal.sessions
    portal = yield from ask(portals.create, portals.create_async, {"customer": customer_id, "return_url": return_url})
    return portal.url


def cancel_subscription(subscription_id: str, *, at_period_end: bool) -> Steps[dict[str, Any]]:
    """Cancel a subscription now or at the end of the period; return it as plain JSON types."""
    subscriptions, stripe_id = get_client().v1.subscriptions, checked(subscription_id)
    if at_period_end:
        change: stripe.params.SubscriptionUpdateParams = {"cancel_at_period_end": True}
        return plain((yield from ask(subscriptions.update, subscriptions.update_async, stripe_id, change)))
    return plain((yield from ask(subscriptions.cancel, subscriptions.cancel_async, stripe_id)))
