"""Places an order from the cart: saves the shop's rows and places them with django_checkout."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import get_language_from_request

from django_checkout import services
from django_checkout.exceptions import OrderChangedError
from django_checkout.models import Order as Payable
from example_project.shop.access import remember_order
from example_project.shop.cart import Cart
from example_project.shop.models import Order, OrderLine


def place_order(request: HttpRequest, cart: Cart, order: Order) -> Order:
    """Save `order` with the cart's lines, place it with django_checkout, and let this browser see it.

    If the shopper comes back from the payment page, the unpaid order is updated. If its payment has started meanwhile,
    it is left unchanged and the cart becomes another order.
    """
    if request.user.is_authenticated:
        order.user = request.user
    # Not the active language: the shop's pages are English.
    order.language = get_language_from_request(request)
    try:
        placed = _place(cart, order)
    except OrderChangedError:
        known = {name: getattr(order, name) for name in ("user", "name", "email", "note", "is_picked_up", "language")}
        placed = _place(cart, Order(**known))
    cart.bind(placed)
    remember_order(request, placed)
    return placed


def _place(cart: Cart, order: Order) -> Order:
    order.currency = cart.currency
    # A parcel of a subscription, whose price includes shipping.
    order.is_picked_up = order.is_picked_up and not cart.is_recurring
    with transaction.atomic():
        payable = services.find_order(order) if order.pk else None
        if payable is not None:
            # Lock django_checkout's row before the shop's, in the same order as the receivers.
            Payable.objects.select_for_update().get(pk=payable.pk)
        order.save()
        order.lines.all().delete()
        OrderLine.objects.bulk_create(
            OrderLine(
                order=order,
                product=line.product,
                name=line.product.name,
                unit_price=line.unit_price,
                quantity=line.quantity,
                interval=line.product.interval,
            )
            for line in cart
        )
        services.place(order)
    return order
