"""Example calls of vouchers, QR codes and bank transfers: sessions and intents, paid, expired, canceled, in parts."""

from __future__ import annotations

from typing import Any

import stripe

from django_checkout.emulator import Emulator
from django_checkout.emulator.reference.action_methods import ACTION_METHODS, TEST_TAX_ID

OPTIONS: dict[str, Any] = {
    "boleto": {"expires_after_days": 0},
    "konbini": {"expires_after_days": 60},
    "oxxo": {"expires_after_days": 7},
    "pix": {"expires_after_seconds": 600},
}
#: How the version of the requests names the methods of a session or an intent.
TYPES = "payment_method_types"
PERSON: dict[str, Any] = {
    "email": "fill_never@example.com",
    "name": "Kim",
    "address": {"line1": "Rua 1", "city": "Santos", "state": "SP", "postal_code": "11010", "country": "BR"},
}


def visit(client: stripe.StripeClient, emulator: Emulator) -> None:
    customer = client.v1.customers.create({"email": "kim@example.com"}).id
    for method in ACTION_METHODS.values():
        for currency in method.currencies:
            _visit_method(client, emulator, method.type, currency, customer)
    _visit_transfers(client, emulator, customer)


def _options(method: str, currency: str) -> dict[str, Any]:
    if method != "customer_balance":
        return {method: OPTIONS[method]} if method in OPTIONS else {}
    kinds = {"eur": "eu", "gbp": "gb", "jpy": "jp", "mxn": "mx", "usd": "us"}
    transfer: dict[str, Any] = {"type": f"{kinds[currency]}_bank_transfer"}
    if currency == "eur":
        transfer["eu_bank_transfer"] = {"country": "FR"}
    return {method: {"funding_type": "bank_transfer", "bank_transfer": transfer}}


def _visit_method(client: stripe.StripeClient, emulator: Emulator, method: str, currency: str, customer: str) -> None:
    v1 = client.v1
    price = {"currency": currency, "unit_amount": 5000, "product_data": {"name": "Tea"}}
    params: Any = {
        "mode": "payment",
        "customer": customer,
        "line_items": [{"quantity": 1, "price_data": price}],
        TYPES: ["card", method],
        "payment_method_options": _options(method, currency),
        "success_url": "https://shop.example.com/",
    }
    session = v1.checkout.sessions.create(params)
    paid = emulator.pay(session.id, method=method, email="fill_never@example.com")
    expanded: Any = {"expand": ["payment_intent.payment_method", "payment_intent.latest_charge"]}
    v1.checkout.sessions.retrieve(session.id, expanded)
    if method == "customer_balance":
        emulator.settle(session.id, amount=2000)
    emulator.settle(session.id)
    v1.checkout.sessions.retrieve(session.id, expanded)
    if method not in ("boleto", "oxxo"):
        v1.refunds.create({"payment_intent": str(paid.payment_intent)})
    own = {"boleto": {"tax_id": TEST_TAX_ID}} if method == "boleto" else {}
    data: Any = {"type": method, "billing_details": PERSON, **own}
    direct: Any = {
        "amount": 5000,
        "currency": currency,
        "customer": customer,
        TYPES: [method],
        "payment_method_options": _options(method, currency),
        "payment_method_data": data,
        "confirm": True,
        "return_url": "https://shop.example.com/",
    }
    intent = v1.payment_intents.create(direct)
    if method != "customer_balance":
        emulator.settle(intent.id, succeed=False)
        v1.payment_methods.create(data)
        again: Any = {"payment_method_data": data, "return_url": "https://shop.example.com/"}
        v1.payment_intents.confirm(intent.id, again)
    if method not in ("boleto", "oxxo"):
        v1.payment_intents.cancel(intent.id)


def _visit_transfers(client: stripe.StripeClient, emulator: Emulator, customer: str) -> None:
    v1 = client.v1
    v1.customers.cash_balance.update(customer, {"settings": {"reconciliation_mode": "manual"}})
    waiting: Any = {
        "amount": 900,
        "currency": "usd",
        "customer": customer,
        TYPES: ["customer_balance"],
        "payment_method_options": _options("customer_balance", "usd"),
        "payment_method_data": {"type": "customer_balance"},
        "confirm": True,
        "return_url": "https://shop.example.com/",
    }
    intent = v1.payment_intents.create(waiting)
    emulator.transfer(customer, 900, "usd", reference="A-1")
    v1.payment_intents.apply_customer_balance(intent.id, {"amount": 400, "currency": "usd"})
    v1.payment_intents.cancel(intent.id)
    v1.customers.cash_balance_transactions.list(customer)
