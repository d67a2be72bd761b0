"""Plans, the predecessors of recurring prices. Each is a price of the same id as well: https://docs.stripe.com/api/plans."""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call, Route, list_objects
from django_checkout.emulator.api.resources import catalog
from django_checkout.emulator.api.resources.pricing import missing
from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import ApiError, Doc, missing_object, not_implemented

KIND, PRICE = "plan", "price"
#: The parameters that a price has too.
PASSED = ("active", "currency", "metadata", "nickname")
#: The fields of a price that a plan has too.
SHARED = ("active", "billing_scheme", "created", "currency", "id", "livemode", "metadata", "nickname", "product")
RECURRING = ("interval", "interval_count", "meter", "usage_type")


def create(call: Call) -> Doc:
    """POST /v1/plans."""
    state, params = call.state, call.params
    amount = {f"unit_{name}": params[name] for name in ("amount", "amount_decimal") if name in params}
    if not amount:
        raise missing("amount")
    if "product" not in params:
        raise missing("product")
    if state.store.find(params.get("id")):
        raise ApiError("Plan already exists.", code="resource_already_exists", param="id")
    product = params["product"]
    if not isinstance(product, str):
        made = catalog.new_product(state, product)
        state.emit("product.created", made)
        product = made["id"]
    price = catalog.new_price(
        state,
        {
            **{name: params[name] for name in PASSED if name in params},
            **amount,
            "product": product,
            "recurring": {name: params[name] for name in RECURRING if name in params},
        },
        object_id=params.get("id", f"plan_{random_text(24)}"),
    )
    state.emit("plan.created", plan_of(price))
    state.emit("price.created", price)
    return plan_of(price)


def plan_of(price: Doc) -> Doc:
    """Return the plan of a recurring price."""
    return {
        **{name: price[name] for name in SHARED},
        **{name: price["recurring"][name] for name in RECURRING},
        "object": KIND,
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "tiers_mode": price["tiers_mode"],
        "transform_usage": price["transform_quantity"],
        "trial_period_days": None,
    }


def retrieve(call: Call) -> Doc:
    """GET /v1/plans/:plan."""
    return plan_of(_target(call))


def list_plans(call: Call) -> Doc:
    """GET /v1/plans."""
    page = list_objects(call, PRICE, ("active", "product"), {"type": "recurring"})
    return {**page, "data": [plan_of(price) for price in page["data"]]}


def update(call: Call) -> Doc:
    """POST /v1/plans/:plan."""
    state, price = call.state, _target(call)
    before = plan_of(price)
    state.update(price, "price.updated", **call.changes(price, "active", "nickname"))
    after = plan_of(price)
    state.emit("plan.updated", after, {name: value for name, value in before.items() if after[name] != value})
    return after


def delete(call: Call) -> Doc:
    """DELETE /v1/plans/:plan."""
    state, price = call.state, _target(call)
    if any(price["id"] in _prices_of(subscription) for subscription in state.store.select("subscription")):
        raise not_implemented("the deletion of a plan that has subscriptions")
    state.store.delete(price["id"])
    state.emit("plan.deleted", plan_of(price))
    state.emit("price.deleted", price)
    return {"id": price["id"], "object": KIND, "deleted": True}


def _prices_of(subscription: Doc) -> list[str]:
    return [item["price"]["id"] for item in subscription["items"]["data"]]


def _target(call: Call) -> Doc:
    price = call.state.store.find(call.ids["plan"], PRICE)
    if price is None or price["type"] != "recurring":
        raise missing_object(KIND, call.ids["plan"], "plan", status=404)
    return price


EXPANDABLE = {KIND: ("product",)}
ROUTES = {
    "GET /v1/plans": Route(list_plans),
    "POST /v1/plans": Route(
        create,
        "billing_scheme meter tiers tiers_mode transform_usage trial_period_days",
        {"usage_type": "licensed"},
    ),
    "GET /v1/plans/{plan}": Route(retrieve),
    "POST /v1/plans/{plan}": Route(update, "product trial_period_days"),
    "DELETE /v1/plans/{plan}": Route(delete),
}
