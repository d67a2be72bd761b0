from __future__ import annotations

import pytest
from django.test import Client

from example_project.shop.catalogue import seed_catalogue
from example_project.shop.models import Order, OrderLine, Product
from tests.shop.site import shop_settings


@pytest.fixture(autouse=True)
def shop(settings):
    """The settings of the example project."""
    for name, value in shop_settings().items():
        setattr(settings, name, value)


@pytest.fixture
def shelf(db):
    """The seeded catalogue, by slug."""
    seed_catalogue()
    return {product.slug: product for product in Product.objects.all()}


@pytest.fixture
def robin(django_user_model):
    return django_user_model.objects.create_user(
        "robin", "robin@example.com", "tea-and-slip", first_name="Robin", last_name="Vale"
    )


@pytest.fixture
def visitor():
    """A browser with cookies."""
    return Client()


@pytest.fixture
def make_order(shelf):
    def make(**values):
        order = Order.objects.create(**{"name": "Robin Vale", "email": "robin@example.com", **values})
        teapot = shelf["moon-teapot"]
        OrderLine.objects.create(order=order, product=teapot, name=teapot.name, unit_price=teapot.price, quantity=2)
        return order

    return make
