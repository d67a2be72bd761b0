"""Example calls for quotes."""

from __future__ import annotations

from typing import Any

import stripe

from django_checkout.emulator import Emulator


def visit(client: stripe.StripeClient, emulator: Emulator) -> None:
    """Call the routes of quotes, and accept one with and one without recurring prices."""
    v1, quotes = client.v1, client.v1.quotes
    customer = v1.customers.create({"source": "tok_visa"}).id
    rate = v1.tax_rates.create({"display_name": "VAT", "percentage": 20, "inclusive": False}).id
    price: Any = {"currency": "eur", "unit_amount": 900, "product_data": {"name": "Tea"}}
    monthly = v1.prices.create({**price, "recurring": {"interval": "month"}}).id
    once: Any = {"price": v1.prices.create(price).id, "tax_rates": [rate]}
    expand: Any = ["line_items", "customer", "default_tax_rates"]
    empty = quotes.create({"header": "Hello", "metadata": {"a": "b"}})
    items: Any = [once, {"price": monthly, "quantity": 2}]
    quotes.update(empty.id, {"customer": customer, "line_items": items, "default_tax_rates": [rate], "expand": expand})
    quotes.line_items.list(empty.id)
    quotes.computed_upfront_line_items.list(empty.id)
    quotes.finalize_quote(empty.id)
    quotes.accept(empty.id, {"expand": ["invoice", "subscription"]})
    one_time = quotes.create({"customer": customer, "line_items": [once], "expand": ["line_items"]})
    quotes.finalize_quote(one_time.id)
    quotes.accept(one_time.id, {"expand": ["invoice"]})
    quotes.cancel(quotes.create({"customer": customer}).id)
    quotes.retrieve(one_time.id, {"expand": ["customer"]})
    quotes.list({"customer": customer, "status": "canceled"})
