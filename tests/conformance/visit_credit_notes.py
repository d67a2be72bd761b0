"""Example calls for credit notes and subscription schedules."""

from __future__ import annotations

from typing import Any

import stripe

from django_checkout.emulator import Emulator
from tests.conformance.billing import MONTH


def visit(client: stripe.StripeClient, emulator: Emulator) -> None:
    """Call the routes of credit notes and subscription schedules."""
    v1 = client.v1
    customer = v1.customers.create({"email": "kim@example.com"}).id
    card = v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    _visit_notes(client, customer, card)
    items: Any = [{"price": v1.prices.create(MONTH).id}]
    subscription = v1.subscriptions.create({"customer": customer, "items": items, "default_payment_method": card})
    schedules = v1.subscription_schedules
    schedule = schedules.create({"from_subscription": subscription.id, "expand": ["subscription", "customer"]})
    phase = schedule.phases[0]
    other: Any = {"items": [{"price": v1.prices.create(MONTH).id}], "duration": {"interval": "month"}}
    first: Any = {"items": items, "start_date": phase.start_date, "end_date": phase.end_date}
    schedules.update(schedule.id, {"phases": [first, other], "metadata": {"a": "b"}})
    emulator.clock.advance(32 * 24 * 3600)
    schedules.retrieve(schedule.id, {"expand": ["phases.items.price"]})
    schedules.list({"customer": customer})
    schedules.release(schedule.id)
    settings: Any = {"default_payment_method": card}
    again = schedules.create({"customer": customer, "phases": [other], "default_settings": settings})
    schedules.cancel(again.id)


def _visit_notes(client: stripe.StripeClient, customer: str, card: str) -> None:
    v1 = client.v1
    rate = v1.tax_rates.create({"display_name": "VAT", "percentage": 20, "inclusive": True})
    invoices = []
    for _ in range(3):
        params: Any = {"customer": customer, "currency": "eur", "default_payment_method": card}
        invoice = v1.invoices.create({**params, "default_tax_rates": [rate.id]})
        v1.invoice_items.create({"customer": customer, "invoice": invoice.id, "amount": 2000, "currency": "eur"})
        invoices.append(v1.invoices.finalize_invoice(invoice.id))
    paid, unpaid, paid_again = invoices
    v1.invoices.pay(paid.id)
    v1.invoices.pay(paid_again.id)
    lines: Any = [{"type": "invoice_line_item", "invoice_line_item": paid.lines.data[0].id, "quantity": 1}]
    note = v1.credit_notes.create(
        {"invoice": paid.id, "lines": lines, "refund_amount": 2000, "expand": ["refunds.refund", "invoice"]}
    )
    v1.credit_notes.line_items.list(note.id)
    intent = v1.invoice_payments.list({"invoice": paid_again.id}).data[0].payment.payment_intent
    refund = v1.refunds.create({"payment_intent": str(intent), "amount": 500})
    v1.credit_notes.create({"invoice": paid_again.id, "amount": 500, "refunds": [{"refund": refund.id}]})
    v1.credit_notes.update(note.id, {"memo": "Sorry", "metadata": {"a": "b"}})
    v1.credit_notes.retrieve(note.id)
    v1.credit_notes.list({"invoice": paid.id})
    custom: Any = [{"type": "custom_line_item", "unit_amount": 100, "quantity": 2, "description": "Credit"}]
    v1.credit_notes.preview({"invoice": unpaid.id, "lines": custom})
    open_note = v1.credit_notes.create({"invoice": unpaid.id, "lines": custom})
    v1.credit_notes.void_credit_note(open_note.id)
