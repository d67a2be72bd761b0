"""Who may see and pay an order: one rule for pages and API, and what each link is good for."""

from __future__ import annotations

import re
from datetime import timedelta
from importlib.util import find_spec
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_checkout import access, services
from django_checkout.exceptions import OrderNotFoundError
from django_checkout.models import Order
from django_checkout.tokens import Purpose, make_token
from tests.factories import HostOrderFactory, UserFactory
from tests.host.adapters import HostAdapter

pytestmark = [pytest.mark.django_db, pytest.mark.core]

IBAN = "AT611904300234573201"
FACES = ["pages", pytest.param("api", marks=pytest.mark.skipif(not find_spec("rest_framework"), reason="needs [api]"))]
MAX_AGE = 30 * 24 * 3600


class ClosedAdapter(HostAdapter):
    def can_pay(self, request, order):
        return False


def _url(name, token):
    return reverse(f"django_checkout:{name}", args=[token])


def _start(face, order, token):
    """Ask a face to start paying; the API is that of tests/api."""
    if face == "pages":
        return Client().post(_url("start", token))
    headers = {"Checkout-Token": token}
    return Client().post(f"/api/orders/{order.reference}/sessions/", "{}", "application/json", headers=headers)


@pytest.fixture
def _api_urls(settings):
    if find_spec("rest_framework"):
        settings.ROOT_URLCONF = "tests.api.urls"


@pytest.mark.usefixtures("_api_urls")
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("reason", ["deleted", "refused", "status link", "expired", "nobody", "restored"])
def test_no_face_sells_what_this_request_may_not_pay(face, reason, order, host_order, stripe_emulator, settings):
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
        # The order of the link is lost with yesterday's backup; today's next order is given the same key.
        Order.objects.filter(pk=order.pk).update(created_at=order.created_at + timedelta(days=1))

    assert _start(face, order, token).status_code == 404
    assert stripe_emulator.store.select("checkout.session") == []


@pytest.mark.usefixtures("_api_urls")
@pytest.mark.parametrize("face", FACES)
def test_no_face_shows_an_order_that_the_host_has_deleted(face, order, host_order):
    token = make_token(order, Purpose.PAY)
    path = _url("pay", token) if face == "pages" else f"/api/orders/{order.reference}/"
    assert Client().get(path, headers={"Checkout-Token": token}).status_code == 200

    host_order.delete()

    assert Client().get(path, headers={"Checkout-Token": token}).status_code == 404


@pytest.mark.usefixtures("_api_urls")
@pytest.mark.parametrize("face", FACES)
def test_every_face_sells_to_the_bearer_of_a_link(face, order, stripe_emulator):
    assert _start(face, order, make_token(order, Purpose.PAY)).status_code in (201, 303)


def test_starting_our_order_places_the_hosts_row_as_it_is_now(order, host_order, stripe_emulator):
    assert order.source.quantity == 1
    type(host_order).objects.update(quantity=3)

    session = services.start(order)

    assert stripe_emulator.get(session.stripe_id)["amount_subtotal"] == 6000


def test_starting_our_order_is_refused_once_the_host_has_deleted_its_row(order, host_order, stripe_emulator):
    host_order.delete()

    with pytest.raises(OrderNotFoundError):
        services.start(order)
    assert stripe_emulator.store.select("checkout.session") == []


def test_link_of_a_lost_row_does_not_open_the_next_one_even_for_its_reference(order, rf):
    token = make_token(order, Purpose.PAY)
    pk, reference = order.pk, order.reference
    order.delete()
    again = services.place(HostOrderFactory(number=reference))
    again.lines.all().delete()
    Order.objects.filter(pk=again.pk).update(id=pk)
    order = Order.objects.get(pk=pk)

    with pytest.raises(OrderNotFoundError):
        access.get_order(rf.get("/"), token, Purpose.PAY)
    with pytest.raises(OrderNotFoundError):
        access.get_order_by_reference(rf.get("/"), reference, token=token, purpose=Purpose.PAY)


