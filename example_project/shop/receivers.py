"""How the shop hears of its payments.

Every receiver runs in django_checkout's transaction, writes the shop's own row and nothing else, and leaves what is not
in the database, here the mail, to `on_commit`: so row and announcement are committed together, and a receiver that
failed may simply run again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from django_checkout import signals
from example_project.shop import mail
from example_project.shop.models import Order

State = Order.State


def _on(signal: Signal) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Connect a receiver to news of this shop's orders; a site may sell other things as well."""

    def connect(hear: Callable[..., None]) -> Callable[..., None]:
        @wraps(hear)
        def hear_of_ours(source: Any, **kwargs: Any) -> None:
            if isinstance(source, Order):
                hear(source=source, **kwargs)

        signal.connect(hear_of_ours, weak=False)
        return hear_of_ours

    return connect


def _locked(source: Order) -> Order:
    """Return the shop's row as it is now, locked; django_checkout's own order, whose lock comes first, is already."""
    return Order.objects.select_for_update().get(pk=source.pk)


def _move(order: Order, state: str, *fields: str) -> None:
    order.state = state
    order.save(update_fields=["state", *fields])


@_on(signals.order_pending)
def on_order_pending(source: Order, **kwargs: Any) -> None:
    """A bank transfer or the like is on its way."""
    order = _locked(source)
    if order.state == State.NEW:
        _move(order, State.PROCESSING)


@_on(signals.order_payment_failed)
def on_order_payment_failed(source: Order, **kwargs: Any) -> None:
    """It did not arrive; the buyer may pay in another way."""
    order = _locked(source)
    if order.state == State.PROCESSING:
        _move(order, State.NEW)


@_on(signals.order_paid)
def on_order_paid(source: Order, **kwargs: Any) -> None:
    """Mark the order paid and send the confirmation."""
    order = _locked(source)
    if order.state in {State.NEW, State.PROCESSING}:
        order.paid_at = timezone.now()
        _move(order, State.PAID, "paid_at")
        transaction.on_commit(partial(mail.send_confirmation, order), robust=True)


@_on(signals.order_refunded)
def on_order_refunded(order: Any, source: Order, amount_minor: int, **kwargs: Any) -> None:
    """Mark the order refunded, in part or whole, and say so."""
    shop_order = _locked(source)
    _move(shop_order, State.REFUNDED if order.refunded_minor >= order.paid_minor else State.PARTLY_REFUNDED)
    transaction.on_commit(partial(mail.send_refund_notice, shop_order, amount_minor), robust=True)


@_on(signals.order_canceled)
def on_order_canceled(source: Order, **kwargs: Any) -> None:
    """Take the order off the bench."""
    order = _locked(source)
    if order.state in {State.NEW, State.PROCESSING}:
        _move(order, State.CANCELED)
