"""Searches with Stripe's query language, through the real library."""

from __future__ import annotations

import pytest
import stripe

from django_checkout.emulator.reference.search_fields import FIELDS

from .conftest import session_params


@pytest.fixture
def names(client):
    """Create customers, and return the names of those that a query finds, oldest first."""
    for name, email, metadata in [
        ("Kim Lee", "kim@example.com", {"tier": "gold", 'a "b"': "1"}),
        ("Sam Lee Stone", "sam@shop.example.com", {"tier": "silver"}),
        ("Alex", "ALEX@example.com", {}),
    ]:
        client.v1.customers.create({"name": name, "email": email, "metadata": metadata})

    def find(query):
        found = client.v1.customers.search({"query": query})
        return [customer.name.split()[0] for customer in reversed(found.data)]

    return find


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ('email:"kim@example.com"', ["Kim"]),
        ("email:'alex@example.com'", ["Alex"]),
        ('email~"example.com"', ["Kim", "Sam", "Alex"]),
        ('email~"shop"', ["Sam"]),
        ('name:"lee"', ["Kim", "Sam"]),
        ('name:"lee stone"', ["Sam"]),
        ('name:"stone lee"', []),
        ('-name:"lee"', ["Alex"]),
        ("metadata['tier']:'gold'", ["Kim"]),
        ("metadata['tier']:'gol'", []),
        ('-metadata["tier"]:null', ["Kim", "Sam"]),
        ('metadata["tier"]:null', ["Alex"]),
        (r'metadata["a \"b\""]:"1"', ["Kim"]),
        ("metadata['tier']:'gold' OR metadata['tier']:'silver'", ["Kim", "Sam"]),
        ("name:'lee' AND -metadata['tier']:'gold'", ["Sam"]),
        ("name:'lee' and metadata['tier']:'gold'", ["Kim"]),
        ("name:'lee' metadata['tier']:'gold'", ["Kim"]),
        ("phone:null", ["Kim", "Sam", "Alex"]),
        ("created>0 created<99999999999 AND name:'alex'", ["Alex"]),
        ("created>='99999999999'", []),
    ],
)
def test_customers_are_found_by_a_query(names, query, found):
    assert names(query) == found


def test_amounts_are_compared_as_numbers(client):
    for amount in (900, 1000, 10000):
        client.v1.payment_intents.create({"amount": amount, "currency": "eur"})

    def amounts(query):
        return sorted(intent.amount for intent in client.v1.payment_intents.search({"query": query}).data)

    assert amounts("amount>999") == [1000, 10000]
    assert amounts("amount<=1000 AND currency:'eur'") == [900, 1000]
    assert amounts("-amount:1000") == [900, 10000]


def test_charges_are_found_by_the_card_and_by_what_happened_to_them(client, paid):
    intent, refunded = paid(), paid("5555555555554444")
    client.v1.refunds.create({"payment_intent": refunded})

    def found(query):
        return [charge.payment_intent for charge in client.v1.charges.search({"query": query}).data]

    assert found("payment_method_details.card.last4:4242") == [intent]
    assert found('payment_method_details.card.brand:"mastercard"') == [refunded]
    assert found('refunded:"true"') == [refunded]
    assert found("disputed:'false' AND refunded:'false'") == [intent]


def test_products_prices_subscriptions_and_invoices_are_found(emulator, client):
    product = client.v1.products.create({"name": "Green tea", "shippable": True})
    price = client.v1.prices.create(
        {"product": product.id, "currency": "eur", "unit_amount": 500, "recurring": {"interval": "month"}}
    )
    lines = [{"price": price.id, "quantity": 1}]
    session = client.v1.checkout.sessions.create(session_params(mode="subscription", line_items=lines))
    emulator.pay(session.id)
    subscription = client.v1.checkout.sessions.retrieve(session.id).subscription

    assert [found.id for found in client.v1.products.search({"query": "name~'GREEN' shippable:'true'"}).data] == [
        product.id
    ]
    query = f"product:'{product.id}' AND active:'true' AND type:'recurring'"
    assert [found.id for found in client.v1.prices.search({"query": query}).data] == [price.id]
    query = "status:'active' AND canceled_at:null"
    assert [found.id for found in client.v1.subscriptions.search({"query": query}).data] == [subscription]
    query = f"subscription:'{subscription}' AND total>499 AND status:'paid'"
    assert len(client.v1.invoices.search({"query": query}).data) == 1


def test_pages_continue_where_they_ended_whatever_was_created_meanwhile(client):
    made = [client.v1.customers.create({"name": "Kim"}).id for _ in range(5)]
    params = {"query": "name:'kim'", "limit": 2, "expand": ["total_count", "data.default_source"]}

    first = client.v1.customers.search(params)
    client.v1.customers.create({"name": "Kim"})
    second = client.v1.customers.search({**params, "page": first.next_page})
    third = client.v1.customers.search({**params, "page": second.next_page})

    assert [found.id for page in (first, second, third) for found in page.data] == made[::-1]
    assert (first.object, first.url, first.has_more, first.total_count) == (
        "search_result",
        "/v1/customers/search",
        True,
        5,
    )
    assert (third.has_more, third.next_page, third.total_count) == (False, None, 6)
    assert "total_count" not in client.v1.customers.search({"query": "name:'kim'"})


def test_library_reads_all_pages(client):
    for _ in range(5):
        client.v1.customers.create({"name": "Kim"})

    assert len(list(client.v1.customers.search({"query": "name:'kim'", "limit": 2}).auto_paging_iter())) == 5


def test_every_field_is_one_of_its_resource(client):
    for resource, fields in FIELDS.items():
        service = getattr(client.v1, f"{resource}s")
        for name in fields:
            assert service.search({"query": f"{name}:null"}).object == "search_result"


NOT_PARSED = "We were unable to parse your search query."


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("kim", NOT_PARSED),
        ("name:kim", NOT_PARSED),
        ("name:'kim", NOT_PARSED),
        ("(name:'kim')", NOT_PARSED),
        ("name:'kim' AND", NOT_PARSED),
        ("name:'a'email:'b'", NOT_PARSED),
        ("name:'a' AND name:'b' OR name:'c'", NOT_PARSED),
        (" ".join(["name:'a'"] * 11), NOT_PARSED),
        (
            "foo:'bar'",
            "Field `foo` is an unsupported search field for resource `customers`. See http://stripe.com/docs/",
        ),
        ("name>'kim'", "`>`"),
        ("metadata['a']~'bcd'", "`~`"),
        ("name~'ki'", "3 characters"),
        ("created:'today'", "`created`"),
    ],
)
def test_query_that_stripe_does_not_understand_is_refused(client, query, message):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.customers.search({"query": query})

    assert message in caught.value.user_message


def test_page_that_was_not_returned_is_refused(client):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.customers.search({"query": "name:'kim'", "page": "x"})

    assert caught.value.user_message == "x is an invalid page."
