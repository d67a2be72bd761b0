"""Writes what Stripe said of disputes, fraud warnings and reviews; ``attention`` tells which need a person."""

from __future__ import annotations

from django_checkout.ledger.locks import LockedOrder
from django_checkout.ledger.tickets import use_ticket
from django_checkout.models import Dispute, Payment
from django_checkout.values import DisputeFact, FraudWarningFact, ReviewFact

_SAID = ("amount_minor", "currency", "withdrawn_minor", "withdrawn_currency", "status", "reason", "due_by")


def join_dispute(locked: LockedOrder | None, payment: Payment, fact: DisputeFact) -> None:
    """Write a dispute's latest state into its row, unless a later read has been written."""
    if not use_ticket(fact.stripe_id, fact.ticket):
        return
    said = {name: getattr(fact, name) for name in _SAID}
    dispute, _ = Dispute.objects.update_or_create(
        stripe_id=fact.stripe_id, defaults=said, create_defaults={"payment": payment, **said}
    )
    if locked is not None:
        locked.disputes_with_news.append(dispute)


def join_fraud_warning(payment: Payment, fact: FraudWarningFact) -> None:
    """Note a fraud warning on its payment; of two, the one with the larger id stays, whichever comes first."""
    if fact.stripe_id > payment.fraud_warning_id:
        payment.fraud_warning_id = fact.stripe_id
        payment.save(update_fields=["fraud_warning_id", "updated_at"])


def join_review(payment: Payment, fact: ReviewFact) -> None:
    """Note a review on its payment; a closed one stays closed."""
    is_open = fact.is_open and payment.reviews.get(fact.stripe_id, True)
    if payment.reviews.get(fact.stripe_id) != is_open:
        payment.reviews = {**payment.reviews, fact.stripe_id: is_open}
        payment.save(update_fields=["reviews", "updated_at"])
