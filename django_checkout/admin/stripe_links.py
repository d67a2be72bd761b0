"""Where Stripe's dashboard shows an object."""

from __future__ import annotations

from urllib.parse import quote

DASHBOARD = "https://dashboard.stripe.com"

#: Id prefix -> page. Stripe promises nothing about prefixes, so an id with another one simply has no link.
_PAGES = {
    "pi": "payments",
    "ch": "payments",
    "py": "payments",
    "cus": "customers",
    "sub": "subscriptions",
    "in": "invoices",
    "po": "payouts",
    "dp": "disputes",
    "du": "disputes",
    "evt": "events",
    "req": "logs",
}


def find_url(stripe_id: str, *, livemode: bool | None) -> str:
    """Return the dashboard's page of an object or of a request, or "" where there is none."""
    page = _PAGES.get(stripe_id.partition("_")[0]) if "_" in stripe_id else None
    if page is None:
        return ""
    mode = "" if livemode else "test/"
    return f"{DASHBOARD}/{mode}{page}/{quote(stripe_id, safe='')}"
