"""The use cases: faces, operations, reconcile, webhooks and hosts call them; they do not know their callers.

``order`` is our order or the host's own row. Functions that call Stripe must run outside transactions (``RuntimeError``
otherwise) and raise the errors of ``exceptions``.

Each function that calls Stripe has an asynchronous twin named as Django names them: ``astart`` and so on, and
``async_sync`` because ``async`` is a keyword of Python. A twin takes the same arguments, holds no thread while it waits
for Stripe, and needs ``httpx`` (``django-checkout[async]``). If it is canceled, the outcome is the same as if Stripe
had not responded.
Inside the package other functions use the generator behind both, e.g. ``yield from expire_steps(session)``.
"""

from __future__ import annotations

from django_checkout.services.canceling import acancel, apay_another_way, cancel, pay_another_way
from django_checkout.services.changing import (
    achange_quantity,
    achange_shipping,
    aget_client_secret,
    change_quantity,
    change_shipping,
    get_client_secret,
)
from django_checkout.services.checkout import astart, start
from django_checkout.services.consent import record_consent
from django_checkout.services.creating import fail_unanswered_session
from django_checkout.services.credit_notes import acreate_credit_note, create_credit_note
from django_checkout.services.customers import (
    acancel_subscription,
    aportal_url,
    async_subscription,
    cancel_subscription,
    find_customer_id,
    find_customer_ids,
    portal_url,
    sync_subscription,
)
from django_checkout.services.documents import afind_document_url, find_document_url, find_documents
from django_checkout.services.links import pay_url, recovery_url, start_url
from django_checkout.services.next_actions import find_next_action
from django_checkout.services.notifications import deliver_again, deliver_pending, waive
from django_checkout.services.orders import find_order, get_order, lock
from django_checkout.services.placing import place
from django_checkout.services.refunds import arefund, aresume_refund, refund, resume_refund
from django_checkout.services.surplus import areturn_surplus, return_surplus
from django_checkout.services.syncing import (
    acapture,
    accept,
    aexpire,
    aexpire_surplus,
    async_sync,
    capture,
    expire,
    expire_surplus,
    sync,
)
from django_checkout.services.ui_modes import computes_shipping, default_ui_mode, ui_modes

__all__ = [
    "acancel",
    "acancel_subscription",
    "acapture",
    "accept",
    "achange_quantity",
    "achange_shipping",
    "acreate_credit_note",
    "aexpire",
    "aexpire_surplus",
    "afind_document_url",
    "aget_client_secret",
    "apay_another_way",
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
    "create_credit_note",
    "default_ui_mode",
    "deliver_again",
    "deliver_pending",
    "expire",
    "expire_surplus",
    "fail_unanswered_session",
    "find_customer_id",
    "find_customer_ids",
    "find_document_url",
    "find_documents",
    "find_next_action",
    "find_order",
    "get_client_secret",
    "get_order",
    "lock",
    "pay_another_way",
    "pay_url",
    "place",
    "portal_url",
    "record_consent",
    "recovery_url",
    "refund",
    "resume_refund",
    "return_surplus",
    "start",
    "start_url",
    "sync",
    "sync_subscription",
    "ui_modes",
    "waive",
]
