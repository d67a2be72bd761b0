from __future__ import annotations

import pytest
from django.core import mail

from django_checkout import services
from example_project.shop.html import parse
from example_project.shop.models import Order

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bought(visitor, shelf, stripe_emulator, deliver_events):
    """An order that a guest has paid: started with the form of the pay page, its events delivered."""
    visitor.post("/cart/add/moon-teapot/", {"quantity": 2})
    pay = visitor.post("/cart/checkout/", {"email": "guest@example.com", "name": "A Guest"}).url
    [form] = parse(visitor.get(pay).content.decode()).find_all("form")
    assert visitor.post(form.attributes["action"], form.fields).status_code == 303
    order = Order.objects.get()
    session = services.get_order(order).sessions.get()
    stripe_emulator.pay(session.stripe_id)
    deliver_events()
    order.refresh_from_db()
    return order


def test_a_purchase_ends_with_a_paid_order_a_confirmation_and_an_empty_cart(visitor, bought):
    assert bought.state == Order.State.PAID
    assert [message.to for message in mail.outbox] == [["guest@example.com"]]
    assert "Your cart is empty" in visitor.get("/cart/").content.decode()


def test_stripes_objects_have_the_order_number(bought, stripe_emulator):
    payable = services.get_order(bought)
    session = stripe_emulator.get(payable.sessions.get().stripe_id)

    assert session["metadata"]["order_id"] == bought.number
    assert session["amount_total"] == 14090


@pytest.mark.parametrize(("amount_minor", "state"), [(1000, Order.State.PARTLY_REFUNDED), (None, Order.State.REFUNDED)])
def test_a_refund_reaches_the_shop(bought, deliver_events, amount_minor, state):
    services.refund(bought, amount_minor=amount_minor)
    deliver_events()

    bought.refresh_from_db()
    assert bought.state == state
    assert len(mail.outbox) == 2


def test_a_cart_that_changes_after_payment_becomes_another_order(visitor, bought):
    visitor.post("/cart/add/ripple-bowl/")
    visitor.post("/cart/checkout/", {"email": "guest@example.com", "name": "A Guest"})

    assert Order.objects.count() == 2


def test_an_order_with_an_unreported_payment_is_not_overwritten(visitor, bought):
    """The shop's order is still unpaid when the same browser checks out a cart that has changed."""
    visitor.post("/cart/add/ripple-bowl/")
    session = visitor.session
    session["cart_order"] = bought.number
    session.save()
    Order.objects.update(state=Order.State.NEW)

    visitor.post("/cart/checkout/", {"email": "guest@example.com", "name": "A Guest"})

    first, second = Order.objects.order_by("pk")
    assert [line.name for line in first.lines.all()] == ["Moon Teapot"]
    assert [line.name for line in second.lines.all()] == ["Ripple Bowl"]


def test_a_canceled_order_is_canceled_in_the_shop(visitor, shelf, stripe_emulator):
    visitor.post("/cart/add/moon-teapot/")
    visitor.post("/cart/checkout/", {"email": "guest@example.com", "name": "A Guest"})
    order = Order.objects.get()

    services.cancel(order)

    order.refresh_from_db()
    assert order.state == Order.State.CANCELED
