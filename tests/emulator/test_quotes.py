"""Quotes: priced, finalized, accepted, canceled."""

from __future__ import annotations

import pytest
import stripe

from .conftest import event_types

DAY_SECONDS = 24 * 3600


@pytest.fixture
def price(client):
    """Return a function that creates a price and returns its id."""

    def create(amount, **params):
        return client.v1.prices.create(
            {"currency": "eur", "unit_amount": amount, "product_data": {"name": "Tea"}, **params}
        ).id

    return create


@pytest.fixture
def monthly(price):
    return price(1000, recurring={"interval": "month"})


@pytest.fixture
def customer(client):
    return client.v1.customers.create({"source": "tok_visa", "invoice_prefix": "KIM"}).id


@pytest.fixture
def quote(client, customer, monthly):
    """Return a function that creates a quote of two monthly prices, by default."""

    def create(**params):
        items = [{"price": monthly, "quantity": 2}]
        return client.v1.quotes.create({"customer": customer, "line_items": items, **params})

    return create


def test_a_quote_is_a_draft_with_all_amounts(emulator, client, quote, price, monthly):
    rate = client.v1.tax_rates.create({"display_name": "VAT", "percentage": 20, "inclusive": False})
    items = [{"price": monthly, "quantity": 2, "tax_rates": [rate.id]}, {"price": price(500)}]

    made = quote(line_items=items, header="Hello")

    upfront, recurring = made.computed.upfront, made.computed.recurring
    assert (made.status, made.number, made.header, made.currency) == ("draft", None, "Hello", "eur")
    assert (made.amount_subtotal, made.amount_total, made.total_details.amount_tax) == (2500, 2900, 400)
    assert (upfront.amount_total, recurring.amount_total, recurring.interval) == (2900, 2400, "month")
    assert made.expires_at - made.created == 30 * DAY_SECONDS
    assert event_types(emulator)[-1] == "quote.created"


def test_line_items_are_listed_and_expanded(client, quote):
    made = quote(expand=["line_items"])

    assert [line.amount_total for line in made.line_items.data] == [2000]
    assert made.line_items.url == f"/v1/quotes/{made.id}/line_items"
    listed = client.v1.quotes.line_items.list(made.id)
    upfront = client.v1.quotes.computed_upfront_line_items.list(made.id)
    assert [line.id for line in listed.data] == [line.id for line in upfront.data] == [made.line_items.data[0].id]


def test_an_accepted_quote_becomes_a_subscription(emulator, client, quote, price, monthly):
    items = [{"price": monthly, "quantity": 2}, {"price": price(500), "quantity": 1}]
    data = {"description": "Club", "metadata": {"a": "1"}}
    made = client.v1.quotes.finalize_quote(quote(line_items=items, subscription_data=data).id)
    assert (made.status, made.number, made.status_transitions.finalized_at) == ("open", "QT-KIM-0001-1", made.created)

    accepted = client.v1.quotes.accept(made.id, {"expand": ["subscription", "invoice"]})

    subscription = accepted.subscription
    assert (accepted.status, subscription.status, subscription.description) == ("accepted", "active", "Club")
    assert (accepted.invoice.status, accepted.invoice.total) == ("draft", 2500)
    assert subscription.metadata["a"] == "1"
    assert event_types(emulator)[-1] == "quote.accepted"
    emulator.clock.advance(3601)
    assert client.v1.invoices.retrieve(accepted.invoice.id).status == "paid"


def test_an_accepted_quote_without_recurring_prices_becomes_a_draft_invoice(emulator, client, quote, price):
    made = quote(line_items=[{"price": price(500), "quantity": 3}])
    client.v1.quotes.finalize_quote(made.id)

    accepted = client.v1.quotes.accept(made.id, {"expand": ["invoice"]})

    invoice = accepted.invoice
    assert (accepted.subscription, invoice.status, invoice.total, invoice.auto_advance) == (None, "draft", 1500, False)
    assert invoice.parent.quote_details.quote == made.id
    assert invoice.billing_reason == "quote_accept"
    assert client.v1.invoices.pay(invoice.id).status == "paid"


def test_an_accepted_quote_is_sent_as_an_invoice(client, quote):
    made = quote(collection_method="send_invoice", invoice_settings={"days_until_due": 7})
    client.v1.quotes.finalize_quote(made.id)

    accepted = client.v1.quotes.accept(made.id, {"expand": ["subscription"]})

    assert (accepted.subscription.collection_method, accepted.subscription.days_until_due) == ("send_invoice", 7)


