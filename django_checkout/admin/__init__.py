"""The merchant's admin: pages that show the rows and link them to Stripe, and operations that call services.

Django's admin imports this package; nothing else of the app may, apart from the template tags of the dashboard. It
contains no rules about payments.
"""

from __future__ import annotations

from django_checkout.admin.attention import AttentionItemAdmin
from django_checkout.admin.customers import CustomerAdmin, SubscriptionAdmin
from django_checkout.admin.discrepancies import DiscrepancyAdmin
from django_checkout.admin.events import WebhookEventAdmin
from django_checkout.admin.notifications import AnnouncementAdmin
from django_checkout.admin.orders import OrderAdmin
from django_checkout.admin.payments import DisputeAdmin, PaymentAdmin, RefundAdmin
from django_checkout.admin.payouts import PayoutAdmin
from django_checkout.admin.reconciliation_runs import ReconciliationRunAdmin
from django_checkout.admin.sessions import CheckoutSessionAdmin

__all__ = [
    "AnnouncementAdmin",
    "AttentionItemAdmin",
    "CheckoutSessionAdmin",
    "CustomerAdmin",
    "DiscrepancyAdmin",
    "DisputeAdmin",
    "OrderAdmin",
    "PaymentAdmin",
    "PayoutAdmin",
    "ReconciliationRunAdmin",
    "RefundAdmin",
    "SubscriptionAdmin",
    "WebhookEventAdmin",
]
