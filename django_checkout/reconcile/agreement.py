"""Decides, without building facts or models, whether a listed session says exactly what our columns do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django_checkout import facts, states
from django_checkout.states import IntentStatus, PaymentStatus, SessionStatus

COLUMNS = (
    "stripe_id",
    "livemode",
    "status",
    "payment_status",
    "currency",
    "amount_total_minor",
    "subscription_id",
    "payment__stripe_id",
    "payment__intent_status",
    "payment__captured_minor",
    "payment__order_id",
    "order_id",
    "uuid",
    "order__reference",
    "amount_subtotal_minor",
    "amount_discount_minor",
    "amount_shipping_minor",
    "amount_tax_minor",
    "customer_id",
    "payment__livemode",
    "payment__currency",
    "payment__amount_minor",
    "payment__charge_id",
)
TOTALS = ("discount", "shipping", "tax")


def agrees(row: tuple[Any, ...], data: Mapping[str, Any]) -> bool:
    """Whether a page's object says exactly what our columns do: the common case, decided without building facts."""
    _, livemode, status, payment_status, currency, total, subscription = row[:7]
    payment_id, intent, captured, owner, order, uuid, reference = row[7:14]
    if (status, payment_status, livemode) != (data.get("status"), data.get("payment_status"), data.get("livemode")):
        return False
    marks = data.get("metadata") or {}
    if marks.get(facts.SESSION_KEY) == str(uuid) and marks.get(facts.ORDER_KEY) not in (None, reference):
        return False
    if data.get("client_reference_id") not in (None, reference):
        return False
    if status == SessionStatus.COMPLETE:
        if (total, currency) != (data.get("amount_total"), data.get("currency") or ""):
            return False
        totals = data.get("total_details") or {}
        said_amounts = (data.get("amount_subtotal"), *(totals.get(f"amount_{name}") for name in TOTALS))
        if row[14:18] != said_amounts or row[18] != (facts.find_id(data, "customer") or row[18]):
            return False
        if payment_status == PaymentStatus.UNPAID:
            # Whether it is in flight or has failed is a longer story.
            return False
    if (data.get("subscription") or "") != subscription:
        return False
    said = data.get("payment_intent")
    if not isinstance(said, Mapping):
        return bool(status != SessionStatus.COMPLETE or payment_id is None or owner == order)
    if payment_id is None:
        return said.get("status") in states.CYCLING_INTENT_STATUSES and not said.get("amount_received")
    final = IntentStatus.OPEN if said.get("status") in states.CYCLING_INTENT_STATUSES else said.get("status")
    if (payment_id, intent, captured, owner) != (said.get("id"), final, said.get("amount_received"), order):
        return False
    charge_id = facts.find_id(said, "latest_charge") if final == IntentStatus.SUCCEEDED else ""
    said_payment = (livemode, said.get("currency"), said.get("amount"), charge_id or row[22])
    return bool(row[19:23] == said_payment)
