"""Compares the lines that were bought with those offered, if the shopper can change them; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django_checkout.models.attention import Details
from django_checkout.stripe_api.facts import recurring_text


def find_line_fault(
    offered: Sequence[Mapping[str, Any]],
    bought: Sequence[Mapping[str, Any]],
    *,
    optional_prices: Collection[str] = (),
) -> Details | None:
    """Return how the lines that Stripe reports differ from what was offered, or None.

    Unit prices and quantities must match a line that was offered, and only optional items may be added.

    ``offered`` are the request's ``line_items`` with inline prices, ``bought`` ``LineFact``s as dicts.
    """
    left = list(bought)
    # Narrow bounds first: of two lines at one price, the fixed one must find the only quantity that it allows.
    for line in sorted(offered, key=lambda line: _bounds(line)[1] - _bounds(line)[0]):
        price, (low, high) = line["price_data"], _bounds(line)
        matches = [found for found in left if _has_price(found, price)]
        if not matches:
            return {"missing_price_minor": price["unit_amount"], "currency": price["currency"]}
        match = next((found for found in matches if low <= found["quantity"] <= high), None)
        if match is None:
            return {"quantity": matches[0]["quantity"], "minimum": low, "maximum": high}
        left.remove(match)
    added = [line for line in left if line["price_id"] not in optional_prices]
    return {"unoffered_lines": len(added)} if added else None


def _bounds(line: Mapping[str, Any]) -> tuple[int, int]:
    adjustable = line.get("adjustable_quantity", {})
    if adjustable.get("enabled"):
        return adjustable["minimum"], adjustable["maximum"]
    return line["quantity"], line["quantity"]


def _has_price(bought: Mapping[str, Any], price: Mapping[str, Any]) -> bool:
    return (bought["unit_amount_minor"], bought["currency"], bought["recurring"]) == (
        price["unit_amount"],
        price["currency"],
        recurring_text(price.get("recurring") or {}),
    )
