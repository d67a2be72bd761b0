"""Example calls of event destinations and of the events of the second API."""

from __future__ import annotations

import stripe

from django_checkout.emulator import Emulator


def visit(client: stripe.StripeClient, emulator: Emulator) -> None:
    """Call the routes of event destinations, and list events."""
    destinations = client.v2.core.event_destinations
    made = destinations.create(
        {
            "name": "Shop",
            "type": "webhook_endpoint",
            "event_payload": "thin",
            "enabled_events": ["v1.customer.created"],
            "webhook_endpoint": {"url": "http://localhost/events/"},
            "include": ["webhook_endpoint.signing_secret", "webhook_endpoint.url"],
        }
    )
    destinations.update(made.id, {"description": "All", "metadata": {"a": "b"}})
    destinations.retrieve(made.id, {"include": ["webhook_endpoint.url"]})
    destinations.disable(made.id)
    destinations.enable(made.id)
    destinations.ping(made.id)
    destinations.list({"limit": 1})
    destinations.delete(made.id)
    client.v2.core.events.list({"types": ["v1.customer.created"], "limit": 2})
