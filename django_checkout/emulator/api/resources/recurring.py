"""The billing of subscriptions: first invoice, renewals with the saved card, retries."""

from __future__ import annotations

from typing import Any

from django_checkout.emulator.api.resources import (
    attempts,
    baskets,
    charges,
    discounts,
    disputes,
    invoice_items,
    invoices,
    payments,
    subscriptions,
)
from django_checkout.emulator.api.resources.coupons import COUPON
from django_checkout.emulator.messages import Doc, StateError
from django_checkout.emulator.reference import cards
from django_checkout.emulator.reference.cards import Decline
from django_checkout.emulator.reference.periods import end_of_period
from django_checkout.emulator.state.state import State

DAY_SECONDS = 24 * 3600


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
    if behavior == "create_invoice" or default_method(state, None, subscription):
        return False
    if behavior == "cancel":
        state.update(subscription, **changes)
        subscriptions.end(state, subscription, None)
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
        "due_date": due_date(state, subscription["days_until_due"]),
    }
    return invoices.draft(state, basket, customer, reason, subscription=subscription, **fields)


def due_date(state: State, days: int | None) -> int | None:
    """Return the time until which an invoice that is sent must be paid, or None."""
    return None if days is None else state.clock.now() + days * DAY_SECONDS


def advance(state: State, invoice: Doc, subscription: Doc) -> None:
    """Finalize and collect the invoice of a renewal, unless collection is paused or the invoice is sent later."""
    paused = subscription["pause_collection"]
    behavior = paused["behavior"] if paused else ""
    if behavior == "keep_as_draft":
        state.update(invoice, auto_advance=False)
    elif behavior:
        # https://docs.stripe.com/billing/subscriptions/pause-payment
        invoices.finalize(state, invoice)
        invoices.close(state, invoice, "void" if behavior == "void" else "uncollectible")
    elif subscription["collection_method"] == "send_invoice":
        finalize_later(state, invoice)
    else:
        invoices.finalize(state, invoice)
        collect(state, invoice)


def finalize_later(state: State, invoice: Doc) -> Doc:
    """Schedule the finalization of a draft that advances by itself."""
    due = state.clock.now() + invoices.DRAFT_SECONDS
    state.schedule("finalize_invoice", invoice["id"], due)
    return state.update(invoice, automatically_finalizes_at=due)


def finalize_due(state: State, invoice: Doc) -> None:
    """Finalize a draft at its due time, and collect or send it."""
    due = invoice["automatically_finalizes_at"]
    if invoice["status"] == "draft" and invoice["auto_advance"] and due is not None and due <= state.clock.now():
        finish(state, invoice)


def finish(state: State, invoice: Doc) -> Doc:
    """Finalize a draft, and advance it if it advances by itself. An invoice without amount due is paid."""
    invoices.finalize(state, invoice)
    if not invoice["amount_due"]:
        return invoices.pay(state, invoice, None)
    intent_for(state, invoice)
    if not invoice["auto_advance"]:
        return invoice
    if invoice["collection_method"] == "send_invoice":
        return send(state, invoice)
    return collect(state, invoice)


def send(state: State, invoice: Doc) -> Doc:
    """Record that an invoice is sent. Nothing is mailed, as at Stripe in test mode."""
    state.emit("invoice.sent", invoice)
    return invoice


def collect(state: State, invoice: Doc, *, card: cards.Card | None = None) -> Doc:
    """Attempt to collect an open invoice with its payment method, or with another card that becomes the default."""
    if invoice["status"] != "open":
        raise StateError(f"This invoice is {invoice['status']}.")
    subscription = state.store.find(invoice["_subscription"])
    if not invoice["amount_due"]:
        return invoices.pay(state, invoice, None)
    method = default_method(state, invoice, subscription)
    if card and subscription:
        billing = method["billing_details"] if method else charges.blank_billing()
        method = charges.new_method(state, card, "card", billing)
        method["customer"] = subscription["customer"]
        state.store.save(method)
        state.update(subscription, default_payment_method=method["id"])
    attempt(state, invoice, method)
    return invoice


def attempt(state: State, invoice: Doc, method: Doc | None) -> Decline | None:
    """Attempt to pay an open invoice off session. Return why the payment method is refused, or None."""
    refused: Decline | None = cards.REFUSED
    if method is None:
        _fail(state, invoice)
    else:
        refused = _charge(state, invoice, method)
    invoice.update(state.get(invoices.KIND, invoice["id"]))
    return refused


