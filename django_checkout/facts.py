"""Stripe's objects, as plain JSON types, read into facts: pure, tolerant of older API versions, never guessing.

A field that is absent or null is not said (None). A field without which nothing can be concluded raises
``IncompleteFactError``, and the caller fetches the object from Stripe instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django_checkout.exceptions import IncompleteFactError
from django_checkout.storable import MAXIMUM_ID_LENGTH, MAXIMUM_INTEGER, find_instant
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

Json = Mapping[str, Any]

#: Keys that we write into the metadata of every Stripe object we make.
ORDER_KEY = "order_id"
SESSION_KEY = "checkout_session"
REFUND_KEY = "checkout_refund"


def read_session(stripe_object: Json, *, event_type: str = "") -> SessionFact:
    """Read a Checkout Session; what the event type implies counts as said.

    https://docs.stripe.com/api/checkout/sessions/object
    """
    action = event_type.removeprefix("checkout.session.")
    status = _text(stripe_object, "status")
    payment_status = _text(stripe_object, "payment_status")
    if action == "expired":
        status = status or "expired"
    elif action in ("completed", "async_payment_succeeded", "async_payment_failed"):
        status = "complete"
    if action == "async_payment_succeeded":
        payment_status = "paid"
    if not payment_status or not status:
        raise IncompleteFactError("The Checkout Session has no status or no payment_status.")
    totals = _mapping(stripe_object, "total_details")
    presentment = _mapping(stripe_object, "presentment_details")
    recovery = _mapping(_mapping(stripe_object, "after_expiration"), "recovery")
    return SessionFact(
        stripe_id=_required(stripe_object, "id"),
        ownership=read_ownership(stripe_object),
        client_reference_id=_text(stripe_object, "client_reference_id") or "",
        status=status,
        payment_status=payment_status,
        mode=_text(stripe_object, "mode"),
        currency=_text(stripe_object, "currency"),
        amount_subtotal_minor=_integer(stripe_object, "amount_subtotal"),
        amount_total_minor=_integer(stripe_object, "amount_total"),
        amount_discount_minor=_integer(totals, "amount_discount"),
        amount_shipping_minor=_integer(totals, "amount_shipping"),
        amount_tax_minor=_integer(totals, "amount_tax"),
        presentment_currency=_text(presentment, "presentment_currency"),
        presentment_amount_minor=_integer(presentment, "presentment_amount"),
        payment_intent_id=_id(stripe_object, "payment_intent") or _invoice_payment(stripe_object),
        payment=_payment(stripe_object),
        subscription_id=_id(stripe_object, "subscription"),
        invoice_id=_id(stripe_object, "invoice"),
        customer_id=_id(stripe_object, "customer"),
        expires_at=_instant(stripe_object, "expires_at"),
        recovered_from=_id(stripe_object, "recovered_from"),
        recovery_url=_text(recovery, "url"),
        url=_text(stripe_object, "url"),
        has_async_failed=action == "async_payment_failed" or _has_failed(stripe_object, status, payment_status),
        lines=_lines(stripe_object),
        customer_details=_customer_details(stripe_object),
    )


def read_whole_session(data: Json) -> list[Fact]:
    """Return what a Checkout Session, and the Charge that may be expanded in it, say."""
    result: list[Fact] = [read_session(data)]
    intent = data.get("payment_intent")
    if isinstance(intent, Mapping):
        charge = intent.get("latest_charge")
        if isinstance(charge, Mapping):
            result.append(read_charge(charge))
    return result


def read_payment_intent(stripe_object: Json) -> PaymentFact:
    """Read a PaymentIntent: https://docs.stripe.com/api/payment_intents/object."""
    status = _text(stripe_object, "status")
    if not status:
        raise IncompleteFactError("The PaymentIntent has no status.")
    charge = stripe_object.get("latest_charge")
    return PaymentFact(
        payment_intent_id=_required(stripe_object, "id"),
        ownership=read_ownership(stripe_object),
        status=status,
        currency=_text(stripe_object, "currency"),
        amount_minor=_integer(stripe_object, "amount"),
        captured_minor=_integer(stripe_object, "amount_received"),
        # An earlier try's charge failed, and is not the one that refunds and disputes will name.
        charge_id=_id(stripe_object, "latest_charge") if status in ("succeeded", "requires_capture") else None,
        capture_before=_capture_before(charge) if isinstance(charge, Mapping) else None,
        review_id=_id(stripe_object, "review"),
    )


