"""The pages of receipts and invoices, and the PDFs of invoices and credit notes."""

from __future__ import annotations

from django.utils import translation
from django.utils.translation import gettext as _

from django_checkout.emulator.api.resources.account import NAME
from django_checkout.emulator.messages import Doc, Request, Response
from django_checkout.emulator.payer.pdf import document
from django_checkout.emulator.payer.rendering import (
    SAFE_HEADERS,
    format_day,
    format_minor,
    language_of,
    render,
    security_headers,
)
from django_checkout.emulator.state.state import State

#: The objects whose field has the address of a document.
SOURCES = {
    "receipt": ("charge", "receipt_url"),
    "invoice": ("invoice", "hosted_invoice_url"),
    "credit_note": ("credit_note", "pdf"),
}


class DocumentPages:
    """Answers ``/documents/<kind>/<key>`` and, for an invoice or a credit note, ``/documents/<kind>/<key>/pdf``."""

    def __init__(self, state: State) -> None:
        self._state = state

    def answer(self, request: Request) -> Response:
        """Return a page or a PDF, or 404 if no object has this address."""
        kind, _slash, rest = request.path.strip("/").removeprefix("documents/").partition("/")
        key, _slash, suffix = rest.partition("/")
        suffixes = ("pdf",) if kind == "credit_note" else ("", "pdf")
        found = self._find(kind, key) if suffix in suffixes and key else None
        with translation.override(language_of(request, None)):
            if found is None:
                return render("message.html", request, {"kind": "missing"}, security_headers(()), status=404)
            shown = _shown(kind, found)
            if not suffix:
                return render("document.html", request, shown, security_headers(()))
            lines = [shown["shop_name"], shown["title"], *(f"{label}: {text}" for label, text in shown["rows"])]
            headers = {**SAFE_HEADERS, "Content-Type": "application/pdf", "Content-Disposition": "inline"}
            return Response(status=200, headers=headers, body=document(lines))

    def _find(self, kind: str, key: str) -> Doc | None:
        if kind not in SOURCES:
            return None
        name, field = SOURCES[kind]
        with self._state.transaction():
            found = self._state.store.select(name, {})
        end = f"/{kind}/{key}"
        return next((one for one in found if str(one[field]).removesuffix("/pdf").endswith(end)), None)


def _shown(kind: str, found: Doc) -> Doc:
    total = found["total"] if kind in ("invoice", "credit_note") else found["amount"]
    rows = [(_("Amount"), format_minor(total, found["currency"])), (_("Date"), format_day(found["created"]))]
    if kind == "invoice":
        rows.insert(0, (_("Invoice number"), found["number"]))
        rows += [(field["name"], field["value"]) for field in found["custom_fields"] or []]
        rows += [(text, "") for text in (found["description"], found["footer"]) if text]
    elif kind == "credit_note":
        rows.insert(0, (_("Number"), found["number"]))
    elif found["amount_refunded"]:
        rows.append((_("Refunded"), format_minor(found["amount_refunded"], found["currency"])))
    title = {"invoice": _("Invoice"), "credit_note": _("Credit note")}.get(kind) or _("Receipt")
    pdf = f"{found['invoice_pdf']}" if kind == "invoice" else ""
    return {"title": title, "rows": rows, "shop_name": NAME, "pdf": pdf}
