"""Example calls for payment links."""

from __future__ import annotations

from typing import Any

import stripe

from django_checkout.emulator import Emulator, Request

TEA: Any = {"currency": "eur", "unit_amount": 300, "product_data": {"name": "Tea"}}
CLUB: Any = {**TEA, "recurring": {"interval": "month"}}
FIELD: Any = {"key": "name", "label": {"type": "custom", "custom": "Name"}, "type": "text"}


def visit(client: stripe.StripeClient, emulator: Emulator) -> None:
    """Create links of both modes, and open and pay a session of each."""
    v1 = client.v1
    rate = v1.shipping_rates.create({"display_name": "Post", "fixed_amount": {"amount": 400, "currency": "eur"}})
    tea: Any = {
        "line_items": [{"price_data": TEA, "quantity": 1, "adjustable_quantity": {"enabled": True}}],
        "after_completion": {"type": "redirect", "redirect": {"url": "https://shop.example.com/"}},
        "automatic_tax": {"enabled": True},
        "consent_collection": {"terms_of_service": "required"},
        "custom_fields": [FIELD],
        "custom_text": {"submit": {"message": "Thanks"}},
        "invoice_creation": {"enabled": True, "invoice_data": {"footer": "Thanks"}},
        "metadata": {"a": "b"},
        "name_collection": {"individual": {"enabled": True}},
        "payment_intent_data": {"description": "Tea"},
        "restrictions": {"completed_sessions": {"limit": 1}},
        "shipping_address_collection": {"allowed_countries": ["DE"]},
        "shipping_options": [{"shipping_rate": rate.id}],
        "tax_id_collection": {"enabled": True},
    }
    club: Any = {"line_items": [{"price_data": CLUB, "quantity": 1}], "subscription_data": {"trial_period_days": 3}}
    for params in (tea, club):
        link = v1.payment_links.create({**params, "expand": ["line_items", "shipping_options.shipping_rate"]})
        v1.payment_links.line_items.list(link.id)
        host, _, code = link.url.partition("/buy/")
        opened = emulator.handle(Request(method="GET", base_url=host, path=f"/buy/{code}"))
        session = opened.headers["Location"].rpartition("/")[2]
        v1.checkout.sessions.retrieve(session, {"expand": ["payment_link.line_items", "line_items"]})
        emulator.pay(session)
        v1.payment_links.retrieve(link.id)
        v1.payment_links.update(link.id, {"active": False, "inactive_message": "Sold out", "metadata": {"a": ""}})
    v1.payment_links.list({"active": False, "expand": ["data.line_items"]})
