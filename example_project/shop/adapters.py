"""What django_checkout asks this shop. This file and receivers.py are the whole integration."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse

from django_checkout.adapters import CheckoutAdapter
from django_checkout.money import to_minor
from django_checkout.values import LineData, OrderData
from example_project.shop.models import Order


class ShopAdapter(CheckoutAdapter):
    """The shop's orders, in django_checkout's words."""

    def describe(self, order: Order) -> OrderData:
        """Say what is to be paid."""
        return OrderData(
            reference=order.number,
            currency=order.currency,
            lines=tuple(
                LineData(
                    name=line.name,
                    unit_amount_minor=to_minor(line.unit_price, order.currency),
                    quantity=line.quantity,
                    sku=line.product.slug if line.product else "",
                )
                for line in order.lines.select_related("product")
            ),
            user=order.user,
            email=order.email,
        )

    def can_pay(self, request: HttpRequest, order: Order) -> bool:
        """Ask nothing more of whoever holds the signed link or owns the order: gifts may be paid by the giver."""
        return True

    def return_url(self, order: Order) -> str:
        return order.get_absolute_url()

    def cancel_url(self, order: Order) -> str:
        return f"{reverse('shop:pay', args=[order.number])}?back"
