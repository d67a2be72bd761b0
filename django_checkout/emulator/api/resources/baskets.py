"""What is bought without a session: priced lines with their discount and tax, in the shape of a session."""

from __future__ import annotations

from django_checkout.emulator.api.resources import discounts, lines, tax
from django_checkout.emulator.api.resources.pricing import cost, in_currency
from django_checkout.emulator.ids import new_id
from django_checkout.emulator.messages import Doc
from django_checkout.emulator.state.state import State


def new_basket(
    state: State,
    customer: Doc,
    currency: str,
    items: list[Doc],
    *,
    discount: Doc | None = None,
    automatic_tax: Doc | None = None,
    tax_rates: list[Doc] | None = None,
    typed: Doc | None = None,
) -> Doc:
    """Return a basket of lines with all amounts."""
    basket: Doc = {
        "_customer_address": customer["address"],
        "_discount": discount,
        "_lines": items,
        "_tax_rates": tax_rates or [],
        "_typed": typed or {},
        "automatic_tax": dict(automatic_tax or {"disabled_reason": None, "enabled": False, "liability": None}),
        "currency": currency,
        "customer": customer["id"],
        "customer_details": {"tax_exempt": customer["tax_exempt"]},
        "shipping_address_collection": None,
        "shipping_cost": None,
    }
    return priced(state, basket)


def priced(state: State, basket: Doc) -> Doc:
    """Set all amounts of a basket."""
    for line in basket["_lines"]:
        lines.set_subtotal(line)
    discounts.distribute(state, basket, is_given=True)
    tax.apply(state, basket)
    basket["amount_total"] = lines.total(basket["_lines"], "amount_total")
    return basket


def line_of_price(state: State, price: Doc, quantity: int, currency: str, **fields: object) -> Doc:
    """Return a line for a price, without checks. ``fields`` are its hidden fields."""
    product = state.store.find(price["product"]) or {"name": price["product"]}
    return {
        "id": new_id("item"),
        "currency": currency,
        "description": product["name"],
        "metadata": {},
        "price": {name: value for name, value in price.items() if name[0] != "_"},
        "quantity": quantity,
        "_pricing": in_currency(price, currency, "price"),
        "_tax_rates": [],
        **fields,
    }


def amount_of(state: State, price_id: str, quantity: int, currency: str) -> int:
    """Return the amount of a quantity of a price."""
    return cost(in_currency(state.get("price", price_id), currency, "price"), quantity)
