"""Writes what a read from Stripe said of a dispute, unless a later read has been written; notes fraud warnings."""

from __future__ import annotations

from django_checkout.ledger.locks import LockedOrder
from django_checkout.ledger.tickets import use_ticket
from django_checkout.models import Dispute, Payment
from django_checkout.values import DisputeFact, FraudWarningFact

_SAID = ("amount_minor", "currency", "withdrawn_minor", "withdrawn_currency", "status", "reason", "due_by")


def join_dispute(locked: LockedOrder | None, payment: Payment, fact: DisputeFact) -> None:
    """Write a dispute's latest state into its row; ``orders.settle`` flags the order."""
    if not use_ticket(fact.stripe_id, fact.ticket):
        return
    said = {name: getattr(fact, name) for name in _SAID}
    dispute, _ = Dispute.objects.update_or_create(
        stripe_id=fact.stripe_id, defaults=said, create_defaults={"payment": payment, **said}
    )
    if locked is not None:
        locked.disputes_with_news.append(dispute)


def join_fraud_warning(locked: LockedOrder | None, payment: Payment, fact: FraudWarningFact) -> None:
    """Note a fraud warning on its payment; it raises attention as soon as the payment has an order."""
    if payment.fraud_warning_id:
        return
    payment.fraud_warning_id = fact.stripe_id
    payment.save(update_fields=["fraud_warning_id", "updated_at"])
    if locked is not None:
        locked.fraud_news.add(payment.pk)
