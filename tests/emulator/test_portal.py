from __future__ import annotations

import pytest
import stripe

from tests.amounts import money

from .conftest import text_of

MONTH = {"currency": "eur", "unit_amount": 900, "recurring": {"interval": "month"}, "product_data": {"name": "Club"}}


@pytest.fixture
def portal(emulator, client):
    """The portal of a customer with a subscription."""
    params = {
        "mode": "subscription",
        "line_items": [{"price_data": MONTH, "quantity": 1}],
        "success_url": "https://shop.example.com/",
    }
    session = client.v1.checkout.sessions.create(params)
    emulator.pay(session.id)
    customer = emulator.get(session.id)["customer"]
    return client.v1.billing_portal.sessions.create({"customer": customer, "return_url": "https://shop.example.com/"})


def path_of(portal):
    return f"/portal/{portal.id}"


def only_subscription(client):
    return client.v1.subscriptions.list({"status": "all"}).data[0]


def test_the_return_url_must_be_a_web_address(client):
    customer = client.v1.customers.create({})

    with pytest.raises(stripe.InvalidRequestError, match="Not a valid URL"):
        client.v1.billing_portal.sessions.create({"customer": customer.id, "return_url": "javascript:alert(1)"})


def test_the_page_shows_subscriptions_invoices_and_a_link_to_the_shop(visitor, portal):
    page = visitor.get(path_of(portal))

    text = text_of(page)
    assert page.status == 200
    assert portal.url.endswith(path_of(portal))
    for shown in ("Club", money("9.00"), "per month", "Renews on", "VISA •••• 4242", "Paid"):
        assert shown in text
    assert 'href="https://shop.example.com/"' in text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_a_list_of_a_configuration_is_emptied_by_an_empty_text(client):
    cancel = {"enabled": True, "cancellation_reason": {"enabled": True, "options": ""}}

    made = client.v1.billing_portal.configurations.create({"features": {"subscription_cancel": cancel}})

    assert made.features.subscription_cancel.cancellation_reason.options == []


def test_a_configuration_keeps_the_options_that_a_request_does_not_send(client):
    cancel = {"enabled": True, "cancellation_reason": {"enabled": True, "options": ["unused"]}}
    made = client.v1.billing_portal.configurations.create({"features": {"subscription_cancel": cancel}})

    reason = {"enabled": False}
    changed = client.v1.billing_portal.configurations.update(
        made.id, {"features": {"subscription_cancel": {"cancellation_reason": reason}}}
    )

    assert changed.features.subscription_cancel.cancellation_reason.options == ["unused"]


def test_a_subscription_is_canceled_and_resumed(client, visitor, portal):
    chosen = only_subscription(client).id

    assert visitor.send(path_of(portal), action="cancel", subscription=chosen).status == 303
    assert only_subscription(client).cancel_at_period_end
    assert "Ends on" in text_of(visitor.get(path_of(portal)))
    visitor.send(path_of(portal), action="resume", subscription=chosen)
    assert not only_subscription(client).cancel_at_period_end


def test_customers_can_only_cancel_their_own_subscriptions(client, visitor, portal):
    other = client.v1.customers.create()
    theirs = client.v1.billing_portal.sessions.create({"customer": other.id})
    chosen = only_subscription(client).id
    visitor.send(path_of(portal), action="cancel", subscription="sub_none")

    assert "no subscriptions" in text_of(visitor.get(path_of(theirs)))
    assert visitor.post(path_of(portal), action="cancel", subscription=chosen).status == 403
    assert not only_subscription(client).cancel_at_period_end


def test_the_url_is_valid_for_an_hour(emulator, visitor, portal):
    emulator.clock.advance(3601)

    assert visitor.get(path_of(portal)).status == 404
    assert visitor.get("/portal/bps_none").status == 404


def test_an_ended_subscription_has_no_button(client, visitor, portal):
    client.v1.subscriptions.cancel(only_subscription(client).id)

    text = text_of(visitor.get(path_of(portal)))
    assert "Ended on" in text
    assert "<form" not in text


def test_a_portal_needs_a_customer(client):
    with pytest.raises(stripe.InvalidRequestError, match="customer"):
        client.v1.billing_portal.sessions.create({})
