"""Applies facts: finds their order, joins them into its rows under lock, and settles the order.

Call it inside ``locks.in_transaction``. A fact is never rejected for being late, repeated or contradictory: what
contradicts the order is stored and raises attention.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import DataError

from django_checkout.exceptions import UnstorableFactError
from django_checkout.ledger import settling
from django_checkout.ledger.disputes import join_dispute, join_fraud_warning, join_review
from django_checkout.ledger.locks import LockedOrder, Locks
from django_checkout.ledger.payments import (
    find_with_order,
    join_payment,
    lock_order_of_payment,
    lock_payment,
    says_nothing_new,
)
from django_checkout.ledger.refunds import join_refund
from django_checkout.ledger.sessions import join_session, lock_order_of_session
from django_checkout.ledger.subscriptions import join_invoice, join_subscription, lock_order_of_subscription
from django_checkout.models import Order, sites
from django_checkout.values import (
    DisputeFact,
    Fact,
    InvoiceFact,
    PaymentFact,
    RefundFact,
    ReviewFact,
    SessionFact,
    SubscriptionFact,
)


def apply(facts: Sequence[Fact]) -> Order | None:
    """Join facts about one order, derive its state, announce what is new and return the order; None if it is not ours.

    A session's fact and its payment's come from one read, so the order is settled once, after both. Otherwise a signal
    could announce what the same read contradicts. Locks the order and its rows. A refund, dispute,
    fraud warning or review of a payment without an order is stored with the payment and counts once it has one.

    Raises:
        UnknownFactError: a status that ``states`` does not know; nothing is stored.
        UnstorableFactError: a value that is too long or too large for its column; nothing is stored.
    """
    with storing():
        return _apply(facts)


@contextmanager
def storing() -> Iterator[None]:
    """Store values of Stripe's.

    Raises:
        UnstorableFactError: a value is too long or too large for its column; nothing is stored.
    """
    try:
        yield
    except (DataError, OverflowError) as error:
        raise UnstorableFactError("Stripe sent a value that is too long or too large for its column.") from error


def _apply(facts: Sequence[Fact]) -> Order | None:
    order: Order | None = None
    locked: LockedOrder | None = None
    locks = Locks()
    if len(facts) == 1 and isinstance(facts[0], PaymentFact):
        # Most events of charges and payments say what another has said; they take no lock.
        payment, known = find_with_order(facts[0].payment_intent_id)
        if payment and known and sites.is_own(known) and says_nothing_new(payment, known, facts[0]):
            return known
        locks = Locks({facts[0].payment_intent_id: None if payment is None else payment.order_id})
    for fact in facts:
        if isinstance(fact, PaymentFact) and locked is not None and locked.holds(fact.payment_intent_id):
            join_payment(locked, fact)
            continue
        if locked is not None:
            order = settling.settle(locked)
        locked = _apply_one(fact, locks)
    return order if locked is None else settling.settle(locked)


def _apply_one(fact: Fact, locks: Locks) -> LockedOrder | None:
    if isinstance(fact, (SessionFact, PaymentFact)):
        return join(fact, locks)
    if isinstance(fact, (SubscriptionFact, InvoiceFact)):
        return _apply_to_subscription(fact)
    locked_order, payment = lock_payment(fact.payment_intent_id, fact.charge_id)
    if locked_order is not None and _own(locked_order) is None:
        return None
    if isinstance(fact, RefundFact):
        join_refund(locked_order, payment, fact)
    elif isinstance(fact, DisputeFact):
        join_dispute(locked_order, payment, fact)
    elif isinstance(fact, ReviewFact):
        join_review(payment, fact)
    else:
        join_fraud_warning(payment, fact)
    return locked_order


def join(fact: SessionFact | PaymentFact, locks: Locks) -> LockedOrder | None:
    """Join a fact about a session or a payment into the rows of its order; None if it is not ours."""
    if isinstance(fact, SessionFact):
        found = lock_order_of_session(fact, locks)
        if found is None:
            return None
        locked, session = found
        join_session(locked, session, fact)
        return locked
    with_payment = _own(lock_order_of_payment(fact, locks))
    if with_payment is not None:
        join_payment(with_payment, fact, is_named=False)
    return with_payment


def _own(locked: LockedOrder | None) -> LockedOrder | None:
    """Return a locked order that is this site's; a copy of the database leaves the others to the original site."""
    return locked if locked is not None and sites.is_own(locked.order) else None


def _apply_to_subscription(fact: SubscriptionFact | InvoiceFact) -> LockedOrder | None:
    subscription_id = fact.stripe_id if isinstance(fact, SubscriptionFact) else fact.subscription_id
    locked = _own(lock_order_of_subscription(subscription_id, fact.ownership))
    if locked is not None and isinstance(fact, SubscriptionFact):
        join_subscription(locked, fact)
    elif locked is not None and isinstance(fact, InvoiceFact):
        join_invoice(locked, fact)
    return locked
