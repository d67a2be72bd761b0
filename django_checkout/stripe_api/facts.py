"""Reads facts from Stripe's objects as plain JSON types: pure, and tolerant of older API versions.

A field that is absent or null is None, which says nothing. If a field that a fact requires is missing,
``IncompleteFactError`` is raised; the caller then retrieves the object from Stripe.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django_checkout.exceptions import IncompleteFactError
from django_checkout.stripe_api import next_actions
from django_checkout.stripe_api.json_fields import (
    Json,
    boolean,
    instant,
    integer,
    mapping,
    mappings,
    object_id,
    required_id,
    required_integer,
    required_text,
    text,
)
from django_checkout.values import (
    DisputeFact,
    Fact,
    FraudWarningFact,
    InvoiceFact,
    LineFact,
    Ownership,
    PaymentFact,
    RefundFact,
    ReviewFact,
    SessionFact,
    SubscriptionFact,
)

#: Keys that the app writes into the metadata of the Stripe objects that it creates.
ORDER_KEY = "order_id"
SESSION_KEY = "checkout_session"
REFUND_KEY = "checkout_refund"


def read_session(stripe_object: Json, *, event_type: str = "") -> SessionFact:
    """Read a Checkout Session, and the status that the event type implies.

    https://docs.stripe.com/api/checkout/sessions/object
    """
    action = event_type.removeprefix("checkout.session.")
    status = text(stripe_object, "status")
    payment_status = text(stripe_object, "payment_status")
    if action == "expired":
        status = status or "expired"
    elif action in ("completed", "async_payment_succeeded", "async_payment_failed"):
        status = "complete"
    if action == "async_payment_succeeded":
        payment_status = "paid"
    if not payment_status or not status:
        raise IncompleteFactError("The Checkout Session has no status or no payment_status.")
    totals, presentment = mapping(stripe_object, "total_details"), mapping(stripe_object, "presentment_details")
    intent = mapping(stripe_object, "payment_intent")
    # The PaymentIntent of a delayed payment that failed waits for another one; the session cannot be paid again.
    has_failed = (status, payment_status, intent.get("status")) == ("complete", "unpaid", "requires_payment_method")
    return SessionFact(
        stripe_id=required_id(stripe_object),
        ownership=read_ownership(stripe_object),
        client_reference_id=text(stripe_object, "client_reference_id") or "",
        status=status,
        payment_status=payment_status,
        mode=text(stripe_object, "mode"),
        currency=text(stripe_object, "currency"),
        amount_subtotal_minor=integer(stripe_object, "amount_subtotal"),
        amount_total_minor=integer(stripe_object, "amount_total"),
        amount_discount_minor=integer(totals, "amount_discount"),
        amount_shipping_minor=integer(totals, "amount_shipping"),
        amount_tax_minor=integer(totals, "amount_tax"),
        presentment_currency=text(presentment, "presentment_currency"),
        presentment_amount_minor=integer(presentment, "presentment_amount"),
        payment_intent_id=object_id(stripe_object, "payment_intent") or _find_invoice_payment(stripe_object),
        payment=read_payment_intent(intent) if intent.get("status") else None,
        subscription_id=object_id(stripe_object, "subscription"),
        invoice_id=object_id(stripe_object, "invoice"),
        customer_id=object_id(stripe_object, "customer"),
        expires_at=instant(stripe_object, "expires_at"),
        recovered_from=object_id(stripe_object, "recovered_from"),
        recovery_url=text(mapping(mapping(stripe_object, "after_expiration"), "recovery"), "url"),
        url=text(stripe_object, "url"),
        has_async_failed=action == "async_payment_failed" or has_failed,
        may_wait=payment_status == "unpaid" and status == "complete" and next_actions.may_wait(stripe_object),
        lines=_read_lines(stripe_object),
        customer_details=_customer_details(stripe_object),
    )


def read_whole_session(data: Json) -> list[Fact]:
    """Read a Checkout Session and the Charge that may be expanded in it."""
    charge = mapping(mapping(data, "payment_intent"), "latest_charge")
    return [read_session(data), *([read_charge(charge)] if charge else [])]


def read_payment_intent(stripe_object: Json) -> PaymentFact:
    """Read a PaymentIntent: https://docs.stripe.com/api/payment_intents/object."""
    status = required_text(stripe_object, "status")
    return PaymentFact(
        payment_intent_id=required_id(stripe_object),
        ownership=read_ownership(stripe_object),
        status=status,
        currency=text(stripe_object, "currency"),
        amount_minor=integer(stripe_object, "amount"),
        captured_minor=integer(stripe_object, "amount_received"),
        # The charge of an earlier attempt failed; refunds and disputes name the later one.
        charge_id=object_id(stripe_object, "latest_charge") if status in ("succeeded", "requires_capture") else None,
        capture_before=_capture_before(mapping(stripe_object, "latest_charge")),
        review_id=object_id(stripe_object, "review"),
        action=next_actions.find_action(stripe_object),
        ended_attempt=next_actions.find_ended(stripe_object),
    )


