"""The limit of visitors' requests that may call Stripe, per order and minute."""

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
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.exceptions import TooManyRequestsError
from django_checkout.ledger.budget import REQUESTS_PER_MINUTE
from django_checkout.models import CheckoutSession, Customer, Order, Subscription
from tests.factories import HostOrderFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]


def _url(name, order):
    return reverse(f"django_checkout:{name}", args=[make_token(order, Purpose.PAY)])


def _reach_limit(order):
    for _ in range(REQUESTS_PER_MINUTE):
        ledger.count_request(order.pk)


def test_too_many_requests_for_the_secret_are_refused_without_calling_stripe(client, order, stripe_requests):
    services.start(order, ui_mode="elements")
    stripe_requests.clear()

    answers = [client.post(_url("secret", order), {"ui_mode": "elements"}) for _ in range(50)]

    assert [answer.status_code for answer in answers] == [200] * REQUESTS_PER_MINUTE + [429] * 20
    assert len(stripe_requests) <= REQUESTS_PER_MINUTE
    assert answers[-1].json()["code"] == "too_many_requests"
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60


def test_too_many_starts_are_refused_with_a_page_that_says_to_try_again(client, order, stripe_requests):
    answers = [
        client.post(_url("start", order), {"ui_mode": ("hosted_page", "elements")[number % 2]}) for number in range(40)
    ]

    assert [answer.status_code for answer in answers] == [303] * REQUESTS_PER_MINUTE + [429] * 10
    assert CheckoutSession.objects.count() <= REQUESTS_PER_MINUTE
    assert len(stripe_requests) <= 2 * REQUESTS_PER_MINUTE
    assert "try again in a minute" in answers[-1].text
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60


def test_update_of_an_open_checkout_is_counted(client, order, stripe_requests):
    services.start(order, ui_mode="elements")
    _reach_limit(order)
    stripe_requests.clear()

    answer = client.post(
        _url("update", order), '{"shipping": {"name": "A", "address": {"country": "DE"}}}', "application/json"
    )

    assert (answer.status_code, stripe_requests) == (429, [])


@pytest.mark.skipif(not find_spec("rest_framework"), reason="needs [api]")
@pytest.mark.parametrize("name", ["sessions", "client-secret", "expire", "shipping", "quantity"])
def test_api_answers_with_a_problem(name, order, stripe_requests, settings):
    settings.ROOT_URLCONF = "tests.api.urls"
    session = services.start(order, ui_mode="elements")
    _reach_limit(order)
    stripe_requests.clear()
    within = f"sessions/{session.uuid}/{name}" if name in ("client-secret", "expire") else name
    path = f"/api/orders/{order.reference}/{within}/"
    body = {
        "shipping": '{"name": "A", "address": {"country": "DE"}}',
        "quantity": '{"sku": "teapot", "quantity": 1}',
    }.get(name, "{}")
    headers = {"Checkout-Token": make_token(order, Purpose.PAY)}
    send = Client().generic

    method = "GET" if name == "client-secret" else "POST"
    answer = send(method, path, body, "application/json", HTTP_CHECKOUT_TOKEN=headers["Checkout-Token"])

    assert (answer.status_code, answer.json()["code"], stripe_requests) == (429, "too_many_requests", [])
    assert 1 <= int(answer["Retry-After"]) <= 60


def test_billing_portal_is_counted_for_its_user(client, stripe_requests):
    user = UserFactory()
    order = services.place(HostOrderFactory(owner=user))
    Customer.objects.create(user=user, livemode=False, stripe_id="cus_1")
    services.place(HostOrderFactory(owner=user))
    _reach_limit(order)
    client.force_login(user)

    answer = client.post(reverse("django_checkout:portal"))

    assert (answer.status_code, stripe_requests) == (429, [])
    assert 1 <= int(answer["Retry-After"]) <= 60


@pytest.mark.skipif(not find_spec("rest_framework"), reason="needs [api]")
@pytest.mark.parametrize("path", ["portal", "subscriptions/sub_1/cancel"])
def test_api_request_about_a_customer_is_counted(path, stripe_requests, settings):
    settings.ROOT_URLCONF = "tests.api.urls"
    user = UserFactory()
    order = services.place(HostOrderFactory(owner=user))
    Customer.objects.create(user=user, livemode=False, stripe_id="cus_1")
    Subscription.objects.create(stripe_id="sub_1", order=order, livemode=False, status="active")
    _reach_limit(order)
    client = Client()
    client.force_login(user)

    answer = client.post(f"/api/{path}/", {"return_url": "/"} if path == "portal" else {}, "application/json")

    assert (answer.status_code, answer.json()["code"], stripe_requests) == (429, "too_many_requests", [])


def test_next_minute_starts_a_new_count(client, order, stripe_emulator):
    _reach_limit(order)
    assert client.post(_url("start", order)).status_code == 429
    Order.objects.update(requests_since=timezone.now() - timedelta(seconds=60))

    assert client.post(_url("start", order)).status_code == 303
    assert Order.objects.get().requests_count == 1


def test_each_order_has_its_own_count(client, order, stripe_emulator):
    other = services.place(HostOrderFactory())
    _reach_limit(order)

    assert client.post(_url("start", other)).status_code == 303


def test_saving_the_order_does_not_reset_the_count(order):
    stale = Order.objects.get(pk=order.pk)
    _reach_limit(order)
    stale.save()

    with pytest.raises(TooManyRequestsError):
        ledger.count_request(order.pk)


def test_pages_and_status_are_not_counted(client, order, stripe_emulator):
    _reach_limit(order)

    assert client.get(_url("pay", order)).status_code == 200
    status = reverse("django_checkout:return", args=[make_token(order, Purpose.STATUS)])
    assert client.get(status).status_code == 200


def test_services_are_not_counted(order, stripe_emulator):
    _reach_limit(order)

    assert services.start(order).status == "open"


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_are_counted_one_by_one(order):
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
