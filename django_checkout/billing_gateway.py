"""Calls to Stripe around the session: coupons, the portal, subscriptions; through gateway.py's client and errors."""

from __future__ import annotations

from typing import Any

from django_checkout import facts
from django_checkout.exceptions import StripeRefusedError
from django_checkout.gateway import checked, client, plain, translated


def create_coupon(coupon_id: str, *, amount_minor: int, currency: str, name: str, reference: str) -> None:
    """Make the coupon that stands for an order's one-off discount; doing it again changes nothing."""
    params: dict[str, Any] = {
        "id": coupon_id,
        "amount_off": amount_minor,
        "currency": currency,
        "duration": "once",
        "metadata": {facts.ORDER_KEY: reference},
    }
    if name:
        params["name"] = name
    try:
        with translated():
            client().v1.coupons.create(params)  # type: ignore[arg-type]  # a plain dict
    except StripeRefusedError as error:
        if error.stripe_code != "resource_already_exists":
            raise


def create_portal_session(customer_id: str, *, return_url: str) -> str:
    """Return the address of the Billing portal for a customer: short-lived, and only for them.

    https://docs.stripe.com/api/customer_portal/sessions/create
    """
    with translated():
        portal = client().v1.billing_portal.sessions.create({"customer": customer_id, "return_url": return_url})
    return str(plain(portal)["url"])


def cancel_subscription(subscription_id: str, *, at_period_end: bool) -> dict[str, Any]:
    """End a subscription now, or when what has been paid for is over; return it as plain JSON types."""
    subscriptions = client().v1.subscriptions
    with translated():
        if at_period_end:
            return plain(subscriptions.update(checked(subscription_id), {"cancel_at_period_end": True}))
        return plain(subscriptions.cancel(checked(subscription_id)))
