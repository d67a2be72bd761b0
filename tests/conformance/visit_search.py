"""Example calls of the searches."""

from __future__ import annotations

from typing import Any

import stripe

from django_checkout.emulator import Emulator

QUERIES = {
    "charges": "amount>1 AND payment_method_details.card.last4:4242",
    "customers": "email~'example.com'",
    "invoices": "total>=0",
    "payment_intents": "-currency:'usd'",
    "prices": "active:'true'",
    "products": "name:'tea'",
    "subscriptions": "canceled_at:null",
}


def visit(client: stripe.StripeClient, emulator: Emulator) -> None:
    """Search objects of all types that can be searched, in pages of one."""
    for name, query in QUERIES.items():
        service = getattr(client.v1, name)
        params: dict[str, Any] = {"query": query, "limit": 1, "expand": ["total_count"]}
        found = service.search(params)
        if found.has_more:
            service.search({**params, "page": found.next_page})
