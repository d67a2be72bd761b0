"""Formatted amounts, so that tests do not repeat locale data."""

from __future__ import annotations

from decimal import Decimal

from django_checkout.money import format_minor, to_minor


def money(major: str, currency: str = "eur", language: str = "en") -> str:
    """Return an amount in major units as the pages format it: ``money("-5.00")``."""
    minor = to_minor(abs(Decimal(major)), currency)
    return format_minor(-minor if major.startswith("-") else minor, currency, language)
