"""A stateful stand-in for Stripe: HTTP API, payment pages, webhooks and test cards.

The real ``stripe`` library reaches it in process (``transport``), over a socket (``manage.py checkout_emulator``) or at
a Django site (``urls``, with the settings that ``site`` reads). It imports no ``stripe`` and nothing else of
django_checkout. Import only this package, ``server`` and ``transport``::

    emulator = Emulator(webhook_secret="whsec_tests")
    client = stripe.StripeClient("sk_test_x", http_client=stripe.RequestsClient(session=requests_session(emulator)))
    session = client.v1.checkout.sessions.create({...})
    emulator.pay(session.id, "4000000000000002").status  # "declined"
    emulator.pay(session.id).status  # "paid"
    emulator.deliver_to(lambda body, headers: post_to_my_webhook(body, headers))
    emulator.clock.advance(24 * 3600)
    emulator.chaos.drop()  # performs the next request and drops its response
"""

from __future__ import annotations

from django_checkout.emulator.emulator import Emulator
from django_checkout.emulator.messages import ApiError, DroppedError, Request, Response
from django_checkout.emulator.payer.shopper import PaymentOutcome
from django_checkout.emulator.transport import EmulatorAdapter, async_transport, requests_session
from django_checkout.emulator.webhooks.deliveries import Attempt, Delivery, signature_header

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
