"""Types of tax IDs: how they look, and what their verification in test mode finds."""

from __future__ import annotations

import re

#: Patterns of tax IDs. Other types take any text of four characters or more.
PATTERNS = {
    "eu_vat": r"[A-Z]{2}[A-Z0-9]{2,12}",
    "gb_vat": r"GB(\d{9}|\d{12}|GD\d{3}|HA\d{3})",
    "us_ein": r"\d{2}-?\d{7}",
    "ch_vat": r"CHE-?\d{3}\.?\d{3}\.?\d{3} ?(MWST|TVA|IVA)",
    "au_abn": r"\d{11}",
}
#: The types that Stripe verifies: https://docs.stripe.com/billing/customer/tax-ids#validation
VERIFIED = ("au_abn", "eu_vat", "gb_vat")
#: What the verification of numbers in test mode finds; the others stay pending.
RESULTS = {"000000000": "verified", "111111111": "unverified"}


def is_valid(kind: str, value: str) -> bool:
    """Return whether a tax ID has the form of its type."""
    return re.fullmatch(PATTERNS.get(kind, r".{4,}"), value) is not None


def country_of(kind: str, value: str) -> str:
    """Return the country of a tax ID."""
    if kind == "eu_vat":
        return {"EL": "GR"}.get(value[:2], value[:2])
    return kind.partition("_")[0].upper()


def result_of(value: str) -> str | None:
    """Return what the verification of a number finds, or None if it stays pending."""
    return next((status for number, status in RESULTS.items() if value.endswith(number)), None)
