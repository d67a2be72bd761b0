"""Replaces ids by objects, as ``expand[]`` requests."""

from __future__ import annotations

from copy import copy
from typing import Any

from django_checkout.emulator.api.calls import list_of
from django_checkout.emulator.api.declared import declared
from django_checkout.emulator.api.document import is_expandable
from django_checkout.emulator.api.resources import customer_balance, discounts, invoices, subscriptions, tax, tax_ids
from django_checkout.emulator.messages import ApiError, Doc, not_implemented, without_hidden
from django_checkout.emulator.state.state import State

MAX_DEPTH = 4
LINE_ITEMS_PAGE = 10
#: The objects that have line items, and where.
LINE_ITEMS_OF = {"checkout.session": "checkout/sessions", "payment_link": "payment_links", "quote": "quotes"}
LISTS = ("list", "search_result")
#: The field of search results that the endpoint adds if it is expanded.
COUNT = "total_count"

#: Expandable fields by object type, of all resource modules: ids, and fields that are otherwise left out. A dot leads
#: into a nested hash.
EXPANDABLE: dict[str, tuple[str, ...]] = declared("EXPANDABLE")


def expand(state: State, document: Doc, paths: list[str]) -> Doc:
    """Return ``document`` as the API returns it, with ``paths`` expanded."""
    is_list = document.get("object") in LISTS
    shown = document if is_list else without_hidden(document)
    if is_list:
        shown = {**document, "data": [without_hidden(item) for item in document["data"]]}
    for path in paths:
        steps = path.split(".")
        if is_list and path in document and path == COUNT:
            continue
        if is_list and steps[0] != "data":
            raise _not_expandable(path)
        if len(steps) > MAX_DEPTH + is_list:
            raise ApiError(f"You cannot expand more than {MAX_DEPTH} levels of a property.", param="expand")
        _expand(state, shown, document, steps, path)
    return shown


def _expand(state: State, shown: Any, whole: Any, steps: list[str], path: str, within: str = "") -> None:
    """Expand one path in ``shown``. ``whole`` is the same object with its hidden fields.

    ``within`` is the object type and the path of the current nested hash, such as ``discount source.``.
    """
    if not steps or shown is None:
        return
    if isinstance(shown, list):
        for part, whole_part in zip(shown, whole, strict=True):
            _expand(state, part, whole_part, steps, path, within)
    elif shown.get("object") not in LISTS:
        _expand_field(state, shown, whole, steps, path, within)
    elif steps[0] == "data":
        _expand(state, shown["data"], whole["data"], steps[1:], path)
    else:
        raise _not_expandable(path)


def _expand_field(state: State, shown: Doc, whole: Doc, steps: list[str], path: str, within: str) -> None:
    step, rest = steps[0], steps[1:]
    if "object" in shown:
        within = f"{shown['object']} "
    kind, _, lead = within.partition(" ")
    name, allowed = lead + step, EXPANDABLE.get(kind, ())
    if name in allowed:
        found = _lookup(state, whole, kind, name, step)
        if isinstance(shown.get(step), str) or (found is not None and _is_missing(shown, step)):
            shown[step] = [_shown(item) for item in found] if isinstance(found, list) else _shown(found)
        _expand(state, shown.get(step), found, rest, path)
    elif isinstance(shown.get(step), dict) and "object" in shown[step] and rest:
        found = state.store.find(shown[step].get("id")) or shown[step]
        _expand(state, shown[step], found, rest, path)
    elif any(other.startswith(f"{name}.") for other in allowed) and rest:
        shown[step] = copy(shown.get(step))
        if kind == "checkout.session" and whole[step]:
            _add_hidden(whole, step)
        _expand(state, shown[step], whole.get(step), rest, path, f"{within}{step}.")
    elif not is_expandable(kind, name):
        raise _not_expandable(path)
    elif step not in shown or shown[step] is not None:
        raise not_implemented(f"the expansion of {path}", "expand")


def _is_missing(shown: Doc, step: str) -> bool:
    """Return whether a field is left out, or is a list of ids."""
    value = shown.get(step, [])
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _add_hidden(session: Doc, step: str) -> None:
    """Add the hidden parts of a nested hash of a session, where ``_lookup`` finds them."""
    if step == "total_details":
        parts = {"discounts": discounts.breakdown(session), "taxes": tax.breakdown(session)}
        session[step] = {**session[step], "_breakdown": parts}
    elif step == "shipping_cost":
        session[step] = {**session[step], "_taxes": session.get("_shipping_taxes", [])}


def _lookup(state: State, whole: Doc, kind: str, name: str, step: str) -> Any:
    if name == "line_items":
        items = [dict(line) for line in whole.get("_lines", [])]
        url = f"/v1/{LINE_ITEMS_OF[kind]}/{whole['id']}/line_items"
        return list_of(items[:LINE_ITEMS_PAGE], url, has_more=len(items) > LINE_ITEMS_PAGE)
    if kind == "file":
        return whole[name]
    if kind == "charge" and name == "refunds":
        refunds = state.store.select("refund", {"charge": whole["id"]})
        return list_of(refunds, f"/v1/charges/{whole['id']}/refunds")
    if kind == "invoice" and name == "payments":
        return invoices.payments_of(state, whole)
    if kind == "customer" and name == "tax_ids":
        return tax_ids.list_on_customer(state, whole)
    if kind == "customer" and name == "cash_balance":
        return customer_balance.cash_balance(state, whole["id"])
    if kind == "customer" and name == "subscriptions":
        found = subscriptions.alive_of(state, whole["id"])
        return list_of(found, f"/v1/customers/{whole['id']}/subscriptions")
    if kind == "subscription" and name == "discounts":
        return [whole["_discount"]["discount"]] if whole["discounts"] else []
    if f"_{step}" in whole:
        return whole[f"_{step}"]
    current = whole.get(step)
    object_id = current["id"] if isinstance(current, dict) else current
    return state.store.find(object_id) if object_id else None


def _shown(whole: Any) -> Any:
    if isinstance(whole, dict) and whole.get("object") == "list":
        return {**whole, "data": [without_hidden(item) for item in whole["data"]]}
    return without_hidden(whole) if isinstance(whole, dict) else whole


def _not_expandable(path: str) -> ApiError:
    return ApiError(f"This property cannot be expanded ({path}).", param="expand")