def _charge(state: State, invoice: Doc, method: Doc) -> Decline | None:
    """Charge a saved payment method. ``on_paid`` and ``on_refused`` record what follows for the invoice."""
    intent = intent_for(state, invoice)
    state.update(intent, payment_method=method["id"])
    card = cards.find_card(method.get("_number") or "")
    if card is None:
        attempts.submit(state, intent, method)
        settle_subscription(state, state.store.find(invoice["_subscription"]))
        return None
    if card.needs_authentication(is_saved=bool(method["customer"]), off_session=True):
        attempts.decline(state, intent, method, cards.AUTHENTICATION_REQUIRED, with_charge=False)
        state.emit("invoice.payment_action_required", state.get(invoices.KIND, invoice["id"]))
        return cards.AUTHENTICATION_REQUIRED
    if why := attempts.refusal(card, method, off_session=True):
        attempts.decline(state, intent, method, why)
        return why
    disputes.follow_up(state, attempts.charge(state, intent, method, card))
    return None


def on_paid(state: State, intent: Doc) -> None:
    """Pay the invoice of a PaymentIntent that has succeeded, and activate its subscription."""
    invoice = state.get(invoices.KIND, intent["_invoice"])
    if invoice["status"] not in ("open", "uncollectible"):
        return
    invoices.pay(state, invoice, intent)
    subscription = state.store.find(invoice["_subscription"])
    if subscription and subscription["payment_settings"]["save_default_payment_method"] == "on_subscription":
        state.update(subscription, default_payment_method=intent["payment_method"])
    settle_subscription(state, subscription)


def on_refused(state: State, intent: Doc) -> None:
    """Record that the PaymentIntent of an invoice has not been paid."""
    _fail(state, state.get(invoices.KIND, intent["_invoice"]))


def _fail(state: State, invoice: Doc) -> None:
    invoices.fail(state, invoice)
    subscription = state.store.find(invoice["_subscription"])
    if subscription and subscription["status"] in ("active", "trialing"):
        state.update(subscription, "customer.subscription.updated", status="past_due")


def settle_subscription(state: State, subscription: Doc | None) -> None:
    """Activate a subscription whose invoice is paid."""
    if subscription and subscription["status"] in ("incomplete", "past_due", "unpaid"):
        status = "trialing" if (subscription["trial_end"] or 0) > state.clock.now() else "active"
        state.update(subscription, "customer.subscription.updated", status=status)
        if subscription.get("_is_waiting"):
            state.update(subscription, _is_waiting=False)
            subscriptions.schedule_next(state, subscription)


def default_method(state: State, invoice: Doc | None, subscription: Doc | None) -> Doc | None:
    """Return the payment method of an invoice: its own, the subscription's, or the customer's."""
    customer = state.store.find((invoice or subscription or {}).get("customer"), "customer")
    known = [owner["default_payment_method"] for owner in (invoice, subscription) if owner]
    known.append(customer["invoice_settings"]["default_payment_method"] if customer else None)
    return next((state.store.find(method, "payment_method") for method in known if method), None)


def intent_for(state: State, invoice: Doc) -> Doc:
    """Return the PaymentIntent of an open invoice, created on first use."""
    payment = invoices.payment_of(state, invoice)
    if payment:
        return state.get("payment_intent", payment["payment"]["payment_intent"])
    saves = {"setup_future_usage": "off_session"} if invoice["_subscription"] else {}
    delayed = cards.DELAYED_METHODS.get(invoice["currency"])
    intent = payments.create(
        state,
        saves,
        [name for name in ("card", delayed) if name],
        amount=invoice["amount_due"],
        currency=invoice["currency"],
        customer=invoice["customer"],
        _invoice=invoice["id"],
        _session=None,
    )
    invoices.open_payment(state, invoice, intent)
    return intent


def settle(state: State, session: Doc, intent: Doc, *, succeed: bool) -> None:
    """Settle the delayed payment of a session's first invoice."""
    invoice = state.store.find(session["invoice"])
    if invoice is None or invoice["status"] != "open":
        return
    if succeed:
        invoices.pay(state, invoice, intent)
        return
    _fail(state, invoice)


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
