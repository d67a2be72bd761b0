"""Who may see and pay an order: one rule for pages and API, and what each link allows."""

from __future__ import annotations

import re
from datetime import timedelta
from importlib.util import find_spec
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_checkout import services
from django_checkout.access.orders import find_link, get_order_by_reference, get_order_of_link
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.exceptions import OrderNotFoundError
from django_checkout.models import Order
from tests.factories import HostOrderFactory, UserFactory
from tests.host.adapters import HostAdapter

pytestmark = [pytest.mark.django_db, pytest.mark.core]

IBAN = "AT611904300234573201"
NEEDS_API = pytest.mark.skipif(not find_spec("rest_framework"), reason="needs [api]")
INTERFACES = ["pages", pytest.param("api", marks=NEEDS_API)]
MAX_AGE = 30 * 24 * 3600


class ClosedAdapter(HostAdapter):
    def can_pay(self, request, order):
        return False


def _url(name, token):
    return reverse(f"django_checkout:{name}", args=[token])


def _start(interface, order, token):
    """Start a payment through pages or API."""
    if interface == "pages":
        return Client().post(_url("start", token))
    headers = {"Checkout-Token": token}
    return Client().post(f"/api/orders/{order.reference}/sessions/", "{}", "application/json", headers=headers)


@pytest.fixture
def _api_urls(settings):
    if find_spec("rest_framework"):
        settings.ROOT_URLCONF = "tests.api.urls"


@pytest.mark.usefixtures("_api_urls")
@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("reason", ["deleted", "refused", "status link", "expired", "nobody", "restored"])
def test_no_interface_starts_a_payment_that_the_request_may_not_make(
    interface, reason, order, host_order, stripe_emulator, settings
):
    token = make_token(order, Purpose.PAY)
    if reason == "deleted":
        host_order.delete()
    elif reason == "refused":
        settings.CHECKOUT_ADAPTER = f"{__name__}.ClosedAdapter"
    elif reason == "status link":
        token = make_token(order, Purpose.STATUS)
    elif reason == "expired":
        token = make_token(order, Purpose.PAY, signed_at=timezone.now() - timedelta(seconds=MAX_AGE + 1))
    elif reason == "nobody":
        token = "forged"
    else:
        # Restoring yesterday's backup loses the order of the link; the next order gets the same key.
        Order.objects.filter(pk=order.pk).update(created_at=order.created_at + timedelta(days=1))

    assert _start(interface, order, token).status_code == 404
    assert stripe_emulator.store.select("checkout.session") == []


@pytest.mark.usefixtures("_api_urls")
@pytest.mark.parametrize("interface", INTERFACES)
def test_no_interface_shows_an_order_that_the_host_has_deleted(interface, order, host_order):
    token = make_token(order, Purpose.PAY)
    path = _url("pay", token) if interface == "pages" else f"/api/orders/{order.reference}/"
    assert Client().get(path, headers={"Checkout-Token": token}).status_code == 200

    host_order.delete()

    assert Client().get(path, headers={"Checkout-Token": token}).status_code == 404


@pytest.mark.usefixtures("_api_urls")
@pytest.mark.parametrize("interface", INTERFACES)
def test_every_interface_starts_a_payment_for_the_bearer_of_a_link(interface, order, stripe_emulator):
    assert _start(interface, order, make_token(order, Purpose.PAY)).status_code in (201, 303)


def test_starting_our_order_places_the_host_s_current_row(order, host_order, stripe_emulator):
    assert order.source.quantity == 1
    type(host_order).objects.update(quantity=3)

    session = services.start(order)

    assert stripe_emulator.get(session.stripe_id)["amount_subtotal"] == 6000


def test_starting_our_order_is_refused_after_the_host_deleted_its_row(order, host_order, stripe_emulator):
    host_order.delete()

    with pytest.raises(OrderNotFoundError):
        services.start(order)
    assert stripe_emulator.store.select("checkout.session") == []


def test_link_of_a_lost_row_does_not_open_another_order_with_its_key(order, rf):
    token = make_token(order, Purpose.PAY)
    pk, reference = order.pk, order.reference
    order.delete()
    again = services.place(HostOrderFactory(number=reference))
    again.lines.all().delete()
    Order.objects.filter(pk=again.pk).update(id=pk)
    order = Order.objects.get(pk=pk)

    with pytest.raises(OrderNotFoundError):
        get_order_of_link(rf.get("/"), token, Purpose.PAY)
    with pytest.raises(OrderNotFoundError):
        get_order_by_reference(rf.get("/"), reference, token=token, purpose=Purpose.PAY)