def read_charge(stripe_object: Json) -> PaymentFact:
    """Read a Charge as a fact about its PaymentIntent: https://docs.stripe.com/api/charges/object."""
    succeeded = required_text(stripe_object, "status") == "succeeded"
    captured = integer(stripe_object, "amount_captured")
    if captured is None and stripe_object.get("captured") is True:
        captured = integer(stripe_object, "amount")
    charge_id = required_id(stripe_object)
    return PaymentFact(
        payment_intent_id=object_id(stripe_object, "payment_intent") or charge_id,
        ownership=read_ownership(stripe_object),
        currency=text(stripe_object, "currency"),
        amount_minor=integer(stripe_object, "amount") if succeeded else None,
        captured_minor=captured if succeeded else None,
        charge_id=charge_id if succeeded else None,
        capture_before=_capture_before(stripe_object),
        method=_method(stripe_object) if succeeded else {},
        review_id=object_id(stripe_object, "review") if succeeded else None,
    )


def read_refund(stripe_object: Json) -> RefundFact:
    """Read a Refund: https://docs.stripe.com/api/refunds/object."""
    payment_intent_id, charge_id = object_id(stripe_object, "payment_intent"), object_id(stripe_object, "charge")
    if not (payment_intent_id or charge_id):
        raise IncompleteFactError("The Refund names no payment.")
    return RefundFact(
        stripe_id=required_id(stripe_object),
        payment_intent_id=payment_intent_id,
        charge_id=charge_id,
        amount_minor=required_integer(stripe_object, "amount"),
        currency=required_text(stripe_object, "currency"),
        status=text(stripe_object, "status"),
        reason=text(stripe_object, "reason") or "",
        failure_reason=text(stripe_object, "failure_reason") or "",
        refund_uuid=text(mapping(stripe_object, "metadata"), REFUND_KEY) or "",
        made_at=instant(stripe_object, "created"),
        balance_transaction_id=object_id(stripe_object, "balance_transaction") or "",
        livemode=boolean(stripe_object, "livemode"),
    )


def read_dispute(stripe_object: Json, *, ticket: int) -> DisputeFact:
    """Read a Dispute: https://docs.stripe.com/api/disputes/object."""
    currency = required_text(stripe_object, "currency")
    entries = [entry for entry in mappings(stripe_object, "balance_transactions") if integer(entry, "net") is not None]
    return DisputeFact(
        stripe_id=required_id(stripe_object),
        payment_intent_id=object_id(stripe_object, "payment_intent"),
        charge_id=object_id(stripe_object, "charge"),
        amount_minor=required_integer(stripe_object, "amount"),
        currency=currency,
        status=required_text(stripe_object, "status"),
        reason=text(stripe_object, "reason") or "",
        due_by=instant(mapping(stripe_object, "evidence_details"), "due_by"),
        withdrawn_minor=-sum(entry["net"] for entry in entries),
        # The currency of the balance may differ from that of the charge.
        withdrawn_currency=(text(entries[0], "currency") or currency) if entries else "",
        livemode=boolean(stripe_object, "livemode"),
        ticket=ticket,
    )


def read_fraud_warning(stripe_object: Json) -> FraudWarningFact:
    """Read an early fraud warning: https://docs.stripe.com/api/radar/early_fraud_warnings/object."""
    payment_intent_id, charge_id = object_id(stripe_object, "payment_intent"), object_id(stripe_object, "charge")
    if not (payment_intent_id or charge_id):
        raise IncompleteFactError("The fraud warning names no payment.")
    return FraudWarningFact(
        stripe_id=required_id(stripe_object),
        payment_intent_id=payment_intent_id,
        charge_id=charge_id,
        fraud_type=text(stripe_object, "fraud_type") or "",
    )


def read_review(stripe_object: Json) -> ReviewFact:
    """Read a Radar review: https://docs.stripe.com/api/radar/reviews/object."""
    is_open = boolean(stripe_object, "open")
    if is_open is None:
        raise IncompleteFactError("The Review does not say whether it is open.")
    return ReviewFact(
        stripe_id=required_id(stripe_object),
        payment_intent_id=object_id(stripe_object, "payment_intent"),
        charge_id=object_id(stripe_object, "charge"),
        is_open=is_open,
    )


def read_subscription(stripe_object: Json, *, ticket: int) -> SubscriptionFact:
    """Read a Subscription: https://docs.stripe.com/api/subscriptions/object."""
    # Since 2025-03-31 each item has its own period.
    items = mappings(mapping(stripe_object, "items"), "data")
    ends = [end for item in items if (end := instant(item, "current_period_end"))]
    return SubscriptionFact(
        stripe_id=required_id(stripe_object),
        ownership=read_ownership(stripe_object),
        customer_id=object_id(stripe_object, "customer") or "",
        status=required_text(stripe_object, "status"),
        is_canceled_at_period_end=bool(stripe_object.get("cancel_at_period_end")),
        current_period_end=min(ends) if ends else instant(stripe_object, "current_period_end"),
        ended_at=instant(stripe_object, "ended_at"),
        ticket=ticket,
    )


