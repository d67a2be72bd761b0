"""The tables. Facts and states are written by ``ledger`` and ``inbox`` alone, under lock; everything else reads."""

from __future__ import annotations

from django_checkout.models.api import IdempotentAnswer
from django_checkout.models.customers import Customer, Subscription
from django_checkout.models.events import ReadTicket, WebhookEvent
from django_checkout.models.news import Announcement, AttentionItem, Discrepancy
from django_checkout.models.orders import Order, OrderLine
from django_checkout.models.payments import Dispute, Payment, Refund
from django_checkout.models.payouts import BalanceTransaction, Payout, ReconciliationRun
from django_checkout.models.sessions import CheckoutSession

__all__ = [
    "Announcement",
    "AttentionItem",
    "BalanceTransaction",
    "CheckoutSession",
    "Customer",
    "Discrepancy",
    "Dispute",
    "IdempotentAnswer",
    "Order",
    "OrderLine",
    "Payment",
    "Payout",
    "ReadTicket",
    "ReconciliationRun",
    "Refund",
    "Subscription",
    "WebhookEvent",
]
