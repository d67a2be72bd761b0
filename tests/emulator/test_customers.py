"""Customers: payment method, invoice settings, tax IDs, credit and cash balance."""

from __future__ import annotations

import pytest
import stripe

from .conftest import event_types, session_params
from .test_page_details import TYPED, path_of


@pytest.fixture
def customer(client):
    return client.v1.customers.create({"name": "Kim", "email": "kim@example.com"})


def invoice_of(client, customer, amount=1000):
    """Return a finalized invoice."""
    client.v1.invoice_items.create({"customer": customer, "amount": amount, "currency": "eur"})
    params = {"customer": customer, "collection_method": "send_invoice", "days_until_due": 9}
    invoice = client.v1.invoices.create({**params, "pending_invoice_items_behavior": "include"})
    return client.v1.invoices.finalize_invoice(invoice.id)


def test_customer_is_created_with_a_payment_method_that_invoices_use(emulator, client):
    method = client.v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
    settings = {
        "default_payment_method": method.id,
        "footer": "Thanks",
        "custom_fields": [{"name": "PO", "value": "7"}],
    }
    made = client.v1.customers.create({"payment_method": method.id, "invoice_settings": settings})

    assert made.invoice_settings.default_payment_method == method.id
    assert client.v1.payment_methods.retrieve(method.id).customer == made.id
    assert made.invoice_settings.footer == "Thanks"
    expanded = client.v1.customers.retrieve(made.id, {"expand": ["invoice_settings.default_payment_method"]})
    assert expanded.invoice_settings.default_payment_method.card.last4 == "4242"
    changed = client.v1.customers.update(made.id, {"invoice_settings": {"custom_fields": "", "footer": "Bye"}})
    assert (changed.invoice_settings.custom_fields, changed.invoice_settings.footer) == (None, "Bye")
    assert changed.invoice_settings.default_payment_method == method.id


def test_payment_method_of_another_customer_is_no_default(client, customer):
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})

    with pytest.raises(stripe.InvalidRequestError, match="must be attached to the customer"):
        client.v1.customers.create({"invoice_settings": {"default_payment_method": method.id}})

    assert client.v1.customers.list().data == [client.v1.customers.retrieve(customer.id)]


def test_numbers_of_invoices_follow_prefix_and_sequence(client, customer):
    client.v1.customers.update(customer.id, {"invoice_prefix": "TEA", "next_invoice_sequence": 42})

    assert invoice_of(client, customer.id).number == "TEA-0042"


def test_tax_ids_are_verified_and_shown_on_invoices(emulator, client):
    made = client.v1.customers.create(
        {"tax_id_data": [{"type": "eu_vat", "value": "DE000000000"}], "expand": ["tax_ids"]}
    )
    other = client.v1.customers.tax_ids.create(made.id, {"type": "us_ein", "value": "12-3456789"})

    assert made.tax_ids.data[0].verification.status == "pending"
    verified = client.v1.customers.tax_ids.retrieve(made.id, made.tax_ids.data[0].id)
    assert (verified.verification.status, verified.country) == ("verified", "DE")
    assert (other.verification.status, other.country, other.owner.customer) == ("unavailable", "US", made.id)
    shown = invoice_of(client, made.id).customer_tax_ids
    assert [(one.type, one.value) for one in shown] == [("us_ein", "12-3456789"), ("eu_vat", "DE000000000")]
    client.v1.customers.tax_ids.delete(made.id, other.id)
    assert [found.id for found in client.v1.customers.tax_ids.list(made.id).data] == [verified.id]
    kinds = [kind.removeprefix("customer.tax_id.") for kind in event_types(emulator) if ".tax_id." in kind]
    assert sorted(kinds) == ["created", "created", "deleted", "updated"]


def test_invalid_tax_id_is_refused_and_nothing_is_created(client):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.customers.create({"tax_id_data": [{"type": "eu_vat", "value": "1"}]})

    assert (caught.value.code, caught.value.param) == ("tax_id_invalid", "tax_id_data[0][value]")
    assert client.v1.customers.list().data == []


