from __future__ import annotations

from django.apps import apps

from django_checkout.adapters import CheckoutAdapter
from django_checkout.values import LineData, OrderData


class HostAdapter(CheckoutAdapter):
    def describe(self, order):
        line = LineData(name="Teapot", unit_amount_minor=order.price_minor, quantity=order.quantity)
        return OrderData(
            reference=order.number, currency=order.currency, lines=(line,), user=order.owner, email=order.email
        )

    def find_order(self, reference):
        return apps.get_model("host", "HostOrder").objects.filter(number=reference).first()

    def return_url(self, order):
        return f"/shop/{order.number}/"
