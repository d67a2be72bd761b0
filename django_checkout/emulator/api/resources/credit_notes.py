"""Credit notes: they reduce a finalized invoice, by refund, by credit to the customer's balance, or outside of Stripe.

https://docs.stripe.com/invoicing/integration/programmatic-credit-notes
"""

from __future__ import annotations

from copy import deepcopy
from functools import partial

from django_checkout.emulator.api.calls import Call, Route, list_kind, list_of, list_values, merged_metadata, retrieve
from django_checkout.emulator.api.resources import (
    collection,
    credited_refunds,
    customer_balance,
    documents,
    invoices,
    refunds,
    tax,
    tax_rates,
)
from django_checkout.emulator.api.resources.invoice_lines import tax_of
from django_checkout.emulator.api.resources.pricing import inside, missing, one_of
from django_checkout.emulator.api.resources.prorations import portion
from django_checkout.emulator.ids import new_id
from django_checkout.emulator.messages import ApiError, Doc, StateError, without_hidden
from django_checkout.emulator.state.state import State

KIND = "credit_note"
#: Where the amount goes that has been paid already, as parameters.
POST_PAYMENT = ("credit_amount", "out_of_band_amount", "refund_amount")


def create(call: Call) -> Doc:
    """POST /v1/credit_notes."""
    note = _issued(call, call.params)
    call.params.get("email_type")
    call.state.emit("credit_note.created", note)
    return note


def preview(call: Call) -> Doc:
    """GET /v1/credit_notes/preview. Nothing is stored."""
    with call.state.store.discarded():
        return deepcopy(_issued(call, call.params))


def _issued(call: Call, params: Doc) -> Doc:
    """Create a credit note, and apply it to its invoice."""
    state = call.state
    invoice = state.get(invoices.KIND, params["invoice"], "invoice")
    if invoice["status"] not in ("open", "paid", "uncollectible"):
        message = f"A credit note needs a finalized invoice. This invoice has a status of {invoice['status']}."
        raise StateError(message, param="invoice")
    lines = _lines(state, invoice, params)
    taxes = [entry for line in lines for entry in line["_taxes"]]
    subtotal = sum(line["amount"] for line in lines)
    total = subtotal + sum(entry["amount"] for entry in taxes if not entry["rate"]["inclusive"])
    left = _left(state, invoice)
    if not 0 < total <= left:
        raise ApiError(f"The credit note must be between 1 and {left}, what is left of the invoice.", param="amount")
    before = min(total, invoice["amount_remaining"])
    linked = credited_refunds.read(state, invoice, params)
    after = _after_payment(params, total - before, sum(entry["amount_refunded"] for entry in linked))
    number = len(state.store.select(KIND, {"invoice": invoice["id"]})) + 1
    note = state.new(
        KIND,
        amount=total,
        amount_shipping=0,
        currency=invoice["currency"],
        customer=invoice["customer"],
        customer_account=None,
        customer_balance_transaction=None,
        discount_amount=0,
        discount_amounts=[],
        effective_at=params.get("effective_at", state.clock.now()),
        invoice=invoice["id"],
        memo=params.get("memo"),
        metadata=merged_metadata({}, params.get("metadata") or {}),
        number=f"{invoice['number']}-CN-{number:02d}",
        out_of_band_amount=after["out_of_band_amount"] or None,
        post_payment_amount=total - before,
        pre_payment_amount=before,
        pretax_credit_amounts=[],
        reason=params.get("reason"),
        refunds=linked,
        shipping_cost=None,
        status="issued",
        subtotal=subtotal,
        subtotal_excluding_tax=subtotal - sum(entry["amount"] for entry in taxes if entry["rate"]["inclusive"]),
        total=total,
        total_excluding_tax=total - sum(entry["amount"] for entry in taxes),
        total_taxes=[tax_of(entry) for entry in taxes],
        type="mixed" if before and total > before else "pre_payment" if before else "post_payment",
        voided_at=None,
    )
    note["pdf"] = f"{documents.new_url(state, KIND)}/pdf"
    note["lines"] = list_of([without_hidden(line) for line in lines], f"/v1/credit_notes/{note['id']}/lines")
    _pay_back(state, invoice, note, after)
    _reduce(state, invoice, before, total - before)
    return state.store.insert(note)


