from __future__ import annotations

import pytest
from django.test import Client

from example_project.shop.cart import ORDER_KEY, SESSION_KEY
from example_project.shop.models import MAX_QUANTITY, Order, Product
from tests.amounts import money


def quantities(visitor):
    return visitor.session.get(SESSION_KEY, {})


def test_an_added_product_is_in_the_cart(visitor, shelf):
    response = visitor.post("/cart/add/moon-teapot/", {"quantity": 2})

    assert (response.status_code, response.url) == (303, "/cart/")
    page = visitor.get("/cart/").content.decode()
    assert "Moon Teapot" in page
    assert money("136.00") in page


def test_adding_a_product_again_increases_its_quantity(visitor, shelf):
    visitor.post("/cart/add/moon-teapot/")
    visitor.post("/cart/add/moon-teapot/")

    assert quantities(visitor) == {str(shelf["moon-teapot"].pk): 2}


def test_a_cart_has_a_maximum_quantity(visitor, shelf):
    visitor.post("/cart/add/moon-teapot/", {"quantity": MAX_QUANTITY})
    visitor.post("/cart/add/moon-teapot/", {"quantity": MAX_QUANTITY})

    assert quantities(visitor) == {str(shelf["moon-teapot"].pk): MAX_QUANTITY}


def test_a_quantity_can_be_changed_and_removed(visitor, shelf):
    visitor.post("/cart/add/moon-teapot/")
    visitor.post("/cart/change/moon-teapot/", {"quantity": 5})
    assert quantities(visitor) == {str(shelf["moon-teapot"].pk): 5}

    visitor.post("/cart/change/moon-teapot/", {"quantity": 0})
    assert quantities(visitor) == {}
    assert "Your cart is empty" in visitor.get("/cart/").content.decode()


@pytest.mark.parametrize("quantity", ["-1", "1.5", "many", "", "1000000000000"])
def test_an_invalid_quantity_changes_nothing(visitor, shelf, quantity):
    visitor.post("/cart/add/moon-teapot/", {"quantity": 3})
    visitor.post("/cart/change/moon-teapot/", {"quantity": quantity})

    assert quantities(visitor) == {str(shelf["moon-teapot"].pk): 3}


def test_a_product_that_is_no_longer_available_is_not_in_the_total(visitor, shelf):
    visitor.post("/cart/add/moon-teapot/")
    visitor.post("/cart/add/ripple-bowl/")
    visitor.get("/cart/")
    Product.objects.filter(slug="moon-teapot").update(is_available=False)

    page = visitor.get("/cart/").content.decode()
    assert "Moon Teapot" not in page
    assert money("29.00") in page


def test_adding_redirects_to_the_previous_page_but_not_to_another_site(visitor, shelf):
    assert visitor.post("/cart/add/moon-teapot/", {"next": "/?kind=tea#shelf"}).url == "/?kind=tea#shelf"
    assert visitor.post("/cart/add/moon-teapot/", {"next": "https://evil.example/"}).url == "/cart/"
    assert visitor.post("/cart/add/moon-teapot/", {"next": "//evil.example/"}).url == "/cart/"


def test_adding_needs_a_post_with_a_csrf_token(shelf):
    strict = Client(enforce_csrf_checks=True)

    assert strict.get("/cart/add/moon-teapot/").status_code == 405
    assert strict.post("/cart/add/moon-teapot/").status_code == 403


@pytest.mark.parametrize(("state", "is_kept"), [(Order.State.NEW, True), (Order.State.PAID, False)])
def test_the_cart_is_kept_until_its_order_is_paid(visitor, shelf, make_order, state, is_kept):
    visitor.post("/cart/add/moon-teapot/")
    session = visitor.session
    session[ORDER_KEY] = make_order(state=state).number
    session.save()

    visitor.get("/cart/")

    assert bool(quantities(visitor)) is is_kept


def test_the_cart_is_limited_by_the_stock(visitor, shelf):
    visitor.post("/cart/add/thistle-vase/", {"quantity": 9})
    assert list(quantities(visitor).values()) == [3]

    Product.objects.update(stock=1)
    assert money("42.00") in visitor.get("/cart/").content.decode()


def test_a_product_that_is_sold_out_is_removed_from_the_cart(visitor, shelf):
    visitor.post("/cart/add/thistle-vase/")
    Product.objects.update(stock=0)

    assert "Your cart is empty" in visitor.get("/cart/").content.decode()
    assert "sold out" in visitor.post("/cart/add/thistle-vase/", follow=True).content.decode()
    assert "Sold out" in visitor.get("/products/thistle-vase/").content.decode()
