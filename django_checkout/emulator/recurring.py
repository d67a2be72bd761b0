"""Subscriptions on the movable clock: begun by a session, renewed by the saved card, past due when that fails."""

from __future__ import annotations

from . import cards
from .messages import ApiError, Doc
from .periods import later
from .resources import charges, discounts, invoices, lines, payments, subscriptions, tax
from .resources.coupons import COUPON
from .world import World

REFUSED = cards.Decline(code="card_declined", decline_code="generic_decline", message=cards.DECLINED)


def bill(world: World, session: Doc, intent: Doc, method: Doc) -> Doc:
    """Return what a session that has just been paid names besides: its subscription, its invoice."""
    if session["mode"] == "subscription":
        return begin(world, session, intent, method)
    creation = session["invoice_creation"]
    if not creation or not creation["enabled"]:
        return {}
    customer = world.get("customer", session["customer"])
    invoice = invoices.new_invoice(world, session, customer, "manual", data=creation["invoice_data"])
    return {"invoice": invoices.pay(world, invoice, intent)["id"]}


def begin(world: World, session: Doc, intent: Doc | None, method: Doc | None) -> Doc:
    """Make the subscription and the first invoice of a session; return how the session names them.

    Without an intent the invoice is paid if it is about nothing, and open otherwise.
    """
    subscription = subscriptions.new_subscription(world, session, method)
    subscription["_discount"] = _lasting(world, session)
    customer = world.get("customer", session["customer"])
    invoice = invoices.new_invoice(world, session, customer, "subscription_create", subscription=subscription)
    if intent or not invoice["amount_due"]:
        invoices.pay(world, invoice, intent)
    world.update(subscription, "customer.subscription.created", latest_invoice=invoice["id"])
    subscriptions.schedule_next(world, subscription)
    return {"subscription": subscription["id"], "invoice": invoice["id"]}


def renew(world: World, subscription: Doc) -> None:
    """Begin the next period, or end the subscription, once what was paid for is over."""
    if subscription["status"] in (*subscriptions.ENDED, "paused"):
        return
    if subscriptions.period_end(subscription) > world.clock.now():
        return
    if subscription["cancel_at_period_end"]:
        subscriptions.end(world, subscription)
        return
    if subscription["status"] == "trialing" and not subscription["default_payment_method"]:
        behavior = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
        if behavior == "cancel":
            subscriptions.end(world, subscription, None)
            return
        if behavior == "pause":
            world.update(subscription, "customer.subscription.paused", status="paused")
            return
    items = subscriptions.next_items(subscription)
    status = "active" if subscription["status"] == "trialing" else subscription["status"]
    world.update(subscription, "customer.subscription.updated", items=items, status=status)
    basket = _basket(world, subscription)
    customer = world.get("customer", subscription["customer"])
    invoice = invoices.new_invoice(world, basket, customer, "subscription_cycle", subscription=subscription)
    world.update(subscription, latest_invoice=invoice["id"])
    collect(world, invoice)
    subscriptions.schedule_next(world, world.get(subscriptions.KIND, subscription["id"]))


def collect(world: World, invoice: Doc, *, card: cards.Card | None = None) -> Doc:
    """Try to have an open invoice paid by the subscription's card, or by another that the customer gives."""
    if invoice["status"] != "open":
        raise ApiError(f"This invoice is {invoice['status']}.", code="invoice_not_open")
    subscription = world.get(subscriptions.KIND, invoice["_subscription"])
    if not invoice["amount_due"]:
        return invoices.pay(world, invoice, None)
    method = world.store.find(subscription["default_payment_method"])
    if card:
        billing = method["billing_details"] if method else charges.blank_billing()
        method = charges.new_method(world, card, "card", billing)
        method["customer"] = subscription["customer"]
        world.store.save(method)
        world.update(subscription, default_payment_method=method["id"])
    intent = _charged(world, invoice, method)
    if intent is None:
        invoices.fail(world, invoice)
        if subscription["status"] in ("active", "trialing"):
            world.update(subscription, "customer.subscription.updated", status="past_due")
        return invoice
    invoices.pay(world, invoice, intent)
    if subscription["status"] == "past_due":
        world.update(subscription, "customer.subscription.updated", status="active")
    return invoice


def settle(world: World, session: Doc, intent: Doc, *, succeed: bool) -> None:
    """End the delayed payment of the first invoice of a session."""
    invoice = world.store.find(session["invoice"])
    if invoice is None or invoice["status"] != "open":
        return
    if succeed:
        invoices.pay(world, invoice, intent)
        return
    invoices.fail(world, invoice)
    subscription = world.store.find(session["subscription"])
    if subscription and subscription["status"] == "active":
        world.update(subscription, "customer.subscription.updated", status="past_due")


def _charged(world: World, invoice: Doc, method: Doc | None) -> Doc | None:
    """Charge a saved card; return the intent, or None if that failed."""
    if method is None:
        return None
    payer = {
        "_params": {},
        "amount_total": invoice["amount_due"],
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "id": None,
        "payment_method_types": [method["type"]],
    }
    intent = payments.new_intent(world, payer)
    intent["payment_method"] = method["id"]
    card = cards.find_card(method.get("_number") or "")
    if card and (card.decline or card.effect == "later_fails"):
        refused = card.decline or REFUSED
        charge = charges.new_charge(world, intent, method, status="failed", decline=refused)
        world.emit("charge.failed", charge)
        error = charges.payment_error(refused, method, charge)
        changes = {"status": "requires_payment_method", "payment_method": None, "latest_charge": charge["id"]}
        world.update(intent, "payment_intent.payment_failed", **changes, last_payment_error=error)
        return None
    charge = charges.new_charge(world, intent, method, status="succeeded")
    world.emit("charge.succeeded", charge)
    payments.succeed(world, intent, charge, intent["amount"])
    return intent


def _basket(world: World, subscription: Doc) -> Doc:
    """Return what a renewal costs, in the form of a session."""
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
    discounts.spread(world, basket, is_given=True)
    tax.levy(world, basket)
    basket["amount_total"] = lines.total(basket["_lines"], "amount_total")
    return basket


def _lasting(world: World, session: Doc) -> Doc | None:
    """Return the discount that renewals get as well, with the time until which they do."""
    given = session["_discount"]
    coupon = world.store.find(given["coupon"], COUPON) if given else None
    if coupon is None or coupon["duration"] == "once":
        return None
    until = None
    if coupon["duration"] == "repeating":
        period = {"interval": "month", "interval_count": coupon["duration_in_months"]}
        until = later(world.clock.now(), period)
    return {**given, "_coupon": coupon, "until": until}
