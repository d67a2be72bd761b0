"""Invoices, invoice items and their payment over the API."""

from __future__ import annotations

import pytest
import stripe

from .conftest import event_types

HOUR_SECONDS = 3600
DAY_SECONDS = 24 * HOUR_SECONDS
SENT = {"collection_method": "send_invoice", "days_until_due": 14}


@pytest.fixture
def customer(client):
    """A customer."""
    return client.v1.customers.create({"email": "kim@example.com"}).id


@pytest.fixture
def save_card(client, emulator):
    """Save a test card of a customer and return its id."""

    def save(customer, card="4242424242424242"):
        params = {"mode": "setup", "currency": "eur", "customer": customer, "success_url": "https://shop.example.com/"}
        emulator.pay(client.v1.checkout.sessions.create(params).id, card)
        return client.v1.payment_methods.list({"customer": customer}).data[0].id

    return save


@pytest.fixture
def make_draft(client, customer):
    """Create a draft with one invoice item."""

    def make(amount=2500, **params):
        invoice = client.v1.invoices.create({"customer": customer, "currency": "eur", **params})
        item = {"customer": customer, "invoice": invoice.id, "amount": amount, "currency": "eur", "description": "Pot"}
        client.v1.invoice_items.create(item)
        return client.v1.invoices.retrieve(invoice.id)

    return make


def test_a_draft_is_finalized_and_paid_with_a_saved_card(emulator, client, customer, make_draft, save_card):
    card = save_card(customer)
    draft = make_draft(default_payment_method=card)
    assert (draft.status, draft.amount_due, draft.number, draft.billing_reason) == ("draft", 2500, None, "manual")

    opened = client.v1.invoices.finalize_invoice(draft.id)
    assert (opened.status, bool(opened.number)) == ("open", True)
    paid = client.v1.invoices.pay(draft.id, {"expand": ["payments.data.payment.payment_intent"]})

    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 2500, 0)
    assert paid.payments.data[0].payment.payment_intent.amount_received == 2500
    assert paid.payments.data[0].status == "paid"
    order = ["invoice.created", "invoice.finalized", "payment_intent.succeeded", "invoice_payment.paid", "invoice.paid"]
    assert [name for name in event_types(emulator) if name in order] == order


def test_a_draft_takes_pending_items_only_on_request(client, customer):
    for amount, text in ((1000, "Pot"), (-300, "Credit")):
        client.v1.invoice_items.create({"customer": customer, "amount": amount, "currency": "eur", "description": text})
    assert client.v1.invoices.create({"customer": customer, "currency": "eur"}).total == 0

    params = {"customer": customer, "currency": "eur", "pending_invoice_items_behavior": "include"}
    invoice = client.v1.invoices.create(params)

    assert (invoice.total, [line.description for line in invoice.lines.data]) == (700, ["Pot", "Credit"])
    assert client.v1.invoice_items.list({"customer": customer, "pending": True}).data == []
    lines = client.v1.invoices.line_items.list(invoice.id).data
    items = {item.id for item in client.v1.invoice_items.list({"invoice": invoice.id}).data}
    assert {line.parent.invoice_item_details.invoice_item for line in lines} == items


def test_items_of_a_draft_are_changed_and_removed(client, make_draft):
    draft = make_draft()
    item = client.v1.invoice_items.list({"invoice": draft.id}).data[0]

    client.v1.invoice_items.update(item.id, {"amount": 900, "description": "Small pot"})
    changed = client.v1.invoices.retrieve(draft.id)
    assert (changed.total, changed.lines.data[0].description) == (900, "Small pot")
    client.v1.invoice_items.delete(item.id)

    assert client.v1.invoices.retrieve(draft.id).total == 0


def test_an_item_has_a_price_and_a_quantity(client, customer):
    price = client.v1.prices.create({"currency": "eur", "unit_amount": 400, "product_data": {"name": "Tea"}})

    item = client.v1.invoice_items.create({"customer": customer, "pricing": {"price": price.id}, "quantity": 3})

    assert (item.amount, item.quantity, item.description) == (1200, 3, "Tea")
    assert item.pricing.price_details.price == price.id


