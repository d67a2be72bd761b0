"""Joins what Stripe said of a PaymentIntent or Charge into the Payment row where everything meets."""

from __future__ import annotations

from django.db import IntegrityError

from django_checkout import database
from django_checkout.exceptions import OrderNotFoundError
from django_checkout.ledger.locks import LockedOrder, LockOrderChangedError, lock_order
from django_checkout.models import Dispute, Payment, Refund
from django_checkout.states import join_intent
from django_checkout.values import PaymentFact


def lock_order_of_payment(fact: PaymentFact) -> LockedOrder | None:
    """Lock the order that a PaymentIntent belongs to; None if none of ours is named.

    Proof is a Payment row that names an order. The UUID of one of the order's sessions in the metadata shows where an
    early PaymentIntent is to be kept, and no more: see ``join_payment``.
    """
    order_pk = Payment.objects.filter(stripe_id=fact.payment_intent_id).values_list("order_id", flat=True).first()
    if order_pk is not None:
        return lock_order(pk=order_pk)
    owner = fact.ownership
    if not (owner.reference and owner.session_uuid):
        return None
    try:
        locked = lock_order(reference=owner.reference, payment_id=fact.payment_intent_id)
    except OrderNotFoundError:
        return None
    session = locked.find_session(owner)
    return None if session is None or session.payment_id is not None else locked


def join_payment(locked: LockedOrder, fact: PaymentFact, *, is_named: bool = True) -> Payment:
    """Join a fact into a payment, inserting it or, where a session of the order names it, claiming it for the order.

    States are joined by their order, amounts by maximum. A payment that belongs to another order is left alone. One
    that only its own metadata connects with the order (``is_named`` is false) waits without an order: metadata can be
    copied by whoever has a key of the account, and a session names its payment itself.

    Raises:
        UnknownFactError: a status that states.py does not know.
    """
    payment = next((row for row in locked.payments if row.stripe_id == fact.payment_intent_id), None)
    if payment is None:
        payment = Payment(stripe_id=fact.payment_intent_id, order=locked.order if is_named else None)
        for name, value in _joined(payment, fact).items():
            setattr(payment, name, value)
        try:
            with database.atomic():
                payment.save(force_insert=True)
        except IntegrityError:
            # A refund or a dispute that was faster has inserted it since we looked.
            payment = Payment.objects.select_for_update().get(stripe_id=fact.payment_intent_id)
        else:
            locked.new_payment_pks.add(payment.pk)
            locked.payments.append(payment)
            if fact.charge_id:
                _adopt_by_charge(locked, payment, fact.charge_id)
            return payment
        locked.payments.append(payment)
    if payment.order_id is None and is_named:
        payment.order = locked.order
        locked.changed_payments.setdefault(payment.pk, set()).add("order")
        locked.claimed_payments.append(payment)
    elif payment.order_id not in (None, locked.order.pk):
        return payment
    if fact.charge_id and fact.charge_id != payment.charge_id:
        _adopt_by_charge(locked, payment, fact.charge_id)
    for name, value in _joined(payment, fact).items():
        if getattr(payment, name) != value:
            setattr(payment, name, value)
            locked.changed_payments.setdefault(payment.pk, set()).add(name)
    return payment


def _adopt_by_charge(locked: LockedOrder | None, payment: Payment, charge_id: str) -> None:
    """Take over what was told of a payment when only its charge was known."""
    stranger = (
        Payment.objects.select_for_update().filter(stripe_id=charge_id, order=None).exclude(pk=payment.pk).first()
    )
    if stranger is None:
        return
    Refund.objects.filter(payment=stranger).update(payment=payment)
    Dispute.objects.filter(payment=stranger).update(payment=payment)
    payment.fraud_warning_id = max(stranger.fraud_warning_id, payment.fraud_warning_id)
    both = [*stranger.reviews.items(), *payment.reviews.items()]
    payment.reviews = {review: all(is_open for other, is_open in both if other == review) for review, _ in both}
    payment.save(update_fields=["fraud_warning_id", "reviews", "updated_at"])
    stranger.delete()
    if locked is not None:
        locked.new_payment_pks.discard(payment.pk)
        locked.claimed_payments.append(payment)


def _joined(payment: Payment, fact: PaymentFact) -> dict[str, object]:
    values: dict[str, object] = {
        "captured_minor": max(payment.captured_minor, fact.captured_minor or 0),
        "amount_minor": max(payment.amount_minor, fact.amount_minor or 0),
    }
    if fact.status is not None:
        values["intent_status"] = join_intent(payment.intent_status, fact.status)
    if fact.ownership.livemode is not None:
        values["livemode"] = fact.ownership.livemode
    if fact.review_id and fact.review_id not in payment.reviews:
        values["reviews"] = {**payment.reviews, fact.review_id: True}
    values |= {name: said for name in ("currency", "charge_id", "capture_before") if (said := getattr(fact, name))}
    return values


def lock_payment(payment_intent_id: str | None, charge_id: str | None) -> tuple[LockedOrder | None, Payment]:
    """Lock the payment that a refund or a dispute names: with its order, or alone while it names none.

    Raises:
        LockOrderChangedError: its order turned up while we waited for it alone; start the transaction over.
    """
    locked, payment = _lock_payment(payment_intent_id, charge_id)
    if payment_intent_id and charge_id and payment.charge_id != charge_id:
        payment.charge_id = charge_id
        payment.save(update_fields=["charge_id", "updated_at"])
        _adopt_by_charge(locked, payment, charge_id)
    return locked, payment


def _lock_payment(payment_intent_id: str | None, charge_id: str | None) -> tuple[LockedOrder | None, Payment]:
    payment = _find_payment(payment_intent_id, charge_id)
    if payment is None:
        stripe_id = payment_intent_id or charge_id or ""
        try:
            with database.atomic():
                return None, Payment.objects.create(stripe_id=stripe_id)
        except IntegrityError:
            payment = Payment.objects.get(stripe_id=stripe_id)
    if payment.order_id is None:
        alone = Payment.objects.select_for_update().filter(pk=payment.pk).first()
        if alone is None or alone.order_id is not None:
            raise LockOrderChangedError
        return None, alone
    locked = lock_order(pk=payment.order_id)
    return locked, next(row for row in locked.payments if row.pk == payment.pk)


def _find_payment(payment_intent_id: str | None, charge_id: str | None) -> Payment | None:
    if payment_intent_id:
        return Payment.objects.filter(stripe_id=payment_intent_id).first()
    by_charge = Payment.objects.filter(charge_id=charge_id).order_by("pk").first()
    return by_charge or Payment.objects.filter(stripe_id=charge_id).first()