def _left(state: State, invoice: Doc) -> int:
    """Return how much of an invoice has not been credited."""
    found = state.store.select(KIND, {"invoice": invoice["id"], "status": "issued"})
    left: int = invoice["total"] - sum(note["total"] for note in found)
    return left


def _after_payment(params: Doc, amount: int, refunded: int) -> Doc:
    """Return how the paid part is given back. The parts must add up to it: stripe/_credit_note_service.py create."""
    parts = {name: params.get(name) or 0 for name in POST_PAYMENT}
    if sum(parts.values()) + refunded != amount:
        message = (
            "The sum of credit amount, refund amount and out of band amount must equal the post payment amount "
            f"({amount})."
        )
        raise ApiError(message, param="amount")
    return parts


def _pay_back(state: State, invoice: Doc, note: Doc, parts: Doc) -> None:
    if parts["credit_amount"]:
        customer = state.get("customer", invoice["customer"])
        fields = {"credit_note": note["id"], "currency": note["currency"], "invoice": invoice["id"]}
        credit = customer_balance.adjust(state, customer, -parts["credit_amount"], "credit_note", **fields)
        note["customer_balance_transaction"] = credit["id"]
    if parts["refund_amount"]:
        paid = state.store.select(invoices.PAYMENT, {"invoice": invoice["id"], "status": "paid"}, limit=1)
        if not paid:
            raise ApiError("The invoice has no payment that can be refunded.", param="refund_amount")
        intent = state.get("payment_intent", paid[0]["payment"]["payment_intent"])
        charge = state.get("charge", intent["latest_charge"])
        refund = refunds.new_refund(state, charge, parts["refund_amount"], None, {})
        amount = parts["refund_amount"]
        note["refunds"] = [*note["refunds"], {"amount_refunded": amount, "refund": refund["id"], "type": "refund"}]


def _reduce(state: State, invoice: Doc, before: int, after: int) -> None:
    """Reduce an invoice. It is paid if nothing is left to pay."""
    invoice = state.get(invoices.KIND, invoice["id"])
    state.update(
        invoice,
        "invoice.updated",
        amount_due=invoice["amount_due"] - before,
        amount_remaining=invoice["amount_remaining"] - before,
        post_payment_credit_notes_amount=invoice["post_payment_credit_notes_amount"] + after,
        pre_payment_credit_notes_amount=invoice["pre_payment_credit_notes_amount"] + before,
    )
    if before > 0 and not invoice["amount_remaining"]:
        invoices.pay(state, invoice, None)
    collection.change_payment(state, invoice)


def _lines(state: State, invoice: Doc, params: Doc) -> list[Doc]:
    if ("amount" in params) == ("lines" in params):
        raise one_of("amount", "lines") if "amount" in params else missing("amount")
    if "amount" in params:
        return [_line("custom_line_item", params["amount"], "Credit", [])]
    found = []
    for index, sent in enumerate(params["lines"]):
        param = f"lines[{index}]"
        if sent["type"] == "custom_line_item":
            found.append(_custom(state, sent, param))
        else:
            found.append(_of_invoice(invoice, sent, param))
    return found


def _custom(state: State, sent: Doc, param: str) -> Doc:
    if "unit_amount" not in sent:
        raise missing(inside(param, "unit_amount"))
    quantity = sent.get("quantity", 1)
    amount = sent["unit_amount"] * quantity
    rates = tax_rates.usable_rates(state, sent.get("tax_rates") or [], inside(param, "tax_rates"))
    line = _line("custom_line_item", amount, sent.get("description"), tax.by_rates(amount, rates))
    line.update(quantity=quantity, unit_amount=sent["unit_amount"], unit_amount_decimal=str(sent["unit_amount"]))
    line["tax_rates"] = [without_hidden(rate) for rate in rates]
    return line


