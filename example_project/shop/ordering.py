"""From cart to order: the shop's own rows, and the hand-over to django_checkout."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest

from django_checkout import services
from example_project.shop.access import remember_order
from example_project.shop.cart import Cart
from example_project.shop.models import CURRENCY, Order, OrderLine


def place_order(request: HttpRequest, cart: Cart, order: Order) -> Order:
    """Save `order` with the cart's lines, tell django_checkout what is to be paid, and let this browser see it.

    An order that went to the payment page and came back unpaid is changed, not doubled: `services.place` makes a new
    revision of it.
    """
    if request.user.is_authenticated:
        order.user = request.user
    order.currency = CURRENCY
    with transaction.atomic():
        order.save()
        order.lines.all().delete()
        OrderLine.objects.bulk_create(
            OrderLine(
                order=order,
                product=line.product,
                name=line.product.name,
                unit_price=line.product.price,
                quantity=line.quantity,
            )
            for line in cart
        )
        services.place(order)
    cart.bind(order)
    remember_order(request, order)
    return order