def test_tax_rates_and_discounts_apply_to_a_draft(client, make_draft):
    rate = client.v1.tax_rates.create({"display_name": "VAT", "percentage": 10, "inclusive": False})
    coupon = client.v1.coupons.create({"percent_off": 20, "duration": "once"})
    draft = make_draft(1000, default_tax_rates=[rate.id])
    assert draft.total == 1100

    reduced = client.v1.invoices.update(draft.id, {"discounts": [{"coupon": coupon.id}]})

    assert (reduced.subtotal, reduced.total_discount_amounts[0].amount, reduced.total) == (1000, 200, 880)
    assert client.v1.coupons.retrieve(coupon.id).times_redeemed == 1


def test_a_declined_card_leaves_the_invoice_open(emulator, client, customer, make_draft, save_card):
    draft = make_draft(default_payment_method=save_card(customer, "4000000000000341"))

    with pytest.raises(stripe.CardError) as refused:
        client.v1.invoices.pay(draft.id)

    assert refused.value.code == "card_declined"
    invoice = client.v1.invoices.retrieve(draft.id)
    assert (invoice.status, invoice.attempted, invoice.attempt_count) == ("open", True, 1)
    assert len(emulator.events("invoice.payment_failed")) == 1
    other = save_card(customer)
    assert client.v1.invoices.pay(draft.id, {"payment_method": other}).status == "paid"


def test_an_invoice_is_paid_outside_of_stripe(client, make_draft):
    invoice = client.v1.invoices.pay(make_draft(**SENT).id, {"paid_out_of_band": True})

    assert (invoice.status, invoice.amount_paid, invoice.amount_paid_off_stripe) == ("paid", 0, 2500)


def test_an_invoice_is_sent(emulator, client, make_draft):
    draft = make_draft(**SENT)
    sent = client.v1.invoices.send_invoice(draft.id)

    assert (sent.status, sent.due_date - sent.created) == ("open", 14 * DAY_SECONDS)
    assert event_types(emulator)[-1] == "invoice.sent"


def test_an_open_invoice_is_voided_and_its_intent_canceled(emulator, client, make_draft):
    draft = make_draft()
    opened = client.v1.invoices.finalize_invoice(draft.id, {"expand": ["confirmation_secret"]})
    intent = opened.confirmation_secret.client_secret.partition("_secret_")[0]

    assert client.v1.invoices.void_invoice(draft.id).status == "void"

    assert client.v1.payment_intents.retrieve(intent).status == "canceled"
    assert event_types(emulator)[-1] == "invoice.voided"


def test_an_uncollectible_invoice_can_still_be_paid(client, make_draft):
    draft = make_draft(**SENT)
    client.v1.invoices.finalize_invoice(draft.id)
    assert client.v1.invoices.mark_uncollectible(draft.id).status == "uncollectible"

    assert client.v1.invoices.pay(draft.id, {"paid_out_of_band": True}).status == "paid"


def test_a_draft_is_deleted_and_its_items_are_not_pending_again(client, customer, make_draft):
    draft = make_draft()

    assert client.v1.invoices.delete(draft.id).deleted

    # Recorded in Kiln-AI/stripe_world 13_invoices.
    assert client.v1.invoice_items.list({"customer": customer, "pending": True}).data == []


def test_an_invoice_without_amount_is_paid_when_it_is_finalized(client, customer):
    invoice = client.v1.invoices.create({"customer": customer, "currency": "eur"})

    assert client.v1.invoices.finalize_invoice(invoice.id).status == "paid"


def test_a_draft_that_advances_is_finalized_after_an_hour(emulator, client, customer, make_draft, save_card):
    draft = make_draft(auto_advance=True, default_payment_method=save_card(customer))
    assert draft.automatically_finalizes_at - draft.created == HOUR_SECONDS

    emulator.clock.advance(HOUR_SECONDS + 1)

    assert client.v1.invoices.retrieve(draft.id).status == "paid"


def test_a_credit_is_kept_for_the_next_invoice(client, customer, make_draft):
    assert client.v1.invoices.finalize_invoice(make_draft(-700).id).status == "paid"
    assert client.v1.customers.retrieve(customer).balance == -700

    invoice = client.v1.invoices.finalize_invoice(make_draft(1000).id)

    assert (invoice.starting_balance, invoice.ending_balance, invoice.amount_due) == (-700, 0, 300)
    assert client.v1.customers.retrieve(customer).balance == 0
