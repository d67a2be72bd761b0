"""Invoice items: what is added to the next invoice of a customer, or to a draft."""

from __future__ import annotations

from functools import partial

from django_checkout.emulator.api.calls import Call, Route, list_objects, merged_metadata, retrieve
from django_checkout.emulator.api.resources import invoices, tax_rates
from django_checkout.emulator.api.resources.catalog import new_price
from django_checkout.emulator.api.resources.invoice_lines import pricing_of
from django_checkout.emulator.api.resources.lines import bought_price
from django_checkout.emulator.api.resources.pricing import cost, in_currency, missing, one_of
from django_checkout.emulator.ids import new_id
from django_checkout.emulator.messages import ApiError, Doc, StateError, without_hidden
from django_checkout.emulator.reference.currencies import check_currency
from django_checkout.emulator.state.state import State

KIND = invoices.ITEM


def new_item(
    state: State, customer: Doc, currency: str, amount: int, price: Doc | None = None, /, **fields: object
) -> Doc:
    """Create an invoice item and emit its event. ``fields`` override those of the object."""
    now = state.clock.now()
    item = state.new(
        KIND,
        amount=amount,
        currency=currency,
        customer=customer["id"],
        customer_account=None,
        date=now,
        description=None,
        discountable=amount >= 0,
        discounts=[],
        invoice=None,
        metadata={},
        net_amount=amount,
        parent=None,
        period={"start": now, "end": now},
        pricing=pricing_of(price),
        proration=False,
        quantity=1,
        quantity_decimal="1",
        tax_rates=[],
        test_clock=customer["test_clock"],
    )
    del item["created"]
    item.update(fields, _price=without_hidden(price) if price else None)
    item["quantity_decimal"] = str(item["quantity"])
    state.store.insert(item)
    state.emit("invoiceitem.created", item)
    return item


def pending_lines(state: State, customer: str, currency: str, subscription: str | None) -> list[Doc]:
    """Return lines for the pending items of a customer that belong to no other subscription."""
    found = state.store.select(KIND, {"customer": customer, "currency": currency}, oldest_first=True)
    pending = [item for item in found if item["invoice"] is None and _subscription_of(item) in (None, subscription)]
    return [line_of(item) for item in pending]


def line_of(item: Doc) -> Doc:
    """Return the line of an invoice for an item."""
    details = (item["parent"] or {}).get("subscription_details") or {}
    line: Doc = {
        "id": new_id("item"),
        "currency": item["currency"],
        "description": item["description"],
        "metadata": item["metadata"],
        "price": item["_price"],
        "quantity": item["quantity"],
        "_amount": item["amount"],
        "_discountable": item["discountable"],
        "_invoice_item": item["id"],
        "_period": item["period"],
        "_pricing": {"tax_behavior": item.get("_tax_behavior", "unspecified")},
        "_proration": item["proration"],
        "_tax_rates": item["tax_rates"],
    }
    if details:
        line.update(_subscription=details["subscription"], _item=details.get("subscription_item"))
    return line


def create(call: Call) -> Doc:
    """POST /v1/invoiceitems."""
    state, params = call.state, call.params
    if "customer" not in params:
        raise missing("customer")
    customer = state.get("customer", params["customer"], "customer")
    invoice = _draft_of(state, params["invoice"], customer) if "invoice" in params else None
    amount, currency, price, fields = _charged(state, params, customer, invoice)
    metadata = merged_metadata({}, params.get("metadata", {}))
    fields.update({name: params[name] for name in ("description", "discountable", "period") if name in params})
    fields["tax_rates"] = [
        without_hidden(rate) for rate in tax_rates.usable_rates(state, params.get("tax_rates", []), "tax_rates")
    ]
    if "period" in fields:
        fields["period"] = {name: fields["period"][name] for name in ("start", "end")}
    if "subscription" in params:
        subscription = state.get("subscription", params["subscription"], "subscription")
        details = {"subscription": subscription["id"]}
        fields["parent"] = {"type": "subscription_details", "subscription_details": details}
    if invoice:
        fields["invoice"] = invoice["id"]
    item = new_item(state, customer, currency, amount, price, metadata=metadata, **fields)
    if invoice:
        invoice["_basket"]["_lines"].append(line_of(item))
        invoices.recalculate(state, invoice)
    return item


def _draft_of(state: State, invoice_id: str, customer: Doc) -> Doc:
    """Return the draft that an item is added to. https://docs.stripe.com/api/invoiceitems/create"""
    invoice = state.get(invoices.KIND, invoice_id, "invoice")
    if invoice["customer"] != customer["id"]:
        raise ApiError("The customer of the invoice is another one than that of the invoice item.", param="invoice")
    check_draft(invoice)
    return invoice


def check_draft(invoice: Doc) -> None:
    """Raise Stripe's error for a change that only a draft allows: stripe/stripe-php#1105."""
    if invoice["status"] != "draft":
        raise StateError("Finalized invoices can't be updated in this way", code="invoice_not_editable")


