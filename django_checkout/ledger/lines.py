"""Compares what was bought with what was offered, where the shopper could change quantities or add items: pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django_checkout.facts import recurring_text


def find_line_fault(
    asked: Sequence[Mapping[str, Any]],
    said: Sequence[Mapping[str, Any]],
    *,
    optional_prices: Collection[str] = (),
) -> str:
    """Return how the lines that Stripe reports break the offer, or "": unit prices, bounds, nothing added but options.

    ``asked`` are the request's ``line_items`` with inline prices, ``said`` ``LineFact``s as dicts.
    """
    left = list(said)
    # Narrow bounds first, so that of two lines at one price the fixed one finds the quantity that only it allows.
    for line in sorted(asked, key=lambda line: _bounds(line)[1] - _bounds(line)[0]):
        price, (low, high) = line["price_data"], _bounds(line)
        matches = [found for found in left if _has_price(found, price)]
        if not matches:
            return f"no line at {price['unit_amount']} {price['currency']}"
        match = next((found for found in matches if low <= found["quantity"] <= high), None)
        if match is None:
            return f"quantity {matches[0]['quantity']} is not within {low} to {high}"
        left.remove(match)
    strangers = [line for line in left if line["price_id"] not in optional_prices]
    return f"{len(strangers)} lines were not offered" if strangers else ""


def _bounds(line: Mapping[str, Any]) -> tuple[int, int]:
    adjustable = line.get("adjustable_quantity", {})
    if adjustable.get("enabled"):
        return adjustable["minimum"], adjustable["maximum"]
    return line["quantity"], line["quantity"]


def _has_price(said: Mapping[str, Any], price: Mapping[str, Any]) -> bool:
    return (said["unit_amount_minor"], said["currency"], said["recurring"]) == (
        price["unit_amount"],
        price["currency"],
        recurring_text(price.get("recurring") or {}),
    )
