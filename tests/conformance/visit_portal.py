"""Example calls for configurations and flows of the billing portal."""

from __future__ import annotations

from typing import Any

import stripe

from django_checkout.emulator import Emulator
from tests.conformance.billing import MONTH


def visit(client: stripe.StripeClient, emulator: Emulator) -> None:
    """Call the routes of configurations, and create a session for every flow."""
    v1, portal = client.v1, client.v1.billing_portal
    customer = v1.customers.create({"email": "kim@example.com"}).id
    card = v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    price = v1.prices.create(MONTH)
    items: Any = [{"price": price.id}]
    subscription = v1.subscriptions.create({"customer": customer, "items": items, "default_payment_method": card})
    other = v1.prices.create(MONTH)
    update: Any = {
        "enabled": True,
        "default_allowed_updates": ["price", "quantity"],
        "products": [{"product": other.product, "prices": [other.id]}],
        "schedule_at_period_end": {"conditions": [{"type": "decreasing_item_amount"}]},
    }
    features: Any = {
        "subscription_update": update,
        "subscription_cancel": {"enabled": True, "cancellation_reason": {"enabled": True, "options": ["unused"]}},
        "payment_method_update": {"enabled": True},
        "invoice_history": {"enabled": True},
    }
    configuration = portal.configurations.create({"features": features, "metadata": {"a": "b"}, "name": "Club"})
    portal.configurations.update(configuration.id, {"business_profile": {"headline": "Club"}})
    portal.configurations.retrieve(configuration.id)
    portal.configurations.list({"active": True})
    own: Any = {"subscription": subscription.id}
    item = {"id": subscription["items"].data[0].id, "price": other.id, "quantity": 2}
    flows: list[Any] = [
        {"type": "payment_method_update", "after_completion": {"type": "hosted_confirmation"}},
        {
            "type": "subscription_cancel",
            "subscription_cancel": own,
            "after_completion": {"type": "redirect", "redirect": {"return_url": "https://shop.example.com/"}},
        },
        {"type": "subscription_update", "subscription_update": own},
        {"type": "subscription_update_confirm", "subscription_update_confirm": {**own, "items": [item]}},
    ]
    for flow in flows:
        params: Any = {"customer": customer, "configuration": configuration.id, "flow_data": flow}
        portal.sessions.create({**params, "expand": ["configuration"]})
