"""Reads the addresses of receipts, invoices and credit notes, which are never stored: whoever has one may open it.

"Invoice URLs expire 30 days after the due date", and one that was just read is valid for at least ten days:
https://docs.stripe.com/invoicing/hosted-invoice-page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit

from django.views.decorators.debug import sensitive_variables

from django_checkout.conf import conf
from django_checkout.exceptions import StripeAnswerError
from django_checkout.stripe_api.client import checked, read_raw
from django_checkout.stripe_api.json_fields import text
from django_checkout.stripe_api.steps import Steps

#: The path of the object, and its field.
_FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    "receipt": ("charges", "receipt_url"),
    "invoice": ("invoices", "hosted_invoice_url"),
    "invoice_pdf": ("invoices", "invoice_pdf"),
    "credit_note": ("credit_notes", "pdf"),
}
_DOMAIN = "stripe.com"


@sensitive_variables()
def retrieve_document_url(kind: str, stripe_id: str) -> Steps[str]:
    """Retrieve the current address of a document; "" if Stripe has none.

    Raises:
        StripeAnswerError: the address leads neither to Stripe nor to the emulator.
    """
    path, field = _FIELDS[kind]
    data, _ = yield from read_raw(f"/v1/{path}/{quote(checked(stripe_id), safe='')}")
    url = text(data, field) or ""
    if url and not is_own_url(url):
        raise StripeAnswerError(f"The {field} of {stripe_id} does not lead to Stripe. Check STRIPE_API_BASE.")
    return url


def is_own_url(url: str) -> bool:
    """Whether a URL leads to Stripe over https or, if another API is set, to that one's origin."""
    try:
        parts, base = urlsplit(url), urlsplit(conf.STRIPE_API_BASE)
    except ValueError:
        return False
    if not conf.is_stripe_api:
        return (parts.scheme, parts.netloc) == (base.scheme, base.netloc)
    host = parts.hostname or ""
    return parts.scheme == "https" and parts.netloc == host and (host == _DOMAIN or host.endswith(f".{_DOMAIN}"))
