"""Credit notes reduce finalized invoices."""

from __future__ import annotations

import pytest
import stripe

from .conftest import event_types


@pytest.fixture
def customer(client):
    """A customer with a card."""
    found = client.v1.customers.create({"email": "kim@example.com"}).id
    client.v1.payment_methods.attach("pm_card_visa", {"customer": found})
    return found


@pytest.fixture
def make_invoice(client, customer):
    """Create an invoice of two pots at 10 euros each, with 20 % tax, open or paid."""

    def make(*, is_paid=False):
        card = client.v1.payment_methods.list({"customer": customer}).data[0].id
        rate = client.v1.tax_rates.create({"display_name": "VAT", "percentage": 20, "inclusive": False})
        price = client.v1.prices.create({"currency": "eur", "unit_amount": 1000, "product_data": {"name": "Pot"}})
        invoice = client.v1.invoices.create(
            {"customer": customer, "currency": "eur", "default_payment_method": card, "default_tax_rates": [rate.id]}
        )
        item = {"customer": customer, "invoice": invoice.id, "pricing": {"price": price.id}, "quantity": 2}
        client.v1.invoice_items.create(item)
        finalized = client.v1.invoices.finalize_invoice(invoice.id)
        return client.v1.invoices.pay(invoice.id) if is_paid else finalized

    return make


def test_a_credit_note_reduces_what_is_left_to_pay(emulator, client, make_invoice):
    invoice = make_invoice()

    note = client.v1.credit_notes.create({"invoice": invoice.id, "amount": 400, "reason": "order_change"})

    assert (note.type, note.pre_payment_amount, note.post_payment_amount) == ("pre_payment", 400, 0)
    assert note.number == f"{invoice.number}-CN-01"
    changed = client.v1.invoices.retrieve(invoice.id)
    assert (changed.amount_due, changed.amount_remaining, changed.pre_payment_credit_notes_amount) == (2000, 2000, 400)
    assert event_types(emulator)[-1] == "credit_note.created"


def balance_of(client, intent):
    """Return what the balance transactions of a payment add up to, without fees."""
    charge = client.v1.payment_intents.retrieve(intent).latest_charge
    refunds = client.v1.refunds.list({"payment_intent": intent}).data
    sources = [charge, *(refund.id for refund in refunds)]
    found = [row for source in sources for row in client.v1.balance_transactions.list({"source": source}).data]
    return sum(row.amount for row in found)


def intent_of(client, invoice):
    """Return the PaymentIntent of an invoice."""
    (payment,) = client.v1.invoice_payments.list({"invoice": invoice.id}).data
    return payment.payment.payment_intent


def test_a_credited_invoice_is_charged_what_is_left(client, make_invoice):
    invoice = make_invoice()
    client.v1.credit_notes.create({"invoice": invoice.id, "amount": 400})

    paid = client.v1.invoices.pay(invoice.id)
    client.v1.credit_notes.create({"invoice": invoice.id, "amount": 500, "refund_amount": 500})

    assert (paid.amount_paid, client.v1.payment_intents.retrieve(intent_of(client, invoice)).amount) == (2000, 2000)
    assert balance_of(client, intent_of(client, invoice)) == 1500


def test_a_voided_credit_note_is_charged_again(client, make_invoice):
    invoice = make_invoice()
    note = client.v1.credit_notes.create({"invoice": invoice.id, "amount": 400})

    client.v1.credit_notes.void_credit_note(note.id)

    assert client.v1.payment_intents.retrieve(intent_of(client, invoice)).amount == 2400


def test_an_invoice_that_is_credited_in_full_cannot_be_paid_any_more(client, make_invoice):
    invoice = make_invoice()

    client.v1.credit_notes.create({"invoice": invoice.id, "amount": 2400})

    intent = client.v1.payment_intents.retrieve(intent_of(client, invoice))
    assert intent.status == "canceled"


def test_a_credit_note_over_everything_closes_an_open_invoice(client, make_invoice):
    invoice = make_invoice()

    client.v1.credit_notes.create({"invoice": invoice.id, "amount": 2400})

    assert client.v1.invoices.retrieve(invoice.id).status == "paid"