def _of_invoice(invoice: Doc, sent: Doc, param: str) -> Doc:
    """Return the line that credits a line of the invoice, by quantity or amount, with the same share of its taxes."""
    known = {line["id"]: line for line in invoice["lines"]["data"]}
    if sent.get("invoice_line_item") not in known:
        message = f"No such invoice line item: '{sent.get('invoice_line_item')}'"
        raise ApiError(message, code="resource_missing", param=inside(param, "invoice_line_item"))
    if "amount" in sent and "quantity" in sent:
        raise one_of("amount", "quantity", param)
    credited = known[sent["invoice_line_item"]]
    whole = credited["amount"] - sum(entry["amount"] for entry in credited["discount_amounts"])
    quantity = sent.get("quantity", credited["quantity"])
    amount = sent.get("amount", portion(whole, quantity, credited["quantity"]))
    taxes = [
        {
            "amount": portion(entry["amount"], amount, whole) if whole else 0,
            "rate": {
                "id": entry["tax_rate_details"]["tax_rate"],
                "inclusive": entry["tax_behavior"] == "inclusive",
            },
            "taxability_reason": entry["taxability_reason"],
            "taxable_amount": portion(entry["taxable_amount"], amount, whole) if whole else 0,
        }
        for entry in credited["taxes"]
    ]
    line = _line("invoice_line_item", amount, credited["description"], taxes)
    line["invoice_line_item"] = credited["id"]
    if "amount" not in sent:
        line["quantity"] = quantity
    return line


def _line(kind: str, amount: int, description: str | None, taxes: list[Doc]) -> Doc:
    return {
        "id": new_id("credit_note_line_item"),
        "object": "credit_note_line_item",
        "amount": amount,
        "description": description,
        "discount_amount": 0,
        "discount_amounts": [],
        "livemode": False,
        "metadata": {},
        "pretax_credit_amounts": [],
        "quantity": None,
        "tax_rates": [],
        "taxes": [tax_of(entry) for entry in taxes],
        "type": kind,
        "unit_amount": None,
        "unit_amount_decimal": None,
        "_taxes": taxes,
    }


def list_lines(call: Call) -> Doc:
    """GET /v1/credit_notes/:credit_note/lines."""
    return list_values(call, call.target(KIND)["lines"]["data"])


def update(call: Call) -> Doc:
    """POST /v1/credit_notes/:id."""
    note = call.target(KIND)
    return call.state.update(note, "credit_note.updated", **call.changes(note, "memo"))


def void(call: Call) -> Doc:
    """POST /v1/credit_notes/:id/void: https://docs.stripe.com/docs/billing/invoices/credit-notes#voiding"""
    note, state = call.target(KIND), call.state
    invoice = state.get(invoices.KIND, note["invoice"])
    if note["status"] == "void" or invoice["status"] != "open":
        raise StateError("You can only void a credit note if the associated invoice is open.", param="id")
    _reduce(state, invoice, -note["pre_payment_amount"], 0)
    return state.update(note, "credit_note.voided", status="void", voided_at=state.clock.now())


EXPANDABLE = {"credit_note": ("customer", "invoice", "refunds.refund")}
NOT_PLAYED = "refunds.payment_record_refund shipping_cost lines.tax_amounts lines.unit_amount_decimal lines.metadata"
ROUTES = {
    "GET /v1/credit_notes": Route(partial(list_kind, KIND, "customer invoice"), "customer_account"),
    "POST /v1/credit_notes": Route(create, NOT_PLAYED),
    "GET /v1/credit_notes/preview": Route(preview, f"{NOT_PLAYED} email_type"),
    "GET /v1/credit_notes/{credit_note}/lines": Route(list_lines),
    "GET /v1/credit_notes/{id}": Route(partial(retrieve, KIND)),
    "POST /v1/credit_notes/{id}": Route(update),
    "POST /v1/credit_notes/{id}/void": Route(void),
}
