"""Prices in tiers, packages, currencies and of the customer's choice, default prices, and tax rates of the shop."""

from __future__ import annotations

import pytest
import stripe

from django_checkout.emulator import ApiError

from .conftest import event_types, text_of

URL = "https://shop.example.com/"


@pytest.fixture
def product(client):
    """A product."""
    return client.v1.products.create({"name": "Tea"}).id


@pytest.fixture
def buy(client, product):
    """Create a session for a price with these parameters."""

    def create(quantity=1, session=None, tax_rates=None, **params):
        price = client.v1.prices.create({"currency": "eur", "product": product, **params})
        line = {"price": price.id, "quantity": quantity, **({"tax_rates": tax_rates} if tax_rates else {})}
        mode = "subscription" if "recurring" in params else "payment"
        body = {"mode": mode, "line_items": [line], "success_url": URL, **(session or {})}
        return client.v1.checkout.sessions.create(body)

    return create


USD = {"usd": {"unit_amount": 1100}}
TIERS = [{"up_to": 5, "unit_amount": 1000, "flat_amount": 100}, {"up_to": "inf", "unit_amount_decimal": "750.5"}]


@pytest.mark.parametrize(
    ("mode", "quantity", "total"),
    [
        ("graduated", 5, 5100),
        ("graduated", 7, 6601),
        ("volume", 5, 5100),
        ("volume", 7, 5254),
    ],
)
def test_a_tiered_price_costs_as_its_mode_says(client, buy, mode, quantity, total):
    session = buy(quantity, billing_scheme="tiered", tiers_mode=mode, tiers=TIERS)

    assert session.amount_total == total
    price = client.v1.checkout.sessions.line_items.list(session.id).data[0].price
    assert (price.billing_scheme, price.tiers_mode, price.unit_amount) == ("tiered", mode, None)
    assert "tiers" not in price
    expanded = client.v1.prices.retrieve(price.id, {"expand": ["tiers"]}).tiers
    assert [(tier.up_to, tier.unit_amount, tier.flat_amount) for tier in expanded] == [
        (5, 1000, 100),
        (None, None, None),
    ]


@pytest.mark.parametrize(("direction", "total"), [("up", 3000), ("down", 2000)])
def test_a_price_of_packages_rounds_the_quantity(buy, direction, total):
    assert buy(5, unit_amount=1000, transform_quantity={"divide_by": 2, "round": direction}).amount_total == total


def test_a_session_is_in_a_currency_of_its_prices(client, buy):
    options = {"usd": {"unit_amount": 1100}, "jpy": {"unit_amount": 1500}}
    session = buy(2, {"currency": "jpy"}, unit_amount=1000, currency_options=options)

    assert (session.currency, session.amount_total) == ("jpy", 3000)
    price = client.v1.checkout.sessions.line_items.list(session.id).data[0].price
    assert price.currency == "eur"
    shown = client.v1.prices.retrieve(price.id, {"expand": ["currency_options"]}).currency_options
    assert {code: option["unit_amount"] for code, option in shown.to_dict().items()} == {
        "eur": 1000,
        "usd": 1100,
        "jpy": 1500,
    }


def test_a_session_in_a_currency_that_a_price_lacks_is_refused(buy):
    with pytest.raises(stripe.InvalidRequestError, match="doesn't include the expected currency of `usd`"):
        buy(1, {"currency": "usd"}, unit_amount=1000)


def test_the_shopper_chooses_the_amount_within_its_bounds(emulator, client, buy, visitor):
    session = buy(custom_unit_amount={"enabled": True, "minimum": 500, "maximum": 10000, "preset": 1500})
    assert session.amount_total == 1500
    assert 'name="amount_0" value="15.00" min="5.00" max="100.00"' in text_of(visitor.get(f"/pay/{session.id}"))
    with pytest.raises(ApiError):
        emulator.choose_amount(session.id, 499)

    visitor.send(f"/pay/{session.id}", update="1", amount_0="25.50")

    assert client.v1.checkout.sessions.retrieve(session.id).amount_total == 2550
    assert emulator.pay(session.id).status == "paid"


