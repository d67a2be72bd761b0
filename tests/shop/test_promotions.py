from __future__ import annotations

import pytest
import requests

from django_checkout import services
from django_checkout.emulator.transport import requests_session
from example_project.shop.html import parse
from example_project.shop.models import Order
from example_project.shop.promotions import seed_promotions
from tests.amounts import money

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session(stripe_emulator):
    return requests_session(stripe_emulator)


def test_the_welcome_code_is_created_once(session):
    assert seed_promotions(session) is True
    assert seed_promotions(session) is False


def test_a_promotion_code_is_created_for_an_existing_coupon(session, stripe_emulator):
    seed_promotions(session)
    [code] = stripe_emulator.latest("promotion_code", 1)
    session.post(f"http://stripe.emulator/v1/promotion_codes/{code['id']}", {"active": "false"}).raise_for_status()

    assert seed_promotions(session) is True


def test_an_error_of_the_api_is_raised(session, settings):
    settings.STRIPE_SECRET_KEY = "pk_test_publishable"

    with pytest.raises(requests.HTTPError):
        seed_promotions(session)


def test_the_order_shows_the_discount(visitor, shelf, session, stripe_emulator, deliver_events, mailoutbox):
    seed_promotions(session)
    visitor.post("/cart/add/moon-teapot/", {"quantity": 2})
    pay = visitor.post("/cart/checkout/", {"email": "guest@example.com", "name": "A Guest"}).url
    [form] = parse(visitor.get(pay).content.decode()).find_all("form")
    visitor.post(form.attributes["action"], form.fields)
    order = Order.objects.get()
    session_id = services.get_order(order).sessions.get().stripe_id
    stripe_emulator.apply_promotion_code(session_id, "welcome10")
    stripe_emulator.pay(session_id)
    deliver_events()

    page = parse(visitor.get(order.get_absolute_url()).content.decode()).text

    discount = f"\N{MINUS SIGN}{money('13.60')}"
    assert f"Goods {money('136.00')} Discount {discount} Shipping {money('4.90')} Total {money('127.30')}" in page
    assert f"Discount  {money('-13.60')}" in mailoutbox[0].body
    assert f"Total  {money('127.30')}" in mailoutbox[0].body
