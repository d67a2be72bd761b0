"""The merchant's admin: facts to read, linked with each other and with Stripe; buttons that call services."""

from __future__ import annotations

from django_checkout.admin.customers import CustomerAdmin, SubscriptionAdmin
from django_checkout.admin.discrepancies import DiscrepancyAdmin
from django_checkout.admin.events import WebhookEventAdmin
from django_checkout.admin.news import AnnouncementAdmin, AttentionItemAdmin
from django_checkout.admin.orders import OrderAdmin
from django_checkout.admin.payments import DisputeAdmin, PaymentAdmin, RefundAdmin
from django_checkout.admin.payouts import PayoutAdmin, ReconciliationRunAdmin
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
