"""Checks the host's metadata: Stripe's limits, and no personal or card data.

https://docs.stripe.com/metadata: 50 keys of 40 characters, string values of 500 characters.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django_checkout.exceptions import MetadataError
from django_checkout.stripe_api.facts import ORDER_KEY, REFUND_KEY, SESSION_KEY

logger = logging.getLogger("django_checkout")

RESERVED_KEYS = frozenset((ORDER_KEY, SESSION_KEY, REFUND_KEY))
MAXIMUM_KEYS = 50 - len(RESERVED_KEYS)

_EMAIL = re.compile(r"[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+")
#: Groups of digits joined by spaces or dashes, as in card numbers.
_DIGIT_GROUPS = re.compile(r"\d+(?:[\s\u2010-\u2015-]{1,2}\d+)*")
#: UUIDs and hashes, which may contain many digits in a row.
_FINGERPRINT = re.compile(
    r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b|\b(?=[0-9]*[a-f])[0-9a-f]{32,128}\b", re.IGNORECASE
)


def usable_metadata(metadata: Any) -> dict[str, str]:
    """Return the host's metadata without values that may be card numbers.

    One in ten long numbers passes the Luhn test by chance, so such a value is only left out and raises no error.

    Raises:
        MetadataError: the rest is invalid: see ``check_metadata``.
    """
    if not isinstance(metadata, Mapping):
        raise MetadataError("Metadata must be a mapping of strings to strings.")
    kept = {}
    for key, value in metadata.items():
        if isinstance(value, str) and holds_card_number(value):
            name = "personal" if _looks_personal(str(key)) else str(key)[:60]
            logger.warning("metadata_left_out key=%s reason=card_number", name)
        else:
            kept[key] = value
    return check_metadata(kept)


def check_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the host's metadata as a dict.

    Raises:
        MetadataError: the metadata is invalid. The message contains no value and no key that looks personal.
    """
    if not isinstance(metadata, Mapping):
        raise MetadataError("Metadata must be a mapping of strings to strings.")
    if len(metadata) > MAXIMUM_KEYS:
        raise MetadataError(f"Metadata must have at most {MAXIMUM_KEYS} keys besides the app's own.")
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise MetadataError("Metadata keys and values must be strings.")
        if not 0 < len(key) <= 40 or "[" in key or "]" in key:
            raise MetadataError("A metadata key must have 1 to 40 characters and no square brackets.")
        if _looks_personal(key):
            raise MetadataError("A metadata key looks like an email address or a card number.")
        if key in RESERVED_KEYS:
            raise MetadataError(f"The metadata key {key!r} is reserved by django_checkout.")
        if len(value) > 500:
            raise MetadataError(f"The metadata value of {key!r} is longer than 500 characters.")
        if _looks_personal(value):
            raise MetadataError(f"The metadata value of {key!r} looks like an email address or a card number.")
    return dict(metadata)


def holds_email(text: str) -> bool:
    """Whether a text contains an email address."""
    return _EMAIL.search(text) is not None


def holds_card_number(text: str) -> bool:
    """Whether a text contains digits that may be a card number."""
    runs = _DIGIT_GROUPS.finditer(_FINGERPRINT.sub("", text))
    return any(_are_card_number(re.findall(r"\d+", run.group())) for run in runs)


def _looks_personal(text: str) -> bool:
    return holds_email(text) or holds_card_number(text)


def _are_card_number(groups: Sequence[str]) -> bool:
    """Whether adjacent groups form 13 to 19 digits that pass the Luhn test (ISO/IEC 7812-1)."""
    for start in range(len(groups)):
        digits = ""
        for group in groups[start:]:
            digits += group
            if len(digits) > 19:
                break
            if len(digits) >= 13 and _passes_luhn(digits):
                return True
    return False


def _passes_luhn(digits: str) -> bool:
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