def read_invoice(stripe_object: Json, *, event_type: str = "") -> InvoiceFact | None:
    """Read an Invoice; None if it belongs to no subscription. https://docs.stripe.com/api/invoices/object."""
    details = mapping(mapping(stripe_object, "parent"), "subscription_details")
    # Before 2025-03-31 the invoice itself had these fields.
    subscription_id = object_id(details, "subscription") or object_id(stripe_object, "subscription")
    status = required_text(stripe_object, "status")
    if subscription_id is None:
        return None
    metadata = details.get("metadata") or mapping(stripe_object, "subscription_details").get("metadata") or {}
    return InvoiceFact(
        stripe_id=required_id(stripe_object),
        ownership=read_ownership({"metadata": metadata, "livemode": stripe_object.get("livemode")}),
        subscription_id=subscription_id,
        status=status,
        billing_reason=text(stripe_object, "billing_reason") or "",
        amount_paid_minor=integer(stripe_object, "amount_paid") or 0,
        amount_due_minor=integer(stripe_object, "amount_due") or 0,
        currency=text(stripe_object, "currency") or "",
        has_payment_failed=event_type == "invoice.payment_failed",
    )


def read_ownership(stripe_object: Json) -> Ownership:
    """Read which order and session a Stripe object names in its metadata, and its mode."""
    metadata = mapping(stripe_object, "metadata")
    return Ownership(
        reference=text(metadata, ORDER_KEY) or text(stripe_object, "client_reference_id") or "",
        session_uuid=text(metadata, SESSION_KEY) or "",
        livemode=boolean(stripe_object, "livemode"),
    )


def find_id(stripe_object: Json, key: str) -> str:
    """Return the id in a field that may hold an id, an expanded object or nothing; "" for nothing."""
    return object_id(stripe_object, key) or ""


def _find_invoice_payment(stripe_object: Json) -> str | None:
    """Return the PaymentIntent that paid a subscription's first invoice, if the invoice is expanded."""
    payments = mappings(mapping(mapping(stripe_object, "invoice"), "payments"), "data")
    return next(filter(None, (object_id(mapping(payment, "payment"), "payment_intent") for payment in payments)), None)


def _read_lines(stripe_object: Json) -> tuple[LineFact, ...] | None:
    listed = mapping(stripe_object, "line_items")
    lines = mappings(listed, "data")
    if not isinstance(listed.get("data"), list) or listed.get("has_more") or len(lines) != len(listed["data"]):
        return None
    return tuple(_read_line(line) for line in lines)


def _read_line(line: Json) -> LineFact:
    price = mapping(line, "price")
    recurring = mapping(price, "recurring")
    return LineFact(
        unit_amount_minor=integer(price, "unit_amount"),
        quantity=integer(line, "quantity") or 1,
        currency=text(line, "currency") or "",
        recurring=recurring_text(recurring),
        price_id=text(price, "id") or "",
    )


def recurring_text(recurring: Json) -> str:
    """Return a price's billing interval, e.g. ``1 month``; "" for a one-time price."""
    interval = text(recurring, "interval")
    return f"{integer(recurring, 'interval_count') or 1} {interval}" if interval else ""


def _customer_details(stripe_object: Json) -> dict[str, Any] | None:
    details = mapping(stripe_object, "customer_details")
    collected = mapping(stripe_object, "collected_information")
    shipping = mapping(collected, "shipping_details") or mapping(stripe_object, "shipping_details")
    consent = mapping(stripe_object, "consent").items()
    known = {
        **{key: details.get(key) for key in ("email", "name", "phone", "tax_exempt", "tax_ids")},
        "billing_address": details.get("address"),
        "shipping": shipping and {"name": shipping.get("name"), "address": shipping.get("address")},
        "shipping_rate": object_id(mapping(stripe_object, "shipping_cost"), "shipping_rate"),
        "custom_fields": dict(_custom_fields(stripe_object)),
        "consent": {key: value for key, value in consent if isinstance(value, str)},
    }
    return {key: value for key, value in known.items() if value} or None


def _custom_fields(stripe_object: Json) -> Iterator[tuple[str, str]]:
    for field in mappings(stripe_object, "custom_fields"):
        if value := text(mapping(field, str(field.get("type"))), "value"):
            yield str(field.get("key")), value


def _method(charge: Json) -> dict[str, str]:
    """Return how a charge was paid: https://docs.stripe.com/api/charges/object#charge_object-payment_method_details."""
    details = mapping(charge, "payment_method_details")
    kind = text(details, "type") or ""
    method = mapping(details, kind)
    known = {
        "type": kind,
        "brand": text(method, "brand"),
        "last4": text(method, "last4"),
        "wallet": text(mapping(method, "wallet"), "type"),
        "receipt_number": text(charge, "receipt_number"),
    }
    return {name: value for name, value in known.items() if value}


def _capture_before(charge: Json) -> datetime | None:
    return instant(mapping(mapping(charge, "payment_method_details"), "card"), "capture_before")