def read_charge(stripe_object: Json) -> PaymentFact:
    """Read a Charge as a fact about its PaymentIntent: https://docs.stripe.com/api/charges/object."""
    status = _text(stripe_object, "status")
    if not status:
        raise IncompleteFactError("The Charge has no status.")
    captured = _integer(stripe_object, "amount_captured")
    if captured is None and stripe_object.get("captured") is True:
        captured = _integer(stripe_object, "amount")
    succeeded = status == "succeeded"
    charge_id = _required(stripe_object, "id")
    return PaymentFact(
        payment_intent_id=_id(stripe_object, "payment_intent") or charge_id,
        ownership=read_ownership(stripe_object),
        currency=_text(stripe_object, "currency"),
        amount_minor=_integer(stripe_object, "amount") if succeeded else None,
        captured_minor=captured if succeeded else None,
        charge_id=charge_id if succeeded else None,
        capture_before=_capture_before(stripe_object),
        review_id=_id(stripe_object, "review") if succeeded else None,
    )


def read_refund(stripe_object: Json) -> RefundFact:
    """Read a Refund: https://docs.stripe.com/api/refunds/object."""
    amount = _integer(stripe_object, "amount")
    currency = _text(stripe_object, "currency")
    payment_intent_id, charge_id = _id(stripe_object, "payment_intent"), _id(stripe_object, "charge")
    if amount is None or not currency or not (payment_intent_id or charge_id):
        raise IncompleteFactError("The Refund has no amount, no currency, or names no payment.")
    return RefundFact(
        stripe_id=_required(stripe_object, "id"),
        payment_intent_id=payment_intent_id,
        charge_id=charge_id,
        amount_minor=amount,
        currency=currency,
        status=_text(stripe_object, "status"),
        reason=_text(stripe_object, "reason") or "",
        failure_reason=_text(stripe_object, "failure_reason") or "",
        refund_uuid=_text(_mapping(stripe_object, "metadata"), REFUND_KEY) or "",
        balance_transaction_id=_id(stripe_object, "balance_transaction") or "",
        livemode=_boolean(stripe_object, "livemode"),
    )


def read_dispute(stripe_object: Json, *, ticket: int) -> DisputeFact:
    """Read a Dispute: https://docs.stripe.com/api/disputes/object."""
    status, amount, currency = (
        _text(stripe_object, "status"),
        _integer(stripe_object, "amount"),
        _text(stripe_object, "currency"),
    )
    if not status or amount is None or not currency:
        raise IncompleteFactError("The Dispute has no status, no amount or no currency.")
    entries = [
        entry
        for entry in stripe_object.get("balance_transactions") or ()
        if isinstance(entry, Mapping) and _integer(entry, "net") is not None
    ]
    return DisputeFact(
        stripe_id=_required(stripe_object, "id"),
        payment_intent_id=_id(stripe_object, "payment_intent"),
        charge_id=_id(stripe_object, "charge"),
        amount_minor=amount,
        currency=currency,
        status=status,
        reason=_text(stripe_object, "reason") or "",
        due_by=_instant(_mapping(stripe_object, "evidence_details"), "due_by"),
        withdrawn_minor=-sum(entry["net"] for entry in entries),
        # The balance's own, which need not be the charge's.
        withdrawn_currency=(_text(entries[0], "currency") or currency) if entries else "",
        livemode=_boolean(stripe_object, "livemode"),
        ticket=ticket,
    )


def read_fraud_warning(stripe_object: Json) -> FraudWarningFact:
    """Read an early fraud warning: https://docs.stripe.com/api/radar/early_fraud_warnings/object."""
    return FraudWarningFact(
        stripe_id=_required(stripe_object, "id"),
        payment_intent_id=_id(stripe_object, "payment_intent"),
        charge_id=_id(stripe_object, "charge"),
        fraud_type=_text(stripe_object, "fraud_type") or "",
    )


