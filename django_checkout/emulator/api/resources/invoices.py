"""Invoices and invoice payments: drafts, finalization, payment."""

from __future__ import annotations

from functools import partial

from django_checkout.emulator.api.calls import Call, Route, list_kind, list_objects, list_of, list_values, retrieve
from django_checkout.emulator.api.resources import baskets, customer_balance, documents, tax_ids
from django_checkout.emulator.api.resources.account import NAME
from django_checkout.emulator.api.resources.invoice_lines import new_line, tax_of
from django_checkout.emulator.messages import Doc, without_hidden
from django_checkout.emulator.state.state import State

KIND, PAYMENT, ITEM = "invoice", "invoice_payment", "invoiceitem"
#: A draft that advances is finalized after an hour: https://docs.stripe.com/invoicing/integration
DRAFT_SECONDS = 3600
#: Fields of a new object that are null.
NULLS = (
    "application automatically_finalizes_at customer_account default_payment_method default_source "
    "due_date effective_at ending_balance from_invoice hosted_invoice_url invoice_pdf last_finalization_error "
    "latest_revision lines next_payment_attempt number on_behalf_of receipt_number shipping_details "
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
    return finalize(state, draft(state, basket, customer, reason, subscription=subscription, data=data))


def draft(
    state: State,
    basket: Doc,
    customer: Doc,
    reason: str,
    *,
    subscription: Doc | None = None,
    data: Doc | None = None,
    **fields: object,
) -> Doc:
    """Create a draft for priced lines. ``data`` are parameters of the shop, ``fields`` override those of the object."""
    now = state.clock.now()
    data = data or {}
    invoice = state.new(
        KIND,
        NULLS,
        **dict.fromkeys(ZEROS.split(), 0),
        **{f"customer_{name}": customer[name] for name in CUSTOMER_FIELDS.split()},
        account_country="US",
        account_name=NAME,
        attempted=False,
        auto_advance=True,
        billing_reason=reason,
        collection_method="charge_automatically",
        currency=basket["currency"],
        custom_fields=data.get("custom_fields") or None,
        account_tax_ids=data.get("account_tax_ids") or None,
        customer=customer["id"],
        customer_tax_ids=tax_ids.shown_on_documents(state, customer["id"]),
        default_tax_rates=[without_hidden(rate) for rate in basket.get("_tax_rates") or []],
        description=data.get("description"),
        footer=data.get("footer"),
        issuer={"type": "self"},
        metadata=data.get("metadata") or {},
        parent=_parent(subscription),
        rendering=documents.rendering(data.get("rendering_options")),
        payment_settings={"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
        period_end=now,
        period_start=now,
        status="draft",
        status_transitions=dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
        test_clock=customer["test_clock"],
    )
    invoice.update(fields)
    invoice["_subscription"] = subscription["id"] if subscription else None
    invoice["_basket"] = basket if basket.get("object") is None else None
    set_amounts(invoice, basket, subscription)
    state.store.insert(invoice)
    for line in basket["_lines"]:
        if "_invoice_item" in line:
            state.update(state.get(ITEM, line["_invoice_item"]), invoice=invoice["id"])
    state.emit("invoice.created", invoice)
    return invoice


def set_amounts(invoice: Doc, basket: Doc, subscription: Doc | None = None) -> None:
    """Set the lines and amounts of a draft from a basket with all amounts. The caller saves the invoice."""
    shipping = basket.get("shipping_cost")
    discount = (basket.get("_discount") or {}).get("discount")
    discounted = sum(line["amount_discount"] for line in basket["_lines"])
    taxes = [tax for line in basket["_lines"] for tax in line["_taxes"]] + basket.get("_shipping_taxes", [])
    subtotal, total = sum(line["amount_subtotal"] for line in basket["_lines"]), basket["amount_total"]
    is_taxed = basket["automatic_tax"]["enabled"]
    reduced = [{"amount": discounted, "discount": discount["id"]}] if discount and discounted else []
    invoice.update(
        amount_due=max(total, 0),
        amount_remaining=max(total, 0),
        amount_shipping=shipping["amount_total"] if shipping else 0,
        automatic_tax={
            "disabled_reason": None,
            "enabled": is_taxed,
            "liability": basket["automatic_tax"].get("liability"),
            "provider": "stripe" if is_taxed else None,
            "status": "complete" if is_taxed else None,
        },
        discounts=[entry["discount"] for entry in reduced],
        shipping_cost={name: value for name, value in shipping.items() if name != "taxes"} if shipping else None,
        subtotal=subtotal,
        subtotal_excluding_tax=subtotal,
        total=total,
        total_discount_amounts=reduced,
        total_excluding_tax=total - sum(tax["amount"] for tax in taxes),
        total_pretax_credit_amounts=[],
        total_taxes=[tax_of(tax) for tax in taxes],
    )
    lines = [new_line(invoice, line, subscription) for line in basket["_lines"]]
    for line, shown in zip(basket["_lines"], lines, strict=True):
        line["_line"] = shown["id"]
    invoice["lines"] = list_of(lines, f"/v1/invoices/{invoice['id']}/lines")


def recalculate(state: State, invoice: Doc) -> Doc:
    """Set the amounts of a draft again after a change of its basket, and save it."""
    subscription = state.store.find(invoice["_subscription"])
    set_amounts(invoice, baskets.priced(state, invoice["_basket"]), subscription)
    return state.store.save(invoice)


def finalize(state: State, invoice: Doc) -> Doc:
    """Finalize a draft: number it, and apply the customer's balance. Its status is ``open`` then."""
    now = state.clock.now()
    customer = state.store.find(invoice["customer"], "customer")
    starting, number = 0, invoice["number"]
    if customer:
        starting, sequence = customer["balance"], customer["next_invoice_sequence"]
        number = number or f"{customer['invoice_prefix']}-{sequence:04d}"
        state.update(customer, next_invoice_sequence=sequence + 1)
    left = invoice["total"] + starting
    ending = min(left, 0)
    if customer and ending != starting:
        kind = "applied_to_invoice"
        customer_balance.adjust(
            state, customer, ending - starting, kind, currency=invoice["currency"], invoice=invoice["id"]
        )
    return state.update(
        invoice,
        "invoice.finalized",
        amount_due=max(left, 0),
        amount_remaining=max(left, 0),
        automatically_finalizes_at=None,
        effective_at=invoice["effective_at"] or now,
        ending_balance=ending,
        hosted_invoice_url=(url := documents.new_url(state, "invoice")),
        invoice_pdf=url and f"{url}/pdf",
        next_payment_attempt=None,
        number=number,
        starting_balance=starting,
        status="open",
        status_transitions={**invoice["status_transitions"], "finalized_at": now},
    )


def open_payment(state: State, invoice: Doc, intent: Doc) -> Doc:
    """Record the PaymentIntent that an open invoice is paid with. Return the invoice."""
    state.store.insert(_payment(state, invoice, intent, status="open"))
    secret = {"client_secret": intent["client_secret"], "type": "payment_intent"}
    return state.update(invoice, _confirmation_secret=secret)


def payment_of(state: State, invoice: Doc) -> Doc | None:
    """Return the open payment of an invoice, or None."""
    found = state.store.select(PAYMENT, {"invoice": invoice["id"], "status": "open"}, limit=1)
    return found[0] if found else None


def _payment(state: State, invoice: Doc, intent: Doc, *, status: str) -> Doc:
    return state.new(
        PAYMENT,
        amount_paid=None,
        amount_requested=intent["amount"],
        currency=invoice["currency"],
        invoice=invoice["id"],
        is_default=True,
        payment={"type": "payment_intent", "payment_intent": intent["id"]},
        status=status,
        status_transitions={"canceled_at": None, "paid_at": None},
    )


def pay(state: State, invoice: Doc, intent: Doc | None, *, off_stripe: bool = False) -> Doc:
    """Mark an invoice as paid: by an intent, outside of Stripe, or because nothing is due."""
    now = state.clock.now()
    if intent:
        payment = payment_of(state, invoice) or state.store.insert(_payment(state, invoice, intent, status="open"))
        payment.update(status="paid", amount_paid=intent["amount"])
        payment["status_transitions"] = {"canceled_at": None, "paid_at": now}
        state.update(payment, "invoice_payment.paid")
    invoice.update(
        amount_paid=0 if off_stripe else invoice["amount_due"],
        amount_paid_off_stripe=invoice["amount_due"] if off_stripe else 0,
        amount_remaining=0,
        attempt_count=invoice["attempt_count"] + bool(intent),
        attempted=invoice["attempted"] or not off_stripe,
        auto_advance=False,
        next_payment_attempt=None,
        status="paid",
        status_transitions={**invoice["status_transitions"], "paid_at": now},
    )
    state.update(invoice, "invoice.paid")
    state.emit("invoice.payment_succeeded", invoice)
    return invoice


def fail(state: State, invoice: Doc) -> Doc:
    """Record a failed attempt to pay an invoice."""
    return state.update(invoice, "invoice.payment_failed", attempted=True, attempt_count=invoice["attempt_count"] + 1)


def close(state: State, invoice: Doc, status: str) -> Doc:
    """Void an invoice, or mark it as uncollectible, and emit the event."""
    name = {"void": "voided_at", "uncollectible": "marked_uncollectible_at"}[status]
    event = {"void": "invoice.voided", "uncollectible": "invoice.marked_uncollectible"}[status]
    changes: Doc = {"auto_advance": False, "next_payment_attempt": None, "status": status}
    if status == "void":
        changes["amount_remaining"] = invoice["amount_remaining"]
        _give_back(state, invoice)
    transitions = {**invoice["status_transitions"], name: state.clock.now()}
    return state.update(invoice, event, **changes, status_transitions=transitions)


def _give_back(state: State, invoice: Doc) -> None:
    """Return the part of the customer's balance that an invoice has used: https://docs.stripe.com/billing/customer/balance"""
    customer = state.store.find(invoice["customer"], "customer")
    used = (invoice["ending_balance"] or 0) - invoice["starting_balance"]
    if customer and used:
        fields = {"currency": invoice["currency"], "invoice": invoice["id"]}
        customer_balance.adjust(state, customer, -used, "unapplied_from_invoice", **fields)


def payments_of(state: State, invoice: Doc) -> Doc:
    """Return the payments of an invoice as a list."""
    found = state.store.select(PAYMENT, {"invoice": invoice["id"]})
    return list_of(found, f"/v1/invoice_payments?invoice={invoice['id']}")


def list_lines(call: Call) -> Doc:
    """GET /v1/invoices/:invoice/lines."""
    return list_values(call, call.target(KIND)["lines"]["data"])


def list_payments(call: Call) -> Doc:
    """GET /v1/invoice_payments."""
    asked = call.params.get("payment", {})
    where = {f"payment.{name}": asked[name] for name in asked}
    return list_objects(call, PAYMENT, ("invoice", "status"), where)


def _parent(subscription: Doc | None) -> Doc | None:
    if subscription is None:
        return None
    details = {"metadata": subscription["metadata"], "subscription": subscription["id"]}
    return {"type": "subscription_details", "quote_details": None, "subscription_details": details}


EXPANDABLE = {
    "invoice": (
        "confirmation_secret",
        "customer",
        "default_payment_method",
        "parent.subscription_details.subscription",
        "payments",
        "test_clock",
    ),
    "invoice_payment": ("invoice", "payment.payment_intent"),
}
ROUTES = {
    "GET /v1/invoice_payments": Route(list_payments, "payment.payment_record", {"payment.type": "payment_intent"}),
    "GET /v1/invoice_payments/{invoice_payment}": Route(partial(retrieve, "invoice_payment")),
    "GET /v1/invoices": Route(
        partial(list_kind, "invoice", "collection_method customer status subscription=_subscription"),
        "customer_account due_date",
    ),
    "GET /v1/invoices/{invoice}": Route(partial(retrieve, "invoice")),
    "GET /v1/invoices/{invoice}/lines": Route(list_lines),
}
