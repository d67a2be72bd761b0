"""Configurations of the billing portal, and the flows that its page plays."""

from __future__ import annotations

import pytest
import stripe

from .conftest import text_of

URL = "https://shop.example.com/account/"
DAY_SECONDS = 24 * 3600


@pytest.fixture
def make_price(client):
    """Create a monthly price and return it."""

    def make(amount):
        recurring = {"interval": "month"}
        data = {"name": f"Club {amount}"}
        return client.v1.prices.create(
            {"currency": "eur", "unit_amount": amount, "recurring": recurring, "product_data": data}
        )

    return make


@pytest.fixture
def subscription(client, make_price):
    """A subscription at 30 euros a month."""
    customer = client.v1.customers.create({"email": "kim@example.com"}).id
    card = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    items = [{"price": make_price(3000).id}]
    return client.v1.subscriptions.create({"customer": customer, "items": items, "default_payment_method": card})


@pytest.fixture
def configure(client, make_price):
    """Create a configuration in which prices of 10 and 60 euros are offered."""

    def create(**features):
        prices = [make_price(1000), make_price(6000)]
        products = [{"product": price.product, "prices": [price.id]} for price in prices]
        update = {"enabled": True, "default_allowed_updates": ["price"], "products": products}
        update.update(features.pop("subscription_update", {}))
        found = client.v1.billing_portal.configurations.create(
            {"features": {"subscription_update": update, "subscription_cancel": {"enabled": True}, **features}}
        )
        return found, prices

    return create


@pytest.fixture
def open_flow(client, subscription):
    """Open a flow of the portal and return the path of its page."""

    def create(flow, **params):
        session = client.v1.billing_portal.sessions.create(
            {"customer": subscription.customer, "return_url": URL, "flow_data": flow, **params}
        )
        return f"/portal/{session.id}"

    return create


def test_a_subscription_is_canceled_by_its_flow_and_the_customer_returns(client, visitor, subscription, open_flow):
    flow = {
        "type": "subscription_cancel",
        "subscription_cancel": {"subscription": subscription.id},
        "after_completion": {"type": "redirect", "redirect": {"return_url": f"{URL}?canceled=1"}},
    }
    path = open_flow(flow)
    assert "Cancel your subscription" in text_of(visitor.get(path))

    response = visitor.send(path, action="confirm")

    assert (response.status, response.headers["Location"]) == (303, f"{URL}?canceled=1")
    assert client.v1.subscriptions.retrieve(subscription.id).cancel_at_period_end
    assert "Cancel your subscription" not in text_of(visitor.get(path))


def test_a_configuration_cancels_at_once(client, visitor, subscription, configure, open_flow):
    configuration, _ = configure(subscription_cancel={"enabled": True, "mode": "immediately"})
    flow = {"type": "subscription_cancel", "subscription_cancel": {"subscription": subscription.id}}

    visitor.send(open_flow(flow, configuration=configuration.id), action="confirm")

    assert client.v1.subscriptions.retrieve(subscription.id).status == "canceled"


def test_the_customer_chooses_another_price(client, visitor, subscription, configure, open_flow):
    configuration, prices = configure(subscription_update={"proration_behavior": "always_invoice"})
    flow = {
        "type": "subscription_update",
        "subscription_update": {"subscription": subscription.id},
        "after_completion": {"type": "hosted_confirmation", "hosted_confirmation": {"custom_message": "Welcome"}},
    }
    path = open_flow(flow, configuration=configuration.id)
    assert "Club 6000" in text_of(visitor.get(path))
    assert "Choose one of the prices." in text_of(visitor.send(path, price="price_unknown"))

    visitor.send(path, price=prices[1].id)

    changed = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert changed["items"].data[0].price.id == prices[1].id
    assert changed.latest_invoice.total == pytest.approx(3000, abs=1)
    assert "Welcome" in text_of(visitor.get(path))


def test_the_customer_confirms_a_change_of_the_shop(client, visitor, subscription, configure, open_flow):
    configuration, prices = configure(subscription_update={"proration_behavior": "always_invoice"})
    item = {"id": subscription["items"].data[0].id, "price": prices[1].id}
    flow = {
        "type": "subscription_update_confirm",
        "subscription_update_confirm": {"subscription": subscription.id, "items": [item]},
    }
    path = open_flow(flow, configuration=configuration.id)
    page = text_of(visitor.get(path))
    assert "60.00" in page
    assert "Due today" in page
    assert client.v1.subscriptions.retrieve(subscription.id)["items"].data[0].price.unit_amount == 3000

    visitor.send(path, action="confirm")

    assert client.v1.subscriptions.retrieve(subscription.id)["items"].data[0].price.unit_amount == 6000


def test_a_downgrade_waits_for_the_end_of_the_period(emulator, client, visitor, subscription, configure, open_flow):
    later = {"conditions": [{"type": "decreasing_item_amount"}]}
    configuration, prices = configure(subscription_update={"schedule_at_period_end": later})
    flow = {"type": "subscription_update", "subscription_update": {"subscription": subscription.id}}

    visitor.send(open_flow(flow, configuration=configuration.id), price=prices[0].id)

    scheduled = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["schedule"]})
    assert (scheduled["items"].data[0].price.unit_amount, len(scheduled.schedule.phases)) == (3000, 2)
    emulator.clock.advance(32 * DAY_SECONDS)
    assert client.v1.invoices.list({"subscription": subscription.id}).data[0].total == 1000


def test_a_card_is_replaced(client, visitor, subscription, open_flow):
    path = open_flow({"type": "payment_method_update"})
    assert "incorrect" in text_of(visitor.send(path, card="4242"))

    visitor.send(path, card="5555 5555 5555 4444")

    changed = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["default_payment_method"]})
    assert changed.default_payment_method.card.last4 == "4444"
    customer = client.v1.customers.retrieve(subscription.customer)
    assert customer.invoice_settings.default_payment_method == changed.default_payment_method.id


def test_a_flow_needs_its_feature(subscription, open_flow):
    flow = {"type": "subscription_update", "subscription_update": {"subscription": subscription.id}}

    with pytest.raises(stripe.InvalidRequestError, match="not enabled in the portal configuration"):
        open_flow(flow)


def test_a_flow_is_for_a_subscription_of_the_customer(client, subscription):
    other = client.v1.customers.create({}).id
    flow = {"type": "subscription_cancel", "subscription_cancel": {"subscription": subscription.id}}

    with pytest.raises(stripe.InvalidRequestError, match="another customer"):
        client.v1.billing_portal.sessions.create({"customer": other, "flow_data": flow})


def test_configurations_are_listed_and_changed(client, visitor, subscription, configure):
    configuration, _ = configure()
    features = {"subscription_cancel": {"enabled": False}}
    profile = {"headline": "Club"}

    changed = client.v1.billing_portal.configurations.update(
        configuration.id, {"features": features, "business_profile": profile, "default_return_url": URL}
    )

    assert (changed.business_profile.headline, changed.default_return_url) == ("Club", URL)
    assert changed.features.subscription_update.enabled
    assert [one.id for one in client.v1.billing_portal.configurations.list({"is_default": False}).data] == [changed.id]
    params = {"customer": subscription.customer, "configuration": configuration.id}
    session = client.v1.billing_portal.sessions.create(params)
    assert session.return_url == URL
    assert "Cancel at the end" not in text_of(visitor.get(f"/portal/{session.id}"))
