"""Changes and resumes subscriptions over the API."""

from __future__ import annotations

from typing import Any

from django_checkout.emulator.api.calls import Call, Route
from django_checkout.emulator.api.resources import (
    collection,
    discounts,
    invoices,
    prorations,
    recurring,
    subscriptions,
)
from django_checkout.emulator.api.resources.pricing import one_of
from django_checkout.emulator.api.resources.subscription_params import (
    BEHAVIORS,
    NOT_PLAYED,
    add_items,
    anchor_of,
    check_future,
    declined,
    settings_of,
)
from django_checkout.emulator.api.resources.subscription_plan import Plan, restarted
from django_checkout.emulator.messages import Doc, StateError
from django_checkout.emulator.state.state import State

KIND = subscriptions.KIND


def update(call: Call) -> Doc:
    """POST /v1/subscriptions/:subscription_exposed_id."""
    subscription, params = call.target(KIND, "id"), call.params
    if subscription["status"] in subscriptions.ENDED and params.keys() - {"cancellation_details", "expand", "metadata"}:
        # fjordllc/bootcamp#10390
        message = "A canceled subscription can only update its cancellation_details and metadata."
        raise StateError(message, code="invalid_canceled_subscription_fields")
    changes = call.changes(subscription, "description")
    return change(call.state, subscription, params, **changes)


def change(state: State, subscription: Doc, params: Doc, **changes: Any) -> Doc:
    """Change a subscription, with its prorations, and invoice what is due at once."""
    customer = state.get("customer", subscription["customer"])
    changes.update(settings_of(state, customer, params))
    changes.update(_ends(state, subscription, params))
    if "pause_collection" in params:
        sent = params["pause_collection"]
        changes["pause_collection"] = {"resumes_at": None, **sent} if sent else None
    if "trial_settings" in params:
        without = params["trial_settings"]["end_behavior"]["missing_payment_method"]
        changes["trial_settings"] = {
            "end_behavior": {"billing_cycle_anchor": None, "missing_payment_method": without},
        }
    if "discounts" in params:
        discount = discounts.granted(
            state,
            params["discounts"] or [],
            customer["id"],
            subscriptions.lines_of(state, subscription),
            subscription=subscription["id"],
        )
        changes.update(_discount=discount, discounts=[discount["discount"]["id"]] if discount else [])
        if discount:
            discounts.redeem(state, {"_discount": discount})
    add_items(state, customer, subscription, params)
    plan = Plan(state, subscription, params)
    ended = {**changes, "trial_end": state.clock.now()}
    if plan.ends_trial and recurring.stop_without_method(state, subscription, **ended):
        return state.get(KIND, subscription["id"])
    changes.update(plan.changes())
    if changes:
        state.update(subscription, "customer.subscription.updated", **changes)
    resumes = changes.get("pause_collection") and changes["pause_collection"]["resumes_at"]
    if resumes:
        state.schedule("resume_collection", subscription["id"], resumes)
    if changes.get("cancel_at"):
        state.schedule("cancel_due", subscription["id"], changes["cancel_at"])
    if plan.is_billed_now:
        _invoice_now(state, subscription, with_items=plan.is_restarted, params=params)
    if plan.is_restarted or plan.trial_end:
        subscriptions.schedule_next(state, subscription)
    return state.get(KIND, subscription["id"])


def resume_collection(state: State, subscription: Doc) -> None:
    """End the pause of a subscription's collection at its ``resumes_at``."""
    paused = subscription["pause_collection"]
    if paused and paused["resumes_at"] is not None and paused["resumes_at"] <= state.clock.now():
        state.update(subscription, "customer.subscription.updated", pause_collection=None)


def _ends(state: State, subscription: Doc, params: Doc) -> Doc:
    """Return the changes of when and why a subscription ends."""
    changes: Doc = {}
    details = dict(subscription["cancellation_details"])
    if "cancellation_details" in params:
        details.update({name: value or None for name, value in params["cancellation_details"].items()})
        changes["cancellation_details"] = details
    at_end = params.get("cancel_at_period_end")
    if at_end is not None and "cancel_at" in params:
        raise one_of("cancel_at", "cancel_at_period_end")
    if at_end is not None and at_end != subscription["cancel_at_period_end"]:
        changes.update(subscriptions.end_fields({**subscription, "cancellation_details": details}, state, at_end))
    elif "cancel_at" in params:
        at = params["cancel_at"] or None
        if at is not None:
            check_future(state, at, "cancel_at")
        changes.update(cancel_at=at, cancel_at_period_end=False, canceled_at=state.clock.now() if at else None)
        changes["cancellation_details"] = {**details, "reason": "cancellation_requested" if at else None}
    return changes