def test_an_amount_without_preset_must_be_chosen(emulator, buy):
    session = buy(custom_unit_amount={"enabled": True})
    with pytest.raises(ApiError, match="amount"):
        emulator.pay(session.id)

    emulator.choose_amount(session.id, 700)

    assert emulator.pay(session.id).status == "paid"


def test_a_product_is_created_with_its_default_price(emulator, client):
    data = {"currency": "eur", "unit_amount": 1000, "recurring": {"interval": "month"}}
    product = client.v1.products.create(
        {"name": "Club", "default_price_data": data, "expand": ["default_price"]},
    )

    price = product.default_price
    assert (price.unit_amount, price.type, price.product) == (1000, "recurring", product.id)
    assert event_types(emulator) == ["product.created", "price.created"]


def test_a_product_without_prices_is_deleted(emulator, client, product):
    assert client.v1.products.delete(product).deleted

    assert event_types(emulator)[-1] == "product.deleted"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.products.retrieve(product)


def test_a_lookup_key_is_transferred_on_request(client, product):
    first = client.v1.prices.create({"currency": "eur", "unit_amount": 1, "product": product, "lookup_key": "tea"})
    second = client.v1.prices.create(
        {"currency": "eur", "unit_amount": 2, "product": product, "lookup_key": "tea", "transfer_lookup_key": True}
    )

    assert [price.id for price in client.v1.prices.list({"lookup_keys": ["tea"]}).data] == [second.id]
    assert client.v1.prices.retrieve(first.id).lookup_key is None


@pytest.mark.parametrize(("inclusive", "total", "tax"), [(False, 2380, 380), (True, 2000, 319)])
def test_lines_are_taxed_by_the_rates_of_the_shop(client, buy, inclusive, total, tax):
    rate = client.v1.tax_rates.create({"display_name": "VAT", "percentage": 19, "inclusive": inclusive})

    session = buy(2, unit_amount=1000, tax_rates=[rate.id])

    assert (session.amount_total, session.total_details.amount_tax) == (total, tax)
    lines = client.v1.checkout.sessions.line_items.list(session.id, {"expand": ["data.taxes"]}).data
    assert [(found.amount, found.rate.id) for found in lines[0].taxes] == [(tax, rate.id)]


def test_tax_rates_are_listed_archived_and_never_change_their_percentage(client):
    rate = client.v1.tax_rates.create({"display_name": "VAT", "percentage": 7.5, "inclusive": False, "country": "DE"})
    client.v1.tax_rates.update(rate.id, {"active": False, "metadata": {"a": "b"}})

    found = client.v1.tax_rates.retrieve(rate.id)
    assert (found.active, found.percentage, found.country, found.rate_type) == (False, 7.5, "DE", "percentage")
    assert client.v1.tax_rates.list({"active": True}).data == []
    assert [one.id for one in client.v1.tax_rates.list({"inclusive": False}).data] == [rate.id]


def test_a_renewal_costs_what_its_tiers_and_tax_rates_say(emulator, client, buy):
    rate = client.v1.tax_rates.create({"display_name": "VAT", "percentage": 10, "inclusive": False})
    session = buy(
        7,
        billing_scheme="tiered",
        tiers_mode="volume",
        tiers=TIERS,
        recurring={"interval": "month"},
        tax_rates=[rate.id],
    )
    emulator.pay(session.id)

    emulator.clock.advance(32 * 24 * 3600)

    renewed, first = client.v1.invoices.list().data
    assert (first.total, renewed.total) == (5254 + 525, 5254 + 525)
    assert renewed.total_taxes[0].tax_rate_details.tax_rate == rate.id


def test_a_coupon_reduces_by_its_amount_in_the_currency_of_the_session(client, buy):
    coupon = client.v1.coupons.create(
        {"amount_off": 200, "currency": "eur", "currency_options": {"usd": {"amount_off": 300}}}
    )

    session = buy(1, {"currency": "usd", "discounts": [{"coupon": coupon.id}]}, unit_amount=1000, currency_options=USD)

    assert session.total_details.amount_discount == 300
    shown = client.v1.coupons.retrieve(coupon.id, {"expand": ["currency_options"]}).currency_options
    assert shown["usd"]["amount_off"] == 300