def test_the_second_quote_of_a_customer_has_the_next_number(client, quote):
    numbers = [client.v1.quotes.finalize_quote(quote().id).number for _ in range(2)]

    assert numbers == ["QT-KIM-0001-1", "QT-KIM-0002-1"]


def test_a_quote_expires(emulator, client, quote):
    made = quote()
    client.v1.quotes.finalize_quote(made.id, {"expires_at": made.created + DAY_SECONDS})

    emulator.clock.advance(DAY_SECONDS + 1)

    assert client.v1.quotes.retrieve(made.id).status == "canceled"
    assert event_types(emulator)[-1] == "quote.canceled"


def test_a_quote_that_was_prolonged_does_not_expire(emulator, client, quote):
    made = quote(expires_at=4102444800)

    emulator.clock.advance(40 * DAY_SECONDS)

    assert client.v1.quotes.retrieve(made.id).status == "draft"


def test_a_draft_is_changed(client, customer, price):
    made = client.v1.quotes.create({"description": "Tea"})
    assert (made.amount_total, made.currency, made.computed.recurring) == (0, None, None)
    rate = client.v1.tax_rates.create({"display_name": "VAT", "percentage": 10, "inclusive": False})

    changed = client.v1.quotes.update(
        made.id,
        {
            "customer": customer,
            "default_tax_rates": [rate.id],
            "description": "",
            "line_items": [{"price": price(1000)}],
            "expand": ["default_tax_rates"],
        },
    )

    assert (changed.customer, changed.amount_total, changed.description) == (customer, 1100, None)
    assert changed.default_tax_rates[0].percentage == 10


def test_the_customer_of_a_quote_cannot_be_changed(client, quote):
    other = client.v1.customers.create()

    with pytest.raises(stripe.InvalidRequestError, match="customer"):
        client.v1.quotes.update(quote().id, {"customer": other.id})


def test_an_open_quote_takes_only_another_expiry_and_metadata(client, quote):
    made = client.v1.quotes.finalize_quote(quote().id)

    changed = client.v1.quotes.update(made.id, {"expires_at": made.created + DAY_SECONDS, "metadata": {"a": "1"}})

    assert (changed.expires_at, changed.metadata["a"]) == (made.created + DAY_SECONDS, "1")
    with pytest.raises(stripe.InvalidRequestError, match="header"):
        client.v1.quotes.update(made.id, {"header": "Hello"})


@pytest.mark.parametrize(
    ("before", "action"),
    [
        ((), "accept"),
        (("finalize_quote",), "finalize_quote"),
        (("cancel",), "cancel"),
        (("cancel",), "finalize_quote"),
        (("finalize_quote", "accept"), "cancel"),
    ],
)
def test_a_quote_has_an_order_of_states(client, quote, before, action):
    made = quote()
    for name in before:
        getattr(client.v1.quotes, name)(made.id)

    with pytest.raises(stripe.InvalidRequestError, match="with the status"):
        getattr(client.v1.quotes, action)(made.id)


@pytest.mark.parametrize("missing", ["customer", "line_items"])
def test_a_customer_and_line_items_are_required_to_finalize(client, customer, monthly, missing):
    params = {"customer": customer, "line_items": [{"price": monthly}]}
    made = client.v1.quotes.create({name: value for name, value in params.items() if name != missing})

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.quotes.finalize_quote(made.id)
    assert refused.value.param == missing


def test_line_items_have_one_currency(client, quote, price, monthly):
    with pytest.raises(stripe.InvalidRequestError, match="same currency"):
        quote(line_items=[{"price": monthly}, {"price": price(500, currency="usd")}])


def test_different_intervals_are_not_implemented(client, quote, price, monthly):
    yearly = price(500, recurring={"interval": "year"})

    with pytest.raises(stripe.APIError, match="different intervals"):
        quote(line_items=[{"price": monthly}, {"price": yearly}])


def test_quotes_are_listed_by_status(client, quote):
    draft, canceled = quote(), quote()
    client.v1.quotes.cancel(canceled.id)

    assert [one.id for one in client.v1.quotes.list({"status": "draft"}).data] == [draft.id]