def _invoice_now(state: State, subscription: Doc, *, with_items: bool, params: Doc) -> None:
    """Invoice the pending prorations, and the new period if one has begun, and collect the invoice."""
    invoice = recurring.next_draft(state, subscription, "subscription_update", with_items=with_items)
    state.update(subscription, latest_invoice=invoice["id"])
    if subscription["collection_method"] == "send_invoice":
        collection.finalize_later(state, invoice)
        return
    invoices.finalize(state, invoice)
    if not invoice["amount_due"]:
        invoices.pay(state, invoice, None)
        return
    behavior = params.get("payment_behavior", "allow_incomplete")
    method = collection.default_method(state, invoice, subscription)
    collection.intent_for(state, invoice)
    if behavior == "default_incomplete":
        return
    refused = collection.attempt(state, invoice, method)
    if refused and behavior == "error_if_incomplete":
        raise declined(refused)


def cancel(call: Call) -> Doc:
    """DELETE /v1/subscriptions/:subscription_exposed_id."""
    subscription, state, params = call.target(KIND, "id"), call.state, call.params
    subscriptions.check_alive(subscription)
    details = params.get("cancellation_details", {})
    subscription["cancellation_details"] = {**subscription["cancellation_details"], **details}
    if params.get("prorate") and subscription["status"] not in ("trialing", "incomplete"):
        prorations.prorate(state, subscription, subscription["items"]["data"], [], state.clock.now())
    if params.get("invoice_now"):
        _invoice_now(state, subscription, with_items=False, params=params)
    return subscriptions.end(state, subscription)


def resume(call: Call) -> Doc:
    """POST /v1/subscriptions/:subscription/resume."""
    state, subscription, params = call.state, call.target(KIND, "subscription"), call.params
    if subscription["status"] != "paused":
        # Recorded in Kiln-AI/stripe_world 12_subscriptions.
        raise StateError("You can only resume a subscription if it is `paused`.")
    if subscription["collection_method"] != "charge_automatically":
        raise StateError("Resuming is only available for subscriptions that charge automatically.")
    invoice = _resumed(state, subscription, params)
    state.update(subscription, _is_resuming=True)
    if invoice and invoice["amount_due"]:
        collection.attempt(state, invoice, collection.default_method(state, None, subscription))
    else:
        if invoice:
            invoices.pay(state, invoice, None)
        collection.settle_subscription(state, subscription)
    return state.get(KIND, subscription["id"])


def _resumed(state: State, subscription: Doc, params: Doc) -> Doc | None:
    """Begin a period, or continue the one that the anchor gives, and return the invoice of that, finalized, or None.

    Only a cycle that continues has prorations: https://docs.stripe.com/api/subscriptions/resume
    """
    now = state.clock.now()
    behavior = params.get("proration_behavior", "create_prorations")
    at = params.get("proration_date", now)
    is_restarted = anchor_of(params) != "unchanged"
    if is_restarted:
        items = [restarted(item, now) for item in subscription["items"]["data"]]
        state.update(subscription, billing_cycle_anchor=now, items={**subscription["items"], "data": items})
    else:
        while subscriptions.period_end(subscription) <= now:
            state.update(subscription, items=subscriptions.next_items(subscription))
        if behavior != "none":
            prorations.prorate(state, subscription, [], subscription["items"]["data"], at)
        if behavior != "always_invoice":
            return None
    reason = "subscription_cycle" if is_restarted else "subscription_update"
    invoice = recurring.next_draft(state, subscription, reason, with_items=is_restarted)
    state.update(subscription, latest_invoice=invoice["id"])
    return invoices.finalize(state, invoice)


ROUTES = {
    "DELETE /v1/subscriptions/{subscription_exposed_id}": Route(cancel),
    "POST /v1/subscriptions/{subscription_exposed_id}": Route(update, f"{NOT_PLAYED} items.clear_usage", BEHAVIORS),
    "POST /v1/subscriptions/{subscription}/resume": Route(resume),
}
