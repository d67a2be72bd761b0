"""Payment methods and invoice settings in the parameters of customers."""

from __future__ import annotations

from functools import partial

import pytest
import stripe

from .conftest import event_types


def subscribe(client, customer):
    recurring = {"currency": "eur", "unit_amount": 500, "recurring": {"interval": "month"}}
    price = client.v1.prices.create({**recurring, "product_data": {"name": "Tea"}})
    return client.v1.subscriptions.create({"customer": customer.id, "items": [{"price": price.id}]})


def test_a_customer_is_created_with_a_payment_method(emulator, client):
    made = client.v1.customers.create(
        {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}
    )

    (method,) = client.v1.customers.payment_methods.list(made.id).data
    assert made.invoice_settings.default_payment_method == method.id
    assert event_types(emulator) == ["customer.created", "payment_method.attached", "customer.updated"]
    assert subscribe(client, made).status == "active"


def test_a_payment_method_alone_is_not_the_default(client):
    made = client.v1.customers.create({"payment_method": "pm_card_visa"})

    assert made.invoice_settings.default_payment_method is None
    assert len(client.v1.customers.payment_methods.list(made.id).data) == 1


def test_a_customer_is_not_created_with_a_payment_method_that_is_declined(emulator, client):
    with pytest.raises(stripe.CardError):
        client.v1.customers.create({"payment_method": "pm_card_chargeDeclined"})

    assert emulator.events() == []


def test_the_default_is_set_later_and_kept(client):
    customer = client.v1.customers.create({"name": "Sam"})
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})

    settings = {"default_payment_method": method.id, "footer": "Thank you"}
    changed = client.v1.customers.update(customer.id, {"invoice_settings": settings})
    other = client.v1.customers.update(customer.id, {"invoice_settings": {"footer": "Thanks"}})

    assert (changed.invoice_settings.default_payment_method, changed.invoice_settings.footer) == (
        method.id,
        "Thank you",
    )
    assert (other.invoice_settings.default_payment_method, other.invoice_settings.footer) == (method.id, "Thanks")


@pytest.mark.parametrize("is_new", [True, False])
def test_a_default_that_is_not_the_customers_is_refused(client, is_new):
    method = client.v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
    settings = {"invoice_settings": {"default_payment_method": method.id}}

    customers = client.v1.customers
    act = customers.create if is_new else partial(customers.update, customers.create({}).id)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        act(settings)

    assert caught.value.param == "invoice_settings[default_payment_method]"
    assert "does not have a payment method with the ID" in str(caught.value)


def test_invoice_settings_are_shown_with_all_fields(client):
    fields = [{"name": "Order", "value": "7"}]
    made = client.v1.customers.create(
        {"invoice_settings": {"custom_fields": fields, "rendering_options": {"amount_tax_display": "exclude_tax"}}}
    )

    assert made.invoice_settings.to_dict() == {
        "custom_fields": fields,
        "default_payment_method": None,
        "footer": None,
        "rendering_options": {"amount_tax_display": "exclude_tax", "template": None},
    }
