"""Details of the API that other modules do not test."""

from __future__ import annotations

import pytest
import stripe

from django_checkout.emulator import ApiError

from .conftest import event_types, session_params

DAY = 24 * 3600
LINE = session_params()["line_items"][0]


def dollars():
    return {"shipping_rate_data": {"display_name": "Parcel", "fixed_amount": {"amount": 490, "currency": "usd"}}}


def test_products_and_prices_are_created_changed_and_found(emulator, client):
    product = client.v1.products.create({"id": "jug", "name": "Jug", "metadata": {"sku": "7"}})
    price = client.v1.prices.create(
        {"product": "jug", "currency": "EUR", "unit_amount": 990, "lookup_key": "jug-1", "nickname": "usual"}
    )
    client.v1.products.update("jug", {"name": "Big jug", "metadata": {"sku": ""}})
    client.v1.prices.update(price.id, {"active": False})

    found = client.v1.products.retrieve("jug")
    assert (found.id, found.name, found.metadata.to_dict()) == (product.id, "Big jug", {})
    assert client.v1.products.list({"ids": ["jug"]}).data[0].id == "jug"
    assert client.v1.products.list({"active": True}).data[0].id == "jug"
    assert client.v1.prices.retrieve(price.id, {"expand": ["product"]}).currency == "eur"
    assert client.v1.prices.list({"lookup_keys": ["jug-1"]}).data[0].id == price.id
    assert client.v1.prices.list({"active": True}).data == []
    assert event_types(emulator) == ["product.created", "price.created", "product.updated", "price.updated"]


def test_a_recurring_price_is_created_with_its_product(client):
    price = client.v1.prices.create(
        {
            "currency": "eur",
            "unit_amount": 500,
            "recurring": {"interval": "month"},
            "product_data": {"name": "Tea club"},
        }
    )

    assert (price.type, price.recurring and price.recurring.interval) == ("recurring", "month")


@pytest.mark.parametrize(
    "params",
    [
        {"currency": "eur", "unit_amount": 1},
        {"currency": "eur", "product_data": {"name": "x"}},
        {"currency": "eur", "product": "x", "product_data": {"name": "x"}, "unit_amount": 1},
        {"currency": "eur", "product_data": {"name": "x"}, "unit_amount": 1, "unit_amount_decimal": "1"},
        {"currency": "eur", "product_data": {"name": "x"}, "unit_amount_decimal": "NaN"},
        {"currency": "eur", "product_data": {"name": "x"}, "unit_amount_decimal": "one"},
        {"currency": "eur", "product_data": {"name": "x"}, "unit_amount": 10**12},
        {"currency": "eur", "product": "prod_none", "unit_amount": 1},
    ],
)
def test_invalid_prices_are_refused(client, params):
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.prices.create(params)


@pytest.mark.parametrize("params", [{"id": "jug", "name": "again"}, {"name": "x", "images": ["https://x.test"] * 9}])
def test_invalid_products_are_refused(client, params):
    client.v1.products.create({"id": "jug", "name": "Jug"})

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.products.create(params)


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"line_items": "x"}, "line_items"),
        ({"line_items": {"0": "x"}}, "line_items[0]"),
        ({"metadata": "x"}, "metadata"),
        ({"mode": {"a": "b"}}, "mode"),
        ({"client_reference_id": {"a": "b"}}, "client_reference_id"),
        ({"line_items": [{**LINE, "quantity": "many"}]}, "line_items[0][quantity]"),
        ({"line_items": [{**LINE, "price": "price_1"}]}, "line_items[0][price]"),
        ({"line_items": [{"price_data": LINE["price_data"]}]}, "line_items[0][quantity]"),
        ({"optional_items": [{"price": "price_1", "quantity": 1}]}, "optional_items[0][price]"),
        ({"shipping_options": [dollars()]}, "shipping_options[0]"),
        ({"shipping_options": [{"shipping_rate": "shr_1"}]}, "shipping_options[0][shipping_rate]"),
        (
            {"shipping_options": [{"shipping_rate_data": {"display_name": "Parcel"}}]},
            "shipping_options[0][shipping_rate_data][fixed_amount]",
        ),
        ({"redirect_on_completion": "never"}, "redirect_on_completion"),
        ({"amount": 10**11, "quantity": 99}, None),
        (
            {"custom_fields": [{"key": "a", "label": {"type": "custom", "custom": "A"}, "type": "text"}] * 4},
            "custom_fields",
        ),
    ],
)
def test_malformed_sessions_are_refused(make_session, params, param):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        make_session(**params)

    assert caught.value.param == param


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({}, "mode"),
        ({"mode": "payment", "line_items": [LINE]}, "success_url"),
        ({"mode": "payment", "success_url": "https://x.test/"}, "line_items"),
        ({"mode": "setup", "success_url": "https://x.test/"}, "currency"),
        ({"mode": "payment", "ui_mode": "embedded_page", "line_items": [LINE]}, "return_url"),
    ],
)
def test_missing_parameters_are_named(client, changes, missing):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.checkout.sessions.create(changes)

    assert (caught.value.param, caught.value.code) == (missing, "parameter_missing")


