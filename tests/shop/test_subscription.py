from __future__ import annotations

import pytest
from django.db import transaction

from django_checkout import services, signals
from django_checkout.models import Order as Payable
from example_project.shop.html import parse
from example_project.shop.models import Order, OrderLine, Subscription
from tests.amounts import money

pytestmark = pytest.mark.django_db(transaction=True)

DETAILS = {"email": "robin@example.com", "name": "Robin Vale"}
A_MONTH = 32 * 24 * 60 * 60
State = Subscription.State


@pytest.fixture
def subscriber(visitor, shelf, robin):
    """A client in which Robin is signed in, with the tea of the month in the cart."""
    visitor.force_login(robin)
    visitor.post("/cart/add/tea-of-the-month/")
    return visitor


@pytest.fixture
def subscribe(subscriber, stripe_emulator, deliver_events):
    """Pay for the cart and return the shop's order."""

    def subscribe():
        pay = subscriber.post("/cart/checkout/", DETAILS).url
        [form] = parse(subscriber.get(pay).content.decode()).find_all("form")
        assert subscriber.post(form.attributes["action"], form.fields).status_code == 303
        order = Order.objects.get()
        stripe_emulator.pay(services.get_order(order).sessions.get().stripe_id)
        deliver_events()
        order.refresh_from_db()
        return order

    return subscribe


@pytest.fixture
def make_subscription(make_order, shelf, robin):
    def make(**values):
        order = make_order(user=robin)
        tea = shelf["tea-of-the-month"]
        OrderLine.objects.create(
            order=order, product=tea, name=tea.name, unit_price=tea.price, quantity=1, interval=tea.interval
        )
        return Subscription.objects.create(order=order, **values)

    return make


def send_signal(signal, source, **arguments):
    """Send a signal inside a transaction, like django_checkout."""
    with transaction.atomic():
        signal.send(sender=Payable, source=source, order=None, **arguments)


def send(signal, subscription):
    send_signal(signal, subscription.order, amount_minor=1900)
    subscription.refresh_from_db()


def test_a_subscription_asks_to_sign_in_first(visitor, shelf):
    visitor.post("/cart/add/tea-of-the-month/")

    response = visitor.post("/cart/checkout/", DETAILS)

    assert response.url == "/account/login/?next=/cart/checkout/"
    assert "needs an account" in visitor.get(response.url).content.decode()
    assert not Order.objects.exists()


def test_the_quantity_of_a_subscription_is_one(subscriber):
    subscriber.post("/cart/add/tea-of-the-month/", {"quantity": 3})

    assert money("19.00") in subscriber.get("/cart/").content.decode()
    assert list(subscriber.session["cart"].values()) == [1]


@pytest.mark.parametrize("goods", [(), ("moon-teapot",)])
def test_a_subscription_is_sold_alone_or_with_other_products(subscriber, subscribe, stripe_emulator, goods):
    for slug in goods:
        subscriber.post(f"/cart/add/{slug}/")

    order = subscribe()

    session = stripe_emulator.get(services.get_order(order).sessions.get().stripe_id)
    assert session["mode"] == "subscription"
    assert order.state == Order.State.PAID
    assert order.subscription.state == State.ACTIVE
    assert money(str(1900 // 100 + 68 * len(goods))) in subscriber.get(order.get_absolute_url()).content.decode()


def test_a_renewal_is_counted_and_shown(subscriber, subscribe, stripe_emulator, deliver_events):
    order = subscribe()
    stripe_emulator.clock.advance(A_MONTH)
    deliver_events()

    order.subscription.refresh_from_db()
    assert order.subscription.renewals == 1
    assert "renewed once" in subscriber.get("/orders/").content.decode()


def test_a_subscription_ends_with_the_month_that_is_paid(subscriber, subscribe, stripe_emulator, deliver_events):
    order = subscribe()
    path = order.get_absolute_url()
    assert "Cancel at the end of the month" in subscriber.get(path).content.decode()

    response = subscriber.post(f"{path}cancel-subscription/")

    assert (response.status_code, response.url) == (303, path)
    page = subscriber.get(path).content.decode()
    assert "Ends soon" in page
    assert "Cancel at the end of the month" not in page
    stripe_emulator.clock.advance(A_MONTH)
    deliver_events()
    order.subscription.refresh_from_db()
    assert (order.subscription.state, order.subscription.renewals) == (State.ENDED, 0)
    assert "Ended" in subscriber.get(path).content.decode()


def test_only_the_owner_can_cancel_a_subscription(subscribe, client, django_user_model):
    order = subscribe()
    path = f"{order.get_absolute_url()}cancel-subscription/"

    assert client.post(path).url.startswith("/account/login/")
    client.force_login(django_user_model.objects.create_user("other"))
    assert client.post(path).status_code == 404
    assert not services.get_order(order).subscriptions.get().is_canceled_at_period_end


def test_a_cancellation_that_fails_at_stripe_shows_a_message(subscriber, subscribe, stripe_emulator, deliver_events):
    order = subscribe()
    subscriber.post(f"{order.get_absolute_url()}cancel-subscription/")
    stripe_emulator.clock.advance(A_MONTH)
    deliver_events()

    response = subscriber.post(f"{order.get_absolute_url()}cancel-subscription/", follow=True)

    assert 'class="notice error"' in response.content.decode()


def test_the_buyer_finds_the_portal(subscriber, subscribe):
    subscribe()

    assert 'action="/checkout/portal/"' in subscriber.get("/orders/").content.decode()


def test_an_order_without_a_subscription_has_nothing_to_cancel(visitor, make_order, robin):
    order = make_order(user=robin)
    visitor.force_login(robin)

    assert visitor.post(f"{order.get_absolute_url()}cancel-subscription/").status_code == 404


def test_a_failed_payment_is_shown_until_the_next_one_succeeds(make_subscription):
    subscription = make_subscription()

    send(signals.subscription_payment_failed, subscription)
    assert subscription.state == State.PAST_DUE

    send(signals.subscription_renewed, subscription)
    assert (subscription.state, subscription.renewals) == (State.ACTIVE, 1)


@pytest.mark.parametrize("signal", [signals.subscription_payment_failed, signals.subscription_renewed])
def test_a_payment_does_not_reactivate_a_subscription_that_has_ended(make_subscription, signal):
    subscription = make_subscription(state=State.ENDED)

    send(signal, subscription)

    assert subscription.state == State.ENDED


@pytest.mark.parametrize("signal", [signals.subscription_payment_failed, signals.subscription_canceled])
def test_a_subscription_signal_for_another_order_is_ignored(make_order, signal):
    order = make_order()

    for source in (order, None):
        send_signal(signal, source, amount_minor=0)

    assert not Subscription.objects.exists()


def test_a_subscription_signal_before_order_paid_is_recorded(make_subscription):
    subscription = make_subscription()
    order = subscription.order
    subscription.delete()

    send_signal(signals.subscription_canceled, order)

    assert Subscription.objects.get().state == State.ENDED
