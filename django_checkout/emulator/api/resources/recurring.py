"""The billing of subscriptions: first invoice, renewals with the saved card, retries."""

from __future__ import annotations

from django_checkout.emulator.api.resources import charges, discounts, invoices, lines, payments, subscriptions, tax
from django_checkout.emulator.api.resources.coupons import COUPON
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.reference import cards
from django_checkout.emulator.reference.periods import end_of_period
from django_checkout.emulator.state.state import State

REFUSED = cards.Decline(code="card_declined", decline_code="generic_decline", message=cards.DECLINED)


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
    subscription = subscriptions.new_subscription(state, session, method)
    subscription["_discount"] = _renewal_discount(state, session)
    customer = state.get("customer", session["customer"])
    invoice = invoices.new_invoice(state, session, customer, "subscription_create", subscription=subscription)
    if intent or not invoice["amount_due"]:
        invoices.pay(state, invoice, intent)
    state.update(subscription, "customer.subscription.created", latest_invoice=invoice["id"])
    subscriptions.schedule_next(state, subscription)
    return {"subscription": subscription["id"], "invoice": invoice["id"]}


def renew(state: State, subscription: Doc) -> None:
    """Begin the next period or end the subscription, once the current period is over."""
    if subscription["status"] in (*subscriptions.ENDED, "paused"):
        return
    if subscriptions.period_end(subscription) > state.clock.now():
        return
    if subscription["cancel_at_period_end"]:
        subscriptions.end(state, subscription)
        return
    if subscription["status"] == "trialing" and not subscription["default_payment_method"]:
        behavior = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
        if behavior == "cancel":
            subscriptions.end(state, subscription, None)
            return
        if behavior == "pause":
            state.update(subscription, "customer.subscription.paused", status="paused")
            return
    items = subscriptions.next_items(subscription)
    status = "active" if subscription["status"] == "trialing" else subscription["status"]
    state.update(subscription, "customer.subscription.updated", items=items, status=status)
    basket = _basket(state, subscription)
    customer = state.get("customer", subscription["customer"])
    invoice = invoices.new_invoice(state, basket, customer, "subscription_cycle", subscription=subscription)
    state.update(subscription, latest_invoice=invoice["id"])
    collect(state, invoice)
    subscriptions.schedule_next(state, state.get(subscriptions.KIND, subscription["id"]))


def collect(state: State, invoice: Doc, *, card: cards.Card | None = None) -> Doc:
    """Attempt to collect an open invoice with the subscription's card, or with another one."""
    if invoice["status"] != "open":
        raise ApiError(f"This invoice is {invoice['status']}.", code="invoice_not_open")
    subscription = state.get(subscriptions.KIND, invoice["_subscription"])
    if not invoice["amount_due"]:
        return invoices.pay(state, invoice, None)
    method = state.store.find(subscription["default_payment_method"])
    if card:
        billing = method["billing_details"] if method else charges.blank_billing()
        method = charges.new_method(state, card, "card", billing)
        method["customer"] = subscription["customer"]
        state.store.save(method)
        state.update(subscription, default_payment_method=method["id"])
    intent = _charged(state, invoice, method)
    if intent is None:
        invoices.fail(state, invoice)
        if subscription["status"] in ("active", "trialing"):
            state.update(subscription, "customer.subscription.updated", status="past_due")
        return invoice
    invoices.pay(state, invoice, intent)
    if subscription["status"] == "past_due":
        state.update(subscription, "customer.subscription.updated", status="active")
    return invoice


def settle(state: State, session: Doc, intent: Doc, *, succeed: bool) -> None:
    """Settle the delayed payment of a session's first invoice."""
    invoice = state.store.find(session["invoice"])
    if invoice is None or invoice["status"] != "open":
        return
    if succeed:
        invoices.pay(state, invoice, intent)
        return
    invoices.fail(state, invoice)
    subscription = state.store.find(session["subscription"])
    if subscription and subscription["status"] == "active":
        state.update(subscription, "customer.subscription.updated", status="past_due")


def _charged(state: State, invoice: Doc, method: Doc | None) -> Doc | None:
    """Charge a saved card. Return the intent, or None if the charge fails."""
    if method is None:
        return None
    customer, due, currency = invoice["customer"], invoice["amount_due"], invoice["currency"]
    intent = payments.new_off_session_intent(state, method, customer, due, currency, {})
    card = cards.find_card(method.get("_number") or "")
    if card and (card.decline or card.effect == "later_fails"):
        refused = card.decline or REFUSED
        charge = charges.new_charge(state, intent, method, status="failed", decline=refused)
        state.emit("charge.failed", charge)
        error = charges.payment_error(refused, method, charge)
        changes = {"status": "requires_payment_method", "payment_method": None, "latest_charge": charge["id"]}
        state.update(intent, "payment_intent.payment_failed", **changes, last_payment_error=error)
        return None
    charge = charges.new_charge(state, intent, method, status="succeeded")
    state.emit("charge.succeeded", charge)
    payments.succeed(state, intent, charge, intent["amount"])
    return intent


def _basket(state: State, subscription: Doc) -> Doc:
    """Return the lines and amounts of a renewal, in the shape of a session."""
    basket: Doc = {
        "_discount": subscription["_discount"],
        "_lines": [dict(line) for line in subscription["_lines"]],
        "_typed": subscription["_typed"],
        "automatic_tax": dict(subscription["automatic_tax"]),
        "currency": subscription["currency"],
        "customer": subscription["customer"],
        "customer_details": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
    }
    given = basket["_discount"]
    starts = subscription["items"]["data"][0]["current_period_start"]
    if given and given["until"] is not None and given["until"] <= starts:
        basket["_discount"] = None
    for line in basket["_lines"]:
        lines.set_subtotal(line)
    discounts.distribute(state, basket, is_given=True)
    tax.apply(state, basket)
    basket["amount_total"] = lines.total(basket["_lines"], "amount_total")
    return basket


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
