from __future__ import annotations

from decimal import Decimal

import pytest

from django_checkout import services
from example_project.shop.models import Order
from example_project.shop.prices import price_in
from tests.amounts import money

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shelf")]

DETAILS = {"email": "guest@example.com", "name": "A Guest"}
JAPANESE = {"Accept-Language": "ja"}


def place(visitor, **options):
    visitor.post("/cart/checkout/", DETAILS, **options)
    order = Order.objects.get()
    return order, services.find_order(order)


@pytest.mark.parametrize(("euros", "yen"), [("68.00", 10880), ("11.90", 1900), ("4.90", 780), ("0.00", 0)])
def test_a_price_in_yen_ends_in_a_zero(euros, yen):
    assert price_in("jpy", Decimal(euros)) == yen
    assert price_in("eur", Decimal(euros)) == Decimal(euros)


def test_a_browser_in_japanese_sees_and_pays_yen(visitor):
    visitor.post("/cart/add/moon-teapot/", {"quantity": 2})

    assert money("10880", "jpy") in visitor.get("/", headers=JAPANESE).text
    assert money("21760", "jpy") in visitor.get("/cart/", headers=JAPANESE).text
    order, payable = place(visitor, headers=JAPANESE)
    assert (order.currency, order.total) == ("jpy", 21760)
    assert (payable.currency, payable.subtotal_minor) == ("jpy", 21760)
    assert payable.params["shipping_options"][0]["shipping_rate_data"]["fixed_amount"] == {
        "amount": 780,
        "currency": "jpy",
    }


def test_a_visitor_can_choose_the_currency(visitor):
    visitor.post("/cart/add/moon-teapot/")
    order, payable = place(visitor)
    assert (order.currency, payable.currency, payable.subtotal_minor) == ("eur", "eur", 6800)

    response = visitor.post("/currency/", {"currency": "jpy", "next": "/cart/"})

    assert (response.status_code, response.url) == (303, "/cart/")
    # The same order, placed again.
    order, payable = place(visitor)
    assert (order.currency, payable.currency, payable.subtotal_minor) == ("jpy", "jpy", 10880)


def test_a_chosen_currency_wins_over_the_language(visitor):
    visitor.post("/currency/", {"currency": "eur"}, headers=JAPANESE)

    assert money("68.00") in visitor.get("/", headers=JAPANESE).text


def test_another_currency_is_ignored(visitor):
    visitor.post("/currency/", {"currency": "xyz", "next": "https://elsewhere.example/"})

    assert visitor.post("/currency/").url == "/cart/"
    assert money("68.00") in visitor.get("/").text
