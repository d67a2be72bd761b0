"""The addresses of receipts and invoices, which whoever has them may open."""

from __future__ import annotations

from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import Doc
from django_checkout.emulator.state.state import State


def new_url(state: State, kind: str) -> str | None:
    """Return the address of a new document; None before the emulator has had a request, and so no address."""
    return f"{state.base_url}/documents/{kind}/{random_text(32)}" if state.base_url else None


def rendering(options: Doc | None) -> Doc | None:
    """Return the ``rendering`` of an invoice from the ``rendering_options`` of its session."""
    if not options:
        return None
    display = options.get("amount_tax_display")
    return {"amount_tax_display": display, "pdf": {"page_size": "auto"}, "template": None, "template_version": None}
