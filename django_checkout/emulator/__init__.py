"""A stateful stand-in for Stripe: its HTTP API, its payment page, its webhooks, its test cards.

It speaks to the real ``stripe`` library in process (``transport``), over a socket (``manage.py checkout_emulator``),
or from within a Django site (``urls``). It imports no ``stripe`` and nothing of the app above ``money``.
"""

from __future__ import annotations

from .checkout import PaymentOutcome
from .deliveries import Attempt, Delivery, signature_header
from .emulator import Emulator
from .messages import ApiError, DroppedError, Request, Response
from .transport import EmulatorAdapter, requests_session

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
    "requests_session",
    "signature_header",
]