def _failed(order, stripe_emulator, deliver_events):
    session = order.sessions.get()
    stripe_emulator.pay(session.stripe_id, iban=IBAN)
    stripe_emulator.settle(session.stripe_id, succeed=False)
    deliver_events()
    said = stripe_emulator.get(session.stripe_id)
    return urlsplit(said["success_url"]).path


def test_status_link_alone_does_not_lead_to_payment(client, order, stripe_emulator, deliver_events):
    services.start(order)
    path = _failed(order, stripe_emulator, deliver_events)

    page = client.get(path)

    assert page.context["outcome"] == "failed"
    assert re.findall(r"/checkout/(?:pay|start)/", page.text) == []


def test_guest_whose_delayed_payment_failed_tries_again_in_the_browser_that_paid(
    client, order, stripe_emulator, deliver_events
):
    token = make_token(order, Purpose.PAY)
    client.post(_url("start", token))
    path = _failed(order, stripe_emulator, deliver_events)

    (pay,) = re.findall(r'href="(/checkout/pay/[^"]+)"', client.get(path).text)

    assert pay == _url("pay", token)
    assert client.post(_url("start", token)).status_code == 303


def test_owner_tries_again_in_any_browser(client, stripe_emulator, deliver_events):
    order = services.place(HostOrderFactory(owner=UserFactory()))
    services.start(order)
    path = _failed(order, stripe_emulator, deliver_events)
    client.force_login(order.user)

    (pay,) = re.findall(r'href="(/checkout/pay/[^"]+)"', client.get(path).text)

    assert client.get(pay).status_code == 200


def test_link_in_a_browser_ends_with_its_age_and_is_for_one_order(client, order, rf):
    other = services.place(HostOrderFactory())
    old = make_token(order, Purpose.PAY, signed_at=timezone.now() - timedelta(seconds=MAX_AGE + 1))
    for token in (old, make_token(other, Purpose.PAY), make_token(order, Purpose.STATUS), "forged"):
        request = rf.get("/")
        request.COOKIES[f"checkout_pay_{order.pk}"] = token
        assert access.find_link(request, order) == ""


def test_browser_keeps_the_link_from_scripts_and_from_the_rest_of_the_site(client, order, stripe_emulator):
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
        int(name.rpartition("_")[2]) for name, said in client.cookies.items() if name[:9] == "checkout_" and said.value
    )


def test_browser_keeps_the_links_of_the_newest_orders_only(client, order, stripe_emulator):
    orders = [order, *(services.place(HostOrderFactory()) for _ in range(11))]
    for later in [*orders[1:], order]:
        client.post(_url("start", make_token(later, Purpose.PAY)))

    assert _kept(client) == [order.pk, *(later.pk for later in orders[-9:])]
    assert {cookie["path"] for cookie in client.cookies.values()} == {"/checkout/"}


def test_browser_of_the_owner_keeps_no_link(client, stripe_emulator):
    order = services.place(HostOrderFactory(owner=UserFactory()))
    client.force_login(order.user)

    client.post(_url("start", make_token(order, Purpose.PAY)))
    client.post(_url("secret", make_token(order, Purpose.PAY)), {"ui_mode": "elements"})

    assert _kept(client) == []


def test_link_is_sent_over_https_only_where_the_sites_session_is(client, order, stripe_emulator, settings):
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
@pytest.mark.parametrize("face", FACES)
def test_stripes_page_leads_back_by_the_same_link_and_no_younger_one(face, order, stripe_emulator):
    token = make_token(order, Purpose.PAY, signed_at=timezone.now() - timedelta(days=29))

    _start(face, order, token)

    (session,) = stripe_emulator.store.select("checkout.session")
    assert urlsplit(session["cancel_url"]).path == _url("pay", token)
