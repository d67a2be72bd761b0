"""What a shopper can do about an order now: pay, pay in another way, or cancel it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from django_checkout.access.orders import is_offered, may_cancel
from django_checkout.models import Order
from django_checkout.services.next_actions import find_next_action
from django_checkout.states import OrderStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopperActions:
    """Paths to what is possible now; "" for what is not."""

    pay_url: str = ""
    #: Gives up a voucher or a bank transfer that has not been paid, after a question.
    another_way_url: str = ""
    #: Cancels the order, after a question.
    cancel_url: str = ""


def find_actions(request: HttpRequest | None, order: Order, token: str, *, subject: Any = None) -> ShopperActions:
    """Return what the holder of a ``PAY`` token can do; pass the host's row as ``subject`` to save the query for it."""
    is_waiting = is_replaceable(order)
    is_unpaid = order.status == OrderStatus.UNPAID and order.erased_at is None
    if not token or not (is_unpaid or is_waiting) or not is_offered(request, order, subject):
        return ShopperActions()
    is_cancelable = request is None or may_cancel(request, order, subject)
    return ShopperActions(
        pay_url=reverse("django_checkout:pay", args=[token]) if is_unpaid else "",
        another_way_url=reverse("django_checkout:another-way", args=[token]) if is_waiting else "",
        cancel_url=reverse("django_checkout:cancel", args=[token]) if is_cancelable else "",
    )


def is_replaceable(order: Order) -> bool:
    """Whether the shopper may give up the payment in progress: Stripe cancels it, and nothing was paid yet."""
    action = find_next_action(order) if order.status == OrderStatus.PENDING else None
    return action is not None and action.is_replaceable
