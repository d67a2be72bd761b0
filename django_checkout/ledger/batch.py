"""Applies facts about many orders in one transaction: rows are locked, read and written for all of them at once.

Only facts about sessions and payments, the news of every sale. No receiver runs inside: what is to be announced is
stored as pending and delivered afterwards, so a slow or failing receiver cannot hold back the facts of another order.
The facts of an order that need anything else are left out, and are applied alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from django.db.models import Q, prefetch_related_objects

from django_checkout.exceptions import OrderNotFoundError
from django_checkout.ledger.apply import join
from django_checkout.ledger.locks import AloneError, LockedOrder, Locks, SharedRows
from django_checkout.ledger.settling import settle_together
from django_checkout.models import CheckoutSession, Dispute, Order, Payment, Refund, database
from django_checkout.values import PaymentFact, SessionFact

BatchFact = SessionFact | PaymentFact


class Batch(Locks):
    """Orders that are locked together, in ascending order of their primary keys; inside a transaction."""

    def __init__(self, facts: Collection[BatchFact]) -> None:
        """Lock the orders of the facts, with their sessions and payments, and read their refunds and disputes."""
        sessions = [fact for fact in facts if isinstance(fact, SessionFact)]
        payment_ids = {fact.payment_intent_id for fact in facts if fact.payment_intent_id}
        charge_ids = {charge_id for fact in facts if (charge_id := _charge_id(fact))}
        references = {fact.ownership.reference for fact in facts if fact.ownership.session_uuid} - {""}
        session_ids = {name for fact in sessions for name in (fact.stripe_id, fact.recovered_from) if name}
        self._of_sessions = _pairs(CheckoutSession.objects.filter(stripe_id__in=session_ids), "stripe_id", "order_id")
        known = _pairs(Payment.objects.filter(stripe_id__in=payment_ids).exclude(order=None), "stripe_id", "order_id")
        named = _pairs(Order.objects.filter(reference__in=references), "reference", "pk")
        self._found = {**named, **known, **self._of_sessions}
        pks = sorted({*self._found.values()})
        # By primary key, so that every database locks the rows in this order.
        rows = Order.objects.select_for_update(skip_locked=database.can_skip_locked())
        locked = list(rows.filter(pk__in=pks).order_by("pk"))
        #: The orders that another transaction has locked.
        self._busy = set(pks) - {order.pk for order in locked}
        pks = [order.pk for order in locked]
        # Whether the host has deleted its row; receivers get a row that is read when they run.
        prefetch_related_objects(locked, "source")
        own = _grouped(CheckoutSession.objects.select_for_update().filter(order__in=pks), "order_id")
        which = Q(order__in=pks) | Q(stripe_id__in=payment_ids | charge_ids | session_ids)
        free = Payment.objects.select_for_update().filter(which)
        if self._busy:
            free = free.exclude(order__in=self._busy)
        payments = list(free.order_by("pk"))
        if self._busy:
            # Whoever has locked them may have stored these ids since they were looked for above.
            sold = CheckoutSession.objects.filter(stripe_id__in=session_ids, order__in=self._busy)
            self._found |= _pairs(sold, "stripe_id", "order_id")
            paid = Payment.objects.filter(stripe_id__in=payment_ids, order__in=self._busy)
            self._found |= _pairs(paid, "stripe_id", "order_id")
        paid_pks = [row.pk for row in payments]
        self._shared = SharedRows(
            payments={row.stripe_id: row for row in payments},
            refunds=_grouped(Refund.objects.filter(payment__in=paid_pks), "payment_id") if paid_pks else {},
            disputes=_grouped(Dispute.objects.filter(payment__in=paid_pks), "payment_id") if paid_pks else {},
        )
        of_order: dict[int | None, list[Payment]] = defaultdict(list)
        for payment in payments:
            of_order[payment.order_id].append(payment)
        self._orders = {
            order.pk: LockedOrder(
                order=order,
                sessions=own[order.pk],
                payments=of_order[order.pk],
                looked_for=payment_ids | charge_ids | session_ids,
                shared=self._shared,
            )
            for order in locked
        }
        self._by_reference = {order.reference: order.pk for order in locked}
        self._joined: set[int] = set()
        self._left_out: set[int] = set()
        #: The orders that the current fact was joined into.
        self._touched: set[int] = set()

    def lock(self, *, pk: int | None = None, reference: str = "", payment_ids: Collection[str] = ()) -> LockedOrder:
        """Return an order that is locked already, with payments that have no order yet."""
        found = self._orders.get(self._by_reference.get(reference, 0) if pk is None else pk)
        if found is None:
            raise OrderNotFoundError("The order does not exist.")
        self._touched.add(found.order.pk)
        for payment_id in payment_ids:
            payment = self._shared.payments.get(payment_id)
            if payment is not None and payment.order_id is None and payment not in found.payments:
                found.payments.append(payment)
        return found

    def find_order_of_session(self, stripe_id: str) -> int | None:
        """Return the primary key of the order with a session."""
        return self._of_sessions.get(stripe_id)

    def find_order_of_payment(self, stripe_id: str) -> int | None:
        """Return the primary key of the order that a payment belongs to."""
        payment = self._shared.payments.get(stripe_id)
        return None if payment is None else payment.order_id

    def is_busy(self, facts: Iterable[BatchFact]) -> bool:
        """Return whether another transaction has locked an order that the facts name: they must wait for it."""
        return bool(self._busy) and any(self._found.get(name) in self._busy for fact in facts for name in _names(fact))

    def join(self, facts: Iterable[BatchFact]) -> int | None:
        """Join facts of one event into rows that are not written yet; return the order's primary key, None if not ours.

        Raises:
            Exception: the facts of the order must be applied alone.
        """
        pk: int | None = None
        self._touched.clear()
        try:
            with database.without_queries(AloneError):
                for fact in facts:
                    locked = join(fact, self)
                    pk = None if locked is None else locked.order.pk
        except Exception:
            self._left_out |= self._touched
            raise
        if pk is not None:
            self._joined.add(pk)
        return pk

    def is_left_out(self, order_pk: int | None) -> bool:
        """Return whether a fact of the order could not be joined, so that none of its facts is applied."""
        return order_pk in self._left_out

    def settle(self) -> list[int]:
        """Settle every order that is not left out; return the primary keys of those to deliver to."""
        # A payment without an order may be in two of them.
        changed = {id(row) for pk in self._left_out for row in self._orders[pk].payments}
        self._left_out |= {pk for pk, own in self._orders.items() if changed & {id(row) for row in own.payments}}
        settled = [self._orders[pk] for pk in sorted(self._joined - self._left_out)]
        return settle_together(settled, sends=False)


def _charge_id(fact: BatchFact) -> str | None:
    payment = fact.payment if isinstance(fact, SessionFact) else fact
    return None if payment is None else payment.charge_id


def _names(fact: BatchFact) -> Iterable[str]:
    """Return the ids and the reference by which the order of a fact is found."""
    yield from (fact.payment_intent_id or "", fact.ownership.reference)
    if isinstance(fact, SessionFact):
        yield from (fact.stripe_id, fact.recovered_from or "")


def _pairs(rows: Any, key: str, value: str) -> dict[str, int]:
    return dict(rows.order_by().values_list(key, value))


def _grouped(rows: Any, key: str) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows.order_by("pk"):
        found[getattr(row, key)].append(row)
    return found
