"""The return page in each state: what it says, and to whom."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from django_checkout import services
from django_checkout.models import Order, Payment
from django_checkout.operations.erasure import erase_order
from django_checkout.stripe_api import facts
from django_checkout.testing import post_event
from tests.factories import HostOrderFactory, UserFactory
from tests.return_states import NOBODY_PAYS, SECRETS, STATES, World, remember, return_url

pytestmark = [pytest.mark.django_db, pytest.mark.core]

TITLES = {
    "paid": "Thank you, we have received your payment",
    "processing": "Your payment is being processed",
    "failed": "The payment did not go through",
    "authorized": "Thank you, your order is confirmed",
    "expired": "The payment page has expired",
    "canceled": "This order was canceled",
    "refunded": "This order was refunded",
    "partially_refunded": "Part of your payment was refunded",
    "free": "Thank you, your order is complete",
    "setup": "Your payment details are saved",
    "setup_open": "We are waiting for your payment details",
    "subscription": "Thank you, your subscription has started",
    "trial": "Your free trial has started",
    "unknown": "We do not know yet whether you have paid",
    "open": "We are waiting for your payment",
    **dict.fromkeys(("konbini", "oxxo", "transfer", "qr_code"), "Please complete your payment"),
}
WAITING = {"processing", "unknown", "open", "setup_open"}


@pytest.fixture
def world(stripe_emulator):
    return World(stripe_emulator)


@pytest.fixture(params=STATES)
def state(request):
    return request.param


def _text(page):
    return " ".join(re.sub(r"<[^>]+>", " ", page.text.partition("<body")[2]).split())


def test_the_title_says_the_outcome(client, world, state):
    page = client.get(return_url(*STATES[state](world)))

    title = TITLES[state]
    assert (f"<title>{title}</title>" in page.text, f">{title}</h1>" in page.text) == (True, True)
    assert ("http-equiv" in page.text) == (state in WAITING)


def test_a_bare_link_shows_status_and_reference_only(client, world, state):
    order, session = STATES[state](world)

    page = client.get(return_url(order, session))

    assert order.reference in page.text
    assert [secret for secret in SECRETS if secret in page.text.lower()] == []


def test_the_browser_that_pays_sees_the_details(client, world, state):
    order, session = STATES[state](world)
    remember(client, order)

    page = client.get(return_url(order, session))

    assert page.context["summary"].lines == tuple(order.lines.all())
    assert all(line.name in page.text for line in order.lines.all())
    has_email = state not in {"expired", "canceled", "unknown", "open", "setup_open", "qr_code"}
    email = NOBODY_PAYS if state in {"konbini", "oxxo", "transfer"} else "kim.shopper@example.com"
    assert (email in page.text) == has_email


def test_pages_without_a_payment_do_not_speak_of_money(client, world):
    for state in ("setup", "setup_open"):
        order, session = STATES[state](world)
        remember(client, order)
        assert not re.search("€|0.00|paid|Go to payment", _text(client.get(return_url(order, session))))


def test_a_page_without_anything_to_show_has_no_empty_section(client, world):
    order, session = STATES["setup_open"](world)
    remember(client, order)

    assert "checkout-receipt" not in client.get(return_url(order, session)).text


def test_the_amounts_the_method_and_the_address(client, world):
    order, session = STATES["partially_refunded"](world)
    remember(client, order)

    text = _text(client.get(return_url(order, session)))

    assert "Moon Teapot \u00d7 2 0.8 l, blue €48.00 Subtotal €48.00 Shipping €4.90 Total €52.90" in text
    assert "Refunded -€10.00 Total after the refund €42.90" in text
    assert "Payment method Visa ···· 4242 Delivery Standard shipping Ship to Kim Shopper" in text
    assert "20457 Germany E-mail kim.shopper@example.com" in text


def test_a_part_of_an_authorized_amount_is_what_is_charged(client, world):
    order, session = STATES["authorized"](world)
    order = services.capture(order, 1500)
    remember(client, order)
    captured = _text(client.get(return_url(order, session)))
    services.refund(order, 500)
    order.refresh_from_db()

    text = _text(client.get(return_url(order, session)))

    assert "Total €52.90 Charged €15.00" in captured
    assert "Refunded" not in captured
    assert "Total €52.90 Charged €15.00 Refunded -€5.00 Total after the refund €10.00" in text


def test_a_receipt_that_was_sent_is_named_to_whoever_may_see_details(client, world):
    order, session = STATES["paid"](world)
    assert "sent by e-mail" not in client.get(return_url(order, session)).text
    order.payments.update(method={"type": "card", "receipt_number": "1234-5678"})
    assert "1234-5678" not in client.get(return_url(order, session)).text
    remember(client, order)

    assert "Receipt No. 1234-5678, sent by e-mail" in _text(client.get(return_url(order, session)))


def test_a_settled_order_can_be_printed_by_whoever_may_see_details(client, world, state):
    order, session = STATES[state](world)
    assert "data-checkout-print" not in client.get(return_url(order, session)).text
    remember(client, order)

    is_printed = state not in {*WAITING, "failed", "expired", "canceled"}
    assert client.get(return_url(order, session)).text.count("data-checkout-print") == is_printed


def test_the_presentment_currency_is_shown(client, world):
    order, session = STATES["paid"](world)
    order.sessions.update(presentment_currency="jpy", presentment_amount_minor=8450)
    remember(client, order)

    assert "Paid in your currency ¥8,450" in _text(client.get(return_url(order, session)))


def test_the_owner_sees_the_details_and_another_user_does_not(client, stripe_emulator, deliver_events):
    owner = UserFactory()
    order = services.place(HostOrderFactory(owner=owner))
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    deliver_events()

    client.force_login(UserFactory())
    assert "4242" not in client.get(return_url(order, session)).text
    client.force_login(owner)
    assert "Visa ···· 4242" in client.get(return_url(order, session)).text


def test_the_cookie_of_another_order_shows_nothing(client, world):
    order, session = STATES["paid"](world)
    other, _ = STATES["open"](world)
    remember(client, other)
    client.cookies[f"checkout_pay_{order.pk}"] = client.cookies[f"checkout_pay_{other.pk}"].value

    assert client.get(return_url(order, session)).context["summary"] is None


def test_an_erased_order_shows_nothing_personal_and_learns_nothing_again(client, world):
    order, session = STATES["paid"](world)
    charge = world.emulator.events("charge.succeeded")[-1]
    erase_order(order)
    assert post_event({**charge, "id": "evt_late"}).status_code == 200
    remember(client, Order.objects.get(pk=order.pk))

    page = client.get(return_url(order, session))

    assert Payment.objects.get().method is None
    assert [secret for secret in ("kim", "4242", "example street") if secret in page.text.lower()] == []


@pytest.mark.parametrize("is_early", [True, False])
def test_the_method_does_not_depend_on_the_order_of_the_events(world, stripe_emulator, is_early):
    order, session = world.start()
    world.pay(session, is_delivered=False)
    events = sorted(stripe_emulator.events(), key=lambda event: (event["type"] != "charge.succeeded") == is_early)

    for event in events:
        assert post_event(event).status_code == 200

    method = Payment.objects.get(order=order).method
    assert method == {"type": "card", "brand": "visa", "last4": "4242"}


@pytest.mark.parametrize("is_late", [True, False])
def test_what_a_charge_says_later_is_kept_if_an_older_event_arrives_after_it(world, stripe_emulator, is_late):
    order, session = world.start()
    world.pay(session)
    event = stripe_emulator.events("charge.succeeded")[-1]
    charge = {**event["data"]["object"], "receipt_number": "1234-5678"}
    news = [
        {**event, "id": "evt_old"},
        {**event, "id": "evt_new", "type": "charge.updated", "data": {"object": charge}},
    ]

    for one in reversed(news) if is_late else news:
        assert post_event(one).status_code == 200

    assert Payment.objects.get(order=order).method["receipt_number"] == "1234-5678"


@pytest.mark.parametrize("status", ["failed", "pending"])
def test_a_charge_that_has_not_succeeded_says_nothing_about_the_method(world, stripe_emulator, status):
    STATES["paid"](world)
    charge = {**stripe_emulator.events("charge.succeeded")[-1]["data"]["object"], "status": status}

    assert facts.read_charge(charge).method == {}


def test_the_admin_shows_how_an_order_was_paid(admin_client, world):
    order, _session = STATES["paid"](world)
    payment = order.payments.get()

    for name, row in (("order", order), ("payment", payment)):
        page = admin_client.get(reverse(f"admin:django_checkout_{name}_change", args=[row.pk]))
        assert "Visa ···· 4242" in page.text
