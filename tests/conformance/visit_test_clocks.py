"""Example calls for test clocks."""

from __future__ import annotations

from typing import Any

import stripe

from django_checkout.emulator import Emulator
from tests.conformance.billing import MONTH


def visit(client: stripe.StripeClient, emulator: Emulator) -> None:
    """Renew a subscription on a test clock, and delete the clock."""
    v1, clocks = client.v1, client.v1.test_helpers.test_clocks
    clock = clocks.create({"frozen_time": 1_800_000_000})
    customer = v1.customers.create({"test_clock": clock.id})
    card = v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    items: Any = [{"price": v1.prices.create(MONTH).id}]
    v1.subscriptions.create({"customer": customer.id, "items": items, "default_payment_method": card.id})
    clocks.advance(clock.id, {"frozen_time": 1_803_000_000})
    clocks.retrieve(clock.id)
    clocks.list({"limit": 3})
    v1.customers.list({"test_clock": clock.id})
    v1.subscriptions.list({"test_clock": clock.id, "expand": ["data.test_clock", "data.latest_invoice"]})
    clocks.delete(clock.id)