def _charged(state: State, params: Doc, customer: Doc, invoice: Doc | None) -> tuple[int, str, Doc | None, Doc]:
    """Return amount, currency and price of a new item, and other fields."""
    given = [name for name in ("amount", "price_data", "pricing", "unit_amount_decimal") if name in params]
    if not given:
        raise missing("amount")
    if len(given) > 1:
        raise one_of(*given[:2])
    quantity = params.get("quantity", 1)
    if quantity < 0:
        raise ApiError("Invalid non-negative integer", param="quantity")
    fields: Doc = {"quantity": quantity}
    if "price_data" in params or "pricing" in params:
        price = (
            new_price(state, params["price_data"], "price_data", active=False)
            if "price_data" in params
            else bought_price(state, params["pricing"].get("price"), "pricing[price]")
        )
        if price["type"] == "recurring":
            # https://docs.stripe.com/api/invoiceitems/create#create_invoiceitem-pricing-price
            message = "The price specified is set to `type=recurring` but this field only accepts one-time prices."
            raise ApiError(message, param="pricing[price]")
        currency = check_currency(params["currency"], "currency") if "currency" in params else price["currency"]
        pricing = in_currency(price, currency, "currency")
        product = state.get("product", price["product"])
        fields.update(description=product["name"], _tax_behavior=pricing["tax_behavior"])
        return cost(pricing, quantity), currency, price, fields
    asked: str = params.get("currency") or (invoice or customer)["currency"] or ""
    if not asked:
        raise missing("currency")
    currency = check_currency(asked, "currency")
    fields["_tax_behavior"] = params.get("tax_behavior", "unspecified")
    if "unit_amount_decimal" in params:
        unit: Doc = {"unit_amount_decimal": params["unit_amount_decimal"], "product": None}
        price_like = {"billing_scheme": "per_unit", "transform_quantity": None, **unit}
        return cost(price_like, quantity), currency, None, fields
    if "quantity" in params:
        raise one_of("amount", "quantity")
    return params["amount"], currency, None, fields


def update(call: Call) -> Doc:
    """POST /v1/invoiceitems/:invoiceitem, while it is pending or on a draft."""
    item, state, params = call.target(KIND), call.state, call.params
    invoice = state.store.find(item["invoice"])
    if invoice:
        check_draft(invoice)
    changes = call.changes(item, "amount", "description", "discountable")
    if "quantity" in params:
        quantity = params["quantity"]
        price = state.store.find((item["_price"] or {}).get("id"))
        if price is None:
            raise one_of("amount", "quantity")
        changes.update(quantity=quantity, quantity_decimal=str(quantity))
        changes["amount"] = cost(in_currency(price, item["currency"], "quantity"), quantity)
    if "period" in params:
        changes["period"] = {name: params["period"][name] for name in ("start", "end")}
    if "tax_rates" in params:
        rates = tax_rates.usable_rates(state, params["tax_rates"] or [], "tax_rates")
        changes["tax_rates"] = [without_hidden(rate) for rate in rates]
    if "amount" in changes:
        changes["net_amount"] = changes["amount"]
    state.update(item, **changes)
    if invoice:
        _replace(invoice, item["id"], [line_of(item)])
        invoices.recalculate(state, invoice)
    return item


def delete(call: Call) -> Doc:
    """DELETE /v1/invoiceitems/:invoiceitem, while it is pending or on a draft."""
    item, state = call.target(KIND), call.state
    invoice = state.store.find(item["invoice"])
    if invoice:
        check_draft(invoice)
        _replace(invoice, item["id"], [])
        invoices.recalculate(state, invoice)
    state.store.delete(item["id"])
    state.emit("invoiceitem.deleted", item)
    return {"id": item["id"], "object": KIND, "deleted": True}


def _replace(invoice: Doc, item_id: str, lines: list[Doc]) -> None:
    """Replace the line of an item in a draft."""
    basket = invoice["_basket"]
    changed = []
    for line in basket["_lines"]:
        if line.get("_invoice_item") != item_id:
            changed.append(line)
        else:
            changed.extend({**other, "_line": line["_line"]} for other in lines)
    basket["_lines"] = changed


def list_items(call: Call) -> Doc:
    """GET /v1/invoiceitems."""
    where: Doc = {}
    if "pending" in call.params:
        pending, known = call.params["pending"], call.state.store.select(KIND)
        where["id"] = [item["id"] for item in known if (item["invoice"] is None) == pending]
    return list_objects(call, KIND, ("customer", "invoice"), where)


def _subscription_of(item: Doc) -> str | None:
    details = (item["parent"] or {}).get("subscription_details") or {}
    found: str | None = details.get("subscription")
    return found


EXPANDABLE = {"invoiceitem": ("customer", "invoice", "pricing.price_details.price", "test_clock")}
ROUTES = {
    "GET /v1/invoiceitems": Route(list_items, "customer_account"),
    "POST /v1/invoiceitems": Route(create, "customer_account discounts quantity_decimal tax_code"),
    "GET /v1/invoiceitems/{invoiceitem}": Route(partial(retrieve, KIND)),
    "POST /v1/invoiceitems/{invoiceitem}": Route(
        update, "discounts price_data pricing quantity_decimal tax_behavior tax_code unit_amount_decimal"
    ),
    "DELETE /v1/invoiceitems/{invoiceitem}": Route(delete),
}
