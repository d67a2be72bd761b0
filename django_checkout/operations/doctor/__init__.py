"""Checks an installation: key, clock, webhook endpoint at Stripe, webhook delivery, backlog and database.

The command ``checkout_doctor`` imports it. It changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.core.exceptions import ImproperlyConfigured
from django.db import Error
from django.utils import timezone

from django_checkout.operations.doctor import account, site
from django_checkout.operations.doctor.findings import IDS, Finding, ForeignAnswer, Severity
from django_checkout.stripe_api.time_limit import time_limit

__all__ = ["IDS", "Finding", "ForeignAnswer", "Severity", "examine"]


def examine(*, url: str = "", delivers: bool = True, now: datetime | None = None) -> list[Finding]:
    """Return the findings, the most severe first.

    With ``delivers`` a signed event is posted to this site's webhook. ``url`` is the address that Stripe delivers to,
    by default the webhook under CHECKOUT_BASE_URL. All calls to Stripe together take CHECKOUT_STRIPE_TIMEOUT_SECONDS at
    most. Must run outside transactions.
    """
    found = list(_findings(url, delivers=delivers, now=now or timezone.now()))
    order = list(Severity)
    return sorted(found, key=lambda finding: order.index(finding.severity))


def _findings(url: str, *, delivers: bool, now: datetime) -> Iterator[Finding]:
    broken = list(site.examine_settings())
    yield from broken
    # Without a usable key every other check fails for the same reason.
    if any(finding.is_key for finding in broken):
        return
    try:
        yield from _examine_installation(url, delivers=delivers, now=now)
    except ImproperlyConfigured:
        # The malformed setting is among the findings already.
        if not any(finding.severity is Severity.ERROR for finding in broken):
            raise


def _examine_installation(url: str, *, delivers: bool, now: datetime) -> Iterator[Finding]:
    schema = list(site.examine_schema())
    yield from schema
    is_usable = not any(finding.id in (IDS["migrations"], IDS["database"]) for finding in schema)
    at_stripe = list(_examine_account(url, now, is_usable=is_usable))
    yield from at_stripe
    if not is_usable:
        return
    if delivers:
        yield from site.examine_delivery(url)
    yield from site.examine_backlog(now, reported={finding.id for finding in at_stripe})
    yield from site.examine_upkeep(now)


def _examine_account(url: str, now: datetime, *, is_usable: bool) -> Iterator[Finding]:
    """Examine the account as far as the database, which may be unusable, lets it."""
    # The checks before take their own time.
    with time_limit():
        try:
            yield from account.examine(url, now)
        except Error:
            if is_usable:
                raise
