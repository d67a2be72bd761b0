"""Shipping rates, and the shipping options and cost of a session."""

from __future__ import annotations

from functools import partial

from django_checkout.emulator.api.calls import Call, Route, list_kind, retrieve
from django_checkout.emulator.api.resources.pricing import inside, missing
from django_checkout.emulator.api.resources.session_values import invalid_integer
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.reference.currencies import check_currency
from django_checkout.emulator.state.state import State


def offered(state: State, params: list[Doc], currency: str) -> list[Doc]:
    """Return the ``shipping_options`` of a session. Inline rates are created."""
    options = []
    for index, option in enumerate(params):
        param = f"shipping_options[{index}]"
        if "shipping_rate_data" in option:
            rate = new_rate(state, option["shipping_rate_data"], f"{param}[shipping_rate_data]")
        elif "shipping_rate" in option:
            rate = state.get("shipping_rate", option["shipping_rate"], f"{param}[shipping_rate]")
            if not rate["active"]:
                raise ApiError(f"The shipping rate {rate['id']} is not active.", param=f"{param}[shipping_rate]")
        else:
            raise missing(f"{param}[shipping_rate]")
        if rate["fixed_amount"]["currency"] != currency:
            raise ApiError(f"The shipping rate must be in {currency}.", param=param)
        options.append({"shipping_amount": rate["fixed_amount"]["amount"], "shipping_rate": rate["id"]})
    return options


def new_rate(state: State, params: Doc, param: str = "") -> Doc:
    """Create a shipping rate."""
    if "fixed_amount" not in params:
        raise missing(inside(param, "fixed_amount"))
    fixed = params["fixed_amount"]
    if fixed["amount"] < 0:
        raise invalid_integer("Invalid non-negative integer", inside(inside(param, "fixed_amount"), "amount"))
    for bound in ("minimum", "maximum"):
        if params.get("delivery_estimate", {}).get(bound, {}).get("value", 1) < 1:
            where = inside(inside(inside(param, "delivery_estimate"), bound), "value")
            raise invalid_integer("Invalid positive integer", where)
    estimate = params.get("delivery_estimate")
    rate = state.new(
        "shipping_rate",
        active=True,
        delivery_estimate={"minimum": None, "maximum": None, **estimate} if estimate else None,
        display_name=params["display_name"],
        fixed_amount={"amount": fixed["amount"], "currency": check_currency(fixed["currency"], "currency")},
        metadata=params.get("metadata", {}),
        tax_behavior=params.get("tax_behavior", "unspecified"),
        tax_code=params.get("tax_code"),
        type=params.get("type", "fixed_amount"),
    )
    return state.store.insert(rate)


def chosen_cost(state: State, session: Doc) -> Doc | None:
    """Return the ``shipping_cost`` of a session: of the chosen rate if it is still offered, else of the first."""
    options: list[Doc] = session["shipping_options"]
    if not options:
        return None
    before = session["shipping_cost"]["shipping_rate"] if session["shipping_cost"] else None
    option = next((option for option in options if option["shipping_rate"] == before), options[0])
    amount, rate = option["shipping_amount"], option["shipping_rate"]
    return {"amount_subtotal": amount, "amount_tax": 0, "amount_total": amount, "shipping_rate": rate}


def create_rate(call: Call) -> Doc:
    """POST /v1/shipping_rates."""
    return new_rate(call.state, call.params)


def update_rate(call: Call) -> Doc:
    """POST /v1/shipping_rates/:shipping_rate_token."""
    rate = call.target("shipping_rate")
    return call.state.update(rate, **call.changes(rate, "active", "tax_behavior"))


ROUTES = {
    "GET /v1/shipping_rates": Route(partial(list_kind, "shipping_rate", "active currency=fixed_amount.currency")),
    "POST /v1/shipping_rates": Route(create_rate, "fixed_amount.currency_options"),
    "GET /v1/shipping_rates/{shipping_rate_token}": Route(partial(retrieve, "shipping_rate")),
    "POST /v1/shipping_rates/{shipping_rate_token}": Route(update_rate, "fixed_amount"),
}
