"""Plans, the predecessors of recurring prices."""

from __future__ import annotations

import pytest
import stripe

from .conftest import event_types

PLAN = {"currency": "eur", "interval": "month", "amount": 2000, "product": {"name": "Club"}}


def test_a_plan_is_a_price_as_well(emulator, client):
    plan = client.v1.plans.create(PLAN)

    price = client.v1.prices.retrieve(plan.id)
    assert (plan.object, plan.amount, plan.interval, plan.interval_count) == ("plan", 2000, "month", 1)
    assert (price.object, price.unit_amount, price.product) == ("price", 2000, plan.product)
    assert event_types(emulator) == ["product.created", "plan.created", "price.created"]


def test_a_price_is_a_plan_as_well(client):
    price = client.v1.prices.create(
        {"currency": "eur", "unit_amount": 500, "recurring": {"interval": "year"}, "product_data": {"name": "Tea"}}
    )
    client.v1.prices.create({"currency": "eur", "unit_amount": 500, "product": price.product})

    (plan,) = client.v1.plans.list({"product": price.product, "active": True}).data
    assert (plan.id, plan.interval) == (price.id, "year")
    assert client.v1.plans.retrieve(price.id, {"expand": ["product"]}).product.name == "Tea"


def test_a_one_time_price_is_no_plan(client):
    price = client.v1.prices.create({"currency": "eur", "unit_amount": 500, "product_data": {"name": "Tea"}})

    with pytest.raises(stripe.InvalidRequestError, match="No such plan") as missing:
        client.v1.plans.retrieve(price.id)
    assert missing.value.http_status == 404


def test_a_plan_has_the_id_that_is_sent_once(client):
    assert client.v1.plans.create({**PLAN, "id": "club"}).id == "club"

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.plans.create({**PLAN, "id": "club"})
    assert refused.value.code == "resource_already_exists"


def test_a_plan_is_updated(emulator, client):
    plan = client.v1.plans.create(PLAN)

    changed = client.v1.plans.update(plan.id, {"nickname": "Club", "active": False, "metadata": {"a": "1"}})

    assert (changed.nickname, changed.active, changed.metadata["a"]) == ("Club", False, "1")
    (event,) = [one for one in emulator.events() if one["type"] == "plan.updated"]
    assert event["data"]["previous_attributes"] == {"nickname": None, "active": True, "metadata": {}}


def test_a_plan_is_deleted(emulator, client):
    plan = client.v1.plans.create(PLAN)

    assert client.v1.plans.delete(plan.id).deleted

    assert client.v1.plans.list().data == []
    assert event_types(emulator)[-2:] == ["plan.deleted", "price.deleted"]


def test_the_deletion_of_a_plan_with_subscriptions_is_not_implemented(client):
    plan = client.v1.plans.create(PLAN)
    customer = client.v1.customers.create({"source": "tok_visa"})
    client.v1.subscriptions.create({"customer": customer.id, "items": [{"price": plan.id}]})

    with pytest.raises(stripe.APIError, match="does not implement the deletion of a plan"):
        client.v1.plans.delete(plan.id)


@pytest.mark.parametrize("name", ["amount", "product"])
def test_an_amount_and_a_product_are_required(client, name):
    with pytest.raises(stripe.InvalidRequestError, match=name):
        client.v1.plans.create({key: value for key, value in PLAN.items() if key != name})
