"""Replaces ids by objects, as ``expand[]`` requests."""

from __future__ import annotations

from copy import copy
from typing import Any

from django_checkout.emulator.api.calls import list_of
from django_checkout.emulator.api.resources import discounts, invoices, tax
from django_checkout.emulator.messages import ApiError, Doc, without_hidden
from django_checkout.emulator.state.state import State

MAX_DEPTH = 4
LINE_ITEMS_PAGE = 10

#: Expandable fields by object type: ids, and fields that are otherwise left out. A dot leads into a nested hash.
EXPANDABLE: dict[str, tuple[str, ...]] = {
    "balance_transaction": ("source",),
    "charge": ("balance_transaction", "customer", "failure_balance_transaction", "payment_intent", "refunds"),
    "checkout.session": (
        "customer",
        "discounts.coupon",
        "discounts.promotion_code",
        "invoice",
        "line_items",
        "payment_intent",
        "setup_intent",
        "subscription",
        "shipping_cost.shipping_rate",
        "shipping_cost.taxes",
        "shipping_options.shipping_rate",
        "total_details.breakdown",
    ),
    "coupon": ("applies_to",),
    "discount": ("customer", "promotion_code", "source.coupon"),
    "dispute": ("charge", "payment_intent"),
    "invoice": (
        "customer",
        "default_payment_method",
        "parent.subscription_details.subscription",
        "payments",
    ),
    "invoice_payment": ("invoice", "payment.payment_intent"),
    "item": ("discounts", "taxes"),
    "payment_intent": ("customer", "latest_charge", "payment_method"),
    "payment_method": ("customer",),
    "payout": ("balance_transaction",),
    "price": ("product",),
    "product": ("default_price",),
    "promotion_code": ("customer", "promotion.coupon"),
    "radar.early_fraud_warning": ("charge", "payment_intent"),
    "refund": (
        "balance_transaction",
        "charge",
        "customer",
        "failure_balance_transaction",
        "payment_intent",
        "payment_method",
    ),
    "review": ("charge", "payment_intent"),
    "setup_intent": ("customer", "payment_method"),
    "subscription": ("customer", "default_payment_method", "latest_invoice"),
}


def expand(state: State, document: Doc, paths: list[str]) -> Doc:
    """Return ``document`` as the API returns it, with ``paths`` expanded."""
    is_list = document.get("object") == "list"
    shown = document if is_list else without_hidden(document)
    if is_list:
        shown = {**document, "data": [without_hidden(item) for item in document["data"]]}
    for path in paths:
        steps = path.split(".")
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
    elif shown.get("object") != "list":
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
        if isinstance(shown.get(step), str) or (step not in shown and found is not None):
            shown[step] = _shown(found)
        _expand(state, shown.get(step), found, rest, path)
    elif isinstance(shown.get(step), dict) and "object" in shown[step] and rest:
        found = state.store.find(shown[step].get("id")) or shown[step]
        _expand(state, shown[step], found, rest, path)
    elif any(other.startswith(f"{name}.") for other in allowed) and rest:
        shown[step] = copy(shown.get(step))
        if kind == "checkout.session" and whole[step]:
            _add_hidden(whole, step)
        _expand(state, shown[step], whole.get(step), rest, path, f"{within}{step}.")
    else:
        raise _not_expandable(path)


def _add_hidden(session: Doc, step: str) -> None:
    """Add the hidden parts of a nested hash of a session, where ``_lookup`` finds them."""
    if step == "total_details":
        parts = {"discounts": discounts.breakdown(session), "taxes": tax.breakdown(session)}
        session[step] = {**session[step], "_breakdown": parts}
    elif step == "shipping_cost":
        session[step] = {**session[step], "_taxes": session.get("_shipping_taxes", [])}


def _lookup(state: State, whole: Doc, kind: str, name: str, step: str) -> Any:
    if kind == "checkout.session" and name == "line_items":
        items = [dict(line) for line in whole.get("_lines", [])]
        url = f"/v1/checkout/sessions/{whole['id']}/line_items"
        return list_of(items[:LINE_ITEMS_PAGE], url, has_more=len(items) > LINE_ITEMS_PAGE)
    if kind == "charge" and name == "refunds":
        refunds = state.store.select("refund", {"charge": whole["id"]})
        return list_of(refunds, f"/v1/charges/{whole['id']}/refunds")
    if kind == "invoice" and name == "payments":
        return invoices.payments_of(state, whole)
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
