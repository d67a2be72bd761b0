"""Which installation an order or a session belongs to: a copy of the database must not act for the original site.

``site_url`` is CHECKOUT_BASE_URL at the time when the row was written. A row of another site is neither changed by
facts nor announced nor sent to Stripe here.
"""

from __future__ import annotations

from typing import Protocol

from django.db.models import Q

from django_checkout.conf import conf


class OfSite(Protocol):
    """An order or a session."""

    site_url: str


def own_urls() -> list[str]:
    """Return what this site's rows have: also "", if the setting was not set, or before it was stored."""
    return ["", *filter(None, (conf.find("base_url"),)), *(conf.find("CHECKOUT_FORMER_BASE_URLS") or ())]


def is_own(row: OfSite) -> bool:
    """Whether a row is this site's."""
    return row.site_url in own_urls()


def own(path: str = "") -> Q:
    """Return the condition of this site's rows; ``path`` leads to the order or session, e.g. ``order__``."""
    return Q(**{f"{path}site_url__in": own_urls()})
