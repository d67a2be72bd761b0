"""Invoices and invoice payments: for subscriptions, and for single payments with ``invoice_creation``."""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call, list_objects, list_of, list_values
from django_checkout.emulator.api.resources.account import NAME
from django_checkout.emulator.ids import new_id
from django_checkout.emulator.messages import Doc
from django_checkout.emulator.state.state import State

KIND, PAYMENT = "invoice", "invoice_payment"
#: Fields of a new object that are null.
NULLS = (
    "account_tax_ids application automatically_finalizes_at customer_account default_payment_method default_source "
    "due_date effective_at ending_balance from_invoice hosted_invoice_url invoice_pdf last_finalization_error "
    "latest_revision lines next_payment_attempt number on_behalf_of receipt_number rendering shipping_details "
    "statement_descriptor test_clock webhooks_delivered_at"
)
ZEROS = (
    "amount_overpaid amount_paid amount_paid_off_stripe attempt_count post_payment_credit_notes_amount "
    "pre_payment_credit_notes_amount starting_balance"
)
CUSTOMER_FIELDS = "address email name phone shipping tax_exempt"


def new_invoice(
    state: State,
    basket: Doc,
    customer: Doc,
    reason: str,
    *,
    subscription: Doc | None = None,
    data: Doc | None = None,
) -> Doc:
    """Create and finalize an invoice for priced lines. Its status is ``open`` then."""
    now = state.clock.now()
    data = data or {}
    shipping = basket.get("shipping_cost")
    discount = (basket.get("_discount") or {}).get("discount")
    discounted = sum(line["amount_discount"] for line in basket["_lines"])
    taxes = [tax for line in basket["_lines"] for tax in line["_taxes"]] + basket.get("_shipping_taxes", [])
    subtotal = sum(line["amount_subtotal"] for line in basket["_lines"])
    total: int = basket["amount_total"]
    is_taxed = basket["automatic_tax"]["enabled"]
    invoice = state.new(
        KIND,
        NULLS,
        **dict.fromkeys(ZEROS.split(), 0),
        **{f"customer_{name}": customer[name] for name in CUSTOMER_FIELDS.split()},
        account_country="US",
        account_name=NAME,
        amount_due=total,
        amount_remaining=total,
        amount_shipping=shipping["amount_total"] if shipping else 0,
        attempted=False,
        auto_advance=True,
        automatic_tax={
            "disabled_reason": None,
            "enabled": is_taxed,
            "liability": basket["automatic_tax"].get("liability"),
            "provider": "stripe" if is_taxed else None,
            "status": "complete" if is_taxed else None,
        },
        billing_reason=reason,
        collection_method="charge_automatically",
        currency=basket["currency"],
        custom_fields=data.get("custom_fields") or None,
        customer=customer["id"],
        customer_tax_ids=[],
        default_tax_rates=[],
        description=data.get("description"),
        discounts=[discount["id"]] if discount and discounted else [],
        footer=data.get("footer"),
        issuer={"type": "self"},
        metadata=data.get("metadata") or {},
        parent=_parent(subscription),
        payment_settings={"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
        period_end=now,
        period_start=now,
        shipping_cost={name: value for name, value in shipping.items() if name != "taxes"} if shipping else None,
        status="draft",
        status_transitions=dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
        subtotal=subtotal,
        subtotal_excluding_tax=subtotal,
        total=total,
        total_discount_amounts=[{"amount": discounted, "discount": discount["id"]}] if discount and discounted else [],
        total_excluding_tax=total - sum(tax["amount"] for tax in taxes),
        total_pretax_credit_amounts=[],
        total_taxes=[_tax(tax) for tax in taxes],
    )
    lines = [_line(invoice, line, subscription, now) for line in basket["_lines"]]
    invoice["lines"] = list_of(lines, f"/v1/invoices/{invoice['id']}/lines")
    invoice["_subscription"] = subscription["id"] if subscription else None
    state.store.insert(invoice)
    state.emit("invoice.created", invoice)
    return _finalize(state, invoice, customer)


def _finalize(state: State, invoice: Doc, customer: Doc) -> Doc:
    now = state.clock.now()
    sequence = customer["next_invoice_sequence"]
    state.update(customer, next_invoice_sequence=sequence + 1)
    return state.update(
        invoice,
        "invoice.finalized",
        status="open",
        number=f"{customer['invoice_prefix']}-{sequence:04d}",
        effective_at=now,
        ending_balance=0,
        status_transitions={**invoice["status_transitions"], "finalized_at": now},
    )


def pay(state: State, invoice: Doc, intent: Doc | None) -> Doc:
    """Mark an invoice as paid, by an intent or because nothing is due."""
    now = state.clock.now()
    if intent:
        payment = state.new(
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
        state.store.insert(payment)
        state.emit("invoice_payment.paid", payment)
    invoice.update(
        amount_paid=invoice["amount_due"],
        amount_remaining=0,
        attempt_count=invoice["attempt_count"] + bool(intent),
        attempted=True,
        auto_advance=False,
        status="paid",
        status_transitions={**invoice["status_transitions"], "paid_at": now},
    )
    state.update(invoice, "invoice.paid")
    state.emit("invoice.payment_succeeded", invoice)
    return invoice


def fail(state: State, invoice: Doc) -> Doc:
    """Record a failed attempt to pay an invoice."""
    return state.update(invoice, "invoice.payment_failed", attempted=True, attempt_count=invoice["attempt_count"] + 1)


def payments_of(state: State, invoice: Doc) -> Doc:
    """Return the payments of an invoice as a list."""
    found = state.store.select(PAYMENT, {"invoice": invoice["id"]})
    return list_of(found, f"/v1/invoice_payments?invoice={invoice['id']}")


def list_lines(call: Call) -> Doc:
    """GET /v1/invoices/:invoice/lines."""
    return list_values(call, call.target(KIND)["lines"]["data"])


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
        "parent": _line_parent(subscription, item) if subscription and item else None,
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


def _line_parent(subscription: Doc, item: Doc) -> Doc:
    details = {
        "invoice_item": None,
        "proration": False,
        "proration_details": {"credited_items": None},
        "subscription": subscription["id"],
        "subscription_item": item["id"],
    }
    return {"type": "subscription_item_details", "invoice_item_details": None, "subscription_item_details": details}


def _tax(tax: Doc) -> Doc:
    return {
        "amount": tax["amount"],
        "tax_behavior": "inclusive" if tax["rate"]["inclusive"] else "exclusive",
        "tax_rate_details": {"tax_rate": tax["rate"]["id"]},
        "taxability_reason": tax["taxability_reason"],
        "taxable_amount": tax["taxable_amount"],
        "type": "tax_rate_details",
    }
