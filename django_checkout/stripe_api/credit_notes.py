"""Calls to Stripe about credit notes, which correct an invoice after a refund.

https://docs.stripe.com/api/credit_notes/create
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django_checkout.stripe_api import facts
from django_checkout.stripe_api.client import ask, checked, get_client
from django_checkout.stripe_api.gateway import read_all
from django_checkout.stripe_api.steps import Steps

if TYPE_CHECKING:
    import stripe


def find_credit_note(invoice_id: str, *, refund_id: str, refund_uuid: str) -> Steps[str]:
    """Return the credit note of an invoice that was issued for a refund, by us or in the dashboard; "" if none was."""
    listed = yield from read_all("/v1/credit_notes", invoice=checked(invoice_id))
    return next((note["id"] for note in listed if _is_about(note, refund_id, refund_uuid)), "")


def _is_about(note: dict[str, Any], refund_id: str, refund_uuid: str) -> bool:
    if (note.get("metadata") or {}).get(facts.REFUND_KEY) == refund_uuid:
        return True
    named = [entry.get("refund") for entry in note.get("refunds") or ()]
    return note.get("status") == "issued" and refund_id in named


def create_credit_note(
    invoice_id: str, *, refund_id: str, refund_uuid: str, amount_minor: int, reference: str
) -> Steps[str]:
    """Issue a credit note for a refund that was made before; return its id.

    The amounts of the refunds that it names must add up to what it gives back of the paid invoice. The idempotency key
    is made from ``refund_uuid``, which is written into the metadata.
    """
    params: stripe.params.CreditNoteCreateParams = {
        "invoice": checked(invoice_id),
        "amount": amount_minor,
        "refunds": [{"refund": checked(refund_id), "amount_refunded": amount_minor}],
        "metadata": {facts.ORDER_KEY: reference, facts.REFUND_KEY: refund_uuid},
    }
    notes = get_client().v1.credit_notes
    note = yield from ask(notes.create, notes.create_async, params, {"idempotency_key": f"{refund_uuid}-credit-note"})
    return note.id
