"""Shipping rates as a session offers them, and what the chosen one costs."""

from __future__ import annotations

from ..currencies import check_currency
from ..messages import ApiError, Doc
from ..world import World
from .catalog import missing


def offered(world: World, params: list[Doc], currency: str) -> list[Doc]:
    """Return the ``shipping_options`` of a session, making rates that come inline."""
    options = []
    for index, option in enumerate(params):
        param = f"shipping_options[{index}]"
        if "shipping_rate_data" in option:
            rate = new_rate(world, option["shipping_rate_data"])
        elif "shipping_rate" in option:
            rate = world.get("shipping_rate", option["shipping_rate"], f"{param}[shipping_rate]")
        else:
            raise missing(f"{param}[shipping_rate]")
        if rate["fixed_amount"]["currency"] != currency:
            raise ApiError(f"The shipping rate must be in {currency}.", param=param)
        options.append({"shipping_amount": rate["fixed_amount"]["amount"], "shipping_rate": rate["id"]})
    return options


def new_rate(world: World, params: Doc) -> Doc:
    """Make and keep a shipping rate."""
    if "fixed_amount" not in params:
        raise missing("shipping_rate_data[fixed_amount]")
    fixed = params["fixed_amount"]
    estimate = params.get("delivery_estimate")
    rate = world.new(
        "shipping_rate",
        active=True,
        delivery_estimate={"minimum": None, "maximum": None, **estimate} if estimate else None,
        display_name=params["display_name"],
        fixed_amount={"amount": fixed["amount"], "currency": check_currency(fixed["currency"], "currency")},
        metadata=params.get("metadata", {}),
        tax_behavior=params.get("tax_behavior", "unspecified"),
        tax_code=params.get("tax_code"),
        type="fixed_amount",
    )
    return world.store.insert(rate)


def chosen_cost(world: World, session: Doc) -> Doc | None:
    """Return the ``shipping_cost`` of a session: the rate chosen before if it is still offered, else the first."""
    options: list[Doc] = session["shipping_options"]
    if not options:
        return None
    before = session["shipping_cost"]["shipping_rate"] if session["shipping_cost"] else None
    option = next((option for option in options if option["shipping_rate"] == before), options[0])
    amount = option["shipping_amount"]
    return {
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "shipping_rate": option["shipping_rate"],
    }
