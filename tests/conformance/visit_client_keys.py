"""Example calls for ephemeral keys and customer sessions."""

from __future__ import annotations

import stripe

from django_checkout.emulator import Emulator


def visit(client: stripe.StripeClient, emulator: Emulator) -> None:
    v1 = client.v1
    customer = v1.customers.create({"email": "kim@example.com"}).id
    key = v1.ephemeral_keys.create({"customer": customer})
    v1.ephemeral_keys.delete(key.id)
    features = {"payment_method_redisplay": "enabled", "payment_method_save_usage": "off_session"}
    v1.customer_sessions.create(
        {
            "customer": customer,
            "components": {
                "customer_sheet": {"enabled": True},
                "mobile_payment_element": {"enabled": True, "features": {"payment_method_save": "enabled"}},
                "payment_element": {"enabled": True, "features": features},  # type: ignore[typeddict-item]  # a plain dict
            },
            "expand": ["customer"],
        }
    )
