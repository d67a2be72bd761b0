"""Example calls for prices in tiers, packages, currencies and of the customer's choice, and tax rates."""

from __future__ import annotations

from typing import Any

import stripe

from django_checkout.emulator import Emulator

URL = "https://shop.example.com/"


def visit(client: stripe.StripeClient, emulator: Emulator) -> None:
    """Call the routes of tax rates, and create and buy prices of all kinds."""
    v1 = client.v1
    rate = v1.tax_rates.create({"display_name": "VAT", "percentage": 19, "inclusive": False, "country": "DE"})
    v1.tax_rates.update(rate.id, {"description": "Germany", "metadata": {"a": "b"}})
    v1.tax_rates.retrieve(rate.id)
    v1.tax_rates.list({"active": True, "inclusive": False})
    default: Any = {"currency": "eur", "unit_amount": 100, "currency_options": {"usd": {"unit_amount": 120}}}
    product = v1.products.create({"name": "Tea", "default_price_data": default, "expand": ["default_price"]})
    tiers = [{"up_to": 3, "unit_amount": 400}, {"up_to": "inf", "flat_amount": 100, "unit_amount_decimal": "350.5"}]
    kinds: list[Any] = [
        {"billing_scheme": "tiered", "tiers_mode": "graduated", "tiers": tiers},
        {"unit_amount": 500, "transform_quantity": {"divide_by": 2, "round": "up"}},
        {"unit_amount": 500, "currency_options": {"usd": {"unit_amount": 600, "tax_behavior": "inclusive"}}},
        {"custom_unit_amount": {"enabled": True, "minimum": 100, "preset": 700}},
    ]
    expand: Any = ["tiers", "currency_options"]
    for kind in kinds:
        price = v1.prices.create({"currency": "eur", "product": product.id, "expand": expand, **kind})
        v1.prices.retrieve(price.id, {"expand": expand})
        items: Any = [{"price": price.id, "quantity": 1, "tax_rates": [rate.id]}]
        session = v1.checkout.sessions.create({"mode": "payment", "line_items": items, "success_url": URL})
        emulator.pay(session.id)
        v1.checkout.sessions.line_items.list(session.id, {"expand": ["data.taxes"]})
    amounts: Any = {"usd": {"amount_off": 120}}
    coupon = v1.coupons.create({"amount_off": 100, "currency": "eur", "currency_options": amounts})
    v1.coupons.retrieve(coupon.id, {"expand": ["currency_options"]})
    v1.prices.update(price.id, {"tax_behavior": "exclusive"})
    v1.products.delete(v1.products.create({"name": "Pot"}).id)
    plan = v1.plans.create({"currency": "eur", "interval": "month", "amount": 900, "product": {"name": "Club"}})
    v1.plans.update(plan.id, {"nickname": "Club", "metadata": {"a": "b"}})
    v1.plans.retrieve(plan.id, {"expand": ["product"]})
    v1.plans.list({"active": True})
    v1.plans.delete(plan.id)
