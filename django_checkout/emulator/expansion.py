"""Puts objects in place of ids, as ``expand[]`` asks."""

from __future__ import annotations

from typing import Any

from .calls import list_of
from .messages import ApiError, Doc, without_hidden
from .world import World

MAX_DEPTH = 4
LINE_ITEMS_PAGE = 10

#: Fields that hold an id, per type of object.
EXPANDABLE = {
    "balance_transaction": ("source",),
    "charge": ("balance_transaction", "customer", "failure_balance_transaction", "payment_intent", "refunds"),
    "checkout.session": ("customer", "line_items", "payment_intent", "total_details.breakdown"),
    "dispute": ("charge", "payment_intent"),
    "item": ("discounts", "taxes"),
    "payment_intent": ("customer", "latest_charge", "payment_method"),
    "payment_method": ("customer",),
    "payout": ("balance_transaction",),
    "price": ("product",),
    "product": ("default_price",),
    "radar.early_fraud_warning": ("charge", "payment_intent"),
    "refund": (
        "balance_transaction",
        "charge",
        "customer",
        "failure_balance_transaction",
        "payment_intent",
        "payment_method",
    ),
}


def expand(world: World, document: Doc, paths: list[str]) -> Doc:
    """Return ``document`` as the API shows it, with what ``paths`` name in place of ids."""
    is_list = document.get("object") == "list"
    shown = document if is_list else without_hidden(document)
    if is_list:
        shown = {**document, "data": [without_hidden(item) for item in document["data"]]}
    for path in paths:
        steps = path.split(".")
        if is_list and steps[0] != "data":
            raise _cannot(path)
        if len(steps) > MAX_DEPTH + is_list:
            raise ApiError(f"You cannot expand more than {MAX_DEPTH} levels of a property.", param="expand")
        _expand(world, shown, document, steps, path)
    return shown


def _expand(world: World, shown: Any, source: Any, steps: list[str], path: str) -> None:
    """Expand one path in ``shown``; ``source`` is the same object with what is hidden."""
    if not steps or shown is None:
        return
    step, rest = steps[0], steps[1:]
    if shown.get("object") == "list":
        if step != "data":
            raise _cannot(path)
        for item, whole in zip(shown["data"], source["data"], strict=True):
            _expand(world, item, whole, rest, path)
        return
    allowed = EXPANDABLE.get(shown.get("object", ""), ())
    if step == "shipping_cost" and rest == ["shipping_rate"]:
        shown[step] = _with_rate(world, shown[step])
        return
    if step == "total_details" and "total_details.breakdown" in allowed and rest == ["breakdown"]:
        if shown[step]:
            shown[step] = {**shown[step], "breakdown": {"discounts": [], "taxes": []}}
        return
    if step == "price" and shown.get("object") == "item":
        whole = world.store.find(shown["price"]["id"]) or shown["price"]
        _expand(world, shown["price"], whole, rest, path)
        return
    if step not in allowed:
        raise _cannot(path)
    whole = _lookup(world, shown, source, step)
    if isinstance(shown.get(step), str) or (step not in shown and whole is not None):
        shown[step] = _shown(whole)
    _expand(world, shown.get(step), whole, rest, path)


def _lookup(world: World, shown: Doc, source: Doc, step: str) -> Any:
    if step == "line_items":
        items = [dict(line) for line in source.get("_lines", [])]
        url = f"/v1/checkout/sessions/{source['id']}/line_items"
        return list_of(items[:LINE_ITEMS_PAGE], url, has_more=len(items) > LINE_ITEMS_PAGE)
    if step == "refunds":
        refunds = world.store.select("refund", {"charge": source["id"]})
        return list_of(refunds, f"/v1/charges/{source['id']}/refunds")
    if step in ("discounts", "taxes"):
        return []
    current = shown.get(step)
    object_id = current["id"] if isinstance(current, dict) else current
    return world.store.find(object_id) if object_id else None


def _shown(whole: Any) -> Any:
    if isinstance(whole, dict) and whole.get("object") == "list":
        return {**whole, "data": [without_hidden(item) for item in whole["data"]]}
    return without_hidden(whole) if isinstance(whole, dict) else whole


def _with_rate(world: World, cost: Doc | None) -> Doc | None:
    return {**cost, "shipping_rate": world.store.find(cost["shipping_rate"])} if cost else None


def _cannot(path: str) -> ApiError:
    return ApiError(f"This property cannot be expanded ({path}).", param="expand")
