"""Previews of the next invoice: what a change would do is done, shown and undone."""

from __future__ import annotations

from copy import deepcopy

from django_checkout.emulator.api.calls import Call, Route
from django_checkout.emulator.api.params import Params
from django_checkout.emulator.api.resources import invoices, recurring, subscription_create, subscriptions
from django_checkout.emulator.api.resources.pricing import missing
from django_checkout.emulator.api.resources.subscription_changes import change
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.state.state import State


def create_preview(call: Call) -> Doc:
    """POST /v1/invoices/create_preview."""
    state, params = call.state, call.params
    details = params.get("subscription_details", Params({}))
    with state.store.discarded():
        if "subscription" in params:
            subscription = state.get(subscriptions.KIND, params["subscription"], "subscription")
            invoice = _of_subscription(state, subscription, _as_update(details, params))
        elif "customer" not in params:
            raise missing("customer")
        else:
            customer = state.get("customer", params["customer"], "customer")
            sent = {**_as_update(details, params), "payment_behavior": "default_incomplete"}
            if "currency" in params:
                sent["currency"] = params["currency"]
            created = subscription_create.start(state, customer, Params(sent))
            invoice = state.get(invoices.KIND, created["latest_invoice"])
        shown = deepcopy(invoice)
    return _as_draft(shown)


def _as_update(details: Doc, params: Doc) -> Params:
    """Return ``subscription_details`` as the parameters of an update."""
    sent = {name: details[name] for name in details}
    if sent.pop("cancel_now", False):
        sent["cancel_now"] = True
    if "discounts" in params:
        sent["discounts"] = params["discounts"]
    return Params(sent)


def _of_subscription(state: State, subscription: Doc, sent: Params) -> Doc:
    """Return the invoice that an update causes at once, else the one of the next period."""
    if subscription["status"] in subscriptions.ENDED:
        raise _nothing()
    before = subscription["latest_invoice"]
    if sent:
        sent = Params({**sent, "payment_behavior": "default_incomplete"})
        subscription = change(state, subscription, sent)
        if subscription["latest_invoice"] != before:
            return state.get(invoices.KIND, subscription["latest_invoice"])
    if subscription["cancel_at_period_end"]:
        raise _nothing()
    state.update(subscription, items=subscriptions.next_items(subscription))
    return recurring.next_draft(state, subscription, "upcoming")


def _nothing() -> ApiError:
    """Return Stripe's error for a subscription without a next invoice."""
    return ApiError("No upcoming invoices for customer", status=404, code="invoice_upcoming_none")


def _as_draft(invoice: Doc) -> Doc:
    """Return an invoice as a preview: a draft with an id that cannot be retrieved."""
    preview_id = f"upcoming_{invoice['id']}"
    for line in invoice["lines"]["data"]:
        line["invoice"] = preview_id
    invoice["lines"]["url"] = f"/v1/invoices/{preview_id}/lines"
    left = invoice["total"] + invoice["starting_balance"]
    transitions = dict.fromkeys(invoice["status_transitions"])
    unset = {"attempted": False, "attempt_count": 0, "amount_paid": 0, "number": None, "ending_balance": None}
    due = {"amount_due": max(left, 0), "amount_remaining": max(left, 0)}
    return {
        **invoice,
        **unset,
        **due,
        "id": preview_id,
        "auto_advance": False,
        "effective_at": None,
        "status": "draft",
        "status_transitions": transitions,
    }


ROUTES = {
    "POST /v1/invoices/create_preview": Route(
        create_preview,
        "automatic_tax customer_account customer_details discounts.discount invoice_items issuer on_behalf_of "
        "preview_mode schedule schedule_details subscription_details.billing_mode "
        "subscription_details.billing_schedules subscription_details.cancel_now "
        "subscription_details.items.billing_thresholds subscription_details.items.clear_usage "
        "subscription_details.items.discounts subscription_details.resume_at subscription_details.start_date",
    ),
}
