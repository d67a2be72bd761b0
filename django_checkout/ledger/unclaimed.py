"""Finds rows that belong to no order: facts that came before their order, or of other systems on the account.

Which of the two they are is known only once a session of ours names the payment, so they are kept for a while.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from django_checkout.models import CheckoutSession, Dispute, Order, Payment, ReadTicket, Refund, Subscription


def unclaimed_payments(before: datetime) -> QuerySet[Payment]:
    """Return the payments of no order that have not changed since a time, nor have their refunds and disputes.

    To delete one, lock its row and check it again: a session may claim it meanwhile. Its refunds and disputes go first.
    """
    rows = Payment.objects.filter(order=None, updated_at__lt=before)
    for model in (Refund, Dispute):
        rows = rows.exclude(Exists(model.objects.filter(payment=OuterRef("pk"), updated_at__gte=before)))
    for named in (
        CheckoutSession.objects.filter(payment=OuterRef("pk")),
        Order.objects.filter(kept_payment=OuterRef("pk")),
    ):
        rows = rows.exclude(Exists(named))
    return rows.order_by("pk")


def unneeded_tickets() -> QuerySet[ReadTicket]:
    """Return the numbers of reads whose object is not stored; a read of it may be in progress."""
    rows = ReadTicket.objects.order_by("pk")
    for model in (Dispute, Subscription):
        rows = rows.exclude(Exists(model.objects.filter(stripe_id=OuterRef("stripe_id"))))
    return rows
