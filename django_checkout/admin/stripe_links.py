"""Links to Stripe's dashboard."""

from __future__ import annotations

from urllib.parse import quote

DASHBOARD = "https://dashboard.stripe.com"

#: The page of each ID prefix. An ID with another prefix has no link.
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
    """Return the URL of an object's or request's page in Stripe's dashboard, or ""."""
    page = _PAGES.get(stripe_id.partition("_")[0]) if "_" in stripe_id else None
    if page is None:
        return ""
    mode = "" if livemode else "test/"
    return f"{DASHBOARD}/{mode}{page}/{quote(stripe_id, safe='')}"
