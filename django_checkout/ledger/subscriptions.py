"""Stores subscriptions as read from Stripe, announces their invoices, and stores each user's Customers."""

from __future__ import annotations

from django.db import IntegrityError

from django_checkout.exceptions import OrderNotFoundError
from django_checkout.ledger.locks import LockedOrder, lock_order
from django_checkout.ledger.tickets import use_ticket
from django_checkout.models import Announcement, CheckoutSession, Customer, Order, Subscription, database
from django_checkout.models.customers import ENDED_SUBSCRIPTION_STATUSES
from django_checkout.values import InvoiceFact, Ownership, SubscriptionFact

#: The ``billing_reason`` of an invoice for a further period.
RENEWAL = "subscription_cycle"
RENEWED = "subscription_renewed"
_COLUMNS = ("customer_id", "status", "is_canceled_at_period_end", "current_period_end", "ended_at")


def lock_order_of_subscription(subscription_id: str, owner: Ownership) -> LockedOrder | None:
    """Lock the order that started a subscription; None if it is not ours.

    Proof is a row of ours with the subscription's id or, while the order's session has no subscription yet, that
    session's UUID in the metadata.
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
    """Store a subscription's latest state, unless a later read was stored."""
    if not use_ticket(fact.stripe_id, fact.ticket):
        return
    known = Subscription.objects.filter(stripe_id=fact.stripe_id).first()
    had_ended = known is not None and not known.is_active
    values = {name: getattr(fact, name) for name in _COLUMNS} | {"livemode": bool(fact.ownership.livemode)}
    subscription, _ = Subscription.objects.update_or_create(
        stripe_id=fact.stripe_id, defaults=values, create_defaults={"order": locked.order, **values}
    )
    if fact.status in ENDED_SUBSCRIPTION_STATUSES and not had_ended:
        locked.to_announce.append(
            Announcement(
                signal="subscription_canceled", fact=fact.stripe_id, subscription=subscription, reason=fact.status
            )
        )


def invoice_signal(fact: InvoiceFact) -> str | None:
    """Return the signal for an invoice: a further period was paid, or an invoice could not be paid; None for others.

    The first invoice belongs to the Checkout Session. An invoice for a changed plan, for usage or made by hand starts
    no period: https://docs.stripe.com/api/invoices/object#invoice_object-billing_reason.
    """
    if fact.billing_reason == "subscription_create":
        return None
    if fact.status == "paid":
        return RENEWED if fact.billing_reason == RENEWAL else None
    return "subscription_payment_failed" if fact.has_payment_failed else None


def join_invoice(locked: LockedOrder, fact: InvoiceFact) -> None:
    """Announce a paid renewal, or a later invoice that could not be paid."""
    signal = invoice_signal(fact)
    was_renewed = locked.order.announcements.filter(signal=RENEWED, fact=fact.stripe_id)
    if signal is None or (signal != RENEWED and was_renewed.exists()):
        return
    locked.to_announce.append(
        Announcement(
            signal=signal,
            fact=fact.stripe_id,
            subscription=_get_subscription(locked.order, fact),
            amount_minor=fact.amount_paid_minor if signal == RENEWED else fact.amount_due_minor,
            reason=fact.billing_reason,
        )
    )


def keep_customer(order: Order, *, customer_id: str, livemode: bool) -> None:
    """Store the Customer at Stripe of an order's user."""
    if order.user_id is None or not customer_id or Customer.objects.filter(stripe_id=customer_id).exists():
        return
    try:
        with database.atomic():
            Customer.objects.create(user_id=order.user_id, livemode=livemode, stripe_id=customer_id)
    except IntegrityError:
        # Another transaction has inserted it.
        return


def forget_customer(customer_id: str) -> bool:
    """Delete the row of a Customer that was deleted at Stripe; return whether there was one."""
    return bool(Customer.objects.filter(stripe_id=customer_id).delete()[0])


def _get_subscription(order: Order, fact: InvoiceFact) -> Subscription:
    """Return the subscription of an invoice; it is inserted without a status if it was not read yet."""
    defaults = {"order": order, "livemode": bool(fact.ownership.livemode)}
    subscription, _ = Subscription.objects.get_or_create(stripe_id=fact.subscription_id, defaults=defaults)
    return subscription
