"""Example calls for invoices, invoice items, and subscriptions that the API creates and changes."""

from __future__ import annotations

from typing import Any

import stripe

from django_checkout.emulator import Emulator
from tests.conformance.billing import MONTH

DAY_SECONDS = 24 * 3600
URL = "https://shop.example.com/"
INVOICE = ["payments", "customer", "confirmation_secret", "parent.subscription_details.subscription"]


def visit(client: stripe.StripeClient, emulator: Emulator) -> None:
    """Call the routes of invoices, invoice items, subscriptions and their items."""
    customer = client.v1.customers.create({"email": "kim@example.com"}).id
    card = _saved_card(client, emulator, customer)
    _visit_invoices(client, customer, card)
    _visit_subscriptions(client, emulator, customer, card)


def _saved_card(client: stripe.StripeClient, emulator: Emulator, customer: str) -> str:
    params: Any = {"mode": "setup", "currency": "eur", "customer": customer, "success_url": URL}
    emulator.pay(client.v1.checkout.sessions.create(params).id)
    return client.v1.payment_methods.list({"customer": customer}).data[0].id


def _draft(client: stripe.StripeClient, customer: str, **params: Any) -> str:
    body: Any = {"customer": customer, "currency": "eur", "metadata": {"a": "b"}, **params}
    invoice = client.v1.invoices.create(body)
    client.v1.invoice_items.create({"customer": customer, "invoice": invoice.id, "amount": 900, "currency": "eur"})
    return invoice.id


def _visit_invoices(client: stripe.StripeClient, customer: str, card: str) -> None:
    v1 = client.v1
    rate = v1.tax_rates.create({"display_name": "VAT", "percentage": 19, "inclusive": True})
    price = v1.prices.create({"currency": "eur", "unit_amount": 400, "product_data": {"name": "Tea"}})
    item = v1.invoice_items.create(
        {"customer": customer, "pricing": {"price": price.id}, "quantity": 2, "tax_rates": [rate.id]}
    )
    v1.invoice_items.update(item.id, {"description": "Green tea", "metadata": {"a": "b"}})
    v1.invoice_items.retrieve(item.id, {"expand": ["customer"]})
    v1.invoice_items.list({"customer": customer, "pending": True})
    v1.invoices.create({"customer": customer, "currency": "eur", "pending_invoice_items_behavior": "include"})
    draft = _draft(client, customer, default_payment_method=card, default_tax_rates=[rate.id])
    v1.invoices.update(draft, {"description": "Thanks", "footer": "Bye"})
    v1.invoices.finalize_invoice(draft, {"expand": INVOICE})
    v1.invoices.pay(draft, {"expand": INVOICE})
    sent = _draft(client, customer, collection_method="send_invoice", days_until_due=7)
    v1.invoices.send_invoice(sent)
    v1.invoices.mark_uncollectible(sent)
    v1.invoices.pay(sent, {"paid_out_of_band": True})
    opened = v1.invoices.finalize_invoice(_draft(client, customer))
    v1.invoices.void_invoice(opened.id, {"expand": ["payments"]})
    deleted = _draft(client, customer)
    v1.invoice_items.delete(v1.invoice_items.list({"invoice": deleted}).data[0].id)
    v1.invoices.delete(deleted)


def _visit_subscriptions(client: stripe.StripeClient, emulator: Emulator, customer: str, card: str) -> None:
    v1 = client.v1
    data: Any = MONTH
    price = v1.prices.create(data)
    other = v1.prices.create({**data, "unit_amount": 1900})
    coupon = v1.coupons.create({"percent_off": 10, "duration": "forever"})
    params: Any = {
        "customer": customer,
        "items": [{"price": price.id, "quantity": 2}],
        "default_payment_method": card,
        "discounts": [{"coupon": coupon.id}],
        "expand": ["latest_invoice.payments", "customer", "default_payment_method", "discounts"],
        "off_session": True,
        "payment_settings": {"save_default_payment_method": "on_subscription"},
    }
    subscription = v1.subscriptions.create(params)
    v1.subscriptions.create({**params, "trial_period_days": 3, "items": [{"price": other.id}]})
    incomplete: Any = {"payment_behavior": "default_incomplete", "expand": ["latest_invoice.confirmation_secret"]}
    v1.subscriptions.create({**params, **incomplete})
    item = subscription["items"].data[0]
    details: Any = {"items": [{"id": item.id, "price": other.id}]}
    v1.invoices.create_preview({"subscription": subscription.id, "subscription_details": details})
    changes: Any = {"items": [{"id": item.id, "price": other.id}], "proration_behavior": "always_invoice"}
    v1.subscriptions.update(subscription.id, {**changes, "pause_collection": {"behavior": "void"}})
    added = v1.subscription_items.create({"subscription": subscription.id, "price": price.id})
    v1.subscription_items.retrieve(added.id)
    v1.subscription_items.update(added.id, {"quantity": 3, "metadata": {"a": "b"}})
    v1.subscription_items.delete(added.id)
    v1.subscriptions.update(subscription.id, {"pause_collection": "", "cancel_at_period_end": True})
    v1.subscriptions.cancel(subscription.id, {"prorate": True, "invoice_now": True})
    settings: Any = {"end_behavior": {"missing_payment_method": "pause"}}
    trial: Any = {"customer": customer, "items": [{"price": price.id}], "trial_period_days": 3}
    paused = v1.subscriptions.create({**trial, "trial_settings": settings})
    emulator.clock.advance(4 * DAY_SECONDS)
    v1.subscriptions.update(paused.id, {"default_payment_method": card})
    v1.subscriptions.resume(paused.id)
    emulator.clock.advance(40 * DAY_SECONDS)
    expand: Any = ["data.payments", "data.parent.subscription_details.subscription"]
    v1.invoices.list({"customer": customer, "limit": 100, "expand": expand})
    v1.subscriptions.list({"customer": customer, "status": "all", "expand": ["data.latest_invoice", "data.discounts"]})
