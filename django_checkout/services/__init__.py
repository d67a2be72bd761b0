"""The use cases: what views, API, admin, commands and hosts call.

``order`` is always ours or the host's own row. Whatever speaks to Stripe must be called outside transactions
(``RuntimeError`` otherwise) and raises the errors of ``exceptions.py`` and nothing else that a caller must know.
"""

from __future__ import annotations

from django_checkout.services.changing import change_quantity, change_shipping, get_client_secret
from django_checkout.services.checkout import cancel, expire, start
from django_checkout.services.customers import cancel_subscription, find_customer_id, portal_url, sync_subscription
from django_checkout.services.money_back import refund, resume_refund
from django_checkout.services.placing import find_order, get_order, lock, pay_url, place, start_url
from django_checkout.services.settling import accept, capture, sync, tell_owed
from django_checkout.services.surplus import return_surplus

__all__ = [
    "accept",
    "cancel",
    "cancel_subscription",
    "capture",
    "change_quantity",
    "change_shipping",
    "expire",
    "find_customer_id",
    "find_order",
    "get_client_secret",
    "get_order",
    "lock",
    "pay_url",
    "place",
    "portal_url",
    "refund",
    "resume_refund",
    "return_surplus",
    "start",
    "start_url",
    "sync",
    "sync_subscription",
    "tell_owed",
]
