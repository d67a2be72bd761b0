"""Joins facts about a PaymentIntent or Charge into its Payment row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from django.db.models import Subquery

from django_checkout.exceptions import OrderNotFoundError
from django_checkout.ledger.locks import LockedOrder, LockOrderChangedError, Locks, lock_order, lock_order_with_refunds
from django_checkout.ledger.next_actions import find_deadline, join_actions
from django_checkout.ledger.rows import write
from django_checkout.ledger.writes import insert_payments
from django_checkout.models import Dispute, Order, Payment, Refund
from django_checkout.models.statements import Select, run
from django_checkout.models.writing import insert_new
from django_checkout.states import join_intent
from django_checkout.values import PaymentFact

_LOCK_UNCLAIMED = Select(
    lambda: Payment.objects.select_for_update().filter(stripe_id="", order__isnull=True).order_by()
)
_FIND = Select(lambda: Payment.objects.filter(stripe_id="").order_by())
#: The order of a payment.
ORDER_OF_PAYMENT = Select(
    lambda: Order.objects.filter(
        pk=Subquery(Payment.objects.filter(stripe_id="").order_by().values("order")[:1])
    ).order_by()
)


def find_with_order(payment_intent_id: str) -> tuple[Payment | None, Order | None]:
    """Return a payment and its order as they are committed, without locks, where possible in one round trip."""
    payments, orders = run(_FIND.of(payment_intent_id), ORDER_OF_PAYMENT.of(payment_intent_id))
    return next(iter(payments), None), next(iter(orders), None)


def says_nothing_new(payment: Payment, order: Order, fact: PaymentFact) -> bool:
    """Return whether a fact changes nothing about the payment of an order, whatever others commit meanwhile.

    States and amounts are joined and never move back, so a fact that is known now is known later.

    Raises:
        UnknownFactError: a status that ``states`` does not know.
    """
    is_known = payment.order_id == order.pk and fact.charge_id in (None, "", payment.charge_id)
    return is_known and all(getattr(payment, name) == value for name, value in _joined(payment, fact).items())


def lock_order_of_payment(fact: PaymentFact, locks: Locks) -> LockedOrder | None:
    """Lock the order that a PaymentIntent belongs to; None if it is not ours.

    Proof is a Payment row with an order. The UUID of an order's session in the metadata is no proof; it only says
    under which lock an early PaymentIntent is stored, see ``join_payment``.
    """
    order_pk = locks.find_order_of_payment(fact.payment_intent_id)
    if order_pk is not None:
        return locks.lock(pk=order_pk, payment_ids=_ids(fact))
    owner = fact.ownership
    if not (owner.reference and owner.session_uuid):
        return None
    try:
        locked = locks.lock(reference=owner.reference, payment_ids=_ids(fact))
    except OrderNotFoundError:
        return None
    if locked.holds(fact.payment_intent_id):
        # Its session was recorded while this transaction waited for the lock.
        return locked
    session = locked.find_session(owner)
    return None if session is None or session.payment_id is not None else locked


def join_payment(
    locked: LockedOrder, fact: PaymentFact, *, is_named: bool = True, is_action_over: bool = False
) -> Payment:
    """Join a fact into a payment; insert it, or claim it for the order if a session of the order names it.

    States are joined by rank, amounts by maximum. A payment of another order is not changed. A payment that only its
    own metadata connects with the order (``is_named`` is false) is stored without an order: anyone with a key of the
    account can copy metadata, while a session names its payment itself. ``is_action_over`` says that no attempt to pay
    follows, because the session's delayed payment has failed.

    Raises:
        UnknownFactError: a status that ``states`` does not know.
    """
    payment = next((row for row in locked.payments if row.stripe_id == fact.payment_intent_id), None)
    if payment is None:
        payment = Payment(stripe_id=fact.payment_intent_id, order=locked.order if is_named else None)
        locked.add(payment)
    elif payment.order_id is None and is_named:
        payment.order = locked.order
        locked.changed_payments.setdefault(payment.pk, set()).add("order")
        if locked.order.erased_at is not None:
            payment.method = None
            locked.changed_payments[payment.pk].add("method")
        locked.claimed_payments.append(payment)
    elif payment.order_id not in (None, locked.order.pk):
        return payment
    if fact.charge_id and fact.charge_id != payment.charge_id:
        _adopt_by_charge(locked, payment, fact.charge_id)
    if locked.order.erased_at is not None and (fact.action is not None or fact.method):
        fact = replace(fact, action=None, method={})
    for name, value in _joined(payment, fact, is_action_over=is_action_over).items():
        if getattr(payment, name) != value:
            setattr(payment, name, value)
            locked.changed_payments.setdefault(payment.pk, set()).add(name)
    return payment


def _ids(fact: PaymentFact) -> list[str]:
    """Return the Stripe ids that a payment's row may have before it has an order."""
    return [stripe_id for stripe_id in (fact.payment_intent_id, fact.charge_id) if stripe_id]


