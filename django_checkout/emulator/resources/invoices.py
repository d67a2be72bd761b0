"""Invoices and their payments: made for subscriptions and, where asked, for single payments."""

from __future__ import annotations

from ..calls import Call, list_objects, list_of, list_values
from ..ids import new_id
from ..messages import Doc
from ..world import World
from .account import NAME

KIND, PAYMENT = "invoice", "invoice_payment"


def new_invoice(
    world: World,
    basket: Doc,
    customer: Doc,
    reason: str,
    *,
    subscription: Doc | None = None,
    data: Doc | None = None,
) -> Doc:
    """Make, keep and finalize an invoice for lines that have been priced; it is open then."""
    now = world.clock.now()
    data = data or {}
    shipping = basket.get("shipping_cost")
    discount = (basket.get("_discount") or {}).get("discount")
    off = sum(line["amount_discount"] for line in basket["_lines"])
    taxes = [tax for line in basket["_lines"] for tax in line["_taxes"]] + basket.get("_shipping_taxes", [])
    total: int = basket["amount_total"]
    before_tax = total - sum(tax["amount"] for tax in taxes)
    invoice = world.new(
        KIND,
        account_country="US",
        account_name=NAME,
        account_tax_ids=None,
        amount_due=total,
        amount_overpaid=0,
        amount_paid=0,
        amount_paid_off_stripe=0,
        amount_remaining=total,
        amount_shipping=shipping["amount_total"] if shipping else 0,
        application=None,
        attempt_count=0,
        attempted=False,
        auto_advance=True,
        automatic_tax={
            "disabled_reason": None,
            "enabled": basket["automatic_tax"]["enabled"],
            "liability": basket["automatic_tax"].get("liability"),
            "provider": "stripe" if basket["automatic_tax"]["enabled"] else None,
            "status": "complete" if basket["automatic_tax"]["enabled"] else None,
        },
        automatically_finalizes_at=None,
        billing_reason=reason,
        collection_method="charge_automatically",
        currency=basket["currency"],
        custom_fields=data.get("custom_fields") or None,
        customer=customer["id"],
        customer_account=None,
        customer_address=customer["address"],
        customer_email=customer["email"],
        customer_name=customer["name"],
        customer_phone=customer["phone"],
        customer_shipping=customer["shipping"],
        customer_tax_exempt=customer["tax_exempt"],
        customer_tax_ids=[],
        default_payment_method=None,
        default_source=None,
        default_tax_rates=[],
        description=data.get("description"),
        discounts=[discount["id"]] if discount and off else [],
        due_date=None,
        effective_at=None,
        ending_balance=None,
        footer=data.get("footer"),
        from_invoice=None,
        hosted_invoice_url=None,
        invoice_pdf=None,
        issuer={"type": "self"},
        last_finalization_error=None,
        latest_revision=None,
        lines=None,
        metadata=data.get("metadata") or {},
        next_payment_attempt=None,
        number=None,
        on_behalf_of=None,
        parent=_parent(subscription),
        payment_settings={"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
        period_end=now,
        period_start=now,
        post_payment_credit_notes_amount=0,
        pre_payment_credit_notes_amount=0,
        receipt_number=None,
        rendering=None,
        shipping_cost={name: value for name, value in shipping.items() if name != "taxes"} if shipping else None,
        shipping_details=None,
        starting_balance=0,
        statement_descriptor=None,
        status="draft",
        status_transitions=dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
        subtotal=sum(line["amount_subtotal"] for line in basket["_lines"]),
        subtotal_excluding_tax=sum(line["amount_subtotal"] for line in basket["_lines"]),
        test_clock=None,
        total=total,
        total_discount_amounts=[{"amount": off, "discount": discount["id"]}] if discount and off else [],
        total_excluding_tax=before_tax,
        total_pretax_credit_amounts=[],
        total_taxes=[_tax(tax) for tax in taxes],
        webhooks_delivered_at=None,
    )
    lines = [_line(invoice, line, subscription, now) for line in basket["_lines"]]
    invoice["lines"] = list_of(lines, f"/v1/invoices/{invoice['id']}/lines")
    invoice["_subscription"] = subscription["id"] if subscription else None
    world.store.insert(invoice)
    world.emit("invoice.created", invoice)
    return _finalize(world, invoice, customer)


def _finalize(world: World, invoice: Doc, customer: Doc) -> Doc:
    now = world.clock.now()
    sequence = customer["next_invoice_sequence"]
    world.update(customer, next_invoice_sequence=sequence + 1)
    return world.update(
        invoice,
        "invoice.finalized",
        status="open",
        number=f"{customer['invoice_prefix']}-{sequence:04d}",
        effective_at=now,
        ending_balance=0,
        status_transitions={**invoice["status_transitions"], "finalized_at": now},
    )


def pay(world: World, invoice: Doc, intent: Doc | None) -> Doc:
    """Mark an invoice as paid, by an intent or because nothing was due."""
    now = world.clock.now()
    if intent:
        payment = world.new(
            PAYMENT,
            amount_paid=intent["amount"],
            amount_requested=intent["amount"],
            currency=invoice["currency"],
            invoice=invoice["id"],
            is_default=True,
            payment={"type": "payment_intent", "payment_intent": intent["id"]},
            status="paid",
            status_transitions={"canceled_at": None, "paid_at": now},
        )
        world.store.insert(payment)
        world.emit("invoice_payment.paid", payment)
    invoice.update(
        amount_paid=invoice["amount_due"],
        amount_remaining=0,
        attempt_count=invoice["attempt_count"] + bool(intent),
        attempted=True,
        auto_advance=False,
        status="paid",
        status_transitions={**invoice["status_transitions"], "paid_at": now},
    )
    world.update(invoice, "invoice.paid")
    world.emit("invoice.payment_succeeded", invoice)
    return invoice


def fail(world: World, invoice: Doc) -> Doc:
    """Note that an attempt to pay an invoice has failed."""
    return world.update(invoice, "invoice.payment_failed", attempted=True, attempt_count=invoice["attempt_count"] + 1)


def payments_of(world: World, invoice: Doc) -> Doc:
    """Return the payments of an invoice as a list."""
    found = world.store.select(PAYMENT, {"invoice": invoice["id"]})
    return list_of(found, f"/v1/invoice_payments?invoice={invoice['id']}")


def retrieve(call: Call) -> Doc:
    """GET /v1/invoices/:invoice."""
    return call.world.get(KIND, call.ids["invoice"], "invoice")


def list_invoices(call: Call) -> Doc:
    """GET /v1/invoices."""
    where = {"_subscription": call.params["subscription"]} if "subscription" in call.params else None
    return list_objects(call, KIND, ("collection_method", "customer", "status"), where)


def list_lines(call: Call) -> Doc:
    """GET /v1/invoices/:invoice/lines."""
    return list_values(call, retrieve(call)["lines"]["data"])


def retrieve_payment(call: Call) -> Doc:
    """GET /v1/invoice_payments/:invoice_payment."""
    return call.world.get(PAYMENT, call.ids["invoice_payment"], "invoice_payment")


def list_payments(call: Call) -> Doc:
    """GET /v1/invoice_payments."""
    intent = call.params.get("payment", {}).get("payment_intent")
    where = {"payment.payment_intent": intent} if intent else None
    return list_objects(call, PAYMENT, ("invoice", "status"), where)


def _parent(subscription: Doc | None) -> Doc | None:
    if subscription is None:
        return None
    details = {"metadata": subscription["metadata"], "subscription": subscription["id"]}
    return {"type": "subscription_details", "quote_details": None, "subscription_details": details}


def _line(invoice: Doc, line: Doc, subscription: Doc | None, now: int) -> Doc:
    price = line["price"]
    items = subscription["items"]["data"] if subscription else []
    item = next((item for item in items if item["price"]["id"] == price["id"]), None)
    period = {"start": item["current_period_start"], "end": item["current_period_end"]} if item else None
    parent: Doc | None = None
    if item and subscription:
        details = {
            "invoice_item": None,
            "proration": False,
            "proration_details": {"credited_items": None},
            "subscription": subscription["id"],
            "subscription_item": item["id"],
        }
        parent = {
            "type": "subscription_item_details",
            "invoice_item_details": None,
            "subscription_item_details": details,
        }
    discounts = line["_discounts"]
    return {
        "id": new_id("line_item"),
        "object": "line_item",
        "amount": line["amount_subtotal"],
        "currency": line["currency"],
        "description": f"{line['quantity']} x {line['description']}",
        "discount_amounts": [{"amount": entry["amount"], "discount": entry["discount"]["id"]} for entry in discounts],
        "discountable": True,
        "discounts": [entry["discount"]["id"] for entry in discounts],
        "invoice": invoice["id"],
        "livemode": False,
        "metadata": {},
        "parent": parent,
        "period": period or {"start": now, "end": now},
        "pretax_credit_amounts": [],
        "pricing": {
            "type": "price_details",
            "price_details": {"price": price["id"], "product": price["product"]},
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        "quantity": line["quantity"],
        "subscription": subscription["id"] if subscription else None,
        "subtotal": line["amount_subtotal"],
        "taxes": [_tax(tax) for tax in line["_taxes"]],
    }


def _tax(tax: Doc) -> Doc:
    return {
        "amount": tax["amount"],
        "tax_behavior": "inclusive" if tax["rate"]["inclusive"] else "exclusive",
        "tax_rate_details": {"tax_rate": tax["rate"]["id"]},
        "taxability_reason": tax["taxability_reason"],
        "taxable_amount": tax["taxable_amount"],
        "type": "tax_rate_details",
    }
