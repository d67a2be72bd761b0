"""How often the visitors of one order make the site ask Stripe: so often within a minute, in all processes together."""

from __future__ import annotations

import threading
from datetime import timedelta
from importlib.util import find_spec

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_checkout import ledger, services
from django_checkout.exceptions import TooManyRequestsError
from django_checkout.ledger.budget import REQUESTS_PER_MINUTE
from django_checkout.models import CheckoutSession, Customer, Order, Subscription
from django_checkout.tokens import Purpose, make_token
from tests.factories import HostOrderFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]


@pytest.fixture
def asked(stripe_emulator, monkeypatch):
    """What Stripe has been asked."""
    requests, handle = [], stripe_emulator.handle
    monkeypatch.setattr(stripe_emulator, "handle", lambda request: requests.append(request) or handle(request))
    return requests


def _url(name, order):
    return reverse(f"django_checkout:{name}", args=[make_token(order, Purpose.PAY)])


def _use_up(order):
    for _ in range(REQUESTS_PER_MINUTE):
        ledger.count_request(order.pk)


def test_asking_for_the_secret_again_and_again_is_refused_without_asking_stripe(client, order, asked):
    services.start(order, ui_mode="elements")
    asked.clear()

    answers = [client.post(_url("secret", order), {"ui_mode": "elements"}) for _ in range(50)]

    assert [answer.status_code for answer in answers] == [200] * REQUESTS_PER_MINUTE + [429] * 20
    assert len(asked) <= REQUESTS_PER_MINUTE
    assert answers[-1].json()["code"] == "too_many_requests"
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60


def test_changing_between_ui_modes_is_refused_with_a_page_that_says_to_try_again(client, order, asked):
    answers = [
        client.post(_url("start", order), {"ui_mode": ("hosted_page", "elements")[number % 2]}) for number in range(40)
    ]

    assert [answer.status_code for answer in answers] == [303] * REQUESTS_PER_MINUTE + [429] * 10
    assert CheckoutSession.objects.count() <= REQUESTS_PER_MINUTE
    assert len(asked) <= 2 * REQUESTS_PER_MINUTE
    assert "try again in a moment" in answers[-1].text
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60


def test_change_of_an_open_checkout_counts_too(client, order, asked):
    services.start(order, ui_mode="elements")
    _use_up(order)
    asked.clear()

    answer = client.post(
        _url("update", order), '{"shipping": {"name": "A", "address": {"country": "DE"}}}', "application/json"
    )

    assert (answer.status_code, asked) == (429, [])


@pytest.mark.skipif(not find_spec("rest_framework"), reason="needs [api]")
@pytest.mark.parametrize("name", ["sessions", "client-secret", "expire", "shipping", "quantity"])
def test_api_answers_with_a_problem(name, order, asked, settings):
    settings.ROOT_URLCONF = "tests.api.urls"
    session = services.start(order, ui_mode="elements")
    _use_up(order)
    asked.clear()
    within = f"sessions/{session.uuid}/{name}" if name in ("client-secret", "expire") else name
    path = f"/api/orders/{order.reference}/{within}/"
    body = {
        "shipping": '{"name": "A", "address": {"country": "DE"}}',
        "quantity": '{"sku": "teapot", "quantity": 1}',
    }.get(name, "{}")
    headers = {"Checkout-Token": make_token(order, Purpose.PAY)}
    ask = Client().generic

    method = "GET" if name == "client-secret" else "POST"
    answer = ask(method, path, body, "application/json", HTTP_CHECKOUT_TOKEN=headers["Checkout-Token"])

    assert (answer.status_code, answer.json()["code"], asked) == (429, "too_many_requests", [])
    assert 1 <= int(answer["Retry-After"]) <= 60


def test_billing_portal_counts_for_its_user(client, asked):
    user = UserFactory()
    order = services.place(HostOrderFactory(owner=user))
    Customer.objects.create(user=user, livemode=False, stripe_id="cus_1")
    services.place(HostOrderFactory(owner=user))
    _use_up(order)
    client.force_login(user)

    answer = client.post(reverse("django_checkout:portal"))

    assert (answer.status_code, asked) == (429, [])
    assert 1 <= int(answer["Retry-After"]) <= 60


@pytest.mark.skipif(not find_spec("rest_framework"), reason="needs [api]")
@pytest.mark.parametrize("path", ["portal", "subscriptions/sub_1/cancel"])
def test_what_the_api_asks_about_a_customer_counts_too(path, asked, settings):
    settings.ROOT_URLCONF = "tests.api.urls"
    user = UserFactory()
    order = services.place(HostOrderFactory(owner=user))
    Customer.objects.create(user=user, livemode=False, stripe_id="cus_1")
    Subscription.objects.create(stripe_id="sub_1", order=order, livemode=False, status="active")
    _use_up(order)
    client = Client()
    client.force_login(user)

    answer = client.post(f"/api/{path}/", {"return_url": "/"} if path == "portal" else {}, "application/json")

    assert (answer.status_code, answer.json()["code"], asked) == (429, "too_many_requests", [])


def test_next_minute_is_another(client, order, stripe_emulator):
    _use_up(order)
    assert client.post(_url("start", order)).status_code == 429
    Order.objects.update(requests_since=timezone.now() - timedelta(seconds=60))

    assert client.post(_url("start", order)).status_code == 303
    assert Order.objects.get().requests_count == 1


def test_other_orders_have_their_own(client, order, stripe_emulator):
    other = services.place(HostOrderFactory())
    _use_up(order)

    assert client.post(_url("start", other)).status_code == 303


def test_saving_the_order_does_not_give_requests_back(order):
    stale = Order.objects.get(pk=order.pk)
    _use_up(order)
    stale.save()

    with pytest.raises(TooManyRequestsError):
        ledger.count_request(order.pk)


def test_seeing_pages_and_the_status_is_not_counted(client, order, stripe_emulator):
    _use_up(order)

    assert client.get(_url("pay", order)).status_code == 200
    status = reverse("django_checkout:return", args=[make_token(order, Purpose.STATUS)])
    assert client.get(status).status_code == 200


def test_server_starts_as_often_as_it_likes(order, stripe_emulator):
    _use_up(order)

    assert services.start(order).status == "open"


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_requests_at_once_are_counted_one_by_one(order):
    if connection.vendor == "sqlite":
        pytest.skip("threads meet on PostgreSQL and MariaDB")
    passed = []

    def count():
        try:
            for _ in range(8):
                ledger.count_request(order.pk)
                passed.append(1)
        except TooManyRequestsError:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(passed) == REQUESTS_PER_MINUTE
