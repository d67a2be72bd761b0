"""Creates, changes, finalizes, collects and closes invoices over the API."""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call, Route, merged_metadata
from django_checkout.emulator.api.resources import (
    attempts,
    baskets,
    discounts,
    invoice_items,
    invoices,
    recurring,
    subscriptions,
    tax_rates,
)
from django_checkout.emulator.api.resources.methods import own_method
from django_checkout.emulator.api.resources.pricing import missing, one_of
from django_checkout.emulator.api.resources.subscription_params import check_future
from django_checkout.emulator.messages import ApiError, Doc, StateError, without_hidden
from django_checkout.emulator.reference.currencies import check_currency
from django_checkout.emulator.state.state import State

KIND = invoices.KIND
DEFAULT_CURRENCY = "usd"
#: What an invoice keeps of the parameters unchanged.
PLAIN = "auto_advance collection_method description effective_at footer number statement_descriptor"
#: What can still be changed when an invoice is finalized: https://docs.stripe.com/api/invoices/update
AFTER = {"auto_advance", "default_payment_method", "description", "due_date", "expand", "footer", "metadata"}


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
        recurring.finalize_later(state, invoice)
    return invoice


def _check_due(params: Doc, method: str) -> None:
    """Raise Stripe's error unless due date and collection method fit: https://docs.stripe.com/api/invoices/create"""
    given = [name for name in ("days_until_due", "due_date") if params.get(name) is not None]
    if len(given) > 1:
        raise one_of(*given)
    if given and method == "charge_automatically":
        message = f"`{given[0]}` is only valid for invoices where `collection_method=send_invoice`."
        raise ApiError(message, param=given[0])
    if params.get("collection_method") == "send_invoice" and not given:
        message = "`days_until_due` or `due_date` is required for invoices where `collection_method=send_invoice`."
        raise ApiError(message, param="days_until_due")


def _tax(params: Doc) -> Doc | None:
    if "automatic_tax" not in params:
        return None
    enabled = params["automatic_tax"]["enabled"]
    return {"disabled_reason": None, "enabled": enabled, "liability": {"type": "self"} if enabled else None}


def _changes(state: State, customer: str, params: Doc) -> Doc:
    """Return the fields that parameters of a new invoice and of an update set alike."""
    changes: Doc = {name: params[name] or None for name in PLAIN.split() if name in params}
    if "auto_advance" in params:
        changes["auto_advance"] = params["auto_advance"]
    if params.get("default_payment_method"):
        changes["default_payment_method"] = own_method(state, customer, params["default_payment_method"])
    if "custom_fields" in params:
        changes["custom_fields"] = [dict(field) for field in params["custom_fields"] or []] or None
    if params.get("days_until_due") is not None:
        changes["due_date"] = recurring.due_date(state, params["days_until_due"])
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
    if changes.get("auto_advance") and invoice["status"] == "draft":
        recurring.finalize_later(state, invoice)
    return invoice


def delete(call: Call) -> Doc:
    """DELETE /v1/invoices/:invoice, of a draft without subscription. https://docs.stripe.com/api/invoices/delete"""
    invoice, state = call.target(KIND), call.state
    if invoice["status"] != "draft" or invoice["_subscription"]:
        raise StateError("You can only delete one-off invoices that are drafts.", param="invoice")
    for item in state.store.select(invoices.ITEM, {"invoice": invoice["id"]}):
        state.update(item, invoice=None)
    state.store.delete(invoice["id"])
    state.emit("invoice.deleted", invoice)
    return {"id": invoice["id"], "object": KIND, "deleted": True}


def finalize(call: Call) -> Doc:
    """POST /v1/invoices/:invoice/finalize."""
    invoice, state = call.target(KIND), call.state
    _check_status(invoice, ("draft",), "finalized")
    if "auto_advance" in call.params:
        invoice["auto_advance"] = call.params["auto_advance"]
    return recurring.finish(state, invoice)


def pay(call: Call) -> Doc:
    """POST /v1/invoices/:invoice/pay. A draft is finalized first."""
    invoice, state, params = call.target(KIND), call.state, call.params
    _check_status(invoice, ("draft", "open", "uncollectible"), "paid")
    if params.get("paid_out_of_band") and "payment_method" in params:
        raise one_of("paid_out_of_band", "payment_method")
    method = recurring.default_method(state, invoice, state.store.find(invoice["_subscription"]))
    if "payment_method" in params:
        method = state.get("payment_method", params["payment_method"], "payment_method")
        own_method(state, invoice["customer"], params["payment_method"])
    params.get("off_session")
    if invoice["status"] == "draft":
        invoices.finalize(state, invoice)
    if params.get("paid_out_of_band") or not invoice["amount_due"]:
        invoices.pay(state, invoice, None, off_stripe=params.get("paid_out_of_band", False))
        recurring.settle_subscription(state, state.store.find(invoice["_subscription"]))
        return invoice
    if method is None:
        # https://docs.stripe.com/api/invoices/pay
        raise ApiError("Neither this invoice nor its subscription or customer has a payment method.")
    refused = recurring.attempt(state, invoice, method)
    if refused:
        raise attempts.declined_error(refused, method)
    return invoice


def void(call: Call) -> Doc:
    """POST /v1/invoices/:invoice/void."""
    return _close(call, ("open", "uncollectible"), "void")


def mark_uncollectible(call: Call) -> Doc:
    """POST /v1/invoices/:invoice/mark_uncollectible."""
    return _close(call, ("open",), "uncollectible")


def _close(call: Call, allowed: tuple[str, ...], status: str) -> Doc:
    invoice, state = call.target(KIND), call.state
    _check_status(invoice, allowed, {"void": "voided"}.get(status, f"marked as {status}"))
    payment = invoices.payment_of(state, invoice) if status == "void" else None
    if payment:
        intent = state.get("payment_intent", payment["payment"]["payment_intent"])
        changes = {"status": "canceled", "canceled_at": state.clock.now(), "cancellation_reason": "void_invoice"}
        state.update(intent, "payment_intent.canceled", **changes)
        transitions = {**payment["status_transitions"], "canceled_at": state.clock.now()}
        state.update(payment, status="canceled", status_transitions=transitions)
    return invoices.close(state, invoice, status)


def send(call: Call) -> Doc:
    """POST /v1/invoices/:invoice/send. A draft is finalized first."""
    invoice, state = call.target(KIND), call.state
    _check_status(invoice, ("draft", "open", "paid"), "sent")
    if invoice["collection_method"] != "send_invoice":
        # https://docs.stripe.com/api/invoices/send
        raise StateError("You can only manually send an invoice if its collection method is 'send_invoice'.")
    if invoice["status"] == "draft":
        state.update(invoice, auto_advance=False)
        recurring.finish(state, invoice)
    return recurring.send(state, invoice)


def _check_status(invoice: Doc, allowed: tuple[str, ...], done: str) -> None:
    """Raise Stripe's error for an invoice in another state: https://docs.stripe.com/invoicing/overview"""
    if invoice["status"] not in allowed:
        states = " or ".join(allowed)
        message = f"This invoice has a status of {invoice['status']}. Only an invoice that is {states} can be {done}."
        raise StateError(message, param="invoice")


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
