"""Shipping rates as a session offers them, and what the chosen one costs."""

from __future__ import annotations

from ..calls import Call, list_objects, merged_metadata
from ..currencies import check_currency
from ..messages import ApiError, Doc
from ..world import World
from .catalog import inside, missing


def offered(world: World, params: list[Doc], currency: str) -> list[Doc]:
    """Return the ``shipping_options`` of a session, making rates that come inline."""
    options = []
    for index, option in enumerate(params):
        param = f"shipping_options[{index}]"
        if "shipping_rate_data" in option:
            rate = new_rate(world, option["shipping_rate_data"], f"{param}[shipping_rate_data]")
        elif "shipping_rate" in option:
            rate = world.get("shipping_rate", option["shipping_rate"], f"{param}[shipping_rate]")
            if not rate["active"]:
                raise ApiError(f"The shipping rate {rate['id']} is not active.", param=f"{param}[shipping_rate]")
        else:
            raise missing(f"{param}[shipping_rate]")
        if rate["fixed_amount"]["currency"] != currency:
            raise ApiError(f"The shipping rate must be in {currency}.", param=param)
        options.append({"shipping_amount": rate["fixed_amount"]["amount"], "shipping_rate": rate["id"]})
    return options


def new_rate(world: World, params: Doc, param: str = "") -> Doc:
    """Make and keep a shipping rate."""
    if "fixed_amount" not in params:
        raise missing(inside(param, "fixed_amount"))
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


def create_rate(call: Call) -> Doc:
    """POST /v1/shipping_rates."""
    return new_rate(call.world, call.params)


def retrieve_rate(call: Call) -> Doc:
    """GET /v1/shipping_rates/:shipping_rate_token."""
    return call.world.get("shipping_rate", call.ids["shipping_rate_token"], "shipping_rate_token")


def list_rates(call: Call) -> Doc:
    """GET /v1/shipping_rates."""
    where = {"fixed_amount.currency": call.params["currency"]} if "currency" in call.params else None
    return list_objects(call, "shipping_rate", ("active",), where)


def update_rate(call: Call) -> Doc:
    """POST /v1/shipping_rates/:shipping_rate_token."""
    rate, params = retrieve_rate(call), call.params
    changes: Doc = {name: params[name] for name in ("active", "tax_behavior") if name in params}
    if "metadata" in params:
        changes["metadata"] = merged_metadata(rate["metadata"], params["metadata"])
    return call.world.update(rate, **changes)
