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
from django_checkout.webhooks.inbox import SETTLED

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
    limit: int | None = None,
    is_dry: bool = False,
    progress: Callable[[str, int], None] | None = None,
    now: datetime | None = None,
) -> Unowned:
    """Delete what belongs to no order and has not changed for ``min_age_days``, at least ``MIN_AGE``; return how much.

    The default age is CHECKOUT_EVENT_RETENTION_DAYS. At most ``limit`` payments and tickets are deleted; a payment
    takes its refunds and disputes with it. Each batch is its own transaction. With ``is_dry`` rows are only counted.
    """
    days = conf.CHECKOUT_EVENT_RETENTION_DAYS if min_age_days is None else min_age_days
    payments = _payments((now or timezone.now()) - max(timedelta(days=days), MIN_AGE))
    tickets = _tickets()
    if is_dry:
        return _count(payments, tickets, limit)
    deleted = Unowned()
    kinds: tuple[tuple[QuerySet[Any], Callable[..., Unowned]], ...] = (
        (payments, _delete_payments),
        (tickets, _delete_tickets),
    )
    for rows, delete in kinds:
        for some in _batches(rows, delete, _left(limit, deleted.payments)):
            deleted = Unowned(*(before + new for before, new in zip(deleted, some, strict=True)))
            if progress is not None:
                progress("rows of no order deleted", sum(deleted))
    return deleted


def _count(payments: QuerySet[Payment], tickets: QuerySet[ReadTicket], limit: int | None) -> Unowned:
    # MariaDB has no subquery with a limit.
    pks: Any = payments.order_by("pk").values("pk") if limit is None else _pks(payments, limit)
    refunds, disputes = (model.objects.filter(payment__in=pks).count() for model in (Refund, Dispute))
    number = payments.count() if limit is None else len(pks)
    return Unowned(number, refunds, disputes, tickets.order_by("pk")[: _left(limit, number)].count())


def _left(limit: int | None, number: int) -> int | None:
    return None if limit is None else limit - number


def _pks(rows: QuerySet[Any], limit: int) -> list[int]:
    return list(rows.order_by("pk").values_list("pk", flat=True)[:limit])


def _payments(before: datetime) -> QuerySet[Payment]:
    """Return the payments of no order that have not changed since, and whose refunds and disputes have not either.

    A payment that an event names which is still to be processed may get its order from it.
    """
    of_payment: dict[str, Any] = {"payment": OuterRef("pk")}
    unsettled = WebhookEvent.objects.exclude(state__in=SETTLED)
    return (
        Payment.objects.filter(order=None, updated_at__lt=before)
        .exclude(Exists(CheckoutSession.objects.filter(**of_payment)))
        .exclude(Exists(Order.objects.filter(kept_payment=OuterRef("pk"))))
        .exclude(Exists(Refund.objects.filter(**of_payment, updated_at__gte=before)))
        .exclude(Exists(Refund.objects.filter(**of_payment, is_ours=True)))
        .exclude(Exists(Dispute.objects.filter(**of_payment, updated_at__gte=before)))
        .exclude(Exists(unsettled.filter(payment_intent_id=OuterRef("stripe_id"))))
        .exclude(Exists(unsettled.filter(object_id=OuterRef("stripe_id"))))
    )


def _tickets() -> QuerySet[ReadTicket]:
    """Return the tickets of objects that have neither a row that can go back nor an event.

    No event is reading them, but ``sync`` or ``reconcile`` may be: such a read is stored nevertheless. If another one
    starts after the deletion, the first of the two that ends is stored, until the object is read again.
    """
    same = {"stripe_id": OuterRef("stripe_id")}
    return (
        ReadTicket.objects.exclude(Exists(Dispute.objects.filter(**same)))
        .exclude(Exists(Subscription.objects.filter(**same)))
        .exclude(Exists(WebhookEvent.objects.filter(object_id=OuterRef("stripe_id"))))
    )


def _batches(
    rows: QuerySet[Any], delete: Callable[[QuerySet[Any], list[int]], Unowned], limit: int | None
) -> Iterator[Unowned]:
    """Delete at most so many rows in batches, in the order of their primary keys; without a limit, all."""
    after, left = 0, limit
    while pks := _pks(rows.filter(pk__gt=after), BATCH if left is None else min(BATCH, left)):
        after, left = pks[-1], _left(left, len(pks))

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
