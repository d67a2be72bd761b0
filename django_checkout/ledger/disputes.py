"""Stores disputes, fraud warnings and reviews; ``attention`` decides which need a person."""

from __future__ import annotations

from django_checkout.ledger.locks import LockedOrder
from django_checkout.ledger.rows import write
from django_checkout.ledger.tickets import use_ticket
from django_checkout.models import Dispute, Payment
from django_checkout.values import DisputeFact, FraudWarningFact, ReviewFact

_COLUMNS = ("amount_minor", "currency", "withdrawn_minor", "withdrawn_currency", "status", "reason", "due_by")


def join_dispute(locked: LockedOrder | None, payment: Payment, fact: DisputeFact) -> None:
    """Store a dispute's latest state, unless a later read was stored."""
    if not use_ticket(fact.stripe_id, fact.ticket):
        return
    values = {name: getattr(fact, name) for name in _COLUMNS}
    dispute, _ = Dispute.objects.update_or_create(
        stripe_id=fact.stripe_id, defaults=values, create_defaults={"payment": payment, **values}
    )
    if locked is not None:
        # What was read is no longer so.
        locked.shared = None
        locked.disputes_to_announce.append(dispute)


def join_fraud_warning(payment: Payment, fact: FraudWarningFact) -> None:
    """Store a fraud warning with its payment; of two, the larger id wins, whichever arrives first."""
    if fact.stripe_id > payment.fraud_warning_id:
        write(payment, fraud_warning_id=fact.stripe_id)


def join_review(payment: Payment, fact: ReviewFact) -> None:
    """Store a review with its payment; a closed one stays closed."""
    is_open = fact.is_open and payment.reviews.get(fact.stripe_id, True)
    if payment.reviews.get(fact.stripe_id) != is_open:
        write(payment, reviews={**payment.reviews, fact.stripe_id: is_open})
