from __future__ import annotations

import time
from contextlib import nullcontext

import pytest
import stripe

from .conftest import session_params

RECURRING = {
    "currency": "eur",
    "unit_amount": 500,
    "recurring": {"interval": "month"},
    "product_data": {"name": "Tea club"},
}
LINE = session_params()["line_items"][0]


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"surprise": "1"}, "surprise"),
        ({"line_items": [{**LINE, "colour": "red"}]}, "line_items[0][colour]"),
        ({"line_items": [{"quantity": 1, "price_data": {"unit_amount": 5}}]}, "line_items[0][price_data][currency]"),
        ({"line_items": [{"quantity": 1}]}, "line_items[0][price]"),
        ({"line_items": []}, "line_items"),
        ({"line_items": [LINE] * 101}, "line_items"),
        ({"line_items": [{**LINE, "quantity": 0}]}, "line_items[0][quantity]"),
        ({"amount": -1}, "line_items[0][price_data][unit_amount]"),
        ({"amount": "1.5"}, "line_items[0][price_data][unit_amount]"),
        ({"currency": "xyz"}, "line_items[0][price_data][currency]"),
        ({"currency": "isk", "amount": 150}, "line_items[0][price_data][unit_amount]"),
        ({"currency": "kwd", "amount": 1001}, "line_items[0][price_data][unit_amount]"),
        ({"line_items": [{"quantity": 1, "price_data": RECURRING}]}, "line_items[0]"),
        ({"mode": "subscription"}, "mode"),
        ({"mode": "rent"}, "mode"),
        ({"ui_mode": "hosted"}, "ui_mode"),
        ({"ui_mode": "embedded_page"}, "cancel_url"),
        ({"return_url": "https://shop.example.com/"}, "return_url"),
        ({"success_url": "/return/"}, "success_url"),
        ({"subscription_data": {"description": "x"}}, "subscription_data"),
        ({"customer": "cus_none"}, "customer"),
        ({"customer_email": "nobody"}, "customer_email"),
        ({"customer_update": {"name": "auto"}}, "customer_update"),
        ({"discounts": [{"coupon": "x"}], "allow_promotion_codes": False}, "allow_promotion_codes"),
        ({"discounts": [{"coupon": "NONE"}]}, "discounts[0][coupon]"),
        ({"client_reference_id": "x" * 201}, "client_reference_id"),
        ({"client_reference_id": ""}, "client_reference_id"),
        ({"metadata": {f"k{number}": "v" for number in range(51)}}, "metadata"),
        ({"metadata": {"k": "v" * 501}}, "metadata"),
        ({"metadata": {"k" * 41: "v"}}, "metadata"),
        ({"expires_at": int(time.time()) + 29 * 60}, "expires_at"),
        ({"expires_at": int(time.time()) + 25 * 3600}, "expires_at"),
        ({"permissions": {"update_shipping_details": "server_only"}}, "permissions"),
        ({"automatic_tax": {"enabled": "maybe"}}, "automatic_tax[enabled]"),
    ],
)
def test_a_session_that_breaks_a_rule_is_refused_with_the_parameter(make_session, params, param):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        make_session(**params)

    assert (caught.value.http_status, caught.value.param) == (400, param)


@pytest.mark.parametrize(
    ("amount", "currency", "is_taken"),
    [(49, "usd", False), (50, "usd", True), (29, "gbp", False), (0, "usd", True), (49, "jpy", False)],
)
def test_totals_below_stripes_minimum_are_refused_and_free_orders_are_not(make_session, amount, currency, is_taken):
    expected = nullcontext() if is_taken else pytest.raises(stripe.InvalidRequestError, match="at least")

    with expected:
        make_session(amount=amount, quantity=1, currency=currency)


def test_lines_of_two_currencies_are_refused(make_session):
    other = session_params(currency="usd")["line_items"][0]

    with pytest.raises(stripe.InvalidRequestError):
        make_session(line_items=[LINE, other])


def test_a_refused_session_leaves_no_objects(client, make_session):
    other = session_params(currency="usd")["line_items"][0]
    with pytest.raises(stripe.InvalidRequestError):
        make_session(line_items=[LINE, other])

    assert client.v1.products.list().data == []
    assert client.v1.checkout.sessions.list().data == []


def test_fractional_prices_are_rounded_half_up(client, make_session):
    price = {"currency": "usd", "unit_amount_decimal": "50.5", "product_data": {"name": "Screw"}}

    session = make_session(line_items=[{"quantity": 3, "price_data": price}])

    assert session.amount_total == 152


def test_an_embedded_session_that_never_redirects_needs_no_return_url(client):
    params = session_params(ui_mode="embedded_page", redirect_on_completion="never")
    del params["success_url"], params["cancel_url"]

    session = client.v1.checkout.sessions.create(params)

    assert session.redirect_on_completion == "never"
