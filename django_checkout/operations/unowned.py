"""Deletes payments, refunds and disputes that belong to no order, and read tickets that nothing needs any more.

Other systems on the account cause such rows, and so do facts that arrive before their session's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from django_checkout.conf import conf
from django_checkout.models import (
    CheckoutSession,
    Dispute,
    Order,
    Payment,
    ReadTicket,
    Refund,
    Subscription,
    WebhookEvent,
    database,
)

#: A fact waits at least so long for its order: a session lives for a day and can be recovered for 30 days, and Stripe
#: repeats a delivery for three: https://docs.stripe.com/payments/checkout/abandoned-carts.
MIN_AGE = timedelta(days=35)
BATCH = 500


class Unowned(NamedTuple):
    """How many rows of each kind were deleted, or would be."""

    payments: int = 0
    refunds: int = 0
    disputes: int = 0
    tickets: int = 0


def prune(
    *,
    min_age_days: int | None = None,
    is_dry: bool = False,
    progress: Callable[[str, int], None] | None = None,
    now: datetime | None = None,
) -> Unowned:
    """Delete what belongs to no order and has not changed for ``min_age_days``, at least ``MIN_AGE``; return how much.

    The default age is CHECKOUT_EVENT_RETENTION_DAYS. Each batch is its own transaction. With ``is_dry`` rows are only
    counted.
    """
    days = conf.CHECKOUT_EVENT_RETENTION_DAYS if min_age_days is None else min_age_days
    payments = _payments((now or timezone.now()) - max(timedelta(days=days), MIN_AGE))
    tickets = _tickets()
    if is_dry:
        of_payments = {"payment__in": payments.order_by().values("pk")}
        refunds, disputes = (model.objects.filter(**of_payments).count() for model in (Refund, Dispute))
        return Unowned(payments.count(), refunds, disputes, tickets.count())
    deleted = Unowned()
    for some in (*_batches(payments, _delete_payments), *_batches(tickets, _delete_tickets)):
        deleted = Unowned(*(before + new for before, new in zip(deleted, some, strict=True)))
        if progress is not None:
            progress("rows of no order deleted", sum(deleted))
    return deleted


def _payments(before: datetime) -> QuerySet[Payment]:
    """Return the payments of no order that have not changed since, and whose refunds and disputes have not either."""
    of_payment: dict[str, Any] = {"payment": OuterRef("pk")}
    return (
        Payment.objects.filter(order=None, updated_at__lt=before)
        .exclude(Exists(CheckoutSession.objects.filter(**of_payment)))
        .exclude(Exists(Order.objects.filter(kept_payment=OuterRef("pk"))))
        .exclude(Exists(Refund.objects.filter(**of_payment, updated_at__gte=before)))
        .exclude(Exists(Refund.objects.filter(**of_payment, is_ours=True)))
        .exclude(Exists(Dispute.objects.filter(**of_payment, updated_at__gte=before)))
    )


def _tickets() -> QuerySet[ReadTicket]:
    """Return the tickets of objects without a row that can go back, and without an event: no read is in progress."""
    same = {"stripe_id": OuterRef("stripe_id")}
    return (
        ReadTicket.objects.exclude(Exists(Dispute.objects.filter(**same)))
        .exclude(Exists(Subscription.objects.filter(**same)))
        .exclude(Exists(WebhookEvent.objects.filter(object_id=OuterRef("stripe_id"))))
    )


def _batches(rows: QuerySet[Any], delete: Callable[[QuerySet[Any], list[int]], Unowned]) -> Iterator[Unowned]:
    """Delete rows in batches, in the order of their primary keys."""
    after = 0
    while pks := list(rows.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        after = pks[-1]

        def work(pks: list[int] = pks) -> Unowned:
            return delete(rows, pks)

        yield database.in_transaction(work)


def _delete_payments(rows: QuerySet[Payment], pks: list[int]) -> Unowned:
    """Lock the payments, which no fact can then join, and delete those that are still nobody's."""
    list(Payment.objects.select_for_update().filter(pk__in=pks).order_by("pk").values_list("pk"))
    # Read again after the wait for the locks.
    left = list(rows.filter(pk__in=pks).values_list("pk", flat=True))
    refunds, disputes = (model.objects.filter(payment__in=left).delete()[0] for model in (Refund, Dispute))
    payments, _ = Payment.objects.filter(pk__in=left).delete()
    return Unowned(payments=payments, refunds=refunds, disputes=disputes)


def _delete_tickets(rows: QuerySet[ReadTicket], pks: list[int]) -> Unowned:
    list(ReadTicket.objects.select_for_update().filter(pk__in=pks).order_by("pk").values_list("pk"))
    left = list(rows.filter(pk__in=pks).values_list("pk", flat=True))
    return Unowned(tickets=ReadTicket.objects.filter(pk__in=left).delete()[0])
