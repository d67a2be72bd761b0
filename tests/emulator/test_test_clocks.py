"""Test clocks move the time of their customers only."""

from __future__ import annotations

import pytest
import stripe

from .conftest import event_types

START = 1_800_000_000
DAY_SECONDS = 24 * 3600


@pytest.fixture
def clock(client):
    """A test clock."""
    return client.v1.test_helpers.test_clocks.create({"frozen_time": START, "name": "Renewals"})


@pytest.fixture
def subscribe(client, clock):
    """Create a subscription of a new customer, on the test clock unless ``on_clock`` is false."""

    def create(*, on_clock=True, card="pm_card_visa", **params):
        own = {"test_clock": clock.id} if on_clock else {}
        customer = client.v1.customers.create({"email": "kim@example.com", **own}).id
        method = client.v1.payment_methods.attach(card, {"customer": customer}).id
        price = client.v1.prices.create(
            {
                "currency": "eur",
                "unit_amount": 900,
                "recurring": {"interval": "month"},
                "product_data": {"name": "Club"},
            }
        )
        items = [{"price": price.id}]
        body = {"customer": customer, "items": items, "default_payment_method": method, **params}
        return client.v1.subscriptions.create(body)

    return create


def advance(client, clock, days):
    """Advance a clock by days."""
    to = client.v1.test_helpers.test_clocks.retrieve(clock.id).frozen_time + days * DAY_SECONDS
    return client.v1.test_helpers.test_clocks.advance(clock.id, {"frozen_time": to})


def test_a_subscription_on_a_test_clock_begins_and_renews_at_its_time(emulator, client, clock, subscribe):
    subscription = subscribe()
    assert (subscription.start_date, subscription.test_clock) == (START, clock.id)

    answer = advance(client, clock, 31)

    assert (answer.status, answer.status_details.advancing.target_frozen_time) == (
        "advancing",
        START + 31 * DAY_SECONDS,
    )
    ready = client.v1.test_helpers.test_clocks.retrieve(clock.id)
    assert (ready.status, ready.frozen_time) == ("ready", START + 31 * DAY_SECONDS)
    renewed, first = client.v1.invoices.list({"subscription": subscription.id}).data
    assert (first.created, renewed.billing_reason) == (START, "subscription_cycle")
    assert renewed.created == subscription["items"].data[0].current_period_end
    clocks = [name for name in event_types(emulator) if name.startswith("test_helpers.")]
    kind = "test_helpers.test_clock"
    assert clocks == [f"{kind}.created", f"{kind}.advancing", f"{kind}.ready"]


def test_other_subscriptions_keep_the_time_of_the_account(emulator, client, clock, subscribe):
    own, other = subscribe(), subscribe(on_clock=False)
    advance(client, clock, 31)
    assert len(client.v1.invoices.list({"subscription": other.id}).data) == 1

    emulator.clock.advance(100 * DAY_SECONDS)

    assert len(client.v1.invoices.list({"subscription": other.id}).data) == 4
    assert len(client.v1.invoices.list({"subscription": own.id}).data) == 2


def test_events_of_a_test_clock_are_delivered_at_once(emulator, client, clock, subscribe):
    subscribe()
    advance(client, clock, 32)

    due = [one for one in emulator.latest("_delivery", 100) if one["due_at"] <= emulator.clock.now()]
    assert [one["type"] for one in due].count("invoice.paid") == 2


def test_a_trial_ends_on_the_test_clock(client, clock, subscribe):
    subscription = subscribe(trial_period_days=7, card="pm_card_chargeCustomerFail")

    advance(client, clock, 8)

    assert client.v1.subscriptions.retrieve(subscription.id).status == "past_due"


def test_a_renewal_is_a_draft_for_an_hour(client, clock, subscribe):
    subscription = subscribe()
    renews = subscription["items"].data[0].current_period_end
    clocks = client.v1.test_helpers.test_clocks

    clocks.advance(clock.id, {"frozen_time": renews})
    draft = client.v1.invoices.list({"subscription": subscription.id}).data[0]
    assert (draft.status, draft.created, draft.automatically_finalizes_at) == ("draft", renews, renews + 3600)
    client.v1.invoice_items.create(
        {"customer": subscription.customer, "invoice": draft.id, "amount": 100, "currency": "eur"}
    )
    clocks.advance(clock.id, {"frozen_time": renews + 3600})

    paid = client.v1.invoices.retrieve(draft.id)
    assert (paid.status, paid.amount_paid, paid.status_transitions.paid_at) == ("paid", 1000, renews + 3600)


def test_a_session_of_a_customer_on_a_test_clock_subscribes_at_its_time(emulator, client, clock):
    customer = client.v1.customers.create({"test_clock": clock.id, "email": "kim@example.com"}).id
    price = {"currency": "eur", "unit_amount": 900, "recurring": {"interval": "month"}, "product_data": {"name": "Tea"}}
    session = client.v1.checkout.sessions.create(
        {
            "mode": "subscription",
            "customer": customer,
            "line_items": [{"price_data": price, "quantity": 1}],
            "success_url": "https://shop.example.com/",
        }
    )
    emulator.pay(session.id)
    subscription = client.v1.subscriptions.list({"test_clock": clock.id}).data[0]
    assert subscription.start_date == START

    advance(client, clock, 31)

    assert len(client.v1.invoices.list({"customer": customer}).data) == 2


def test_objects_on_test_clocks_are_listed_by_their_clock_only(client, clock, subscribe):
    on_clock, other = subscribe(), subscribe(on_clock=False)

    assert [found.id for found in client.v1.customers.list({"test_clock": clock.id}).data] == [on_clock.customer]
    assert [found.id for found in client.v1.customers.list().data] == [other.customer]
    assert [found.id for found in client.v1.subscriptions.list().data] == [other.id]
    assert [found.id for found in client.v1.subscriptions.list({"customer": on_clock.customer}).data] == [on_clock.id]


def test_a_test_clock_is_deleted_with_its_customers(client, clock, subscribe):
    subscription = subscribe()

    assert client.v1.test_helpers.test_clocks.delete(clock.id).deleted

    assert client.v1.test_helpers.test_clocks.list().data == []
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.retrieve(subscription.customer)


@pytest.mark.parametrize("days", [0, -1, 70])
def test_a_test_clock_moves_forward_by_two_intervals_at_most(client, clock, subscribe, days):
    subscribe()

    with pytest.raises(stripe.InvalidRequestError):
        advance(client, clock, days)


def test_a_test_clock_takes_three_customers(client, clock):
    for _ in range(3):
        client.v1.customers.create({"test_clock": clock.id})

    with pytest.raises(stripe.InvalidRequestError, match="at most 3"):
        client.v1.customers.create({"test_clock": clock.id})