def read_review(stripe_object: Json) -> ReviewFact:
    """Read a Radar review: https://docs.stripe.com/api/radar/reviews/object."""
    is_open = _boolean(stripe_object, "open")
    if is_open is None:
        raise IncompleteFactError("The Review does not say whether it is open.")
    return ReviewFact(
        stripe_id=_required(stripe_object, "id"),
        payment_intent_id=_id(stripe_object, "payment_intent"),
        charge_id=_id(stripe_object, "charge"),
        is_open=is_open,
    )


def read_subscription(stripe_object: Json, *, ticket: int) -> SubscriptionFact:
    """Read a Subscription: https://docs.stripe.com/api/subscriptions/object."""
    status = _text(stripe_object, "status")
    if not status:
        raise IncompleteFactError("The Subscription has no status.")
    items = _mapping(stripe_object, "items").get("data") or ()
    # Since 2025-03-31 each item has its own period.
    ends = [end for item in items if isinstance(item, Mapping) and (end := _instant(item, "current_period_end"))]
    return SubscriptionFact(
        stripe_id=_required(stripe_object, "id"),
        ownership=read_ownership(stripe_object),
        customer_id=_id(stripe_object, "customer") or "",
        status=status,
        is_canceled_at_period_end=bool(stripe_object.get("cancel_at_period_end")),
        current_period_end=min(ends) if ends else _instant(stripe_object, "current_period_end"),
        ended_at=_instant(stripe_object, "ended_at"),
        ticket=ticket,
    )


def read_invoice(stripe_object: Json, *, event_type: str = "") -> InvoiceFact | None:
    """Read an Invoice; None if it belongs to no subscription. https://docs.stripe.com/api/invoices/object."""
    details = _mapping(_mapping(stripe_object, "parent"), "subscription_details")
    # Before 2025-03-31 these stood on the invoice itself.
    subscription_id = _id(details, "subscription") or _id(stripe_object, "subscription")
    status = _text(stripe_object, "status")
    if not status:
        raise IncompleteFactError("The Invoice has no status.")
    if subscription_id is None:
        return None
    metadata = details.get("metadata") or _mapping(stripe_object, "subscription_details").get("metadata") or {}
    return InvoiceFact(
        stripe_id=_required(stripe_object, "id"),
        ownership=read_ownership({"metadata": metadata, "livemode": stripe_object.get("livemode")}),
        subscription_id=subscription_id,
        status=status,
        billing_reason=_text(stripe_object, "billing_reason") or "",
        amount_paid_minor=_integer(stripe_object, "amount_paid") or 0,
        amount_due_minor=_integer(stripe_object, "amount_due") or 0,
        currency=_text(stripe_object, "currency") or "",
        has_payment_failed=event_type == "invoice.payment_failed",
    )


def read_ownership(stripe_object: Json) -> Ownership:
    """Read whose a Stripe object says it is, from its metadata and mode."""
    metadata = _mapping(stripe_object, "metadata")
    return Ownership(
        reference=_text(metadata, ORDER_KEY) or _text(stripe_object, "client_reference_id") or "",
        session_uuid=_text(metadata, SESSION_KEY) or "",
        livemode=_boolean(stripe_object, "livemode"),
    )


def find_id(stripe_object: Json, key: str) -> str:
    """Return the id in a field that may hold an id, an expanded object or nothing; "" for nothing."""
    return _id(stripe_object, key) or ""


def _has_failed(stripe_object: Json, status: str, payment_status: str) -> bool:
    """Whether an expanded PaymentIntent says that a delayed payment failed: a complete session is not paid again."""
    intent = _mapping(stripe_object, "payment_intent")
    return (status, payment_status, intent.get("status")) == ("complete", "unpaid", "requires_payment_method")


def _payment(stripe_object: Json) -> PaymentFact | None:
    intent = stripe_object.get("payment_intent")
    return read_payment_intent(intent) if isinstance(intent, Mapping) and intent.get("status") else None


