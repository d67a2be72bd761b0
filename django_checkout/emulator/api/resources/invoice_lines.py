"""The lines of an invoice: what a subscription, an invoice item or a session charges."""

from __future__ import annotations

from django_checkout.emulator.ids import new_id
from django_checkout.emulator.messages import Doc


def new_line(invoice: Doc, line: Doc, subscription: Doc | None) -> Doc:
    """Return the line of an invoice for a line of its basket."""
    price, item = line["price"], _item(line, subscription)
    now = invoice["created"]
    period = line.get("_period")
    if period is None and item:
        period = {"start": item["current_period_start"], "end": item["current_period_end"]}
    discounts = line["_discounts"]
    belongs_to = line.get("_subscription") or (subscription["id"] if subscription else None)
    return {
        "id": line.get("_line") or new_id("line_item"),
        "object": "line_item",
        "amount": line["amount_subtotal"],
        "currency": line["currency"],
        "description": line["description"] if "_invoice_item" in line else _described(line),
        "discount_amounts": [{"amount": entry["amount"], "discount": entry["discount"]["id"]} for entry in discounts],
        "discountable": line.get("_discountable", True),
        "discounts": [entry["discount"]["id"] for entry in discounts],
        "invoice": invoice["id"],
        "livemode": False,
        "metadata": line.get("metadata") or {},
        "parent": _parent(line, subscription, item),
        "period": period or {"start": now, "end": now},
        "pretax_credit_amounts": [],
        "pricing": pricing_of(price),
        "quantity": line["quantity"],
        "subscription": belongs_to,
        "subtotal": line["amount_subtotal"],
        "taxes": [tax_of(tax) for tax in line["_taxes"]],
    }


def pricing_of(price: Doc | None) -> Doc | None:
    """Return the ``pricing`` of a line or an invoice item."""
    if price is None:
        return None
    return {
        "type": "price_details",
        "price_details": {"price": price["id"], "product": price["product"]},
        "unit_amount_decimal": price["unit_amount_decimal"],
    }


def tax_of(tax: Doc) -> Doc:
    """Return one of the ``taxes`` of a line or an invoice."""
    return {
        "amount": tax["amount"],
        "tax_behavior": "inclusive" if tax["rate"]["inclusive"] else "exclusive",
        "tax_rate_details": {"tax_rate": tax["rate"]["id"]},
        "taxability_reason": tax["taxability_reason"],
        "taxable_amount": tax["taxable_amount"],
        "type": "tax_rate_details",
    }


def _described(line: Doc) -> str:
    return f"{line['quantity']} x {line['description']}"


def _item(line: Doc, subscription: Doc | None) -> Doc | None:
    """Return the subscription item that a line charges."""
    if subscription is None or "_invoice_item" in line:
        return None
    items = subscription["items"]["data"]
    if "_item" in line:
        return next((item for item in items if item["id"] == line["_item"]), None)
    return next((item for item in items if item["price"]["id"] == line["price"]["id"]), None)


def _parent(line: Doc, subscription: Doc | None, item: Doc | None) -> Doc | None:
    proration = line.get("_proration", False)
    details: Doc = {
        "invoice_item": line.get("_invoice_item"),
        "proration": proration,
        "proration_details": {"credited_items": None},
        "subscription": line.get("_subscription") or (subscription["id"] if subscription and item else None),
    }
    if line.get("_item") and "_invoice_item" in line:
        details["subscription_item"] = line["_item"]
    elif item:
        details["subscription_item"] = item["id"]
    elif details["invoice_item"] is None:
        return None
    kind = "subscription_item_details" if "subscription_item" in details else "invoice_item_details"
    return {"type": kind, "invoice_item_details": None, "subscription_item_details": None, kind: details}
