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
    for line in asked:
        price, bounds = line["price_data"], line.get("adjustable_quantity", {})
        match = next((found for found in left if _has_price(found, price)), None)
        if match is None:
            return f"no line at {price['unit_amount']} {price['currency']}"
        left.remove(match)
        low = bounds["minimum"] if bounds.get("enabled") else line["quantity"]
        high = bounds["maximum"] if bounds.get("enabled") else line["quantity"]
        if not low <= match["quantity"] <= high:
            return f"quantity {match['quantity']} is not within {low} to {high}"
    strangers = [line for line in left if line["price_id"] not in optional_prices]
    return f"{len(strangers)} lines were not offered" if strangers else ""


def _has_price(said: Mapping[str, Any], price: Mapping[str, Any]) -> bool:
    return (said["unit_amount_minor"], said["currency"], said["recurring"]) == (
        price["unit_amount"],
        price["currency"],
        recurring_text(price.get("recurring") or {}),
    )
