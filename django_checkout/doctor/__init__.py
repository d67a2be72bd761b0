"""Examines an installation: the key, the clock, the endpoint at Stripe, the way in, the backlog, the database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from django_checkout.doctor import account, site
from django_checkout.doctor.findings import IDS, Finding, Severity

__all__ = ["IDS", "Finding", "Severity", "examine"]


def examine(*, url: str = "", delivers: bool = True, now: datetime | None = None) -> list[Finding]:
    """Return what is wrong, the worst first; with ``delivers`` a signed event is posted to our own webhook.

    ``url`` is where Stripe delivers, if not to CHECKOUT_BASE_URL. Must run outside transactions.
    """
    found = list(_findings(url, delivers=delivers, now=now or timezone.now()))
    order = list(Severity)
    return sorted(found, key=lambda finding: order.index(finding.severity))


def _findings(url: str, *, delivers: bool, now: datetime) -> Iterator[Finding]:
    broken = list(site.examine_settings())
    yield from broken
    # Without a usable key, everything below would only say so once more.
    if any(finding.is_key for finding in broken):
        return
    try:
        yield from _beyond_settings(url, delivers=delivers, now=now)
    except ImproperlyConfigured:
        # A setting that cannot be read has been told of.
        if not any(finding.severity is Severity.ERROR for finding in broken):
            raise


def _beyond_settings(url: str, *, delivers: bool, now: datetime) -> Iterator[Finding]:
    schema = list(site.examine_schema())
    yield from schema
    yield from account.examine_account(now)
    yield from account.examine_endpoints(url, now)
    if any(finding.id == IDS["migrations"] for finding in schema):
        return
    if delivers:
        yield from site.examine_delivery(url, now)
    yield from site.examine_backlog(now)
    yield from site.examine_upkeep(now)
