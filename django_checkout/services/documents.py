"""The receipt and the invoice of a paid order, which Stripe shows at addresses that are read when they are needed."""

from __future__ import annotations

from typing import Any

from django.views.decorators.debug import sensitive_variables

from django_checkout.models import Order
from django_checkout.services.credit_notes import find_invoice_id
from django_checkout.services.orders import get_order, get_own_order
from django_checkout.states import RefundStatus
from django_checkout.stripe_api.documents import retrieve_document_url
from django_checkout.stripe_api.steps import Steps, arun, run

#: The kinds of documents, in the order in which they are shown.
DOCUMENT_KINDS = ("receipt", "invoice", "invoice_pdf", "credit_note")


def find_documents(order: Any) -> list[str]:
    """Return the kinds of documents that Stripe has of an order: some of ``DOCUMENT_KINDS``. No call to Stripe."""
    return [kind for kind in DOCUMENT_KINDS if _find_source(get_order(order), kind)]


def find_document_url(order: Any, kind: str) -> str:
    """Return the current address of a document, read from Stripe; "" if there is none.

    Whoever has the address may open the document, and it expires: do not store it. Must run outside transactions.

    Raises:
        StripeUnavailableError: retry.
        StripeRefusedError: the key may not read it.
    """
    return run(_find_document_url_steps(order, kind))


async def afind_document_url(order: Any, kind: str) -> str:
    """Do the same as ``find_document_url`` from a coroutine."""
    return await arun(_find_document_url_steps(order, kind))


@sensitive_variables()
def _find_document_url_steps(order: Any, kind: str) -> Steps[str]:
    stripe_id = _find_source(get_own_order(order), kind)
    return (yield from retrieve_document_url(kind, stripe_id)) if stripe_id else ""


def _find_source(order: Order, kind: str) -> str:
    """Return the Stripe id of the charge, invoice or latest credit note of the kept payment, or ""."""
    payment = order.kept_payment
    if payment is None or order.erased_at is not None or kind not in DOCUMENT_KINDS:
        return ""
    if kind == "receipt":
        return payment.charge_id if payment.captured_minor else ""
    if kind == "credit_note":
        credited = payment.refunds.filter(status=RefundStatus.SUCCEEDED).exclude(credit_note_id="").order_by("-pk")
        return credited.values_list("credit_note_id", flat=True).first() or ""
    return find_invoice_id(payment)
