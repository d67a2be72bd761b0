"""Who may see and pay an order: the holder of a signed link, or its owner; the host may still refuse the paying."""

from __future__ import annotations

from collections.abc import Sequence

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
    if not (is_young or is_owner(request, order)):
        raise OrderNotFoundError("The link has expired.")
    if purpose == Purpose.PAY and order.source_type_id is not None and order.source is None:
        raise OrderNotFoundError("The shop has deleted the order.")
    if purpose == Purpose.PAY and not get_adapter().can_pay(request, order.source):
        raise OrderNotFoundError("The shop does not let this request see the order.")
    return order


def get_order_by_reference(
    request: HttpRequest, reference: str, *, token: str, purposes: Sequence[Purpose], asks_host: bool
) -> Order:
    """Return an order by its number, if this request has a right to it: a token for one of ``purposes``, or its owner.

    ``asks_host`` asks the adapter as well, as the pay page does. One query, and what the adapter does.

    Raises:
        OrderNotFoundError: in every other case, so that nobody learns which orders there are.
    """
    order = Order.objects.filter(reference=reference).first()
    if order is None:
        raise OrderNotFoundError("There is no such order.")
    if not (is_owner(request, order) or _is_bearer(order, token, purposes)):
        raise OrderNotFoundError("The order is somebody else's.")
    if asks_host and not get_adapter().can_pay(request, order.source):
        raise OrderNotFoundError("The shop does not let this request see the order.")
    return order


def is_owner(request: HttpRequest, order: Order) -> bool:
    """Whether the request is of the order's user, signed in."""
    user = getattr(request, "user", None)
    return order.user_id is not None and user is not None and user.is_authenticated and user.pk == order.user_id


def _is_bearer(order: Order, token: str, purposes: Sequence[Purpose]) -> bool:
    for purpose in purposes if token else ():
        try:
            pk, is_young = read_token(token, purpose)
        except OrderNotFoundError:
            continue
        return pk == order.pk and is_young
    return False