def _failed(order, stripe_emulator, deliver_events):
    session = order.sessions.get()
    stripe_emulator.pay(session.stripe_id, iban=IBAN)
    stripe_emulator.settle(session.stripe_id, succeed=False)
    deliver_events()
    stripe_session = stripe_emulator.get(session.stripe_id)
    return urlsplit(stripe_session["success_url"]).path


def test_status_link_does_not_allow_payment(client, order, stripe_emulator, deliver_events):
    services.start(order)
    path = _failed(order, stripe_emulator, deliver_events)

    page = client.get(path)

    assert page.context["outcome"] == "failed"
    assert re.findall(r"/checkout/(?:pay|start)/", page.text) == []


def test_guest_can_retry_a_failed_delayed_payment_in_the_same_browser(client, order, stripe_emulator, deliver_events):
    token = make_token(order, Purpose.PAY)
    client.post(_url("start", token))
    path = _failed(order, stripe_emulator, deliver_events)

    (pay,) = re.findall(r'href="(/checkout/pay/[^"]+)"', client.get(path).text)

    assert pay == _url("pay", token)
    assert client.post(_url("start", token)).status_code == 303


def test_owner_can_retry_in_any_browser(client, stripe_emulator, deliver_events):
    order = services.place(HostOrderFactory(owner=UserFactory()))
    services.start(order)
    path = _failed(order, stripe_emulator, deliver_events)
    client.force_login(order.user)

    (pay,) = re.findall(r'href="(/checkout/pay/[^"]+)"', client.get(path).text)

    assert client.get(pay).status_code == 200


def test_stored_link_expires_and_is_for_one_order(client, order, rf):
    other = services.place(HostOrderFactory())
    old = make_token(order, Purpose.PAY, signed_at=timezone.now() - timedelta(seconds=MAX_AGE + 1))
    for token in (old, make_token(other, Purpose.PAY), make_token(order, Purpose.STATUS), "forged"):
        request = rf.get("/")
        request.COOKIES[f"checkout_pay_{order.pk}"] = token
        assert find_link(request, order) == ""


def test_link_cookie_is_http_only_and_limited_to_our_path(client, order, stripe_emulator):
    client.post(_url("start", make_token(order, Purpose.PAY)), secure=True)

    cookie = client.cookies[f"checkout_pay_{order.pk}"]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["path"]) == (
        True,
        True,
        "Lax",
        "/checkout/",
    )


def _kept(client):
    return sorted(
        int(name.rpartition("_")[2])
        for name, cookie in client.cookies.items()
        if name[:9] == "checkout_" and cookie.value
    )


def test_only_the_links_of_the_newest_orders_are_stored(client, order, stripe_emulator):
    orders = [order, *(services.place(HostOrderFactory()) for _ in range(11))]
    for later in [*orders[1:], order]:
        client.post(_url("start", make_token(later, Purpose.PAY)))

    assert _kept(client) == [order.pk, *(later.pk for later in orders[-9:])]
    assert {cookie["path"] for cookie in client.cookies.values()} == {"/checkout/"}


def test_no_link_is_stored_for_the_owner(client, stripe_emulator):
    order = services.place(HostOrderFactory(owner=UserFactory()))
    client.force_login(order.user)

    client.post(_url("start", make_token(order, Purpose.PAY)))
    client.post(_url("secret", make_token(order, Purpose.PAY)), {"ui_mode": "elements"})

    assert _kept(client) == []


def test_link_cookie_is_secure_if_the_session_cookie_is(client, order, stripe_emulator, settings):
    settings.SESSION_COOKIE_SECURE = True

    client.post(_url("start", make_token(order, Purpose.PAY)))

    assert client.cookies[f"checkout_pay_{order.pk}"]["secure"] is True


def test_status_page_offers_no_payment_that_the_host_refuses(client, order, host_order, stripe_emulator, settings):
    token = make_token(order, Purpose.PAY)
    client.post(_url("start", token))
    services.expire(order.sessions.get())
    path = _url("return", make_token(order, Purpose.STATUS))
    assert _url("pay", token) in client.get(path).text

    settings.CHECKOUT_ADAPTER = f"{__name__}.ClosedAdapter"
    refused = client.get(path)
    settings.CHECKOUT_ADAPTER = "tests.host.adapters.HostAdapter"
    host_order.delete()
    deleted = client.get(path)

    assert [(page.context["outcome"], "/pay/" in page.text) for page in (refused, deleted)] == [("expired", False)] * 2


@pytest.mark.usefixtures("_api_urls")
@pytest.mark.parametrize("interface", INTERFACES)
def test_cancel_url_has_the_same_link(interface, order, stripe_emulator):
    token = make_token(order, Purpose.PAY, signed_at=timezone.now() - timedelta(days=29))

    _start(interface, order, token)

    (session,) = stripe_emulator.store.select("checkout.session")
    assert urlsplit(session["cancel_url"]).path == _url("pay", token)