def test_a_session_repeats_its_parameters(client, make_session):
    price = client.v1.prices.create({"currency": "eur", "unit_amount": 100, "product_data": {"name": "Card"}})
    label = {"type": "custom", "custom": "Size"}
    session = make_session(
        automatic_tax={"enabled": True},
        consent_collection={"promotions": "auto"},
        custom_fields=[
            {
                "key": "size",
                "label": label,
                "type": "dropdown",
                "dropdown": {"options": [{"label": "L", "value": "l"}]},
            },
            {"key": "note", "label": label, "type": "text", "optional": True},
        ],
        custom_text={"submit": {"message": "Thank you"}},
        invoice_creation={"enabled": True, "invoice_data": {"description": "Tea"}},
        name_collection={"individual": {"enabled": True}},
        optional_items=[{"price": price.id, "quantity": 1}],
    )

    assert session.automatic_tax.status == "requires_location_inputs"
    assert [field.key for field in session.custom_fields] == ["size", "note"]
    assert session.custom_text.submit.message == "Thank you"
    assert session.invoice_creation.invoice_data.description == "Tea"
    assert session.optional_items[0].price == price.id
    assert session.amount_total == 1000


@pytest.fixture
def elements(client):
    params = session_params(ui_mode="elements", return_url="https://shop.example.com/return/")
    del params["success_url"], params["cancel_url"]
    return client.v1.checkout.sessions.create(params)


def test_shipping_of_an_elements_session_can_be_updated(client, elements):
    rate = {"shipping_rate_data": {"display_name": "Parcel", "fixed_amount": {"amount": 490, "currency": "eur"}}}
    address = {"name": "Kim", "address": {"country": "AT", "line1": "Gasse 1"}}

    updated = client.v1.checkout.sessions.update(
        elements.id, {"shipping_options": [rate], "collected_information": {"shipping_details": address}}
    )
    expanded = client.v1.checkout.sessions.retrieve(elements.id, {"expand": ["shipping_cost.shipping_rate"]})
    cleared = client.v1.checkout.sessions.update(elements.id, {"shipping_options": "", "metadata": ""})

    assert updated.amount_total == 1490
    assert updated.collected_information.shipping_details.name == "Kim"
    assert isinstance(expanded.shipping_cost.shipping_rate, stripe.ShippingRate)
    assert cleared.amount_total == 1000


def test_line_items_of_an_elements_session_can_change_their_price(client, elements):
    kept = client.v1.checkout.sessions.line_items.list(elements.id).data[0].id
    price = {"currency": "eur", "unit_amount": 700, "product_data": {"name": "Better tea"}}

    client.v1.checkout.sessions.update(
        elements.id, {"line_items": [{"id": kept, "price_data": price, "metadata": {"a": "1"}}]}
    )
    line = client.v1.checkout.sessions.line_items.list(elements.id, {"expand": ["data.discounts", "data.taxes"]}).data[
        0
    ]

    assert (line.id, line.description, line.amount_total) == (kept, "Better tea", 1400)
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.update(elements.id, {"line_items": [{"id": "li_none", "quantity": 1}]})


def test_a_closed_session_accepts_metadata_only(client, elements):
    client.v1.checkout.sessions.expire(elements.id)

    assert client.v1.checkout.sessions.update(elements.id, {"metadata": {"a": "1"}}).status == "expired"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.update(elements.id, {"shipping_options": ""})


def test_shipping_details_of_a_hosted_session_cannot_be_updated(client, make_session):
    address = {"name": "Kim", "address": {"country": "AT", "line1": "Gasse 1"}}

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.update(make_session().id, {"collected_information": {"shipping_details": address}})


