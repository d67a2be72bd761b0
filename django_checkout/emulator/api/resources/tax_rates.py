"""Tax rates that a shop sets itself, https://docs.stripe.com/billing/taxes/tax-rates."""

from __future__ import annotations

from functools import partial

from django_checkout.emulator.api.calls import Call, Route, list_kind, merged_metadata, retrieve
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.state.state import State

KIND = "tax_rate"
#: Fields of a new object that are null.
NULLS = "country description effective_percentage flat_amount jurisdiction jurisdiction_level state tax_type"
DESCRIBED = ("country", "description", "jurisdiction", "state", "tax_type")


def create(call: Call) -> Doc:
    """POST /v1/tax_rates."""
    state, params = call.state, call.params
    if not 0 <= params["percentage"] <= 100:
        # https://docs.stripe.com/api/tax_rates/create#create_tax_rate-percentage
        raise ApiError("Invalid percentage: must be between 0 and 100", param="percentage")
    rate = state.new(
        KIND,
        NULLS,
        active=params.get("active", True),
        display_name=params["display_name"],
        inclusive=params["inclusive"],
        metadata=merged_metadata({}, params.get("metadata", {})),
        percentage=params["percentage"],
        rate_type="percentage",
    )
    rate.update({name: params[name] for name in DESCRIBED if name in params})
    state.store.insert(rate)
    state.emit("tax_rate.created", rate)
    return rate


def update(call: Call) -> Doc:
    """POST /v1/tax_rates/:tax_rate. Its percentage never changes."""
    rate = call.target(KIND)
    return call.state.update(rate, "tax_rate.updated", **call.changes(rate, "active", "display_name", *DESCRIBED))


def usable_rates(state: State, ids: list[str], param: str) -> list[Doc]:
    """Return tax rates by id. An archived one cannot be added to anything.

    https://docs.stripe.com/api/tax_rates/object#tax_rate_object-active
    """
    rates = [state.get(KIND, rate_id, f"{param}[{index}]") for index, rate_id in enumerate(ids)]
    for index, rate in enumerate(rates):
        if not rate["active"]:
            message = f"The tax rate {rate['id']} is inactive and cannot be used."
            raise ApiError(message, param=f"{param}[{index}]")
    return rates


ROUTES = {
    "GET /v1/tax_rates": Route(partial(list_kind, KIND, "active inclusive")),
    "POST /v1/tax_rates": Route(create),
    "GET /v1/tax_rates/{tax_rate}": Route(partial(retrieve, KIND)),
    "POST /v1/tax_rates/{tax_rate}": Route(update),
}
