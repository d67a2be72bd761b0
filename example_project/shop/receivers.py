"""The receivers of django_checkout's signals.

Every receiver runs in django_checkout's transaction and writes only the shop's own rows. Mails are sent by `on_commit`.
So the row and the delivery of the signal commit together, and a receiver that failed can simply run again.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Case, F, When
from django.dispatch import receiver
from django.utils import timezone

from django_checkout import services, signals
from django_checkout.exceptions import OrderNotPayableError
from django_checkout.values import NextAction
from example_project.shop import mail
from example_project.shop.models import Order, Product, Subscription

State = Order.State


def _find_locked(source: object) -> Order | None:
    """Return the current row of the shop, locked, or None if it is not an order of this shop or was deleted.

    django_checkout has already locked its own order, which must be locked first.
    """
    if not isinstance(source, Order):
        return None
    return Order.objects.select_for_update().filter(pk=source.pk).first()


def _move(order: Order, state: str, *fields: str) -> None:
    order.state = state
    order.save(update_fields=["state", *fields])


def _take_from_stock(order: Order) -> None:
    """Reduce the stock, to zero at most: if two shoppers paid for the last one, the studio writes to one of them."""
    for line in order.lines.filter(product__stock__isnull=False).select_related("product").order_by("product_id"):
        if line.product is not None:
            left = Case(When(stock__gt=line.quantity, then=F("stock") - line.quantity), default=0)
            Product.objects.filter(pk=line.product.pk).update(stock=left)


@receiver(signals.order_pending)
def on_order_pending(source: object, next_action: NextAction | None = None, **kwargs: Any) -> None:
    """A payment with a delayed method, such as a bank transfer, has started; write to the shopper how to pay."""
    order = _find_locked(source)
    if order and order.state == State.NEW:
        _move(order, State.PROCESSING)
        if next_action is not None:
            transaction.on_commit(partial(mail.send_instructions, order, next_action), robust=True)


@receiver(signals.voucher_expires_soon)
def on_voucher_expires_soon(source: object, next_action: NextAction | None = None, **kwargs: Any) -> None:
    """Remind the shopper of a voucher that is not paid."""
    order = _find_locked(source)
    if order and order.state == State.PROCESSING and next_action is not None:
        transaction.on_commit(partial(mail.send_instructions, order, next_action, is_reminder=True), robust=True)


@receiver(signals.order_payment_failed)
def on_order_payment_failed(source: object, **kwargs: Any) -> None:
    """The delayed payment failed. The shopper can pay again."""
    order = _find_locked(source)
    if order and order.state == State.PROCESSING:
        _move(order, State.NEW)


@receiver(signals.order_paid)
def on_order_paid(source: object, **kwargs: Any) -> None:
    """Mark the order as paid and send the confirmation."""
    order = _find_locked(source)
    if order and order.state in {State.NEW, State.PROCESSING}:
        order.paid_at = timezone.now()
        _move(order, State.PAID, "paid_at")
        _take_from_stock(order)
        if order.is_recurring:
            Subscription.objects.get_or_create(order=order)
        transaction.on_commit(partial(mail.send_confirmation, order), robust=True)


@receiver(signals.order_refunded)
def on_order_refunded(order: Any, source: object, amount_minor: int, **kwargs: Any) -> None:
    """Mark the order as refunded, in full or in part, and notify the shopper."""
    shop_order = _find_locked(source)
    if shop_order:
        _move(shop_order, State.REFUNDED if order.refunded_minor >= order.paid_minor else State.PARTLY_REFUNDED)
        transaction.on_commit(partial(mail.send_refund_notice, shop_order, amount_minor), robust=True)


@receiver(signals.refund_failed)
def on_refund_failed(order: Any, source: object, **kwargs: Any) -> None:
    """A refund failed: the order is paid again, in full or in part."""
    shop_order = _find_locked(source)
    if shop_order and shop_order.state in {State.REFUNDED, State.PARTLY_REFUNDED}:
        _move(shop_order, State.PARTLY_REFUNDED if order.refunded_minor else State.PAID)


@receiver(signals.session_expired)
def on_session_expired(order: Any, source: object, session: Any, **kwargs: Any) -> None:
    """Remind the shopper who left the payment page. One whose session ended early is paying anew, or canceled."""
    shop_order = _find_locked(source)
    if shop_order and shop_order.state == State.NEW and session.expires_at <= timezone.now():
        with suppress(OrderNotPayableError):
            link = services.recovery_url(order)
            transaction.on_commit(partial(mail.send_reminder, shop_order, link), robust=True)


@receiver(signals.order_canceled)
def on_order_canceled(source: object, **kwargs: Any) -> None:
    """Cancel the order."""
    order = _find_locked(source)
    if order and order.state in {State.NEW, State.PROCESSING}:
        _move(order, State.CANCELED)


@receiver(signals.subscription_renewed)
def on_subscription_renewed(source: object, **kwargs: Any) -> None:
    """Count a renewal. django_checkout sends the signal once per invoice."""
    subscription = _find_subscription(source)
    if subscription:
        subscription.renewals += 1
        subscription.renewed_at = timezone.now()
        if subscription.state == Subscription.State.PAST_DUE:
            subscription.state = Subscription.State.ACTIVE
        subscription.save(update_fields=["renewals", "renewed_at", "state"])


@receiver(signals.subscription_payment_failed)
def on_subscription_payment_failed(source: object, **kwargs: Any) -> None:
    """A renewal could not be charged. Stripe retries; nothing is sent until then."""
    subscription = _find_subscription(source)
    if subscription and subscription.state == Subscription.State.ACTIVE:
        subscription.state = Subscription.State.PAST_DUE
        subscription.save(update_fields=["state"])


@receiver(signals.subscription_canceled)
def on_subscription_canceled(source: object, **kwargs: Any) -> None:
    """The subscription has ended."""
    subscription = _find_subscription(source)
    if subscription and subscription.state != Subscription.State.ENDED:
        subscription.state = Subscription.State.ENDED
        subscription.ended_at = timezone.now()
        subscription.save(update_fields=["state", "ended_at"])


def _find_subscription(source: object) -> Subscription | None:
    """Return the subscription of an order, or None. Create it if this signal arrives before `order_paid`."""
    order = _find_locked(source)
    if order is None or not order.is_recurring:
        return None
    subscription, _ = Subscription.objects.get_or_create(order=order)
    return subscription
