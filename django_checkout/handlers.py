"""Built-in reactions to Stripe's events: each reads a fact and applies it; the ledger knows the rest.

Event types: https://docs.stripe.com/api/events/types.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django_checkout import facts, gateway, ledger
from django_checkout.inbox import handles
from django_checkout.steps import Steps
from django_checkout.values import EventData


@handles(
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
)
def on_session(event: EventData) -> bool:
    """A session ended, or its delayed payment did."""
    return ledger.apply([facts.read_session(event.object, event_type=event.type)]) is not None


@handles(
    "payment_intent.succeeded",
    "payment_intent.canceled",
    "payment_intent.amount_capturable_updated",
)
def on_payment_intent(event: EventData) -> bool:
    """Money moved, was reserved, or never will. A declined card is no fact about the order and is not listened to."""
    return ledger.apply([facts.read_payment_intent(event.object)]) is not None


@handles("charge.succeeded", "charge.captured", "charge.updated")
def on_charge(event: EventData) -> bool:
    """A charge tells its id and what was captured."""
    return ledger.apply([facts.read_charge(event.object)]) is not None


def _read_refunds(event: EventData) -> Steps[Mapping[str, Any]]:
    charge_id = facts.find_id(event.object, "id")
    listed = yield from gateway.list_refunds.steps(charge_id=charge_id)
    return {**event.object, "refunds": {"data": listed}}


@handles("charge.refunded", reads=_read_refunds)
def on_charge_refunded(event: EventData) -> bool:
    """A charge's totals can move back, so they only ring the bell: all of the charge's refunds are read."""
    said = [facts.read_refund(refund) for refund in event.object["refunds"]["data"]]
    return ledger.apply(said) is not None


@handles("refund.created", "refund.updated", "refund.failed", "charge.refund.updated")
def on_refund(event: EventData) -> bool:
    """Money goes back, or fails to; made here or in Stripe's dashboard."""
    return ledger.apply([facts.read_refund(event.object)]) is not None


@handles(
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    reads=True,
)
def on_dispute(event: EventData) -> bool:
    """A customer objects. Disputes can be reopened, so the event only rings the bell and the dispute is read."""
    return ledger.apply([facts.read_dispute(event.object, ticket=event.ticket)]) is not None


@handles("radar.early_fraud_warning.created", "radar.early_fraud_warning.updated")
def on_fraud_warning(event: EventData) -> bool:
    """The card's issuer suspects fraud: refunding now may spare a dispute."""
    return ledger.apply([facts.read_fraud_warning(event.object)]) is not None


@handles("review.opened", "review.closed")
def on_review(event: EventData) -> bool:
    """Radar holds a payment for review, or a review is over: approved, refunded or disputed, never opened again."""
    return ledger.apply([facts.read_review(event.object)]) is not None


@handles(
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    reads=True,
)
def on_subscription(event: EventData) -> bool:
    """A subscription goes past due and back again, so the event only rings the bell and the subscription is read."""
    return ledger.apply([facts.read_subscription(event.object, ticket=event.ticket)]) is not None


@handles("customer.deleted")
def on_customer_deleted(event: EventData) -> bool:
    """A Customer is gone: the user's next order makes another."""
    return ledger.forget_customer(facts.find_id(event.object, "id"))


@handles("invoice.paid", "invoice.payment_failed")
def on_invoice(event: EventData) -> bool:
    """A renewal was paid, or could not be."""
    fact = facts.read_invoice(event.object, event_type=event.type)
    return fact is not None and ledger.apply([fact]) is not None
