"""What a session costs: line items, discount, shipping and tax, added up anew whenever one of them changes."""

from __future__ import annotations

from ..currencies import check_charge_amount
from ..messages import ApiError, Doc
from ..world import World
from . import discounts, lines, tax
from .session_rules import check_open
from .shipping import chosen_cost


def set_lines(world: World, session: Doc, items: list[Doc]) -> None:
    """Give a session its line items and the amounts that follow; the caller keeps it."""
    session["_lines"] = items
    session["currency"] = items[0]["currency"]
    recalculate(world, session)


def recalculate(world: World, session: Doc) -> None:
    """Set every amount of a session; the caller keeps it. Raises ``ApiError`` for a total that cannot be charged."""
    if session["mode"] == "setup":
        return
    session["shipping_cost"] = chosen_cost(world, session)
    for line in session["_lines"]:
        lines.set_subtotal(line, on_trial=has_trial(session) and line["price"]["type"] == "recurring")
    discounts.spread(world, session)
    tax.levy(world, session)
    _add_up(session)
    check_charge_amount(session["amount_total"], session["currency"])


def has_trial(session: Doc) -> bool:
    """Return whether a subscription begins with a time that costs nothing."""
    asked = session["_params"].get("subscription_data", {})
    return "trial_period_days" in asked or "trial_end" in asked


def _add_up(session: Doc) -> None:
    items, shipping = session["_lines"], session["shipping_cost"]
    session["amount_subtotal"] = lines.total(items, "amount_subtotal")
    session["amount_total"] = lines.total(items, "amount_total") + (shipping["amount_total"] if shipping else 0)
    session["total_details"] = {
        "amount_discount": lines.total(items, "amount_discount"),
        "amount_shipping": shipping["amount_subtotal"] if shipping else 0,
        "amount_tax": lines.total(items, "amount_tax") + (shipping["amount_tax"] if shipping else 0),
    }


def choose_shipping(world: World, session: Doc, shipping_rate: str) -> Doc:
    """Set the shipping rate of an open session to one of those it offers."""
    check_open(session)
    if shipping_rate not in [option["shipping_rate"] for option in session["shipping_options"]]:
        raise ApiError("This shipping rate is not offered.", code="resource_missing", param="shipping_rate")
    session["shipping_cost"] = {**session["shipping_cost"], "shipping_rate": shipping_rate}
    recalculate(world, session)
    return world.store.save(session)


def adjust(world: World, session: Doc, index: int, quantity: int) -> Doc:
    """Set the quantity of a line that the shopper may adjust, within its bounds."""
    check_open(session)
    items = session.get("_lines", [])
    bounds = items[index]["adjustable_quantity"] if 0 <= index < len(items) else None
    if not bounds or not bounds["minimum"] <= quantity <= bounds["maximum"]:
        raise ApiError("This quantity cannot be chosen.", param=f"line_items[{index}][quantity]")
    lines.priced(items[index], quantity, f"line_items[{index}]")
    recalculate(world, session)
    return world.store.save(session)


def apply_code(world: World, session: Doc, text: str) -> Doc:
    """Take off an open session what a promotion code gives; raises ``ApiError`` that says why it cannot."""
    check_open(session)
    discounts.apply_code(world, session, text)
    recalculate(world, session)
    return world.store.save(session)


def remove_code(world: World, session: Doc) -> Doc:
    """Undo ``apply_code``."""
    check_open(session)
    discounts.remove_code(session)
    recalculate(world, session)
    return world.store.save(session)
