"""The shop's legal pages, which CHECKOUT_LEGAL_LINKS names. A real shop's are written by its lawyer."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

PAGES = {
    "terms": ("Terms", "Thistle & Slip sells stoneware and tea. An order is a contract once it is paid."),
    "privacy": (
        "Privacy",
        "We keep your name and address. Stripe gets them when you pay. We never see your card.",
    ),
    "withdrawal": (
        "Withdrawal",
        "Write to us within 14 days, and we return the money. We ask for no reason.",
    ),
    "imprint": ("Legal notice", "Thistle & Slip, 4 Quay Lane. This shop is a demonstration and sells nothing."),
}


@require_safe
def legal(request: HttpRequest, kind: str) -> HttpResponse:
    """Show one of the legal pages."""
    if kind not in PAGES:
        raise Http404
    title, text = PAGES[kind]
    return render(request, "shop/legal.html", {"title": title, "text": text})
