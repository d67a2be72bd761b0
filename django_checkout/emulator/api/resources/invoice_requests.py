"""Creates, changes, finalizes, collects and closes invoices over the API."""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call, Route, merged_metadata
from django_checkout.emulator.api.resources import (
    attempts,
    baskets,
    collection,
    discounts,
    invoice_items,
    invoices,
    subscriptions,
    tax_rates,
)
from django_checkout.emulator.api.resources.methods import own_method
from django_checkout.emulator.api.resources.pricing import missing
from django_checkout.emulator.api.resources.session_values import check_descriptors
from django_checkout.emulator.api.resources.subscription_params import check_future
from django_checkout.emulator.messages import ApiError, Doc, StateError, without_hidden
from django_checkout.emulator.reference.currencies import check_currency
from django_checkout.emulator.state.state import State

KIND = invoices.KIND
DEFAULT_CURRENCY = "usd"
#: What an invoice keeps of the parameters unchanged.
PLAIN = "auto_advance collection_method description effective_at footer number statement_descriptor"
#: What can still be changed when an invoice is finalized: https://docs.stripe.com/api/invoices/update
AFTER = {"auto_advance", "default_payment_method", "due_date", "expand", "footer", "metadata"}
#: Why a request about an invoice with a status is refused, as recorded in Kiln-AI/stripe_world 13_invoices.
FINALIZED = "This invoice is already finalized, you can't re-finalize a non-draft invoice."
NOT_OPEN = "You can only pass in open invoices. This invoice isn't open."
REFUSED = {
    "finalize": dict.fromkeys(("open", "paid", "uncollectible", "void"), FINALIZED),
    # A void invoice is in a terminal state: https://docs.stripe.com/invoicing/overview
    "pay": {"paid": "Invoice is already paid", "void": NOT_OPEN},
    "void": {
        **dict.fromkeys(("draft", "uncollectible", "void"), NOT_OPEN),
        "paid": "Invoices with `paid` payments cannot be voided.",
    },
    "uncollectible": {
        **dict.fromkeys(("draft", "paid", "void"), NOT_OPEN),
        "uncollectible": "This invoice has already been marked uncollectible.",
    },
}


def create(call: Call) -> Doc:
    """POST /v1/invoices."""
    state, params = call.state, call.params
    if "customer" not in params:
        raise missing("customer")
    customer = state.get("customer", params["customer"], "customer")
    subscription = None
    if "subscription" in params:
        subscription = state.get(subscriptions.KIND, params["subscription"], "subscription")
    default = (subscription or customer)["currency"] or DEFAULT_CURRENCY
    currency = check_currency(params.get("currency", default), "currency")
    _check_due(params, params.get("collection_method", "charge_automatically"))
    items: list[Doc] = []
    if params.get("pending_invoice_items_behavior", "include" if subscription else "exclude") == "include":
        owner = subscription["id"] if subscription else None
        items = invoice_items.pending_lines(state, customer["id"], currency, owner)
    fields = {"auto_advance": False, **_changes(state, customer["id"], params)}
    rates = tax_rates.usable_rates(state, params.get("default_tax_rates") or [], "default_tax_rates")
    basket = baskets.new_basket(state, customer, currency, items, tax_rates=rates, automatic_tax=_tax(params))
    metadata = merged_metadata({}, params.get("metadata") or {})
    invoice = invoices.draft(
        state, basket, customer, "manual", subscription=subscription, data={"metadata": metadata}, **fields
    )
    _discount(state, invoice, params)
    if invoice["auto_advance"]:
        collection.finalize_later(state, invoice)
    return invoice


def _check_due(params: Doc, method: str) -> None:
    """Raise Stripe's error unless due date and collection method fit."""
    is_given = any(params.get(name) is not None for name in ("days_until_due", "due_date"))
    if is_given and method == "charge_automatically":
        raise ApiError(
            "You can only specify 'due_date' or 'days_until_due' if invoice collection method is 'send_invoice'."
        )
    if params.get("collection_method") == "send_invoice" and not is_given:
        raise ApiError(
            "If invoice collection method is 'send_invoice', you must specify 'due_date' or 'days_until_due'."
        )