def test_a_paid_invoice_is_refunded(client, make_invoice):
    invoice = make_invoice(is_paid=True)
    line = invoice.lines.data[0].id
    lines = [{"type": "invoice_line_item", "invoice_line_item": line, "quantity": 1}]

    note = client.v1.credit_notes.create({"invoice": invoice.id, "lines": lines, "refund_amount": 1200})

    assert (note.subtotal, note.total, note.type) == (1000, 1200, "post_payment")
    assert client.v1.refunds.retrieve(note.refunds[0].refund).amount == 1200
    assert client.v1.credit_notes.line_items.list(note.id).data[0].invoice_line_item == line
    assert client.v1.invoices.retrieve(invoice.id).post_payment_credit_notes_amount == 1200


def test_a_credit_note_names_a_refund_that_was_made_before(client, make_invoice):
    invoice = make_invoice(is_paid=True)
    refund = client.v1.refunds.create({"payment_intent": intent_of(client, invoice), "amount": 500})
    refunds = [{"refund": refund.id, "amount_refunded": 500}]

    note = client.v1.credit_notes.create({"invoice": invoice.id, "amount": 500, "refunds": refunds})

    assert (note.refunds[0].refund, note.refunds[0].amount_refunded, note.post_payment_amount) == (refund.id, 500, 500)
    assert len(client.v1.refunds.list({"payment_intent": intent_of(client, invoice)}).data) == 1


def test_a_refund_is_credited_once(client, make_invoice):
    invoice = make_invoice(is_paid=True)
    refund = client.v1.refunds.create({"payment_intent": intent_of(client, invoice), "amount": 500})
    sent = {"invoice": invoice.id, "amount": 500, "refunds": [{"refund": refund.id}]}
    client.v1.credit_notes.create(sent)

    with pytest.raises(stripe.InvalidRequestError, match="not credited yet"):
        client.v1.credit_notes.create(sent)


def test_a_refund_of_another_payment_is_not_credited(client, make_invoice):
    invoice, other = make_invoice(is_paid=True), make_invoice(is_paid=True)
    refund = client.v1.refunds.create({"payment_intent": intent_of(client, other), "amount": 500})

    with pytest.raises(stripe.InvalidRequestError, match="does not belong"):
        client.v1.credit_notes.create({"invoice": invoice.id, "amount": 500, "refunds": [{"refund": refund.id}]})
    with pytest.raises(stripe.InvalidRequestError, match="refund"):
        client.v1.credit_notes.create({"invoice": invoice.id, "amount": 500, "refunds": [{"amount_refunded": 500}]})


def test_a_paid_invoice_is_credited_to_the_balance(client, customer, make_invoice):
    invoice = make_invoice(is_paid=True)

    client.v1.credit_notes.create({"invoice": invoice.id, "amount": 500, "credit_amount": 500})

    assert client.v1.customers.retrieve(customer).balance == -500


def test_the_parts_add_up_to_what_was_paid(client, make_invoice):
    invoice = make_invoice(is_paid=True)

    with pytest.raises(stripe.InvalidRequestError, match="must equal the post payment amount"):
        client.v1.credit_notes.create({"invoice": invoice.id, "amount": 500, "credit_amount": 400})


def test_a_credit_note_is_not_larger_than_the_rest_of_the_invoice(client, make_invoice):
    invoice = make_invoice()
    client.v1.credit_notes.create({"invoice": invoice.id, "amount": 2000})

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.credit_notes.create({"invoice": invoice.id, "amount": 401})


def test_a_voided_credit_note_restores_the_amount(client, make_invoice):
    invoice = make_invoice()
    note = client.v1.credit_notes.create({"invoice": invoice.id, "amount": 400})

    assert client.v1.credit_notes.void_credit_note(note.id).status == "void"

    assert client.v1.invoices.retrieve(invoice.id).amount_remaining == 2400


def test_a_preview_changes_nothing(client, make_invoice):
    invoice = make_invoice()

    assert client.v1.credit_notes.preview({"invoice": invoice.id, "amount": 400}).total == 400

    assert client.v1.credit_notes.list({"invoice": invoice.id}).data == []
    assert client.v1.invoices.retrieve(invoice.id).amount_remaining == 2400
