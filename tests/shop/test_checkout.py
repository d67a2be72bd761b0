from __future__ import annotations

import pytest

from django_checkout import services
from django_checkout.models import Order as Payable
from example_project.shop.html import parse
from example_project.shop.models import Order
from tests.amounts import money

DETAILS = {"email": "guest@example.com", "name": "A Guest"}


@pytest.fixture
def full_cart(visitor, shelf):
    visitor.post("/cart/add/moon-teapot/", {"quantity": 2})
    visitor.post("/cart/add/smoked-oolong/")
    return visitor


def test_a_guest_places_an_order_and_can_see_it(full_cart):
    response = full_cart.post("/cart/checkout/", DETAILS)

    order = Order.objects.get()
    assert (response.status_code, response.url) == (303, f"/orders/{order.number}/pay/")
    assert [(line.name, line.quantity) for line in order.lines.all()] == [("Moon Teapot", 2), ("Smoked Oolong", 1)]
    assert full_cart.get(order.get_absolute_url()).status_code == 200


def test_the_order_is_placed_for_payment(full_cart):
    full_cart.post("/cart/checkout/", DETAILS)

    order, payable = Order.objects.get(), Payable.objects.get()
    assert payable.reference == order.number
    assert payable.source == order
    assert payable.status == "unpaid"


def test_checking_out_again_updates_the_order(full_cart):
    full_cart.post("/cart/checkout/", DETAILS)
    full_cart.post("/cart/change/moon-teapot/", {"quantity": 1})
    full_cart.post("/cart/checkout/", {**DETAILS, "name": "Another Name"})

    order = Order.objects.get()
    assert order.name == "Another Name"
    assert [line.quantity for line in order.lines.all()] == [1, 1]
    assert Payable.objects.count() == 1


def test_checking_out_again_prefills_the_details(full_cart):
    full_cart.post("/cart/checkout/", DETAILS)

    assert "guest@example.com" in full_cart.get("/cart/checkout/").content.decode()


def test_a_signed_in_shopper_owns_the_order_and_gets_prefilled_details(full_cart, robin):
    full_cart.force_login(robin)

    assert "Robin Vale" in full_cart.get("/cart/checkout/").content.decode()
    full_cart.post("/cart/checkout/", DETAILS)
    assert Order.objects.get().user == robin


@pytest.mark.parametrize("details", [{}, {**DETAILS, "email": "nowhere"}, {**DETAILS, "name": " "}])
def test_missing_details_are_requested_again(full_cart, details):
    page = full_cart.post("/cart/checkout/", details)

    assert page.status_code == 200
    assert 'aria-invalid="true"' in page.content.decode()
    assert not Order.objects.exists()


def test_an_empty_cart_cannot_be_checked_out(visitor, shelf):
    assert visitor.get("/cart/checkout/").url == "/cart/"
    assert visitor.post("/cart/checkout/", DETAILS).url == "/cart/"
    assert not Order.objects.exists()


def test_the_pay_page_has_a_button_to_the_payment_page(full_cart):
    pay = full_cart.post("/cart/checkout/", DETAILS).url

    page = full_cart.get(pay).content.decode()

    assert 'action="/checkout/start/' in page
    assert "Go to payment" in page
    assert "<script" not in page
    assert money("150.50") in page


@pytest.mark.parametrize(
    ("way", "marker"), [("embedded", "data-checkout-embedded"), ("elements", "data-checkout-elem")]
)
def test_the_pay_page_can_embed_the_payment(full_cart, way, marker):
    pay = full_cart.post("/cart/checkout/", DETAILS).url

    page = full_cart.get(f"{pay}?ui={way}").content.decode()

    assert marker in page
    assert "/emulator/stripe.js" in page or "js.stripe.com" in page
    assert f'href="?ui={way}" aria-current="true"' in page


def test_an_unknown_way_to_pay_is_not_found(full_cart):
    pay = full_cart.post("/cart/checkout/", DETAILS).url

    assert full_cart.get(f"{pay}?ui=custom").status_code == 404


def test_returning_unpaid_shows_that_nothing_was_charged(full_cart):
    pay = full_cart.post("/cart/checkout/", DETAILS).url

    assert "have not been charged" in full_cart.get(f"{pay}?back").content.decode()


def test_a_paid_order_has_no_pay_page(full_cart):
    pay = full_cart.post("/cart/checkout/", DETAILS).url
    Order.objects.update(state=Order.State.PAID)

    assert full_cart.get(pay).url == Order.objects.get().get_absolute_url()


@pytest.mark.parametrize("state", Order.State.values)
def test_every_state_has_its_page(visitor, make_order, robin, state):
    order = make_order(user=robin, state=state)
    visitor.force_login(robin)

    page = visitor.get(order.get_absolute_url()).content.decode()

    assert str(Order.State(state).label) in page
    assert ("Pay now" in page) is (state == "new")


@pytest.mark.django_db(transaction=True)
def test_an_order_that_is_picked_up_is_paid_without_an_address(visitor, shelf, stripe_emulator):
    visitor.post("/cart/add/moon-teapot/", {"quantity": 2})
    details = {"email": "guest@example.com", "name": "A Guest", "is_picked_up": "on"}
    pay = visitor.post("/cart/checkout/", details).url
    [form] = parse(visitor.get(pay).content.decode()).find_all("form")

    visitor.post(form.attributes["action"], form.fields)

    order = Order.objects.get()
    session = stripe_emulator.get(services.get_order(order).sessions.get().stripe_id)
    assert session["shipping_address_collection"] is None
    assert (session["amount_total"], session["total_details"]["amount_shipping"]) == (13600, 0)
    assert "Pick-up at the studio" in visitor.get(order.get_absolute_url()).content.decode()


def test_a_subscription_is_not_picked_up(client, shelf, robin):
    client.force_login(robin)
    client.post("/cart/add/tea-of-the-month/")

    page = client.get("/cart/checkout/").content.decode()
    client.post("/cart/checkout/", {"email": "robin@example.com", "name": "Robin", "is_picked_up": "on"})

    assert "is_picked_up" not in page
    assert not Order.objects.get().is_picked_up
