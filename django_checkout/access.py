"""Who may see and pay an order: the holder of a signed link, or its owner; the host may still refuse the paying."""

from __future__ import annotations

from django.http import HttpRequest

from django_checkout.adapters import get_adapter
from django_checkout.exceptions import OrderNotFoundError
from django_checkout.models import Order
from django_checkout.tokens import Purpose, read_token


def get_order(request: HttpRequest, token: str, purpose: Purpose) -> Order:
    """Return the order that a link is for, if this request has a right to it.

    An expired link still works for the order's owner, signed in.

    Raises:
        OrderNotFoundError: in every other case, so that nobody learns which orders there are.
    """
    pk, is_young = read_token(token, purpose)
    order = Order.objects.filter(pk=pk).first()
    if order is None:
        raise OrderNotFoundError("The order is gone.")
    user = getattr(request, "user", None)
    is_owner = order.user_id is not None and user is not None and user.is_authenticated and user.pk == order.user_id
    if not (is_young or is_owner):
        raise OrderNotFoundError("The link has expired.")
    if purpose == Purpose.PAY and not get_adapter().can_pay(request, order.source):
        raise OrderNotFoundError("The shop does not let this request see the order.")
    return order