def _adopt_by_charge(locked: LockedOrder | None, payment: Payment, charge_id: str) -> None:
    """Merge the row that was inserted for the payment when only its charge was known."""
    by_charge = _find_by_charge(locked, payment, charge_id)
    if by_charge is None:
        return
    if locked is not None:
        insert_payments([locked])
    Refund.objects.filter(payment=by_charge).update(payment=payment)
    Dispute.objects.filter(payment=by_charge).update(payment=payment)
    both = [*by_charge.reviews.items(), *payment.reviews.items()]
    write(
        payment,
        fraud_warning_id=max(by_charge.fraud_warning_id, payment.fraud_warning_id),
        reviews={review: all(is_open for other, is_open in both if other == review) for review, _ in both},
    )
    if locked is not None:
        locked.payments = [row for row in locked.payments if row.pk != by_charge.pk]
        locked.new_payment_pks.discard(payment.pk)
        locked.claimed_payments.append(payment)
        # What was read is no longer so.
        locked.shared = None
    by_charge.delete()


def _find_by_charge(locked: LockedOrder | None, payment: Payment, charge_id: str) -> Payment | None:
    if locked is not None and charge_id in locked.looked_for:
        rows = [row for row in locked.payments if row.stripe_id == charge_id and row.order_id is None]
    else:
        rows = _LOCK_UNCLAIMED(charge_id)
    return next((row for row in rows if row.pk != payment.pk), None)


def _joined(payment: Payment, fact: PaymentFact, *, is_action_over: bool = False) -> dict[str, object]:
    values: dict[str, object] = {
        "captured_minor": max(payment.captured_minor, fact.captured_minor or 0),
        "amount_minor": max(payment.amount_minor, fact.amount_minor or 0),
    }
    status = payment.intent_status
    if fact.status is not None:
        values["intent_status"] = status = join_intent(status, fact.status)
    if payment.next_action is not None or fact.action or fact.ended_attempt or is_action_over:
        values["next_action"] = actions = join_actions(payment.next_action, fact, status, is_over=is_action_over)
        values["action_expires_at"] = find_deadline(actions)
    if fact.ownership.livemode is not None:
        values["livemode"] = fact.ownership.livemode
    if fact.review_id and fact.review_id not in payment.reviews:
        values["reviews"] = {**payment.reviews, fact.review_id: True}
    if fact.method and fact.method != payment.method:
        values["method"] = _joined_method(payment.method or {}, fact.method)
    values |= {name: value for name in ("currency", "charge_id", "capture_before") if (value := getattr(fact, name))}
    return values


def _joined_method(known: Mapping[str, str], fact: Mapping[str, str]) -> dict[str, str]:
    """Return the maximum of each text, whichever fact comes first: one charge succeeds, and says more later."""
    return {name: max(known.get(name, ""), fact.get(name, "")) for name in sorted({*known, *fact})}


def lock_payment(payment_intent_id: str | None, charge_id: str | None) -> tuple[LockedOrder | None, Payment]:
    """Lock the payment that a refund or a dispute names, with its order; alone while it has none.

    Raises:
        LockOrderChangedError: it got an order while this transaction waited for its lock; start over.
    """
    if not payment_intent_id:
        return _lock_by_charge(charge_id)
    also = [charge_id] if charge_id else []
    locked, rows = lock_order_with_refunds(payment_intent_id, also=also)
    payment = next((row for row in rows if row.stripe_id == payment_intent_id), None)
    if payment is None:
        payment = _insert(payment_intent_id)
    if charge_id and payment.charge_id != charge_id:
        _adopt_by_charge(locked, payment, charge_id)
        if locked is None:
            write(payment, charge_id=charge_id)
        else:
            payment.charge_id = charge_id
            locked.changed_payments.setdefault(payment.pk, set()).add("charge_id")
    return locked, payment


def _insert(stripe_id: str) -> Payment:
    payment = Payment(stripe_id=stripe_id)
    if not insert_new(payment):
        raise LockOrderChangedError
    return payment


def _lock_by_charge(charge_id: str | None) -> tuple[LockedOrder | None, Payment]:
    payment = find_payment(None, charge_id)
    if payment is None:
        return None, _insert(charge_id or "")
    if payment.order_id is None:
        alone = Payment.objects.select_for_update().filter(pk=payment.pk).first()
        if alone is None or alone.order_id is not None:
            raise LockOrderChangedError
        return None, alone
    locked = lock_order(pk=payment.order_id)
    return locked, next(row for row in locked.payments if row.pk == payment.pk)


def find_payment(payment_intent_id: str | None, charge_id: str | None) -> Payment | None:
    """Return the payment that a refund or a dispute names.

    A payment without a PaymentIntent, or whose PaymentIntent is not known yet, is stored with its charge's id.
    """
    if payment_intent_id:
        return next(iter(_FIND(payment_intent_id)), None)
    by_charge = Payment.objects.filter(charge_id=charge_id).order_by("pk").first()
    return by_charge or Payment.objects.filter(stripe_id=charge_id).first()
