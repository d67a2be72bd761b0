from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory

from django_checkout.values import LineData, OrderData
from example_project.shop.adapters import ShopAdapter


@pytest.fixture
def adapter():
    return ShopAdapter()


@pytest.fixture
def make_request():
    def make(user=None, orders=()):
        request = RequestFactory().get("/")
        request.user = user or AnonymousUser()
        request.session = {"orders": list(orders)}
        return request

    return make


def test_an_order_is_described_in_minor_units(adapter, make_order, robin):
    order = make_order(user=robin)

    assert adapter.describe(order) == OrderData(
        reference=order.number,
        currency="eur",
        lines=(LineData(name="Moon Teapot", unit_amount_minor=6800, quantity=2, sku="moon-teapot"),),
        user=robin,
        email="robin@example.com",
    )


def test_the_pages_lead_on_to_the_shops_own(adapter, make_order):
    order = make_order()

    assert adapter.return_url(order) == f"/orders/{order.number}/"
    assert adapter.cancel_url(order) == f"/orders/{order.number}/pay/?back"