def _tax(params: Doc) -> Doc | None:
    if "automatic_tax" not in params:
        return None
    enabled = params["automatic_tax"]["enabled"]
    return {"disabled_reason": None, "enabled": enabled, "liability": {"type": "self"} if enabled else None}


def _changes(state: State, customer: str, params: Doc) -> Doc:
    """Return the fields that parameters of a new invoice and of an update set alike."""
    check_descriptors(params)
    changes: Doc = {name: params[name] or None for name in PLAIN.split() if name in params}
    if "auto_advance" in params:
        changes["auto_advance"] = params["auto_advance"]
    if params.get("default_payment_method"):
        changes["default_payment_method"] = own_method(state, customer, params["default_payment_method"])
    if "custom_fields" in params:
        changes["custom_fields"] = [dict(field) for field in params["custom_fields"] or []] or None
    if params.get("days_until_due") is not None:
        changes["due_date"] = collection.due_date(state, params["days_until_due"])
    if "due_date" in params:
        check_future(state, params["due_date"], "due_date")
        changes["due_date"] = params["due_date"]
    if "payment_settings" in params:
        types = params["payment_settings"].get("payment_method_types") or None
        changes["payment_settings"] = {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": types,
        }
    return changes


def _discount(state: State, invoice: Doc, params: Doc) -> None:
    """Apply ``discounts`` to a draft."""
    if "discounts" not in params:
        return
    basket = invoice["_basket"]
    basket["_discount"] = None
    if params["discounts"]:
        items = basket["_lines"] or [{"currency": invoice["currency"], "_amount": 0, "price": None}]
        basket["_discount"] = discounts.granted(
            state, params["discounts"], invoice["customer"], items, invoice=invoice["id"]
        )
        discounts.redeem(state, basket)
    invoices.recalculate(state, invoice)


def update(call: Call) -> Doc:
    """POST /v1/invoices/:invoice."""
    invoice, state, params = call.target(KIND), call.state, call.params
    if params.keys() - AFTER:
        invoice_items.check_draft(invoice)
    _check_due(params, params.get("collection_method", invoice["collection_method"]))
    changes = {**_changes(state, invoice["customer"], params), **call.changes(invoice)}
    state.update(invoice, "invoice.updated", **changes)
    basket = invoice["_basket"]
    if "default_tax_rates" in params:
        basket["_tax_rates"] = tax_rates.usable_rates(state, params["default_tax_rates"] or [], "default_tax_rates")
        invoice["default_tax_rates"] = [without_hidden(rate) for rate in basket["_tax_rates"]]
    if "automatic_tax" in params:
        basket["automatic_tax"] = _tax(params)
    _discount(state, invoice, params)
    if params.keys() & {"automatic_tax", "default_tax_rates"}:
        invoices.recalculate(state, invoice)
    if "auto_advance" in changes and invoice["status"] == "draft":
        if changes["auto_advance"]:
            collection.finalize_later(state, invoice)
        else:
            state.update(invoice, automatically_finalizes_at=None, next_payment_attempt=None)
    return invoice


def delete(call: Call) -> Doc:
    """DELETE /v1/invoices/:invoice, of a draft without subscription. https://docs.stripe.com/api/invoices/delete"""
    invoice, state = call.target(KIND), call.state
    if invoice["status"] != "draft" or invoice["_subscription"]:
        raise StateError("You can only delete draft invoices.", param="invoice")
    # Its invoice items are not pending again.
    state.store.delete(invoice["id"])
    state.emit("invoice.deleted", invoice)
    return {"id": invoice["id"], "object": KIND, "deleted": True}