def test_line_items_page_backwards(client, make_session):
    session = make_session(line_items=[LINE] * 5)
    lines = client.v1.checkout.sessions.line_items
    ids = [line.id for line in lines.list(session.id).data]

    back = lines.list(session.id, {"limit": 2, "ending_before": ids[4]})

    assert [line.id for line in back.data] == ids[2:4]
    assert back.has_more
    with pytest.raises(stripe.InvalidRequestError):
        lines.list(session.id, {"starting_after": "li_none"})


def test_a_recovery_link_expires_after_thirty_days(emulator, client, make_session):
    recovery = {"enabled": True, "allow_promotion_codes": True}
    session = make_session(after_expiration={"recovery": recovery})
    client.v1.checkout.sessions.expire(session.id)
    assert emulator.recover(session.id)["allow_promotion_codes"] is True

    emulator.clock.advance(31 * DAY)

    with pytest.raises(ApiError):
        emulator.recover(session.id)


def test_related_objects_of_a_session_are_expanded(client, paid):
    intent = paid()
    client.v1.refunds.create({"payment_intent": intent, "amount": 100})

    session = client.v1.checkout.sessions.list(
        {
            "payment_intent": intent,
            "expand": [
                "data.total_details.breakdown",
                "data.payment_intent.latest_charge.refunds",
                "data.payment_intent.payment_method",
                "data.payment_intent.latest_charge.balance_transaction",
            ],
        }
    ).data[0]

    assert isinstance(session.payment_intent, stripe.PaymentIntent)
    charge = session.payment_intent.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert len(charge.refunds.data) == 1
    assert isinstance(charge.balance_transaction, stripe.BalanceTransaction)


def test_a_nested_list_is_expanded_below_data_only(client, paid):
    paid()

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.list({"expand": ["data.line_items.price"]})


def test_an_intent_can_be_updated(client, paid):
    intent = client.v1.payment_intents.update(paid(), {"description": "Tea", "metadata": {"a": "1"}})

    assert intent.description == "Tea"
    assert intent.metadata.to_dict() == {"a": "1"}
    assert client.v1.payment_intents.list().data[0].id == intent.id


def test_metadata_can_be_sent_with_the_capture(client, paid):
    intent = paid(payment_intent_data={"capture_method": "manual"})

    assert client.v1.payment_intents.capture(intent, {"metadata": {"a": "1"}}).metadata.to_dict() == {"a": "1"}


def test_only_a_waiting_session_can_be_authenticated_or_settled(emulator, make_session):
    session = make_session()

    with pytest.raises(ApiError):
        emulator.authenticate(session.id)
    with pytest.raises(ApiError):
        emulator.settle(session.id)


def test_a_captured_authorization_does_not_expire(emulator, client, paid):
    intent = paid(payment_intent_data={"capture_method": "manual"})
    client.v1.payment_intents.capture(intent)

    emulator.clock.advance(8 * DAY)

    assert client.v1.payment_intents.retrieve(intent).status == "succeeded"
    assert client.v1.balance_transactions.list().data[0].status == "available"


def test_refunds_can_be_finished_and_failed_by_hand(emulator, client, paid):
    pending = client.v1.refunds.create({"payment_intent": paid("4000000000007726")})
    failing = client.v1.refunds.create({"payment_intent": paid("4000000000005126")})

    assert emulator.finish_refund(pending.id)["status"] == "succeeded"
    assert emulator.fail_refund(failing.id)["status"] == "failed"
    emulator.clock.advance(9 * DAY)

    assert client.v1.refunds.retrieve(pending.id).status == "succeeded"
    assert event_types(emulator).count("refund.failed") == 1
    with pytest.raises(ApiError):
        emulator.finish_refund(pending.id)
    with pytest.raises(ApiError):
        emulator.fail_refund(failing.id)


@pytest.fixture
def voucher_refund(emulator, client, make_session):
    session = make_session(amount=5000, currency="jpy")
    emulator.pay(session.id, method="konbini")
    outcome = emulator.settle(session.id)
    return client.v1.refunds.create({"payment_intent": str(outcome.payment_intent)})


def test_a_refund_of_a_voucher_waits_for_the_shopper(emulator, client, voucher_refund):
    assert voucher_refund.status == "requires_action"
    assert voucher_refund.id.startswith("pyr_")

    emulator.clock.advance(3 * DAY)

    assert client.v1.refunds.retrieve(voucher_refund.id).status == "succeeded"