def test_tax_ids_belong_to_the_account_or_to_a_customer(client, customer):
    own = client.v1.tax_ids.create({"type": "eu_vat", "value": "DE123456789"})
    of_customer = client.v1.tax_ids.create(
        {"type": "gb_vat", "value": "GB123456789", "owner": {"type": "customer", "customer": customer.id}}
    )

    assert (own.owner.type, own.customer) == ("self", None)
    assert [found.id for found in client.v1.tax_ids.list().data] == [own.id]
    where = {"owner": {"type": "customer", "customer": customer.id}}
    assert [found.id for found in client.v1.tax_ids.list(where).data] == [of_customer.id]
    assert client.v1.tax_ids.retrieve(of_customer.id, {"expand": ["customer"]}).customer.email == "kim@example.com"
    client.v1.tax_ids.delete(own.id)
    assert client.v1.tax_ids.list().data == []


def test_tax_id_that_the_shopper_enters_is_saved_on_the_customer(client, customer, visitor, make_session):
    params = {"customer_update": {"address": "auto", "name": "auto"}, "tax_id_collection": {"enabled": True}}
    session = make_session(customer=customer.id, **params)

    visitor.send(path_of(session), **TYPED, tax_id_type="eu_vat", tax_id="DE123456789")

    assert client.v1.checkout.sessions.retrieve(session.id).status == "complete"
    assert [found.value for found in client.v1.customers.tax_ids.list(customer.id).data] == ["DE123456789"]


def test_credit_pays_invoices_and_comes_back_when_they_are_voided(client, customer):
    credit = client.v1.customers.balance_transactions.create(
        customer.id, {"amount": -300, "currency": "eur", "description": "Sorry"}
    )
    invoice = invoice_of(client, customer.id)

    assert (credit.type, credit.ending_balance) == ("adjustment", -300)
    assert (invoice.starting_balance, invoice.ending_balance, invoice.amount_due) == (-300, 0, 700)
    client.v1.invoices.void_invoice(invoice.id)
    found = client.v1.customers.balance_transactions.list(customer.id).data
    assert [(one.type, one.amount, one.ending_balance, one.invoice) for one in found] == [
        ("unapplied_from_invoice", -300, -300, invoice.id),
        ("applied_to_invoice", 300, 0, invoice.id),
        ("adjustment", -300, -300, None),
    ]
    assert client.v1.customers.retrieve(customer.id).balance == -300
    changed = client.v1.customers.balance_transactions.update(customer.id, credit.id, {"metadata": {"a": "b"}})
    assert (changed.metadata["a"], changed.description) == ("b", "Sorry")


def test_balance_that_is_set_is_a_transaction(client):
    made = client.v1.customers.create({"balance": 500})
    client.v1.customers.update(made.id, {"balance": -200, "name": "Sam"})

    found = client.v1.customers.balance_transactions.list(made.id).data
    assert [(one.type, one.amount, one.ending_balance) for one in found] == [
        ("adjustment", -700, -200),
        ("initial", 500, 500),
    ]
    assert (found[0].currency, client.v1.customers.retrieve(made.id).name) == ("usd", "Sam")


def test_bank_transfer_funds_the_cash_balance(emulator, client, customer):
    helper = client.v1.test_helpers.customers
    helper.fund_cash_balance(customer.id, {"amount": 300, "currency": "eur"})
    funded = helper.fund_cash_balance(customer.id, {"amount": 200, "currency": "eur", "reference": "A-1"})

    assert (funded.type, funded.net_amount, funded.ending_balance) == ("funded", 200, 500)
    assert funded.funded.bank_transfer.reference == "A-1"
    balance = client.v1.customers.cash_balance.update(customer.id, {"settings": {"reconciliation_mode": "manual"}})
    assert (balance.available["eur"], balance.settings.using_merchant_default) == (500, False)
    assert client.v1.customers.retrieve(customer.id, {"expand": ["cash_balance"]}).cash_balance == balance
    assert "cash_balance.funds_available" in event_types(emulator)
    thin = client.v2.core.events.list({"types": ["v1.cash_balance.funds_available"]}).data[0]
    assert thin.related_object.url == f"/v1/customers/{customer.id}/cash_balance"
    assert len(client.v1.customers.cash_balance_transactions.list(customer.id).data) == 2


def test_customer_shows_its_subscriptions(emulator, client, customer):
    recurring = {
        "currency": "eur",
        "unit_amount": 500,
        "product_data": {"name": "Tea"},
        "recurring": {"interval": "month"},
    }
    lines = [{"quantity": 1, "price_data": recurring}]
    session = client.v1.checkout.sessions.create(
        session_params(mode="subscription", line_items=lines, customer=customer.id)
    )
    emulator.pay(session.id)

    found = client.v1.customers.retrieve(customer.id, {"expand": ["subscriptions"]})
    assert [one.status for one in found.subscriptions.data] == ["active"]