def finalize(call: Call) -> Doc:
    """POST /v1/invoices/:invoice/finalize."""
    invoice, state = call.target(KIND), call.state
    _check_status(invoice, "finalize")
    if "auto_advance" in call.params:
        invoice["auto_advance"] = call.params["auto_advance"]
    return collection.finish(state, invoice)


def pay(call: Call) -> Doc:
    """POST /v1/invoices/:invoice/pay. A draft is finalized first."""
    invoice, state, params = call.target(KIND), call.state, call.params
    _check_status(invoice, "pay")
    method = collection.default_method(state, invoice, state.store.find(invoice["_subscription"]))
    if "payment_method" in params:
        method = state.get(
            "payment_method", own_method(state, invoice["customer"], params["payment_method"], "payment_method")
        )
    params.get("off_session")
    if invoice["status"] == "draft":
        invoices.finalize(state, invoice)
    if params.get("paid_out_of_band") or not invoice["amount_due"]:
        invoices.pay(state, invoice, None, off_stripe=params.get("paid_out_of_band", False))
        collection.change_payment(state, invoice)
        collection.settle_subscription(state, state.store.find(invoice["_subscription"]))
        return invoice
    if method is None:
        raise ApiError("There is no `default_payment_method` set on this Customer or Invoice.")
    refused = collection.attempt(state, invoice, method)
    if refused:
        raise attempts.declined_error(refused, method)
    return invoice


def void(call: Call) -> Doc:
    """POST /v1/invoices/:invoice/void."""
    return _close(call, "void")


def mark_uncollectible(call: Call) -> Doc:
    """POST /v1/invoices/:invoice/mark_uncollectible."""
    return _close(call, "uncollectible")


def _close(call: Call, status: str) -> Doc:
    invoice, state = call.target(KIND), call.state
    _check_status(invoice, status)
    if status == "void":
        collection.cancel_payment(state, invoice, "void_invoice")
    invoices.close(state, invoice, status)
    subscription = state.store.find(invoice["_subscription"])
    if subscription and subscription.get("_is_resuming"):
        if status == "uncollectible":
            collection.settle_subscription(state, subscription)
        else:
            state.update(subscription, _is_resuming=False)
    return invoice


def send(call: Call) -> Doc:
    """POST /v1/invoices/:invoice/send. A draft is finalized first."""
    invoice, state = call.target(KIND), call.state
    if invoice["collection_method"] != "send_invoice":
        # https://docs.stripe.com/api/invoices/send
        raise StateError("You can only manually send an invoice if its collection method is 'send_invoice'.")
    if invoice["status"] == "draft":
        state.update(invoice, auto_advance=False)
        collection.finish(state, invoice)
    return collection.send(state, invoice)


def _check_status(invoice: Doc, action: str) -> None:
    """Raise Stripe's error for an invoice with a status that does not allow an action."""
    if message := REFUSED[action].get(invoice["status"]):
        raise StateError(message)


NOT_PLAYED = (
    "account_tax_ids application_fee_amount automatic_tax.liability automatically_finalizes_at default_source "
    "discounts.discount issuer on_behalf_of payment_settings.default_mandate payment_settings.payment_method_options "
    "rendering shipping_cost shipping_details transfer_data"
)
ROUTES = {
    "POST /v1/invoices": Route(create, f"{NOT_PLAYED} customer_account from_invoice"),
    "POST /v1/invoices/{invoice}": Route(update, NOT_PLAYED),
    "DELETE /v1/invoices/{invoice}": Route(delete),
    "POST /v1/invoices/{invoice}/finalize": Route(finalize),
    "POST /v1/invoices/{invoice}/pay": Route(pay, "forgive mandate source"),
    "POST /v1/invoices/{invoice}/void": Route(void),
    "POST /v1/invoices/{invoice}/mark_uncollectible": Route(mark_uncollectible),
    "POST /v1/invoices/{invoice}/send": Route(send),
}
