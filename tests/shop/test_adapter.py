from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory

from django_checkout.exceptions import OutOfStockError
from django_checkout.values import CheckoutOptions, LineData, OrderData
from example_project.shop.adapters import ShopAdapter
from example_project.shop.models import Product


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

    described = adapter.describe(order)

    assert replace(described, options=CheckoutOptions()) == OrderData(
        reference=order.number,
        currency="eur",
        lines=(LineData(name="Moon Teapot", unit_amount_minor=6800, quantity=2, sku="moon-teapot"),),
        user=robin,
        email="robin@example.com",
    )


def test_shoppers_can_enter_a_promotion_code_and_a_parcel_needs_an_address(adapter, make_order):
    options = adapter.describe(make_order()).options

    assert options.allow_promotion_codes
    assert options.shipping_countries[0] == "DE"
    assert [(option.name, option.amount_minor) for option in options.shipping_options] == [("Parcel", 490)]


def test_an_order_that_is_picked_up_needs_no_address(adapter, make_order):
    order = make_order(is_picked_up=True)

    options = adapter.describe(order).options

    assert options.shipping_countries == ()
    assert [(option.name, option.amount_minor) for option in options.shipping_options] == [("Pick-up at the studio", 0)]
    assert adapter.shipping_options(order, {"country": "US"}) == options.shipping_options


def test_a_subscription_recurs_and_includes_shipping(adapter, make_order, shelf):
    order = make_order()
    tea = shelf["tea-of-the-month"]
    order.lines.create(product=tea, name=tea.name, unit_price=tea.price, quantity=1, interval=tea.interval)

    described = adapter.describe(order)

    assert [line.recurring_interval for line in described.lines] == ["", "month"]
    assert described.options.shipping_options == ()
    assert adapter.shipping_options(order, {"country": "US"}) == ()


@pytest.mark.parametrize(
    ("address", "price_minor"),
    [({}, 490), ({"country": "DE"}, 490), ({"country": "FR"}, 990), ({"country": "US"}, 1690)],
)
def test_shipping_costs_more_over_a_longer_distance(adapter, make_order, address, price_minor):
    (parcel,) = adapter.shipping_options(make_order(), address)

    assert parcel.amount_minor == price_minor


def test_a_changed_quantity_keeps_the_price_of_the_order(adapter, make_order, shelf):
    order = make_order()
    Product.objects.update(price=1)

    adapter.change_quantity(order, "moon-teapot", 5)

    line = order.lines.get()
    assert (line.quantity, line.unit_price) == (5, Decimal("68.00"))


@pytest.mark.parametrize(
    ("stock", "quantity", "message"),
    [
        (0, 1, "last Moon Teapot has just been sold"),
        (1, 2, "only one Moon Teapot left"),
        (3, 4, "only 3 of Moon Teapot left"),
        (None, 13, "12 of one thing"),
    ],
)
def test_a_quantity_that_is_not_in_stock_is_refused_with_a_message(adapter, make_order, stock, quantity, message):
    order = make_order()
    Product.objects.update(stock=stock)

    with pytest.raises(OutOfStockError) as caught:
        adapter.change_quantity(order, "moon-teapot", quantity)

    assert message in str(caught.value.user_message)
    assert order.lines.get().quantity == 2


def test_an_article_that_is_not_in_the_order_cannot_be_changed(adapter, make_order):
    with pytest.raises(OutOfStockError):
        adapter.change_quantity(make_order(), "ripple-bowl", 1)


def test_the_return_and_cancel_urls_are_pages_of_the_shop(adapter, make_order):
    order = make_order()

    assert adapter.return_url(order) == f"/orders/{order.number}/"
    assert adapter.cancel_url(order) == f"/orders/{order.number}/pay/?back"
