"""The line items of a session."""

from __future__ import annotations

from collections.abc import Iterable

from django_checkout.emulator.api.resources.catalog import inside, line_amount, missing, new_price, one_of
from django_checkout.emulator.ids import new_id
from django_checkout.emulator.messages import ApiError, Doc, missing_object, without_hidden
from django_checkout.emulator.state.state import State

MAX_LINES = {"payment": 100, "subscription": 40}
MAX_QUANTITY = 999_999


def new_lines(state: State, params: list[Doc], mode: str) -> list[Doc]:
    """Return line items for the ``line_items`` of a new session."""
    if len(params) > MAX_LINES[mode]:
        raise ApiError(
            f"Array line_items exceeded maximum {MAX_LINES[mode]} allowed elements.",
            code="parameter_invalid_array",
            param="line_items",
        )
    lines = [new_line(state, line, f"line_items[{index}]") for index, line in enumerate(params)]
    check_lines(lines, mode)
    return lines


def new_line(state: State, params: Doc, param: str) -> Doc:
    """Return one line item."""
    if "price" in params and "price_data" in params:
        raise one_of("price", "price_data", param)
    if "price_data" in params:
        price = new_price(state, params["price_data"], inside(param, "price_data"), active=False)
    elif "price" in params:
        price = state.get("price", params["price"], inside(param, "price"))
        if not price["active"]:
            raise ApiError(f"The price specified is inactive: {price['id']}", param=inside(param, "price"))
    else:
        raise missing(inside(param, "price"))
    if params.get("tax_rates"):
        raise missing_object("tax_rate", params["tax_rates"][0], inside(param, "tax_rates"))
    product = state.get("product", price["product"])
    line: Doc = {
        "id": new_id("item"),
        "object": "item",
        "adjustable_quantity": _adjustable(params.get("adjustable_quantity")),
        "amount_discount": 0,
        "amount_subtotal": 0,
        "amount_tax": 0,
        "amount_total": 0,
        "currency": price["currency"],
        "description": product["name"],
        "metadata": params.get("metadata", {}),
        "price": without_hidden(price),
        "quantity": None,
    }
    return set_quantity(line, params.get("quantity"), param)


def set_quantity(line: Doc, quantity: int | None, param: str) -> Doc:
    """Set a line's quantity."""
    if quantity is None:
        raise missing(inside(param, "quantity"))
    if not 0 <= quantity <= MAX_QUANTITY or (quantity == 0 and not line["adjustable_quantity"]):
        raise ApiError(
            "This value must be greater than or equal to 1.",
            code="parameter_invalid_integer",
            param=inside(param, "quantity"),
        )
    line["quantity"] = quantity
    return line


def set_subtotal(line: Doc, *, on_trial: bool = False) -> None:
    """Set the amount of a line before discount and tax. It is 0 during a trial."""
    line["amount_subtotal"] = 0 if on_trial else line_amount(line["price"], line["quantity"])


def replaced_lines(state: State, current: list[Doc], params: list[Doc], mode: str) -> list[Doc]:
    """Return the line items after an update, which sends the whole list. Lines with an id are kept or changed."""
    known = {line["id"]: line for line in current}
    lines = []
    for index, change in enumerate(params):
        param = f"line_items[{index}]"
        if "id" not in change:
            lines.append(new_line(state, change, param))
            continue
        if change["id"] not in known:
            raise ApiError(f"No such line item: '{change['id']}'", code="resource_missing", param=inside(param, "id"))
        line = known[change["id"]]
        if "price" in change or "price_data" in change:
            renewed = new_line(state, {"quantity": line["quantity"], **change}, param)
            line = {**renewed, "id": line["id"]}
        if "metadata" in change:
            line["metadata"] = change["metadata"] or {}
        lines.append(set_quantity(line, change.get("quantity", line["quantity"]), param))
    check_lines(lines, mode)
    return lines


def check_lines(lines: list[Doc], mode: str) -> None:
    """Raise Stripe's error for lines that cannot be combined."""
    if not lines:
        raise missing("line_items")
    if len({line["currency"] for line in lines}) > 1:
        raise ApiError("All line items must have the same currency.", param="line_items")
    recurring = [line for line in lines if line["price"]["type"] == "recurring"]
    if mode == "payment" and recurring:
        raise ApiError(
            "You must provide at least one one-time price in `payment` mode and no recurring prices.",
            param="line_items",
        )
    if mode == "subscription" and not recurring:
        raise ApiError("You must provide at least one recurring price in `subscription` mode.", param="mode")


def total(lines: Iterable[Doc], name: str) -> int:
    """Return the sum of one amount over all lines."""
    return sum(line[name] for line in lines)


def _adjustable(params: Doc | None) -> Doc | None:
    if not params or not params["enabled"]:
        return None
    return {"enabled": True, "minimum": params.get("minimum", 0), "maximum": params.get("maximum", 99)}
