"""Subscription schedules."""

from __future__ import annotations

import pytest
import stripe

from .conftest import event_types

DAY_SECONDS = 24 * 3600


@pytest.fixture
def make_price(client):
    """Create a monthly price and return its id."""

    def make(amount):
        return client.v1.prices.create(
            {
                "currency": "eur",
                "unit_amount": amount,
                "recurring": {"interval": "month"},
                "product_data": {"name": f"Club {amount}"},
            }
        ).id

    return make


@pytest.fixture
def subscription(client, make_price):
    """A subscription at 30 euros a month."""
    customer = client.v1.customers.create({"email": "kim@example.com"}).id
    card = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    items = [{"price": make_price(3000)}]
    return client.v1.subscriptions.create({"customer": customer, "items": items, "default_payment_method": card})


@pytest.fixture
def downgrade(client, subscription, make_price):
    """Schedule a cheaper price for the next period, and return the schedule."""

    def schedule(**params):
        made = client.v1.subscription_schedules.create({"from_subscription": subscription.id})
        current = made.phases[0]
        items = [{"price": item.price, "quantity": item.quantity} for item in current["items"]]
        phases = [
            {"items": items, "start_date": current.start_date, "end_date": current.end_date},
            {"items": [{"price": make_price(1000)}], "duration": {"interval": "month"}, "proration_behavior": "none"},
        ]
        return client.v1.subscription_schedules.update(made.id, {"phases": phases, **params})

    return schedule


def test_the_next_phase_begins_with_the_next_period(emulator, client, subscription, downgrade):
    schedule = downgrade()
    attached = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["schedule"]})
    assert (attached.schedule.id, attached["items"].data[0].price.unit_amount) == (schedule.id, 3000)

    emulator.clock.advance(32 * DAY_SECONDS)

    renewed, _ = client.v1.invoices.list({"subscription": subscription.id}).data
    assert (renewed.total, renewed.status) == (1000, "paid")


@pytest.mark.parametrize(("behavior", "status"), [("release", "active"), ("cancel", "canceled")])
def test_a_completed_schedule(emulator, client, subscription, downgrade, behavior, status):
    schedule = downgrade(end_behavior=behavior)

    emulator.clock.advance(65 * DAY_SECONDS)

    ended = client.v1.subscriptions.retrieve(subscription.id)
    assert (ended.status, ended.schedule) == (status, None)
    assert client.v1.subscription_schedules.retrieve(schedule.id).status == "completed"


def test_a_released_schedule_changes_nothing_any_more(emulator, client, subscription, downgrade):
    released = client.v1.subscription_schedules.release(downgrade().id)
    assert (released.status, released.released_subscription) == ("released", subscription.id)

    emulator.clock.advance(32 * DAY_SECONDS)

    assert client.v1.invoices.list({"subscription": subscription.id}).data[0].total == 3000
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.subscription_schedules.cancel(released.id)


def test_a_canceled_schedule_ends_its_subscription(client, subscription, downgrade):
    client.v1.subscription_schedules.cancel(downgrade().id)

    assert client.v1.subscriptions.retrieve(subscription.id).status == "canceled"


def test_a_subscription_has_one_schedule(client, subscription, downgrade):
    downgrade()

    with pytest.raises(stripe.InvalidRequestError, match="already attached to a schedule"):
        client.v1.subscription_schedules.create({"from_subscription": subscription.id})


def test_a_schedule_begins_a_subscription(emulator, client, subscription, make_price):
    client.v1.subscriptions.cancel(subscription.id)
    phases = [
        {"items": [{"price": make_price(500), "quantity": 2}], "duration": {"interval": "month", "interval_count": 2}}
    ]
    settings = {"default_payment_method": subscription.default_payment_method}
    params = {"customer": subscription.customer, "start_date": "now", "phases": phases, "end_behavior": "cancel"}

    schedule = client.v1.subscription_schedules.create({**params, "default_settings": settings})

    emulator.clock.advance(70 * DAY_SECONDS)
    invoices = client.v1.invoices.list({"subscription": schedule.subscription}).data
    assert [invoice.total for invoice in invoices] == [1000, 1000]
    assert client.v1.subscriptions.retrieve(schedule.subscription).status == "canceled"


@pytest.fixture
def scheduled(client, make_price):
    """Create a schedule of one phase for a customer whose card is a default source, and return it."""

    def create(**params):
        customer = client.v1.customers.create(params.pop("owner", {"source": "tok_visa"})).id
        phase = {"items": [{"price": make_price(1000)}], "duration": {"interval": "month"}}
        return client.v1.subscription_schedules.create(
            {"customer": customer, "start_date": "now", "phases": [phase], **params}
        )

    return create


def test_the_first_invoice_of_a_schedule_is_a_draft_for_an_hour(emulator, client, scheduled):
    schedule = scheduled()

    (invoice,) = client.v1.invoices.list({"subscription": schedule.subscription}).data
    assert (invoice.status, client.v1.subscriptions.retrieve(schedule.subscription).status) == ("draft", "active")
    emulator.clock.advance(3601)
    assert client.v1.invoices.retrieve(invoice.id).status == "paid"


def test_a_schedule_needs_no_payment_method(emulator, client, scheduled):
    schedule = scheduled(owner={"name": "Sam"})

    emulator.clock.advance(3601)
    assert client.v1.subscriptions.retrieve(schedule.subscription).status == "past_due"


def test_the_end_of_a_schedule_is_announced_once_seven_days_before(emulator, client, scheduled):
    schedule = scheduled()
    emulator.clock.advance(schedule.phases[0].end_date - schedule.created - 7 * DAY_SECONDS - 60)
    client.v1.subscription_schedules.update(schedule.id, {"metadata": {"a": "1"}})
    assert "subscription_schedule.expiring" not in event_types(emulator)

    emulator.clock.advance(120)

    assert client.v1.subscription_schedules.retrieve(schedule.id).status == "active"
    assert event_types(emulator).count("subscription_schedule.expiring") == 1


def test_the_end_is_not_announced_of_a_schedule_that_is_prolonged(emulator, client, scheduled):
    schedule = scheduled()
    current = schedule.phases[0]
    items = [{"price": item.price} for item in current["items"]]
    emulator.clock.advance(DAY_SECONDS)
    first = {"items": items, "start_date": current.start_date, "end_date": current.end_date}
    phases = [first, {"items": items, "duration": {"interval": "month"}}]
    client.v1.subscription_schedules.update(schedule.id, {"phases": phases})

    emulator.clock.advance(current.end_date - schedule.created - 2 * DAY_SECONDS)

    client.v1.subscription_schedules.retrieve(schedule.id)
    assert "subscription_schedule.expiring" not in event_types(emulator)
