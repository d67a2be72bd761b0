"""Calls to Stripe around the session: coupons, the portal, subscriptions; through gateway.py's client and errors."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django_checkout import facts
from django_checkout.exceptions import StripeRefusedError
from django_checkout.gateway import Call, checked, plain, read_all
from django_checkout.steps import Steps, waits
from django_checkout.values import SessionFact


@waits
def create_coupon(coupon_id: str, *, amount_minor: int, currency: str, name: str, reference: str) -> Steps[None]:
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
        yield Call("v1.coupons.create", (params,))
    except StripeRefusedError as error:
        if error.stripe_code != "resource_already_exists":
            raise


@waits
def update_customer_email(customer_id: str, email: str) -> Steps[None]:
    """Set the e-mail address to which Stripe sends a Customer's receipts and invoices."""
    yield Call("v1.customers.update", (checked(customer_id), {"email": email}))


@waits
def create_portal_session(customer_id: str, *, return_url: str) -> Steps[str]:
    """Return the address of the Billing portal for a customer: short-lived, and only for them.

    https://docs.stripe.com/api/customer_portal/sessions/create
    """
    portal = yield Call("v1.billing_portal.sessions.create", ({"customer": customer_id, "return_url": return_url},))
    return str(plain(portal)["url"])


@waits
def cancel_subscription(subscription_id: str, *, at_period_end: bool) -> Steps[dict[str, Any]]:
    """End a subscription now, or when what has been paid for is over; return it as plain JSON types."""
    if at_period_end:
        change = {"cancel_at_period_end": True}
        return plain((yield Call("v1.subscriptions.update", (checked(subscription_id), change))))
    return plain((yield Call("v1.subscriptions.cancel", (checked(subscription_id),))))


@waits
def find_session(session_uuid: str, *, made_after: datetime, made_before: datetime) -> Steps[SessionFact | None]:
    """Look for the session whose metadata hold a UUID of ours; the list can be asked for a time, not for metadata."""
    created = {"gte": int(made_after.timestamp()), "lte": int(made_before.timestamp())}
    for data in (yield from read_all.steps("/v1/checkout/sessions", created=created)):
        if facts.read_ownership(data).session_uuid == session_uuid:
            return facts.read_session(data)
    return None
