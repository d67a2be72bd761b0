"""The built-in event handlers: each reads a fact from the event's object and applies it to the ledger.

Event types: https://docs.stripe.com/api/events/types.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from django_checkout import ledger
from django_checkout.models import WebhookEvent
from django_checkout.stripe_api import facts, gateway, next_actions
from django_checkout.stripe_api.json_fields import integer
from django_checkout.stripe_api.steps import Steps
from django_checkout.values import EventData, PaymentFact, SessionFact
from django_checkout.webhooks.envelope import event_data
from django_checkout.webhooks.registration import HANDLERS, Registered, handles

if TYPE_CHECKING:
    from django_checkout.webhooks.registration import FactReader


def _applies(
    *types: str, concerns: Callable[[Mapping[str, Any]], bool] | None = None
) -> Callable[[FactReader], FactReader]:
    """Register a function that reads facts, as a handler that applies them to the ledger."""

    def register(read_facts: FactReader) -> FactReader:
        def handler(event: EventData) -> bool:
            return ledger.apply(read_facts(event)) is not None

        for event_type in types:
            registered = Registered(handler, read_facts=read_facts, is_named=True, concerns=concerns)
            HANDLERS.setdefault(event_type, []).append(registered)
        return read_facts

    return register


@_applies(
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
)
def on_session(event: EventData) -> list[SessionFact]:
    """Record that a session was completed or expired, or that its delayed payment succeeded or failed."""
    return [facts.read_session(event.object, event_type=event.type)]


@_applies(
    "payment_intent.succeeded",
    "payment_intent.canceled",
    "payment_intent.amount_capturable_updated",
)
def on_payment_intent(event: EventData) -> list[PaymentFact]:
    """Record a payment, an authorization or a cancellation. Declined attempts are not facts about the order."""
    return [facts.read_payment_intent(event.object)]


@_applies(
    "payment_intent.requires_action",
    "payment_intent.partially_funded",
    "payment_intent.processing",
    "payment_intent.payment_failed",
    concerns=next_actions.is_elsewhere,
)
def on_next_action(event: EventData) -> list[PaymentFact]:
    """Record what a payment waits for outside of the payment page: a voucher, a bank transfer, a QR code."""
    return [facts.read_payment_intent(event.object)]


@_applies("charge.succeeded", "charge.captured", "charge.updated")
def on_charge(event: EventData) -> list[PaymentFact]:
    """Record a charge's id and captured amount."""
    return [facts.read_charge(event.object)]


def _read_refunds(event: EventData) -> Steps[Mapping[str, Any]]:
    charge_id = facts.find_id(event.object, "id")
    listed = yield from gateway.list_refunds(charge_id=charge_id)
    return {**event.object, "refunds": {"data": listed}}


def _read_announced(row: WebhookEvent) -> ledger.AnnouncedRefund | None:
    """Return the refund that ``charge.refunded`` announces, as far as it says which."""
    total_minor = integer(event_data(row).object, "amount_refunded")
    if total_minor is None or not (row.payment_intent_id and row.request_id):
        return None
    return ledger.AnnouncedRefund(
        payment_intent_id=row.payment_intent_id, request_id=row.request_id, total_minor=total_minor
    )


@handles("charge.refunded", reads=_read_refunds, is_named=True, read_announced=_read_announced)
def on_charge_refunded(event: EventData) -> bool:
    """Record all refunds of a charge, listed from Stripe because the charge's totals can decrease.

    Stripe is not asked if the announced refund is known: see ``ledger.AnnouncedRefund``.
    """
    refunds = [facts.read_refund(refund) for refund in event.object["refunds"]["data"]]
    return ledger.apply(refunds) is not None


@handles("refund.created", "refund.updated", "refund.failed", "charge.refund.updated")
def on_refund(event: EventData) -> bool:
    """Record a refund, created here or in the Stripe Dashboard."""
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
    """Record a dispute, retrieved from Stripe because a closed dispute can be reopened."""
    return ledger.apply([facts.read_dispute(event.object, ticket=event.ticket)]) is not None


@handles("radar.early_fraud_warning.created", "radar.early_fraud_warning.updated")
def on_fraud_warning(event: EventData) -> bool:
    """Record that the card's issuer suspects fraud; a refund may prevent a dispute."""
    return ledger.apply([facts.read_fraud_warning(event.object)]) is not None


@handles("review.opened", "review.closed")
def on_review(event: EventData) -> bool:
    """Record that a Radar review was opened or closed; a closed review is not reopened."""
    return ledger.apply([facts.read_review(event.object)]) is not None


@handles(
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    reads=True,
    is_named=True,
)
def on_subscription(event: EventData) -> bool:
    """Record a subscription, retrieved from Stripe because its status can change back."""
    return ledger.apply([facts.read_subscription(event.object, ticket=event.ticket)]) is not None


@handles("customer.deleted")
def on_customer_deleted(event: EventData) -> bool:
    """Delete the row of a deleted Customer; the user's next order creates another one."""
    return ledger.forget_customer(facts.find_id(event.object, "id"))


@handles("invoice.paid", "invoice.payment_failed", is_named=True)
def on_invoice(event: EventData) -> bool:
    """Record a paid or failed renewal."""
    fact = facts.read_invoice(event.object, event_type=event.type)
    return fact is not None and ledger.apply([fact]) is not None
