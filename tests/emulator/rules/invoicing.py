"""Invoices and credit notes that the API creates and changes."""

from __future__ import annotations

from .rule import Rule, delete, post, refusal, sdk, shows

INVOICES, ITEMS, NOTES = "/v1/invoices", "/v1/invoiceitems", "/v1/credit_notes"
DRAFT = "customer=<customer>&currency=eur"
SENT = f"{DRAFT}&collection_method=send_invoice"


def _invoice(name: str) -> str:
    return sdk("_invoice_create_params", f"InvoiceCreateParams.{name}")


RULES = (
    Rule(
        id="invoice.finalized",
        says="A finalized invoice takes no more items.",
        source="stripe/stripe-php#1105",
        refused=post(ITEMS, DRAFT, "amount=100&invoice=<open_invoice>"),
        answer=refusal("Finalized invoices can't be updated in this way", code="invoice_not_editable"),
        accepted=post(ITEMS, DRAFT, "amount=100&invoice=<draft_invoice>"),
    ),
    Rule(
        id="invoice.finalized.update",
        says="A finalized invoice keeps its collection method.",
        source="https://docs.stripe.com/api/invoices/update",
        refused=post(f"{INVOICES}/<open_invoice>", "collection_method=send_invoice&days_until_due=3"),
        answer=refusal(code="invoice_not_editable"),
        accepted=post(f"{INVOICES}/<open_invoice>", "metadata[a]=1"),
        result=shows(metadata__a="1"),
    ),
    Rule(
        id="invoice.finalized.description",
        says="A finalized invoice keeps its description.",
        source="stripe/_invoice_service.py InvoiceService.update",
        refused=post(f"{INVOICES}/<open_invoice>", "description=Thanks"),
        answer=refusal("Finalized invoices can't be updated in this way"),
        accepted=post(f"{INVOICES}/<draft_invoice>", "description=Thanks"),
        result=shows(description="Thanks"),
    ),
    Rule(
        id="invoice.finalized.again",
        says="An invoice is finalized once.",
        source="mozilla/fxa#18811",
        refused=post(f"{INVOICES}/<open_invoice>/finalize"),
        answer=refusal("This invoice is already finalized, you can't re-finalize a non-draft invoice."),
        accepted=post(f"{INVOICES}/<second_draft>/finalize"),
        result=shows(status="open"),
    ),
    Rule(
        id="invoice.descriptor",
        says="An invoice's statement descriptor contains a letter.",
        source=_invoice("statement_descriptor"),
        refused=post(INVOICES, DRAFT, "statement_descriptor=1234"),
        answer=refusal(param="statement_descriptor"),
        accepted=post(INVOICES, DRAFT, "statement_descriptor=TEA 1234"),
        result=shows(statement_descriptor="TEA 1234"),
    ),
    Rule(
        id="invoice.method.owner",
        says="An invoice is paid with a payment method of its customer.",
        source=sdk("_invoice_pay_params", "InvoicePayParams.payment_method"),
        refused=post(f"{INVOICES}/<second_draft>/pay", "payment_method=pm_card_visa"),
        answer=refusal("The customer does not have a payment method with the ID pm_", param="payment_method"),
        accepted=post(f"{INVOICES}/<second_draft>/pay", "paid_out_of_band=true"),
        result=shows(status="paid"),
    ),
    Rule(
        id="invoice.paid.again",
        says="A paid invoice cannot be paid again.",
        source="twentyhq/twenty#22705",
        refused=post(f"{INVOICES}/<paid_invoice>/pay"),
        answer=refusal("Invoice is already paid"),
        accepted=post(f"{INVOICES}/<second_draft>/pay", "paid_out_of_band=true"),
        result=shows(status="paid", attempted=False),
    ),
    Rule(
        id="invoice.paid.void",
        says="A paid invoice cannot be voided.",
        source="Kiln-AI/stripe_world 13_invoices",
        refused=post(f"{INVOICES}/<paid_invoice>/void"),
        answer=refusal("Invoices with `paid` payments cannot be voided."),
        accepted=post(f"{INVOICES}/<paid_invoice>", "metadata[a]=1"),
    ),
    Rule(
        id="invoice.uncollectible.void",
        says="An invoice that is marked as uncollectible cannot be voided, only paid.",
        source="Kiln-AI/stripe_world 13_invoices",
        refused=post(f"{INVOICES}/<uncollectible_invoice>/void"),
        answer=refusal("You can only pass in open invoices. This invoice isn't open."),
        accepted=post(f"{INVOICES}/<uncollectible_invoice>/pay", "paid_out_of_band=true"),
        result=shows(status="paid"),
    ),
    Rule(
        id="invoice.uncollectible.again",
        says="An invoice is marked as uncollectible once.",
        source="Kiln-AI/stripe_world 13_invoices",
        refused=post(f"{INVOICES}/<uncollectible_invoice>/mark_uncollectible"),
        answer=refusal("This invoice has already been marked uncollectible."),
        accepted=post(f"{INVOICES}/<uncollectible_invoice>", "metadata[a]=1"),
    ),
    Rule(
        id="invoice.sent.method",
        says="Only an invoice whose collection method is `send_invoice` is sent.",
        source="https://docs.stripe.com/api/invoices/send",
        refused=post(f"{INVOICES}/<open_invoice>/send"),
        answer=refusal("You can only manually send an invoice if its collection method is 'send_invoice'."),
        accepted=post(f"{INVOICES}/<open_invoice>", "metadata[a]=1"),
    ),
    Rule(
        id="invoice.due.required",
        says="An invoice that is sent has a due date.",
        source="Kiln-AI/stripe_world 13_invoices",
        refused=post(INVOICES, SENT),
        answer=refusal(
            "If invoice collection method is 'send_invoice', you must specify 'due_date' or 'days_until_due'."
        ),
        accepted=post(INVOICES, SENT, "days_until_due=3"),
    ),
    Rule(
        id="invoice.due",
        says="`days_until_due` is for invoices that are sent.",
        source=_invoice("days_until_due"),
        refused=post(INVOICES, DRAFT, "days_until_due=3"),
        answer=refusal(
            "You can only specify 'due_date' or 'days_until_due' if invoice collection method is 'send_invoice'."
        ),
        accepted=post(INVOICES, SENT, "days_until_due=3"),
    ),
    Rule(
        id="invoice.delete",
        says="A finalized invoice cannot be deleted.",
        source="https://docs.stripe.com/api/invoices/delete",
        refused=delete(f"{INVOICES}/<open_invoice>"),
        answer=refusal("You can only delete draft invoices."),
        accepted=delete(f"{INVOICES}/<draft_invoice>"),
        result=shows(deleted=True),
    ),
    Rule(
        id="invoice.void.draft",
        says="A draft cannot be voided.",
        source="https://docs.stripe.com/api/invoices/void",
        refused=post(f"{INVOICES}/<draft_invoice>/void"),
        answer=refusal("You can only pass in open invoices. This invoice isn't open."),
        accepted=post(f"{INVOICES}/<open_invoice>/void"),
        result=shows(status="void"),
    ),
    Rule(
        id="invoice.item.amount",
        says="An invoice item has an amount or a price.",
        source=sdk("_invoice_item_create_params", "InvoiceItemCreateParams.amount"),
        refused=post(ITEMS, DRAFT),
        answer=refusal(),
        accepted=post(ITEMS, DRAFT, "amount=-100"),
        result=shows(amount=-100, discountable=False),
    ),
    Rule(
        id="credit-note.draft",
        says="A credit note needs a finalized invoice.",
        source="https://docs.stripe.com/api/credit_notes/create",
        refused=post(NOTES, "invoice=<draft_invoice>&amount=100"),
        answer=refusal(),
        accepted=post(NOTES, "invoice=<open_invoice>&amount=100"),
        result=shows(status="issued", pre_payment_amount=100),
    ),
    Rule(
        id="credit-note.amount",
        says="A credit note is not larger than its invoice.",
        source="https://docs.stripe.com/invoicing/integration/programmatic-credit-notes",
        refused=post(NOTES, "invoice=<open_invoice>&amount=901"),
        answer=refusal(),
        accepted=post(NOTES, "invoice=<open_invoice>&amount=900"),
    ),
    Rule(
        id="credit-note.lines",
        says="A credit note has an amount or lines.",
        source=sdk("_credit_note_create_params", "CreditNoteCreateParams.amount"),
        refused=post(NOTES, "invoice=<open_invoice>"),
        answer=refusal(),
        accepted=post(NOTES, "invoice=<open_invoice>&amount=900"),
    ),
    Rule(
        id="credit-note.sum",
        says="What a credit note gives back of a paid amount is refunded, credited or paid outside of Stripe in full.",
        source="stripe/_credit_note_service.py CreditNoteService.create",
        given=("paid_invoice",),
        refused=post(NOTES, "invoice=<paid_invoice>&amount=500&credit_amount=400"),
        answer=refusal("The sum of credit amount, refund amount and out of band amount"),
        accepted=post(NOTES, "invoice=<paid_invoice>&amount=500&credit_amount=400&out_of_band_amount=100"),
        result=shows(post_payment_amount=500),
    ),
    Rule(
        id="credit-note.refunds",
        says="A credit note names refunds of its own invoice's payments.",
        source=sdk("_credit_note_create_params", "CreditNoteCreateParamsRefund.refund"),
        given=("paid_invoice",),
        refused=post(NOTES, "invoice=<paid_invoice>&amount=500&refunds[0][refund]=<refund>"),
        answer=refusal(),
        accepted=post(NOTES, "invoice=<paid_invoice>&amount=500&out_of_band_amount=500"),
        result=shows(refunds=[]),
    ),
    Rule(
        id="credit-note.void",
        says="A credit note can be voided while its invoice is open.",
        source="https://docs.stripe.com/docs/billing/invoices/credit-notes#voiding",
        refused=post(f"{NOTES}/<full_credit_note>/void"),
        answer=refusal("You can only void a credit note if the associated invoice is open."),
        accepted=post(f"{NOTES}/<credit_note>/void"),
        result=shows(status="void"),
    ),
)
