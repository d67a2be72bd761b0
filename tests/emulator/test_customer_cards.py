"""Cards of customers from tokens."""

from __future__ import annotations

from functools import partial

import pytest
import stripe

from .conftest import event_types


@pytest.fixture
def customer(client):
    return client.v1.customers.create({"name": "Sam"})


def subscribe(client, customer):
    recurring = {"currency": "eur", "unit_amount": 500, "recurring": {"interval": "month"}}
    price = client.v1.prices.create({**recurring, "product_data": {"name": "Tea"}})
    return client.v1.subscriptions.create({"customer": customer.id, "items": [{"price": price.id}]})


def test_a_customer_is_created_with_the_card_of_a_token(emulator, client):
    customer = client.v1.customers.create({"source": "tok_visa"})

    (card,) = client.v1.customers.payment_sources.list(customer.id).data
    assert (card.object, card.brand, card.last4, card.customer) == ("card", "Visa", "4242", customer.id)
    assert customer.default_source == card.id
    assert event_types(emulator) == ["customer.created", "customer.source.created", "customer.updated"]


def test_the_default_card_pays_subscriptions(client):
    customer = client.v1.customers.create({"source": "tok_mastercard"})

    assert subscribe(client, customer).status == "active"


def test_a_card_is_a_payment_method_as_well(client, customer):
    card = client.v1.customers.payment_sources.create(customer.id, {"source": "tok_visa"})

    method = client.v1.payment_methods.retrieve(card.id)
    assert (method.object, method.card.brand, method.customer) == ("payment_method", "visa", customer.id)


def test_a_detached_card_is_no_default(client, customer):
    card = client.v1.customers.payment_sources.create(customer.id, {"source": "tok_visa"})

    client.v1.payment_methods.detach(card.id)

    assert client.v1.customers.retrieve(customer.id).default_source is None
    assert client.v1.customers.payment_sources.list(customer.id).data == []


def test_a_card_is_updated(emulator, client, customer):
    sources = client.v1.customers.payment_sources
    card = sources.create(customer.id, {"source": "tok_visa", "metadata": {"a": "1"}})

    changed = sources.update(
        customer.id, card.id, {"name": "Kim", "address_city": "Bonn", "exp_year": "2040", "metadata": {"b": "2"}}
    )

    assert (changed.name, changed.address_city, changed.exp_year) == ("Kim", "Bonn", 2040)
    assert changed.metadata.to_dict() == {"a": "1", "b": "2"}
    (event,) = [one for one in emulator.events() if one["type"] == "customer.source.updated"]
    assert event["data"]["previous_attributes"] == {
        "address_city": None,
        "exp_year": 2034,
        "metadata": {"a": "1"},
        "name": None,
    }


def test_a_deleted_default_is_replaced(client, customer):
    sources = client.v1.customers.payment_sources
    first, second = (sources.create(customer.id, {"source": token}) for token in ("tok_visa", "tok_amex"))
    assert client.v1.customers.retrieve(customer.id).default_source == first.id

    assert sources.delete(customer.id, first.id).deleted

    assert client.v1.customers.retrieve(customer.id).default_source == second.id
    with pytest.raises(stripe.InvalidRequestError) as missing:
        sources.retrieve(customer.id, first.id)
    assert missing.value.http_status == 404


def test_another_customers_card_is_unknown(client, customer):
    card = client.v1.customers.payment_sources.create(customer.id, {"source": "tok_visa"})
    other = client.v1.customers.create()

    with pytest.raises(stripe.InvalidRequestError, match="No such source"):
        client.v1.customers.payment_sources.retrieve(other.id, card.id)


def test_a_declined_card_is_not_attached(emulator, client, customer):
    with pytest.raises(stripe.CardError):
        client.v1.customers.payment_sources.create(customer.id, {"source": "tok_chargeDeclined"})

    assert client.v1.customers.payment_sources.list(customer.id).data == []
    assert event_types(emulator) == ["customer.created"]


@pytest.mark.parametrize(
    ("source", "error"),
    [("nonsense", stripe.InvalidRequestError), ("src_1", stripe.APIError)],
    ids=["unknown", "source"],
)
def test_what_is_no_token_is_refused(client, customer, source, error):
    create = partial(client.v1.customers.payment_sources.create, customer.id)

    with pytest.raises(error):
        create({"source": source})


def test_a_source_is_required(client, customer):
    with pytest.raises(stripe.InvalidRequestError, match="source"):
        client.v1.customers.payment_sources.create(customer.id, {"metadata": {"a": "1"}})


def test_bank_accounts_are_not_listed_among_cards(client, customer):
    client.v1.customers.payment_sources.create(customer.id, {"source": "tok_visa"})

    assert client.v1.customers.payment_sources.list(customer.id, {"object": "bank_account"}).data == []