def _invoice_payment(stripe_object: Json) -> str | None:
    """Return the PaymentIntent by which a subscription's first invoice was paid, where the invoice came along."""
    payments = _mapping(_mapping(stripe_object, "invoice"), "payments").get("data") or ()
    found = (
        _id(_mapping(payment, "payment"), "payment_intent") for payment in payments if isinstance(payment, Mapping)
    )
    return next(filter(None, found), None)


def _lines(stripe_object: Json) -> tuple[LineFact, ...] | None:
    listed = _mapping(stripe_object, "line_items")
    if not isinstance(listed.get("data"), list) or listed.get("has_more"):
        return None
    return tuple(_line(line) for line in listed["data"])


def _line(line: Json) -> LineFact:
    price = _mapping(line, "price")
    recurring = _mapping(price, "recurring")
    return LineFact(
        unit_amount_minor=_integer(price, "unit_amount"),
        quantity=_integer(line, "quantity") or 1,
        currency=_text(line, "currency") or "",
        recurring=recurring_text(recurring),
        price_id=_text(price, "id") or "",
    )


def recurring_text(recurring: Json) -> str:
    """Return how often a price recurs, e.g. ``1 month``; "" for once."""
    interval = _text(recurring, "interval")
    return f"{_integer(recurring, 'interval_count') or 1} {interval}" if interval else ""


def _customer_details(stripe_object: Json) -> dict[str, Any] | None:
    details = _mapping(stripe_object, "customer_details")
    collected = _mapping(stripe_object, "collected_information")
    shipping = _mapping(collected, "shipping_details") or _mapping(stripe_object, "shipping_details")
    said = {key: details[key] for key in ("email", "name", "phone", "tax_exempt") if details.get(key)}
    if details.get("address"):
        said["billing_address"] = details["address"]
    if details.get("tax_ids"):
        said["tax_ids"] = details["tax_ids"]
    if shipping:
        said["shipping"] = {"name": shipping.get("name"), "address": shipping.get("address")}
    if rate := _id(_mapping(stripe_object, "shipping_cost"), "shipping_rate"):
        said["shipping_rate"] = rate
    if answers := dict(_answers(stripe_object.get("custom_fields"))):
        said["custom_fields"] = answers
    consent = {key: value for key, value in _mapping(stripe_object, "consent").items() if isinstance(value, str)}
    if consent:
        said["consent"] = consent
    return said or None


def _answers(fields: Any) -> Iterator[tuple[str, str]]:
    """Yield what the shopper answered to the shop's questions, by their keys."""
    for question in fields if isinstance(fields, list) else ():
        if isinstance(question, Mapping):
            value = _text(_mapping(question, str(question.get("type"))), "value")
            if value:
                yield str(question.get("key")), value


def _capture_before(charge: Json) -> datetime | None:
    return _instant(_mapping(_mapping(charge, "payment_method_details"), "card"), "capture_before")


def _mapping(stripe_object: Json, key: str) -> Json:
    value = stripe_object.get(key)
    return value if isinstance(value, Mapping) else {}


def _text(stripe_object: Json, key: str) -> str | None:
    value = stripe_object.get(key)
    return value if isinstance(value, str) and value else None


def _integer(stripe_object: Json, key: str) -> int | None:
    value = stripe_object.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAXIMUM_INTEGER:
        return None
    return value


def _boolean(stripe_object: Json, key: str) -> bool | None:
    value = stripe_object.get(key)
    return value if isinstance(value, bool) else None


def _instant(stripe_object: Json, key: str) -> datetime | None:
    return find_instant(stripe_object.get(key))


def _id(stripe_object: Json, key: str) -> str | None:
    value = stripe_object.get(key)
    found = _text(value, "id") if isinstance(value, Mapping) else _text(stripe_object, key)
    return found if found is not None and len(found) <= MAXIMUM_ID_LENGTH else None


def _required(stripe_object: Json, key: str) -> str:
    value = _id(stripe_object, key)
    if value is None:
        raise IncompleteFactError(f"The object has no {key}, or one that is too long.")
    return value
