"""The refunds that a credit note names, instead of making one: ``refunds`` of POST /v1/credit_notes.

stripe/params/_credit_note_create_params.py CreditNoteCreateParamsRefund.
"""

from __future__ import annotations

from django_checkout.emulator.api.resources import invoices
from django_checkout.emulator.api.resources.pricing import inside, missing
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.state.state import State


def read(state: State, invoice: Doc, params: Doc) -> list[Doc]:
    """Return the ``refunds`` of a new credit note: refunds of payments of the invoice, each credited at most once."""
    paid = state.store.select(invoices.PAYMENT, {"invoice": invoice["id"], "status": "paid"})
    intents = {payment["payment"]["payment_intent"] for payment in paid}
    linked: list[Doc] = []
    for index, sent in enumerate(params.get("refunds") or []):
        param = f"refunds[{index}]"
        if "refund" not in sent:
            raise missing(inside(param, "refund"))
        refund = state.get("refund", sent["refund"], inside(param, "refund"))
        if refund["payment_intent"] not in intents:
            message = f"The refund {refund['id']} does not belong to a payment of this invoice."
            raise ApiError(message, param=inside(param, "refund"))
        amount = sent.get("amount_refunded", refund["amount"])
        left = refund["amount"] - _credited(state, invoice, refund, linked)
        if not 0 < amount <= left:
            message = f"The amount must be between 1 and {left}, what is not credited yet of {refund['id']}."
            raise ApiError(message, param=inside(param, "amount_refunded"))
        linked.append({"amount_refunded": amount, "refund": refund["id"], "type": "refund"})
    return linked


def _credited(state: State, invoice: Doc, refund: Doc, linked: list[Doc]) -> int:
    """Return how much of a refund the credit notes of the invoice, and this one so far, have credited."""
    notes = state.store.select("credit_note", {"invoice": invoice["id"], "status": "issued"})
    entries = [entry for note in notes for entry in note["refunds"]] + linked
    total: int = sum(entry["amount_refunded"] for entry in entries if entry["refund"] == refund["id"])
    return total
