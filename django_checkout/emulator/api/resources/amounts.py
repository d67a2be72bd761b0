"""The amounts of a session: line items, discount, shipping and tax, recalculated after every change."""

from __future__ import annotations

from django_checkout.emulator.api.resources import discounts, lines, tax
from django_checkout.emulator.api.resources.session_rules import check_open
from django_checkout.emulator.api.resources.shipping import chosen_cost
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.messages import gettext_noop as _
from django_checkout.emulator.reference.currencies import check_charge_amount
from django_checkout.emulator.state.state import State

DAY_SECONDS = 24 * 3600


def set_lines(state: State, session: Doc, items: list[Doc]) -> None:
    """Set the line items of a session and recalculate. The caller saves the session."""
    session["_lines"] = items
    session["currency"] = items[0]["currency"]
    recalculate(state, session)


def recalculate(state: State, session: Doc) -> None:
    """Set all amounts of a session. The caller saves it. Raises ``ApiError`` if the total cannot be charged."""
    if session["mode"] == "setup":
        return
    session["shipping_cost"] = chosen_cost(state, session)
    for line in session["_lines"]:
        lines.set_subtotal(line, on_trial=has_trial(session) and line["price"]["type"] == "recurring")
    discounts.distribute(state, session)
    tax.apply(state, session)
    _add_up(session)
    check_charge_amount(session["amount_total"], session["currency"])


def has_trial(session: Doc) -> bool:
    """Return whether a subscription begins with a free trial."""
    asked = session["_params"].get("subscription_data", {})
    return "trial_period_days" in asked or "trial_end" in asked


def trial_of(session: Doc) -> tuple[int, int] | None:
    """Return the days and the end of a subscription's trial, or None without one."""
    if not has_trial(session):
        return None
    asked = session["_params"]["subscription_data"]
    days = asked.get("trial_period_days") or (asked["trial_end"] - session["created"]) // DAY_SECONDS
    return days, asked.get("trial_end") or session["created"] + days * DAY_SECONDS


def _add_up(session: Doc) -> None:
    items, shipping = session["_lines"], session["shipping_cost"]
    session["amount_subtotal"] = lines.total(items, "amount_subtotal")
    session["amount_total"] = lines.total(items, "amount_total") + (shipping["amount_total"] if shipping else 0)
    session["total_details"] = {
        "amount_discount": lines.total(items, "amount_discount"),
        "amount_shipping": shipping["amount_subtotal"] if shipping else 0,
        "amount_tax": lines.total(items, "amount_tax") + (shipping["amount_tax"] if shipping else 0),
    }


def choose_shipping(state: State, session: Doc, shipping_rate: str) -> Doc:
    """Choose one of the shipping rates of an open session."""
    check_open(session)
    if shipping_rate not in [option["shipping_rate"] for option in session["shipping_options"]]:
        raise ApiError("This shipping rate is not offered.", code="resource_missing", param="shipping_rate")
    session["shipping_cost"] = {**session["shipping_cost"], "shipping_rate": shipping_rate}
    recalculate(state, session)
    return state.store.save(session)


def adjust(state: State, session: Doc, index: int, quantity: int) -> Doc:
    """Set the quantity of an adjustable line, within its bounds."""
    check_open(session)
    items = session.get("_lines", [])
    bounds = items[index]["adjustable_quantity"] if 0 <= index < len(items) else None
    if not bounds or not bounds["minimum"] <= quantity <= bounds["maximum"]:
        raise ApiError("This quantity cannot be chosen.", param=f"line_items[{index}][quantity]")
    lines.set_quantity(items[index], quantity, f"line_items[{index}]")
    recalculate(state, session)
    return state.store.save(session)


def choose_amount(state: State, session: Doc, index: int, amount: int) -> Doc:
    """Set the unit amount of a line whose price lets the customer choose it."""
    check_open(session)
    items = session.get("_lines", [])
    if not 0 <= index < len(items):
        raise ApiError(_("This amount cannot be chosen."), param=f"line_items[{index}]")
    lines.choose_amount(items[index], amount, f"line_items[{index}]")
    recalculate(state, session)
    return state.store.save(session)


def is_chosen(session: Doc) -> bool:
    """Return whether every amount that the customer chooses has a value."""
    custom = [line for line in session.get("_lines", []) if line["price"]["custom_unit_amount"]]
    return all(line.get("_chosen", line["price"]["custom_unit_amount"]["preset"]) is not None for line in custom)


def apply_code(state: State, session: Doc, text: str) -> Doc:
    """Apply a promotion code to an open session. Raises ``ApiError`` if it is refused."""
    check_open(session)
    discounts.apply_code(state, session, text)
    recalculate(state, session)
    return state.store.save(session)


def remove_code(state: State, session: Doc) -> Doc:
    """Remove the promotion code of an open session."""
    check_open(session)
    discounts.remove_code(session)
    recalculate(state, session)
    return state.store.save(session)
