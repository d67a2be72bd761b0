"""Prorations: credits for unused time and charges for the rest of a period, as pending invoice items.

https://docs.stripe.com/billing/subscriptions/prorations
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

from django_checkout.emulator.api.resources import invoice_items
from django_checkout.emulator.api.resources.baskets import amount_of
from django_checkout.emulator.api.resources.discounts import lasting, reduction
from django_checkout.emulator.messages import Doc
from django_checkout.emulator.state.state import State


def prorate(state: State, subscription: Doc, before: list[Doc], after: list[Doc], at: int) -> list[Doc]:
    """Create the items for a change from ``before`` to ``after`` in the current period, and return them.

    At the end of its period, an item has nothing to prorate.
    """
    before, after = ([item for item in items if at < item["current_period_end"]] for items in (before, after))
    old, new = {item["id"]: item for item in before}, {item["id"]: item for item in after}
    ids = (*old, *(key for key in new if key not in old))
    changed = [item_id for item_id in ids if _charged(old.get(item_id)) != _charged(new.get(item_id))]
    found = [_item(state, subscription, old[item_id], at, -1) for item_id in changed if item_id in old]
    return found + [_item(state, subscription, new[item_id], at, 1) for item_id in changed if item_id in new]


def portion(amount: int, part: int, whole: int) -> int:
    """Return the part of an amount, rounded half up."""
    exact = Decimal(amount) * part / whole
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _charged(item: Doc | None) -> tuple[str, int] | None:
    return (item["price"]["id"], item["quantity"]) if item else None


def _item(state: State, subscription: Doc, item: Doc, at: int, sign: int) -> Doc:
    start, end = item["current_period_start"], item["current_period_end"]
    at = min(max(at, start), end)
    price = state.get("price", item["price"]["id"])
    full = _reduced(subscription, amount_of(state, price["id"], item["quantity"], subscription["currency"]), start)
    product = state.store.find(price["product"]) or {"name": price["product"]}
    name = product["name"] if item["quantity"] == 1 else f"{item['quantity']} \u00d7 {product['name']}"
    day = datetime.fromtimestamp(at, UTC)
    what = f"{'Unused' if sign < 0 else 'Remaining'} time on {name} after {day.day} {day:%b %Y}"
    details = {"subscription": subscription["id"], "subscription_item": item["id"]}
    return invoice_items.new_item(
        state,
        state.get("customer", subscription["customer"]),
        subscription["currency"],
        # Rounded down, as recorded: -2.5 to -3 and 4.5 to 4 (Kiln-AI/stripe_world 01_proration_half_cent).
        sign * full * (end - at) // (end - start),
        price,
        description=what,
        discountable=False,
        parent={"type": "subscription_details", "subscription_details": details},
        period={"start": at, "end": end},
        proration=True,
        quantity=item["quantity"],
        tax_rates=item["tax_rates"],
        _tax_behavior=price["tax_behavior"],
    )


def _reduced(subscription: Doc, amount: int, at: int) -> int:
    """Return an amount less the discount in per cent: prorations include it."""
    given = lasting(subscription["_discount"], at)
    if given is None or given["_coupon"]["percent_off"] is None:
        return amount
    return amount - reduction(given["_coupon"], [{"amount_subtotal": amount}])
