"""The test kit for projects that use the app: a stateful Stripe in process, and webhooks posted as Stripe posts them.

pytest finds the fixtures by itself (``plugin``). Elsewhere::

    with emulated_stripe() as emulator:
        session = services.start(order)
        emulator.pay(session.stripe_id)
        deliver_events(emulator)
"""

from __future__ import annotations

from django_checkout.testing.kit import deliver_events, emulated_stripe, post_event, sign

__all__ = ["deliver_events", "emulated_stripe", "post_event", "sign"]
