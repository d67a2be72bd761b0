"""The tables. Only ``ledger`` writes payment state and only ``webhooks.inbox`` the state of events, under lock.

Hosts import the models from here; the modules of this package are for the app itself. It knows the settings and the
states, and neither Stripe nor what is done with the rows.
"""

from __future__ import annotations

from django_checkout.models.announcements import Announcement
from django_checkout.models.api import IdempotentAnswer
from django_checkout.models.attention import AttentionItem
from django_checkout.models.customers import Customer, Subscription
from django_checkout.models.events import ReadTicket, WebhookEvent
from django_checkout.models.observations import Observation
from django_checkout.models.orders import Order, OrderLine
from django_checkout.models.payments import Dispute, Payment, Refund
from django_checkout.models.payouts import BalanceTransaction, Payout
from django_checkout.models.reconciliation import Discrepancy, ReconciliationRun
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
    "Observation",
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
