from __future__ import annotations

import time

import pytest
import stripe

from .conftest import BASE_URL, session_params


def test_a_new_session_is_open_unpaid_and_priced(make_session):
    session = make_session(amount=1250, quantity=3, client_reference_id="A1", metadata={"order_id": "A1"})

    assert session.id.startswith("cs_test_")
    assert (session.status, session.payment_status, session.livemode) == ("open", "unpaid", False)
    assert (session.amount_subtotal, session.amount_total, session.currency) == (3750, 3750, "eur")
    assert session.url == f"{BASE_URL}/pay/{session.id}"
    assert session.payment_intent is None
    assert session.client_reference_id == "A1"
    assert session.metadata is not None
    assert session.metadata.to_dict() == {"order_id": "A1"}
    assert session.expires_at == session.created + 24 * 3600
    assert "line_items" not in session


def test_creating_a_session_emits_no_event(emulator, make_session):
    make_session()

    assert emulator.events() == []


def test_line_items_are_expanded_and_listed(client, make_session):
    session = make_session()

    expanded = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["line_items.data.price.product"]})
    listed = client.v1.checkout.sessions.line_items.list(session.id)

    assert expanded.line_items is not None
    item = expanded.line_items.data[0]
    assert item.price is not None
    assert isinstance(item.price.product, stripe.Product)
    assert item.price.product.name == item.description == "Tea"
    assert (item.quantity, item.amount_total) == (2, 1000)
    assert [line.id for line in listed.data] == [item.id]


def test_expanded_line_items_hold_ten_and_the_list_pages_on(client, make_session):
    line = session_params()["line_items"][0]
    session = make_session(line_items=[line] * 25)

    expanded = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["line_items"]})
    every = list(client.v1.checkout.sessions.line_items.list(session.id, {"limit": 7}).auto_paging_iter())

    assert expanded.line_items is not None
    assert len(expanded.line_items.data) == 10
    assert expanded.line_items.has_more
    assert len({line.id for line in every}) == 25


def test_an_existing_price_can_be_used(client, make_session):
    product = client.v1.products.create({"name": "Jug"})
    price = client.v1.prices.create({"product": product.id, "currency": "eur", "unit_amount": 990})

    session = make_session(line_items=[{"price": price.id, "quantity": 2}])

    assert session.amount_total == 1980


def test_expiring_closes_the_session_and_emits_an_event(emulator, client, make_session):
    session = make_session()

    expired = client.v1.checkout.sessions.expire(session.id)

    assert (expired.status, expired.payment_status, expired.url) == ("expired", "unpaid", None)
    assert [event["type"] for event in emulator.events()] == ["checkout.session.expired"]


@pytest.mark.parametrize("end", ["pay", "expire"])
def test_a_session_that_is_not_open_cannot_be_expired(emulator, client, make_session, end):
    session = make_session()
    if end == "pay":
        emulator.pay(session.id)
    else:
        client.v1.checkout.sessions.expire(session.id)

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.expire(session.id)


def test_expiring_cancels_the_intent_of_a_declined_payment(emulator, client, make_session):
    session = make_session()
    outcome = emulator.pay(session.id, "4000000000000002")
    assert outcome.payment_intent

    client.v1.checkout.sessions.expire(session.id)

    assert client.v1.payment_intents.retrieve(outcome.payment_intent).status == "canceled"


def test_a_session_expires_at_its_time(emulator, client, make_session):
    session = make_session(expires_at=int(time.time()) + 31 * 60)

    emulator.clock.advance(30 * 60)
    before = client.v1.checkout.sessions.retrieve(session.id).status
    emulator.clock.advance(2 * 60)

    assert before == "open"
    assert client.v1.checkout.sessions.retrieve(session.id).status == "expired"
    assert [event["type"] for event in emulator.events()] == ["checkout.session.expired"]


def test_a_client_with_the_system_time_can_set_expires_at(emulator, make_session):
    emulator.clock.advance(3 * 24 * 3600)

    session = make_session(expires_at=int(time.time()) + 3600)

    assert emulator.get(session.id)["status"] == "open"
    emulator.clock.advance(3700)
    assert emulator.get(session.id)["status"] == "expired"


