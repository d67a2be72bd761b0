"""A stateful stand-in for Stripe: its HTTP API, its payment page, its webhooks, its test cards.

It speaks to the real ``stripe`` library in process (``transport``), over a socket (``manage.py checkout_emulator``),
or from within a Django site (``urls``). It imports no ``stripe`` and nothing of the app above ``money``::

    emulator = Emulator(webhook_secret="whsec_tests")
    client = stripe.StripeClient("sk_test_x", http_client=stripe.RequestsClient(session=requests_session(emulator)))
    session = client.v1.checkout.sessions.create({...})
    emulator.pay(session.id, "4000000000000002").status  # "declined"
    emulator.pay(session.id).status  # "paid"
    emulator.deliver_to(lambda body, headers: post_to_my_webhook(body, headers))
    emulator.clock.advance(24 * 3600)
    emulator.chaos.drop()  # the next request acts and loses its answer
"""

from __future__ import annotations

from .deliveries import Attempt, Delivery, signature_header
from .emulator import Emulator
from .messages import ApiError, DroppedError, Request, Response
from .shopper import PaymentOutcome
from .transport import EmulatorAdapter, async_transport, requests_session

__all__ = [
    "ApiError",
    "Attempt",
    "Delivery",
    "DroppedError",
    "Emulator",
    "EmulatorAdapter",
    "PaymentOutcome",
    "Request",
    "Response",
    "async_transport",
    "requests_session",
    "signature_header",
]
