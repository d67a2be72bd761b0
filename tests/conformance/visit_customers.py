"""Example calls for customers: payment method, invoice settings, tax IDs and balances."""

from __future__ import annotations

from typing import Any

import stripe

from django_checkout.emulator import Emulator


def visit(client: stripe.StripeClient, emulator: Emulator) -> None:
    """Call the routes of customers' tax IDs and balances, and of the account's tax IDs."""
    v1 = client.v1
    method = v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
    settings: Any = {
        "default_payment_method": method.id,
        "custom_fields": [{"name": "PO", "value": "7"}],
        "rendering_options": {"amount_tax_display": "include_inclusive_tax"},
    }
    expand: Any = ["invoice_settings.default_payment_method", "subscriptions", "tax_ids", "cash_balance"]
    customer = v1.customers.create(
        {
            "payment_method": method.id,
            "invoice_settings": settings,
            "invoice_prefix": "VISIT",
            "next_invoice_sequence": 7,
            "tax_id_data": [{"type": "eu_vat", "value": "DE111111111"}],
            "cash_balance": {"settings": {"reconciliation_mode": "manual"}},
            "balance": -100,
            "expand": expand,
        }
    )
    v1.customers.update(customer.id, {"balance": -50, "invoice_settings": {"footer": "Thanks"}})
    _visit_tax_ids(client, customer.id)
    balances = v1.customers.balance_transactions
    credit = balances.create(customer.id, {"amount": -30, "currency": "eur", "description": "Sorry"})
    balances.update(customer.id, credit.id, {"metadata": {"a": "b"}})
    balances.retrieve(customer.id, credit.id, {"expand": ["customer"]})
    balances.list(customer.id)
    for currency in ("eur", "gbp", "usd"):
        v1.test_helpers.customers.fund_cash_balance(customer.id, {"amount": 100, "currency": currency})
    v1.customers.cash_balance.retrieve(customer.id)
    v1.customers.cash_balance.update(customer.id, {"settings": {"reconciliation_mode": "merchant_default"}})
    _visit_cards(client)
    cash = v1.customers.cash_balance_transactions
    cash.retrieve(customer.id, cash.list(customer.id).data[0].id)


def _visit_cards(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"source": "tok_visa"}).id
    cards = client.v1.customers.payment_sources
    card = cards.create(customer, {"source": "tok_amex", "metadata": {"a": "b"}})
    cards.update(customer, card.id, {"name": "Kim", "address_line1": "Way 1", "exp_month": "3"})
    cards.retrieve(customer, card.id)
    cards.list(customer, {"object": "card"})
    cards.delete(customer, card.id)


def _visit_tax_ids(client: stripe.StripeClient, customer: str) -> None:
    of_customer = client.v1.customers.tax_ids
    tax_id = of_customer.create(customer, {"type": "us_ein", "value": "12-3456789"})
    of_customer.retrieve(customer, tax_id.id, {"expand": ["customer"]})
    of_customer.list(customer)
    of_customer.delete(customer, tax_id.id)
    own = client.v1.tax_ids.create({"type": "gb_vat", "value": "GB123456789", "owner": {"type": "self"}})
    client.v1.tax_ids.retrieve(own.id)
    client.v1.tax_ids.list({"owner": {"type": "customer", "customer": customer}})
    client.v1.tax_ids.delete(own.id)
