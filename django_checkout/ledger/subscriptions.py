"""Writes what a read from Stripe said of a subscription, notes its invoices, and keeps each user's Customer."""

from __future__ import annotations

from django.db import IntegrityError

from django_checkout import database
from django_checkout.exceptions import OrderNotFoundError
from django_checkout.ledger.locks import LockedOrder, lock_order
from django_checkout.ledger.news import News
from django_checkout.ledger.tickets import use_ticket
from django_checkout.models import CheckoutSession, Customer, Order, Subscription
from django_checkout.models.customers import ENDED_SUBSCRIPTION_STATUSES
from django_checkout.values import InvoiceFact, Ownership, SubscriptionFact

#: The ``billing_reason`` of an invoice for another period.
RENEWAL = "subscription_cycle"
RENEWED = "subscription_renewed"


def lock_order_of_subscription(subscription_id: str, owner: Ownership) -> LockedOrder | None:
    """Lock the order that started a subscription; None if it is not ours.

    Proof is a row of ours with the subscription's id, or, until that session has named its subscription, the UUID of
    one of the order's sessions in the metadata.
    """
    for rows in (
        Subscription.objects.filter(stripe_id=subscription_id),
        CheckoutSession.objects.filter(subscription_id=subscription_id),
    ):
        order_pk = rows.values_list("order_id", flat=True).first()
        if order_pk is not None:
            return lock_order(pk=order_pk)
    if not (owner.reference and owner.session_uuid):
        return None
    try:
        locked = lock_order(reference=owner.reference)
    except OrderNotFoundError:
        return None
    session = locked.find_session(owner)
    return None if session is None or session.mode != "subscription" or session.subscription_id else locked


def join_subscription(locked: LockedOrder, fact: SubscriptionFact) -> None:
    """Write a subscription's latest state, unless a later read has been written."""
    if not use_ticket(fact.stripe_id, fact.ticket):
        return
    known = Subscription.objects.filter(stripe_id=fact.stripe_id).first()
    had_ended = known is not None and not known.is_active
    said = {
        "customer_id": fact.customer_id,
        "livemode": bool(fact.ownership.livemode),
        "status": fact.status,
        "is_canceled_at_period_end": fact.is_canceled_at_period_end,
        "current_period_end": fact.current_period_end,
        "ended_at": fact.ended_at,
    }
    subscription, _ = Subscription.objects.update_or_create(
        stripe_id=fact.stripe_id, defaults=said, create_defaults={"order": locked.order, **said}
    )
    if fact.status in ENDED_SUBSCRIPTION_STATUSES and not had_ended:
        locked.news.append(
            News(signal="subscription_canceled", fact=fact.stripe_id, subscription=subscription, reason=fact.status)
        )


def invoice_signal(fact: InvoiceFact) -> str | None:
    """Return what an invoice is announced as: another period that was paid, or a later invoice that could not be.

    The first invoice is the Checkout Session's. An invoice for a changed plan, for usage or made by hand starts no
    period: https://docs.stripe.com/api/invoices/object#invoice_object-billing_reason.
    """
    if fact.billing_reason == "subscription_create":
        return None
    if fact.status == "paid":
        return RENEWED if fact.billing_reason == RENEWAL else None
    return "subscription_payment_failed" if fact.has_payment_failed else None


def join_invoice(locked: LockedOrder, fact: InvoiceFact) -> None:
    """Note a renewal that was paid, or a later invoice that could not be."""
    signal = invoice_signal(fact)
    if signal is None or (signal != RENEWED and _is_renewed(locked.order, fact.stripe_id)):
        return
    locked.news.append(
        News(
            signal=signal,
            fact=fact.stripe_id,
            subscription=_get_subscription(locked.order, fact),
            amount_minor=fact.amount_paid_minor if signal == RENEWED else fact.amount_due_minor,
            reason=fact.billing_reason,
        )
    )


def keep_customer(order: Order, *, customer_id: str, livemode: bool) -> None:
    """Remember a Customer that an order's user is at Stripe."""
    if order.user_id is None or not customer_id or Customer.objects.filter(stripe_id=customer_id).exists():
        return
    try:
        with database.atomic():
            Customer.objects.create(user_id=order.user_id, livemode=livemode, stripe_id=customer_id)
    except IntegrityError:
        # Another transaction was faster.
        return


def forget_customer(customer_id: str) -> bool:
    """Forget a Customer that was deleted at Stripe; return whether we knew it."""
    return bool(Customer.objects.filter(stripe_id=customer_id).delete()[0])


def _get_subscription(order: Order, fact: InvoiceFact) -> Subscription:
    """Return the subscription of an invoice, without a status where it has not been read yet."""
    first_said = {"order": order, "livemode": bool(fact.ownership.livemode)}
    subscription, _ = Subscription.objects.get_or_create(stripe_id=fact.subscription_id, defaults=first_said)
    return subscription


def _is_renewed(order: Order, invoice_id: str) -> bool:
    return order.announcements.filter(signal=RENEWED, fact=invoice_id).exists()
