"""The items of subscriptions."""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call, Route, list_values
from django_checkout.emulator.api.params import Params
from django_checkout.emulator.api.resources import subscriptions
from django_checkout.emulator.api.resources.subscription_changes import change
from django_checkout.emulator.api.resources.subscription_params import BEHAVIORS
from django_checkout.emulator.messages import Doc, missing_object
from django_checkout.emulator.state.state import State

KIND = "subscription_item"
#: The parameters of an item itself; the others are of the update of its subscription.
OWN = ("metadata", "price", "price_data", "quantity", "tax_rates")


def create(call: Call) -> Doc:
    """POST /v1/subscription_items."""
    subscription = call.state.get(subscriptions.KIND, call.params["subscription"], "subscription")
    known = {item["id"] for item in subscription["items"]["data"]}
    changed = _change(call, subscription, {})
    return next(item for item in changed["items"]["data"] if item["id"] not in known)


def retrieve_item(call: Call) -> Doc:
    """GET /v1/subscription_items/:item."""
    return _find(call.state, call.ids["item"])[1]


def update(call: Call) -> Doc:
    """POST /v1/subscription_items/:item."""
    subscription, item = _find(call.state, call.ids["item"])
    changed = _change(call, subscription, {"id": item["id"]})
    return next(other for other in changed["items"]["data"] if other["id"] == item["id"])


def delete(call: Call) -> Doc:
    """DELETE /v1/subscription_items/:item."""
    subscription, item = _find(call.state, call.ids["item"])
    _change(call, subscription, {"id": item["id"], "deleted": True})
    return {"id": item["id"], "object": KIND, "deleted": True}


def list_items(call: Call) -> Doc:
    """GET /v1/subscription_items."""
    subscription = call.state.get(subscriptions.KIND, call.params["subscription"], "subscription")
    return list_values(call, subscription["items"]["data"])


def _change(call: Call, subscription: Doc, item: Doc) -> Doc:
    """Change one item as an update of its subscription does."""
    subscriptions.check_alive(subscription, "subscription")
    sent = {**item, **{name: call.params[name] for name in OWN if name in call.params}}
    others = {name: call.params[name] for name in call.params if name not in (*OWN, "expand", "subscription")}
    return change(call.state, subscription, Params({**others, "items": [Params(sent)]}))


def _find(state: State, item_id: str) -> tuple[Doc, Doc]:
    """Return a subscription and its item with this id."""
    for subscription in state.store.select(subscriptions.KIND):
        for item in subscription["items"]["data"]:
            if item["id"] == item_id:
                return subscription, item
    raise missing_object("subscription_item", item_id, "item", status=404)


ROUTES = {
    "GET /v1/subscription_items": Route(list_items),
    "POST /v1/subscription_items": Route(create, "billing_thresholds discounts", BEHAVIORS),
    "GET /v1/subscription_items/{item}": Route(retrieve_item),
    "POST /v1/subscription_items/{item}": Route(update, "billing_thresholds discounts off_session", BEHAVIORS),
    "DELETE /v1/subscription_items/{item}": Route(delete, "clear_usage"),
}