def test_a_recovery_link_opens_a_copy_that_names_the_session(emulator, client, make_session):
    session = make_session(after_expiration={"recovery": {"enabled": True}}, metadata={"order_id": "A1"})
    expired = client.v1.checkout.sessions.expire(session.id)
    assert expired.after_expiration.recovery.url == f"{BASE_URL}/recover/{session.id}"

    copy = client.v1.checkout.sessions.retrieve(emulator.recover(session.id)["id"])

    assert copy.id != session.id
    assert copy.recovered_from == session.id
    assert copy.metadata is not None
    assert copy.metadata.to_dict() == {"order_id": "A1"}
    assert copy.amount_total == session.amount_total


@pytest.mark.parametrize("ui_mode", ["embedded_page", "elements"])
def test_sessions_for_the_shops_own_page_have_a_secret_and_no_url(client, ui_mode):
    params = session_params(ui_mode=ui_mode, return_url="https://shop.example.com/return/")
    del params["success_url"], params["cancel_url"]

    session = client.v1.checkout.sessions.create(params)

    assert session.url is None
    assert session.client_secret.startswith(f"{session.id}_secret_")


def test_line_items_of_an_elements_session_are_replaced_as_a_whole(client):
    params = session_params(ui_mode="elements", return_url="https://shop.example.com/return/")
    del params["success_url"], params["cancel_url"]
    session = client.v1.checkout.sessions.create(params)
    kept = client.v1.checkout.sessions.line_items.list(session.id).data[0].id

    added = {"quantity": 1, "price_data": {"currency": "eur", "unit_amount": 900, "product_data": {"name": "Jug"}}}
    updated = client.v1.checkout.sessions.update(
        session.id,
        {"line_items": [{"id": kept, "quantity": 5}, added]},
    )

    lines = client.v1.checkout.sessions.line_items.list(session.id).data
    assert updated.amount_total == 5 * 500 + 900
    assert [line.quantity for line in lines] == [5, 1]
    assert lines[0].id == kept


def test_line_items_of_a_hosted_session_cannot_be_changed(client, make_session):
    session = make_session()

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.update(session.id, {"line_items": session_params()["line_items"]})


def test_metadata_is_merged_and_unset_by_empty_values(client, make_session):
    session = make_session(metadata={"a": "1", "b": "2"})

    updated = client.v1.checkout.sessions.update(session.id, {"metadata": {"a": "", "c": "3"}})

    assert updated.metadata is not None
    assert updated.metadata.to_dict() == {"b": "2", "c": "3"}


def test_the_first_shipping_option_is_part_of_the_total(make_session):
    rate = {"display_name": "Parcel", "fixed_amount": {"amount": 490, "currency": "eur"}}

    session = make_session(shipping_options=[{"shipping_rate_data": rate}])

    assert (session.amount_subtotal, session.amount_total) == (1000, 1490)
    assert session.total_details.amount_shipping == 490


def test_a_session_has_its_customers_email(client, make_session):
    customer = client.v1.customers.create({"email": "kim@example.com"})

    session = make_session(customer=customer.id)

    assert session.customer == customer.id
    assert session.customer_creation is None
    assert session.customer_details.email == "kim@example.com"


@pytest.mark.parametrize(
    ("params", "types"),
    [
        ({}, ["card", "sepa_debit"]),
        ({"currency": "usd"}, ["card", "us_bank_account"]),
        ({"currency": "sek"}, ["card"]),
        ({"payment_method_types": ["card"]}, ["card"]),
        ({"excluded_payment_method_types": ["sepa_debit"]}, ["card"]),
    ],
)
def test_the_offered_methods_depend_on_currency_and_parameters(make_session, params, types):
    assert make_session(**params).payment_method_types == types


def test_empty_metadata_values_are_not_stored(make_session):
    session = make_session(metadata={"a": "1", "b": ""})

    assert session.metadata is not None
    assert session.metadata.to_dict() == {"a": "1"}


def test_payment_page_is_at_the_custom_domain_of_the_account(emulator, make_session):
    emulator.use_custom_domain("https://pay.shop.example")

    session = make_session()

    assert session.url == f"https://pay.shop.example/pay/{session.id}"
