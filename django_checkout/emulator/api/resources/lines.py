"""The line items of a session."""

from __future__ import annotations

from collections.abc import Iterable

from django_checkout.emulator.api.resources.catalog import new_price
from django_checkout.emulator.api.resources.pricing import cost, in_currency, inside, missing, one_of
from django_checkout.emulator.api.resources.session_values import MAX_QUANTITY
from django_checkout.emulator.api.resources.tax_rates import usable_rates
from django_checkout.emulator.ids import new_id
from django_checkout.emulator.messages import ApiError, Doc, without_hidden
from django_checkout.emulator.messages import gettext_noop as _
from django_checkout.emulator.state.state import State

#: The most line items, optional items included, by mode and by the type of their prices.
MAX_LINES = {"payment": {"one_time": 100}, "subscription": {"recurring": 20, "one_time": 20}}


def new_lines(
    state: State, params: list[Doc], mode: str, optional: list[Doc], currency: str | None = None
) -> list[Doc]:
    """Return line items for the ``line_items`` of a new session; ``optional`` are its ``optional_items``.

    ``currency`` chooses one of the currencies of the prices, by default each price's own.
    """
    _check_count(len(params), sum(MAX_LINES[mode].values()), "")
    lines = [new_line(state, line, f"line_items[{index}]", currency) for index, line in enumerate(params)]
    check_lines(lines, mode)
    prices = [bought_price(state, item["price"], f"optional_items[{at}][price]") for at, item in enumerate(optional)]
    for kind, limit in MAX_LINES[mode].items():
        count = sum(price["type"] == kind for price in (*(line["price"] for line in lines), *prices))
        _check_count(count, limit, f" with {kind} prices")
    return lines


def _check_count(count: int, limit: int, which: str) -> None:
    if count > limit:
        raise ApiError(f"Array line_items exceeded maximum {limit} allowed elements{which}.", param="line_items")


def bought_price(state: State, price_id: str, param: str) -> Doc:
    """Return a price that can be bought: neither it nor its product is archived."""
    price = state.get("price", price_id, param)
    if not price["active"]:
        # invertase/stripe-firebase-extensions#560
        raise ApiError("The price specified is inactive. This field only accepts active prices.", param=param)
    product = state.get("product", price["product"], param)
    if not product["active"]:
        # stripe/stripe-node#2131
        message = f"The price specified belongs to an inactive product: {product['id']}."
        raise ApiError(message, param=param)
    return price


def find_price(state: State, params: Doc, param: str) -> Doc | None:
    """Return the price that a line names or describes in ``price_data``, or None."""
    if "price" in params and "price_data" in params:
        raise one_of("price", "price_data", param)
    if "price_data" in params:
        return new_price(state, params["price_data"], inside(param, "price_data"), active=False)
    return bought_price(state, params["price"], inside(param, "price")) if "price" in params else None


def new_line(state: State, params: Doc, param: str, currency: str | None = None) -> Doc:
    """Return one line item."""
    price = find_price(state, params, param)
    if price is None:
        # exercism/website#7149
        message = "You must provide either price or price_data for each line item when using prices."
        raise ApiError(message, param=inside(param, "price"))
    product = state.get("product", price["product"])
    currency = currency or price["currency"]
    line: Doc = {
        "id": new_id("item"),
        "object": "item",
        "adjustable_quantity": adjustable(params.get("adjustable_quantity")),
        "amount_discount": 0,
        "amount_subtotal": 0,
        "amount_tax": 0,
        "amount_total": 0,
        "currency": currency,
        "description": product["name"],
        "metadata": params.get("metadata", {}),
        "price": without_hidden(price),
        "quantity": None,
        "_pricing": in_currency(price, currency, inside(param, "price")),
        "_tax_rates": usable_rates(state, params.get("tax_rates") or [], inside(param, "tax_rates")),
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
    line["amount_subtotal"] = 0 if on_trial else full_amount(line)


def full_amount(line: Doc, quantity: int | None = None) -> int:
    """Return the amount of a line without a trial, for its own quantity or another one."""
    if "_amount" in line:
        amount: int = line["_amount"]
        return amount
    pricing = line.get("_pricing") or line["price"]
    return cost(pricing, line["quantity"] if quantity is None else quantity, line.get("_chosen"))


def choose_amount(line: Doc, amount: int, param: str) -> None:
    """Set the unit amount of a line whose customer chooses it.

    https://docs.stripe.com/payments/checkout/pay-what-you-want
    """
    custom = line["_pricing"].get("custom_unit_amount")
    if not custom:
        raise ApiError(_("This amount cannot be chosen."), param=param)
    smallest, largest = custom["minimum"] or 0, custom["maximum"]
    if amount < smallest or (largest is not None and amount > largest):
        raise ApiError(_("This amount cannot be chosen."), param=param)
    line["_chosen"] = amount


def replaced_lines(state: State, current: list[Doc], params: list[Doc], mode: str, currency: str) -> list[Doc]:
    """Return the line items after an update, which sends the whole list. Lines with an id are kept or changed."""
    known = {line["id"]: line for line in current}
    lines = []
    for index, change in enumerate(params):
        param = f"line_items[{index}]"
        if "id" not in change:
            lines.append(new_line(state, change, param, currency))
            continue
        if change["id"] not in known:
            raise ApiError(f"No such line item: '{change['id']}'", code="resource_missing", param=inside(param, "id"))
        line = known[change["id"]]
        if "price" in change or "price_data" in change:
            renewed = new_line(state, {"quantity": line["quantity"], **change}, param, currency)
            line = {**renewed, "id": line["id"]}
        if "tax_rates" in change:
            line["_tax_rates"] = usable_rates(state, change["tax_rates"] or [], inside(param, "tax_rates"))
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
    custom = [line for line in lines if line["price"]["custom_unit_amount"]]
    if custom and (mode != "payment" or len(lines) > 1 or lines[0]["quantity"] != 1):
        # https://docs.stripe.com/payments/checkout/pay-what-you-want
        message = "A price with `custom_unit_amount` must be the only line item, with a quantity of 1."
        raise ApiError(message, param=f"line_items[{lines.index(custom[0])}]")
    recurring = [line for line in lines if line["price"]["type"] == "recurring"]
    if mode == "payment" and recurring:
        # dayhaysoos/use-shopping-cart#224
        message = (
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use "
            "only one-time prices."
        )
        raise ApiError(message, param=f"line_items[{lines.index(recurring[0])}]")
    if mode == "subscription" and not recurring:
        # invertase/stripe-firebase-extensions#98
        message = "You must provide at least one recurring price in `subscription` mode when using prices."
        raise ApiError(message, param="mode")
    intervals = {
        (line["price"]["recurring"]["interval"], line["price"]["recurring"]["interval_count"]) for line in recurring
    }
    if len(intervals) > 1:
        # better-auth/better-auth#7221
        message = "Checkout does not support multiple prices with different billing intervals."
        raise ApiError(message, param="line_items")


def total(lines: Iterable[Doc], name: str) -> int:
    """Return the sum of one amount over all lines."""
    return sum(line[name] for line in lines)


def adjustable(params: Doc | None) -> Doc | None:
    """Return the ``adjustable_quantity`` of a line."""
    if not params or not params["enabled"]:
        return None
    return {"enabled": True, "minimum": params.get("minimum", 0), "maximum": params.get("maximum", 99)}


EXPANDABLE = {
    "item": ("discounts", "taxes"),
}
