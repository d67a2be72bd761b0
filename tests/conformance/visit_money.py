"""Example calls of charges, refunds, the balance and payouts, beyond those of ``visits``."""

from __future__ import annotations

from typing import Any

import stripe

from django_checkout.emulator import Emulator


def visit(client: stripe.StripeClient, emulator: Emulator) -> None:
    v1 = client.v1
    intent = v1.payment_intents.create(
        {
            "amount": 5000,
            "currency": "eur",
            "payment_method": "pm_card_bypassPending",
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "confirm": True,
        }
    )
    charge = str(intent.latest_charge)
    shipping: Any = {"name": "Sam", "address": {"line1": "1 Lane"}, "carrier": "Post", "tracking_number": "1"}
    change: Any = {"description": "Tea", "metadata": {"a": "b"}, "fraud_details": {"user_report": "safe"}}
    v1.charges.update(charge, {**change, "shipping": shipping, "receipt_email": "sam@example.com"})
    v1.refunds.create({"charge": charge, "amount": 100})
    v1.balance.retrieve()
    payout = v1.payouts.create({"amount": 1000, "currency": "eur", "statement_descriptor": "TEA"})
    v1.payouts.update(payout.id, {"metadata": {"a": "b"}})
    v1.payouts.cancel(payout.id, {"expand": ["failure_balance_transaction"]})
    v1.payouts.create({"amount": 500, "currency": "eur"})
    emulator.clock.advance(2 * 24 * 3600)
    emulator.open_dispute(intent.id)
    # The library has no methods for these operations.
    client.raw_request("get", f"/v1/charges/{charge}/dispute")
    client.raw_request("get", f"/v1/charges/{charge}/refunds?limit=1")
    session = v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {"currency": "jpy", "unit_amount": 1000, "product_data": {"name": "Tea"}},
                }
            ],
            "success_url": "https://shop.example.com/",
        }
    )
    paid = emulator.pay(session.id, method="konbini")
    emulator.settle(session.id)
    refund = v1.refunds.create(
        {"payment_intent": str(paid.payment_intent), "instructions_email": "sam@example.com", "amount": 400}
    )
    v1.test_helpers.refunds.expire(refund.id)
