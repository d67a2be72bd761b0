"""The billing of subscriptions: first invoice and renewals."""

from __future__ import annotations

from typing import Any

from django_checkout.emulator.api.resources import (
    baskets,
    collection,
    discounts,
    invoice_items,
    invoices,
    subscriptions,
)
from django_checkout.emulator.api.resources.coupons import COUPON
from django_checkout.emulator.messages import Doc
from django_checkout.emulator.reference.periods import end_of_period
from django_checkout.emulator.state.state import State


def bill(state: State, session: Doc, intent: Doc, method: Doc) -> Doc:
    """Create the subscription or invoice of a paid session. Return the session's fields that name them."""
    if session["mode"] == "subscription":
        return start(state, session, intent, method)
    creation = session["invoice_creation"]
    if not creation or not creation["enabled"]:
        return {}
    customer = state.get("customer", session["customer"])
    invoice = invoices.new_invoice(state, session, customer, "manual", data=creation["invoice_data"])
    return {"invoice": invoices.pay(state, invoice, intent)["id"]}


def start(state: State, session: Doc, intent: Doc | None, method: Doc | None) -> Doc:
    """Create the subscription and the first invoice of a session. Return the fields that name them.

    Without an intent the invoice is paid only if nothing is due.
    """
    customer = state.get("customer", session["customer"])
    with state.on_clock_of(customer):
        return _start(state, session, customer, intent, method)


def _start(state: State, session: Doc, customer: Doc, intent: Doc | None, method: Doc | None) -> Doc:
    subscription = subscriptions.of_session(state, session, method)
    subscription["_discount"] = _renewal_discount(state, session)
    invoice = invoices.new_invoice(state, session, customer, "subscription_create", subscription=subscription)
    if intent or not invoice["amount_due"]:
        invoices.pay(state, invoice, intent)
    state.update(subscription, "customer.subscription.created", latest_invoice=invoice["id"])
    subscriptions.schedule_next(state, subscription)
    return {"subscription": subscription["id"], "invoice": invoice["id"]}


def renew(state: State, subscription: Doc) -> None:
    """Begin the next period or end the subscription, once the current period is over."""
    if subscription["status"] in (*subscriptions.ENDED, "incomplete", "paused"):
        return
    ends = subscriptions.period_end(subscription)
    if ends > state.clock.now():
        return
    schedule = state.store.find(subscription["schedule"])
    if schedule and schedule["current_phase"] and schedule["current_phase"]["end_date"] <= ends:
        state.run("next_phase", schedule)
        subscription = state.get(subscriptions.KIND, subscription["id"])
        if subscription["status"] in subscriptions.ENDED:
            return
    if subscription["cancel_at_period_end"] or (subscription["cancel_at"] or ends + 1) <= ends:
        subscriptions.end(state, subscription)
        return
    if subscription["status"] == "trialing" and stop_without_method(state, subscription):
        return
    items = subscriptions.next_items(subscription)
    status = "active" if subscription["status"] == "trialing" else subscription["status"]
    state.update(subscription, "customer.subscription.updated", items=items, status=status)
    invoice = next_draft(state, subscription, "subscription_cycle")
    state.update(subscription, latest_invoice=invoice["id"])
    advance(state, invoice, subscription)
    subscriptions.schedule_next(state, state.get(subscriptions.KIND, subscription["id"]))


def stop_without_method(state: State, subscription: Doc, **changes: Any) -> bool:
    """Cancel or pause a subscription whose trial ends without a payment method, if its settings say so.

    ``changes`` are made with it.
    """
    behavior = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if behavior == "create_invoice" or collection.default_method(state, None, subscription):
        return False
    if behavior == "cancel":
        state.update(subscription, **changes)
        subscriptions.end(state, subscription)
    else:
        state.update(subscription, "customer.subscription.paused", status="paused", **changes)
    return True


def next_draft(state: State, subscription: Doc, reason: str, *, with_items: bool = True) -> Doc:
    """Create the draft for the current period of a subscription, or for its pending invoice items only."""
    customer = state.get("customer", subscription["customer"])
    found = subscriptions.lines_of(state, subscription) if with_items else []
    starts = subscriptions.period_start(subscription)
    discount = discounts.lasting(subscription["_discount"], starts)
    if subscription["_discount"] and not discount:
        state.update(subscription, _discount=None, discounts=[])
    pending = invoice_items.pending_lines(state, customer["id"], subscription["currency"], subscription["id"])
    basket = baskets.new_basket(
        state,
        customer,
        subscription["currency"],
        [*pending, *found],
        discount=discount,
        automatic_tax=subscription["automatic_tax"],
        tax_rates=subscription["default_tax_rates"],
        typed=subscription["_typed"],
    )
    fields: Doc = {
        "collection_method": subscription["collection_method"],
        "default_payment_method": None,
        "due_date": collection.due_date(state, subscription["days_until_due"]),
    }
    return invoices.draft(state, basket, customer, reason, subscription=subscription, **fields)


def advance(state: State, invoice: Doc, subscription: Doc) -> None:
    """Let the draft of a renewal be finalized in an hour, unless collection is paused."""
    paused = subscription["pause_collection"]
    behavior = paused["behavior"] if paused else ""
    if behavior == "keep_as_draft":
        state.update(invoice, auto_advance=False)
    elif behavior:
        # https://docs.stripe.com/billing/subscriptions/pause-payment
        invoices.finalize(state, invoice)
        invoices.close(state, invoice, "void" if behavior == "void" else "uncollectible")
    else:
        collection.finalize_later(state, invoice)


def _renewal_discount(state: State, session: Doc) -> Doc | None:
    """Return the discount for renewals, with the end of its duration, or None."""
    given = session["_discount"]
    coupon = state.store.find(given["coupon"], COUPON) if given else None
    if coupon is None or coupon["duration"] == "once":
        return None
    until = None
    if coupon["duration"] == "repeating":
        period = {"interval": "month", "interval_count": coupon["duration_in_months"]}
        until = end_of_period(state.clock.now(), period)
    return {**given, "_coupon": coupon, "until": until}
