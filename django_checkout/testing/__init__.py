"""The test kit for projects that use the app: a stateful Stripe emulator and signed webhooks, in process.

pytest loads the fixtures of ``pytest_plugin`` automatically. Without pytest::

    with emulated_stripe() as emulator:
        session = services.start(order)
        emulator.pay(session.stripe_id)
        deliver_events(emulator)
"""

from __future__ import annotations

from django_checkout.testing.kit import deliver_events, emulated_stripe, post_event, sign

__all__ = ["deliver_events", "emulated_stripe", "post_event", "sign"]
