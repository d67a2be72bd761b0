from __future__ import annotations

from typing import Any

import pytest
import stripe

from django_checkout.emulator import Emulator
from tests.amounts import money

from .test_pages import Visitor, text_of

MONTH = {"currency": "eur", "unit_amount": 900, "recurring": {"interval": "month"}, "product_data": {"name": "Club"}}


@pytest.fixture
def visitor(emulator: Emulator) -> Visitor:
    return Visitor(emulator)


@pytest.fixture
def portal(emulator: Emulator, client: stripe.StripeClient) -> stripe.billing_portal.Session:
    """The portal of somebody with a subscription."""
    params: Any = {
        "mode": "subscription",
        "line_items": [{"price_data": MONTH, "quantity": 1}],
        "success_url": "https://shop.example.com/",
    }
    session = client.v1.checkout.sessions.create(params)
    emulator.pay(session.id)
    customer = emulator.get(session.id)["customer"]
    return client.v1.billing_portal.sessions.create({"customer": customer, "return_url": "https://shop.example.com/"})


def path_of(portal: stripe.billing_portal.Session) -> str:
    return f"/portal/{portal.id}"


def only_subscription(client: stripe.StripeClient) -> stripe.Subscription:
    return client.v1.subscriptions.list({"status": "all"}).data[0]


def test_the_way_back_is_an_address_of_the_web(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({})

    with pytest.raises(stripe.InvalidRequestError, match="Not a valid URL"):
        client.v1.billing_portal.sessions.create({"customer": customer.id, "return_url": "javascript:alert(1)"})


def test_the_page_shows_what_there_is_and_the_way_back(visitor: Visitor, portal: stripe.billing_portal.Session) -> None:
    page = visitor.get(path_of(portal))

    text = text_of(page)
    assert page.status == 200
    assert portal.url.endswith(path_of(portal))
    for shown in ("Club", money("9.00"), "every month", "Renews on", "VISA •••• 4242", "Paid"):
        assert shown in text
    assert 'href="https://shop.example.com/"' in text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_a_subscription_is_ended_and_resumed(
    client: stripe.StripeClient, visitor: Visitor, portal: stripe.billing_portal.Session
) -> None:
    chosen = only_subscription(client).id

    assert visitor.send(path_of(portal), action="cancel", subscription=chosen).status == 303
    assert only_subscription(client).cancel_at_period_end
    assert "Ends on" in text_of(visitor.get(path_of(portal)))
    visitor.send(path_of(portal), action="resume", subscription=chosen)
    assert not only_subscription(client).cancel_at_period_end


def test_nobody_ends_what_is_not_theirs(
    client: stripe.StripeClient, visitor: Visitor, portal: stripe.billing_portal.Session
) -> None:
    stranger = client.v1.customers.create()
    theirs = client.v1.billing_portal.sessions.create({"customer": stranger.id})
    chosen = only_subscription(client).id
    visitor.send(path_of(portal), action="cancel", subscription="sub_none")

    assert "no subscriptions" in text_of(visitor.get(path_of(theirs)))
    assert visitor.post(path_of(portal), action="cancel", subscription=chosen).status == 403
    assert not only_subscription(client).cancel_at_period_end


def test_the_address_works_for_an_hour(
    emulator: Emulator, visitor: Visitor, portal: stripe.billing_portal.Session
) -> None:
    emulator.clock.advance(3601)

    assert visitor.get(path_of(portal)).status == 404
    assert visitor.get("/portal/bps_none").status == 404


def test_an_ended_subscription_has_no_button(
    client: stripe.StripeClient, visitor: Visitor, portal: stripe.billing_portal.Session
) -> None:
    client.v1.subscriptions.cancel(only_subscription(client).id)

    text = text_of(visitor.get(path_of(portal)))
    assert "Ended on" in text
    assert "<form" not in text


def test_a_portal_needs_a_customer(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="customer"):
        client.v1.billing_portal.sessions.create({})