def test_a_refund_that_waits_for_the_shopper_can_be_canceled(emulator, client, voucher_refund):
    assert client.v1.refunds.cancel(voucher_refund.id).status == "canceled"

    emulator.clock.advance(3 * DAY)

    assert client.v1.refunds.retrieve(voucher_refund.id).status == "canceled"
    assert client.v1.charges.retrieve(str(voucher_refund.charge)).amount_refunded == 0


def test_refunds_are_updated_and_found_by_charge(emulator, client, paid):
    refund = client.v1.refunds.create({"payment_intent": paid(), "amount": 100, "reason": "duplicate"})
    client.v1.refunds.update(refund.id, {"metadata": {"a": "1"}})

    found = client.v1.refunds.list({"charge": str(refund.charge)}).data[0]

    assert found.metadata is not None
    assert found.metadata.to_dict() == {"a": "1"}
    assert event_types(emulator)[-1] == "refund.updated"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create({"amount": 5})


def test_disputes_and_fraud_warnings_can_be_opened_by_hand(emulator, client, paid):
    intent = paid()
    warning = emulator.warn_of_fraud(intent)
    opened = emulator.open_dispute(intent, reason="product_not_received", amount=300)
    client.v1.disputes.update(opened["id"], {"metadata": {"a": "1"}})

    closed = emulator.close_dispute(opened["id"], "won")

    assert client.v1.radar.early_fraud_warnings.retrieve(warning["id"]).charge == opened["charge"]
    assert (closed["amount"], closed["status"]) == (300, "won")
    with pytest.raises(ApiError):
        emulator.open_dispute(intent)
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.disputes.update(opened["id"], {"metadata": {"a": "2"}})


def test_an_unanswered_inquiry_is_closed(emulator, paid):
    opened = emulator.open_dispute(paid(), inquiry=True)

    emulator.clock.advance(8 * DAY)

    assert emulator.get(opened["id"])["status"] == "warning_closed"


def test_a_disputed_bank_debit_has_no_card(emulator, make_session):
    session = make_session()
    emulator.pay(session.id, iban="AT611904300234573201")
    outcome = emulator.settle(session.id)

    opened = emulator.open_dispute(str(outcome.payment_intent))

    assert "payment_method_details" not in opened


def test_customers_store_names_and_addresses(client):
    customer = client.v1.customers.create({"name": "Kim", "business_name": "Tea & Co"})
    address = {"city": "Wien", "country": "AT"}
    updated = client.v1.customers.update(
        customer.id,
        {"address": address, "shipping": {"name": "Kim", "address": address}, "metadata": {"a": "1"}},
    )

    assert updated.address.city == "Wien"
    assert updated.shipping.address.city == "Wien"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.retrieve("cus_none")


@pytest.mark.parametrize(
    "params",
    [
        {"url": "ftp://x.test/", "enabled_events": ["*"]},
        {"url": "https://x.test/", "enabled_events": ["Nonsense"]},
        {"url": "https://x.test/", "enabled_events": ["*"], "api_version": "latest"},
        {"url": "https://x.test/"},
    ],
)
def test_invalid_endpoints_are_refused(client, params):
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.webhook_endpoints.create(params)


def test_an_account_has_at_most_sixteen_endpoints(client):
    params = {"url": "https://x.test/", "enabled_events": ["*"], "metadata": {"a": "1"}}
    made = [client.v1.webhook_endpoints.create(params) for _ in range(16)]

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.webhook_endpoints.create(params)
    updated = client.v1.webhook_endpoints.update(made[0].id, {"url": "https://y.test/", "metadata": {"b": "2"}})
    assert (updated.url, updated.metadata.to_dict()) == ("https://y.test/", {"a": "1", "b": "2"})


@pytest.mark.parametrize("params", [{"types": ["charge.failed"] * 21}, {"created": {"after": 1}}, {"created": "x"}])
def test_invalid_event_filters_are_refused(client, params):
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.events.list(params)


def test_events_are_found_by_creation_time(emulator, client, paid):
    paid()
    event = client.v1.events.list().data[0]

    found = client.v1.events.list({"created": event.created})

    assert event.id in [one.id for one in found.data]
    assert client.v1.events.retrieve(event.id).type == event.type


def test_expanding_an_absent_field_does_not_add_it(client, paid):
    refund = client.v1.refunds.create({"payment_intent": paid(), "expand": ["failure_balance_transaction"]})

    assert "failure_balance_transaction" not in refund
