"""The use cases: what views, API, admin, commands and hosts call.

``order`` is always ours or the host's own row. Whatever speaks to Stripe must be called outside transactions
(``RuntimeError`` otherwise) and raises the errors of ``exceptions.py`` and nothing else that a caller must know.

What waits for Stripe has a twin for coroutines, by Django's names for such: ``astart`` and so on, and ``async_sync``
because ``async`` is a word of Python's. They take the same arguments, hold no thread while Stripe is asked, and need
``httpx`` (``django-checkout[async]``). Canceled, they leave things as if Stripe had not answered.
"""

from __future__ import annotations

from django_checkout.services.changing import change_quantity, change_shipping, get_client_secret
from django_checkout.services.checkout import cancel, start
from django_checkout.services.customers import (
    cancel_subscription,
    find_customer_id,
    find_customer_ids,
    portal_url,
    sync_subscription,
)
from django_checkout.services.money_back import refund, resume_refund
from django_checkout.services.placing import find_order, get_order, lock, pay_url, place, start_url
from django_checkout.services.settling import (
    accept,
    capture,
    deliver_again,
    deliver_pending,
    expire,
    expire_surplus,
    sync,
)
from django_checkout.services.surplus import return_surplus
from django_checkout.services.ui_modes import computes_shipping, default_ui_mode, ui_modes

astart = start.awaited
aexpire = expire.awaited
aexpire_surplus = expire_surplus.awaited
acancel = cancel.awaited
acapture = capture.awaited
arefund = refund.awaited
aresume_refund = resume_refund.awaited
areturn_surplus = return_surplus.awaited
async_sync = sync.awaited
async_subscription = sync_subscription.awaited
aget_client_secret = get_client_secret.awaited
achange_quantity = change_quantity.awaited
achange_shipping = change_shipping.awaited
acancel_subscription = cancel_subscription.awaited
aportal_url = portal_url.awaited

__all__ = [
    "acancel",
    "acancel_subscription",
    "acapture",
    "accept",
    "achange_quantity",
    "achange_shipping",
    "aexpire",
    "aexpire_surplus",
    "aget_client_secret",
    "aportal_url",
    "arefund",
    "aresume_refund",
    "areturn_surplus",
    "astart",
    "async_subscription",
    "async_sync",
    "cancel",
    "cancel_subscription",
    "capture",
    "change_quantity",
    "change_shipping",
    "computes_shipping",
    "default_ui_mode",
    "deliver_again",
    "deliver_pending",
    "expire",
    "expire_surplus",
    "find_customer_id",
    "find_customer_ids",
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
    "ui_modes",
]
