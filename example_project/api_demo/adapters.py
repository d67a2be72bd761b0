"""The adapter of the shop with the JSON API: who may place which orders."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import get_language_from_request, gettext

from django_checkout.exceptions import OutOfStockError
from django_checkout.values import OrderData
from example_project.shop.access import can_see, remember_order
from example_project.shop.adapters import ShopAdapter
from example_project.shop.models import Order, OrderLine, Product
from example_project.shop.prices import currency_of, price_in


class ApiShopAdapter(ShopAdapter):
    """Accepts orders of available products, at the shop's prices."""

    def find_own_order(self, request: HttpRequest, reference: str) -> Order | None:
        order = Order.objects.filter(number=reference).first()
        return order if order is not None and can_see(request, order) else None

    def take_order(self, request: HttpRequest, content: OrderData) -> Order | None:
        slugs = [line.sku for line in content.lines]
        products = Product.objects.filter(slug__in=slugs, is_available=True).in_bulk(field_name="slug")
        is_recurring = any(product.interval for product in products.values())
        if len(products) != len(slugs) or (is_recurring and content.user is None):
            return None
        for line in content.lines:
            if line.quantity > products[line.sku].maximum_quantity:
                raise OutOfStockError(
                    gettext("Not enough of “%(name)s” is in stock.") % {"name": products[line.sku].name}
                )
        with transaction.atomic():
            order = Order.objects.create(
                user=content.user,
                email=content.email,
                currency=currency_of(request),
                language=get_language_from_request(request),
            )
            OrderLine.objects.bulk_create(_line(order, products[line.sku], line.quantity) for line in content.lines)
        remember_order(request, order)
        return order


def _line(order: Order, product: Product, quantity: int) -> OrderLine:
    price = price_in(order.currency, product.price)
    fields: dict[str, Any] = {"name": product.name, "unit_price": price, "interval": product.interval}
    return OrderLine(order=order, product=product, quantity=quantity, **fields)
