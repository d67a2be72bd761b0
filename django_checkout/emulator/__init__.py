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

from typing import TYPE_CHECKING, Any

from django_checkout.emulator.api import coverage
from django_checkout.emulator.emulator import Emulator
from django_checkout.emulator.messages import ApiError, DroppedError, Request, Response, StoreError
from django_checkout.emulator.payer.shopper import PaymentOutcome
from django_checkout.emulator.webhooks.deliveries import Attempt, Delivery, signature_header

if TYPE_CHECKING:
    from django_checkout.emulator.transport import EmulatorAdapter, async_transport, requests_session

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
    "StoreError",
    "async_transport",
    "coverage",
    "requests_session",
    "signature_header",
]


def __getattr__(name: str) -> Any:
    """Import ``transport`` on first use: ``requests`` takes longer to import than the whole emulator."""
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from django_checkout.emulator import transport

    return getattr(transport, name)
