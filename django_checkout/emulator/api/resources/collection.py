"""Finalizes invoices, collects them with the saved card, and keeps their subscriptions up to date."""

from __future__ import annotations

from django_checkout.emulator.api.resources import attempts, charges, disputes, invoices, payments, subscriptions
from django_checkout.emulator.messages import Doc, StateError
from django_checkout.emulator.reference import cards
from django_checkout.emulator.reference.cards import Decline
from django_checkout.emulator.state.state import State

DAY_SECONDS = 24 * 3600


def due_date(state: State, days: int | None) -> int | None:
    """Return the time until which an invoice that is sent must be paid, or None."""
    return None if days is None else state.clock.now() + days * DAY_SECONDS


def finalize_later(state: State, invoice: Doc) -> Doc:
    """Schedule the finalization of a draft that advances by itself."""
    due = state.clock.now() + invoices.DRAFT_SECONDS
    state.schedule("finalize_invoice", invoice["id"], due)
    is_charged = invoice["collection_method"] == "charge_automatically"
    return state.update(invoice, automatically_finalizes_at=due, next_payment_attempt=due if is_charged else None)


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
    """Activate a subscription whose invoice is paid, or resume it if that was its resumption invoice."""
    if subscription and subscription.get("_is_resuming"):
        # stripe/_subscription_service.py resume: one that is marked as uncollectible resumes it as well.
        state.update(subscription, "customer.subscription.resumed", status="active", _is_resuming=False)
        subscriptions.schedule_next(state, subscription)
    elif subscription and subscription["status"] in ("incomplete", "past_due", "unpaid"):
        status = "trialing" if (subscription["trial_end"] or 0) > state.clock.now() else "active"
        state.update(subscription, "customer.subscription.updated", status=status)
        if subscription.get("_is_waiting"):
            state.update(subscription, _is_waiting=False)
            subscriptions.schedule_next(state, subscription)


def default_method(state: State, invoice: Doc | None, subscription: Doc | None) -> Doc | None:
    """Return the payment method of an invoice: its own, the subscription's, or the customer's."""
    customer = state.store.find((invoice or subscription or {}).get("customer"), "customer")
    known = [owner["default_payment_method"] for owner in (invoice, subscription) if owner]
    if customer:
        # In this order: https://docs.stripe.com/billing/subscriptions/payment-methods-setting#payment-method-priority
        known += [customer["invoice_settings"]["default_payment_method"], customer["default_source"]]
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


def change_payment(state: State, invoice: Doc) -> None:
    """Bring the open payment of an invoice up to date: it asks for what remains, or is canceled if nothing does."""
    payment = invoices.payment_of(state, invoice)
    if payment is None:
        return
    if not invoice["amount_remaining"]:
        cancel_payment(state, invoice, "automatic")
        return
    state.update(payment, amount_requested=invoice["amount_remaining"])
    state.update(state.get("payment_intent", payment["payment"]["payment_intent"]), amount=invoice["amount_remaining"])


def cancel_payment(state: State, invoice: Doc, reason: str) -> None:
    """Cancel the open payment of an invoice, if it has one."""
    payment = invoices.payment_of(state, invoice)
    if payment is None:
        return
    intent, now = state.get("payment_intent", payment["payment"]["payment_intent"]), state.clock.now()
    changes = {"status": "canceled", "canceled_at": now, "cancellation_reason": reason}
    state.update(intent, "payment_intent.canceled", **changes)
    transitions = {**payment["status_transitions"], "canceled_at": now}
    state.update(payment, status="canceled", status_transitions=transitions)


def settle(state: State, session: Doc, intent: Doc, *, succeed: bool) -> None:
    """Settle the delayed payment of a session's first invoice."""
    invoice = state.store.find(session["invoice"])
    if invoice is None or invoice["status"] != "open":
        return
    if succeed:
        invoices.pay(state, invoice, intent)
        return
    _fail(state, invoice)
