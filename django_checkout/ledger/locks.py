"""Takes locks in one order everywhere (event, order, session, payment, refund).

The lock on an order's row protects every row that belongs to it. Only a payment without an order is locked alone; if
it gets an order meanwhile, ``LockOrderChangedError`` starts the transaction over, because locking the order now would
break the order of locks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db.models import Subquery

from django_checkout.exceptions import OrderNotFoundError
from django_checkout.models import Announcement, CheckoutSession, Dispute, Order, Payment, Refund, database
from django_checkout.models.statements import Select, SelectIn, run
from django_checkout.values import Ownership

T = TypeVar("T")

#: How long a row is leased to the process that calls Stripe for it, in seconds; longer than the call and its retry.
LEASE_SECONDS = 60


class LockOrderChangedError(database.TransactionRestartError):
    """A row that was locked alone belongs to an order now: the transaction must start over. Never leaves the ledger."""


def in_transaction(work: Callable[[], T]) -> T:
    """Run ``work`` in a transaction of its own, as ``database.in_transaction`` does.

    Raises:
        RuntimeError: a transaction is already open: no call to Stripe may wait inside one.
    """
    return database.in_transaction(work, durable=True)


class AloneError(Exception):
    """A fact needs a row that was not read for the whole batch: it must be applied alone. Never leaves the ledger."""


@dataclass(slots=True, kw_only=True)
class SharedRows:
    """Rows that were read with an order, or with all orders of a batch, which share them: each table is read once."""

    #: By Stripe id, whether they belong to an order or not; new ones as well.
    payments: dict[str, Payment]
    #: By the primary key of their payment.
    refunds: dict[int, list[Refund]]
    disputes: dict[int, list[Dispute]]

    def add(self, payment: Payment) -> None:
        """Add a new payment, with a negative primary key until it is inserted.

        Raises:
            AloneError: another order of the batch has it.
        """
        if payment.stripe_id in self.payments:
            raise AloneError
        payment.pk = -len(self.payments) - 1
        self.payments[payment.stripe_id] = payment


@dataclass(slots=True, kw_only=True)
class LockedOrder:
    """An order and its rows, locked until the transaction ends, with what changed in this transaction."""

    order: Order
    sessions: list[CheckoutSession]
    payments: list[Payment]
    #: The Stripe ids of payments that were looked for even if they have no order.
    looked_for: Collection[str] = ()
    #: Payments that are new in this transaction: no other row refers to them yet. The key is negative until they are
    #: inserted.
    new_payment_pks: set[int] = field(default_factory=set)
    #: Whether the payment was kept in this transaction, and the host's row of the order was not read yet.
    is_source_unread: bool = False
    #: Payments that had no order until now: refunds and disputes may be stored already.
    claimed_payments: list[Payment] = field(default_factory=list)
    changed_sessions: dict[int, set[str]] = field(default_factory=dict)
    changed_payments: dict[int, set[str]] = field(default_factory=dict)
    #: Rows that changed and may have to be announced.
    sessions_to_announce: list[CheckoutSession] = field(default_factory=list)
    refunds_to_announce: list[Refund] = field(default_factory=list)
    disputes_to_announce: list[Dispute] = field(default_factory=list)
    #: The Customers at Stripe to store for the order's user, and whether they are in live mode.
    customers_to_keep: list[tuple[str, bool]] = field(default_factory=list)
    #: Announcements about other rows, such as subscriptions.
    to_announce: list[Announcement] = field(default_factory=list)
    #: Whether every row counts as new, as in ``derivation.rederive``.
    is_whole: bool = False
    #: The refunds and disputes that were read with the order; in a batch, those of all of its orders.
    shared: SharedRows | None = None
    #: The order's columns as stored in the database.
    original: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.remember()

    def remember(self) -> None:
        """Store the order's columns in ``original``."""
        self.original = {field.attname: getattr(self.order, field.attname) for field in Order._meta.concrete_fields}

    def forget_news(self) -> None:
        """Forget the rows that may have to be announced, once they are."""
        for rows in (self.sessions_to_announce, self.refunds_to_announce, self.disputes_to_announce):
            rows.clear()
        self.customers_to_keep.clear()
        self.claimed_payments.clear()
        self.to_announce.clear()

    def add(self, payment: Payment) -> None:
        """Add a new payment, which is inserted when the order is settled.

        Raises:
            AloneError: another order of the batch has it.
        """
        if self.shared is not None:
            self.shared.add(payment)
        else:
            payment.pk = -len(self.payments) - 1
        self.new_payment_pks.add(payment.pk)
        self.payments.append(payment)

    def uninserted_payments(self) -> list[Payment]:
        """Return the new payments that are not inserted yet."""
        return [payment for payment in self.payments if payment.pk < 0]

    def holds(self, payment_intent_id: str) -> bool:
        """Return whether a payment is locked and belongs to the order."""
        return any(row.stripe_id == payment_intent_id and row.order_id == self.order.pk for row in self.payments)

    def session(self, pk: int) -> CheckoutSession:
        """Return the locked session with this primary key."""
        return next(row for row in self.sessions if row.pk == pk)

    def find_session(self, owner: Ownership) -> CheckoutSession | None:
        """Return the session whose UUID is in an object's metadata, if live or test mode agrees."""
        for session in self.sessions:
            if str(session.uuid) == owner.session_uuid and owner.livemode in (None, session.livemode):
                return session
        return None

    def payment_of(self, session: CheckoutSession) -> Payment | None:
        """Return the locked payment of a session."""
        return next((payment for payment in self.payments if payment.pk == session.payment_id), None)

    def kept_payment(self) -> Payment | None:
        """Return the payment that the order keeps."""
        return next((payment for payment in self.payments if payment.pk == self.order.kept_payment_id), None)

    def session_of(self, payment: Payment) -> CheckoutSession | None:
        """Return the locked session of a payment."""
        return next((session for session in self.sessions if session.payment_id == payment.pk), None)

    def own_payments(self) -> list[Payment]:
        """Return the locked payments that belong to the order."""
        return [payment for payment in self.payments if payment.order_id == self.order.pk]

    def refunds_of(self, payment: Payment) -> list[Refund]:
        """Return a payment's refunds without releases; they change only under this lock."""
        if payment.pk in self.new_payment_pks:
            return []
        return list(payment.refunds.filter(is_release=False).order_by("pk"))


class Locks:
    """Finds and locks the order of a fact, with queries of its own; ``batch.Batch`` has locked many orders at once."""

    def __init__(self, orders_of_payments: Mapping[str, int | None] | None = None) -> None:
        """``orders_of_payments`` are primary keys of orders, by Stripe ids of payments that were looked for."""
        self._orders_of_payments = orders_of_payments or {}

    def lock(self, *, pk: int | None = None, reference: str = "", payment_ids: Collection[str] = ()) -> LockedOrder:
        """Do what ``lock_order`` does."""
        return lock_order(pk=pk, reference=reference, payment_ids=payment_ids)

    def find_order_of_session(self, stripe_id: str) -> int | None:
        """Return the primary key of the order with a session."""
        return next((row.order_id for row in _FIND_SESSION(stripe_id)), None)

    def find_order_of_payment(self, stripe_id: str) -> int | None:
        """Return the primary key of the order that a payment belongs to."""
        if stripe_id in self._orders_of_payments:
            return self._orders_of_payments[stripe_id]
        return next((row.order_id for row in _FIND_PAYMENT(stripe_id)), None)


class _LockOrder:
    """The statements that lock an order, its sessions, its payments and their refunds, each on its own.

    Never one statement for the order's lock and the rest: PostgreSQL would show the other tables as they were before
    the wait for the lock.
    """

    def __init__(self, own: Callable[[], Any], which: Callable[[], dict[str, Any]] | None = None) -> None:
        """``own`` returns the value of its rows' ``order``, and ``which`` the condition of the order, if another."""
        condition = which or (lambda: {"pk": own()})

        def payments() -> Any:
            return Payment.objects.filter(order=own()).order_by().values("pk")

        self.order = Select(lambda: Order.objects.select_for_update().filter(**condition()).order_by())
        self.sessions = Select(lambda: CheckoutSession.objects.select_for_update().filter(order=own()).order_by("pk"))
        self.payments = Select(lambda: Payment.objects.select_for_update().filter(order=own()).order_by("pk"))
        self.refunds = Select(
            lambda: Refund.objects.select_for_update().filter(payment__in=Subquery(payments())).order_by("pk")
        )
        self.disputes = Select(lambda: Dispute.objects.filter(payment__in=Subquery(payments())).order_by("pk"))


_BY_PK = _LockOrder(lambda: 1)
_BY_REFERENCE = _LockOrder(
    lambda: Subquery(Order.objects.filter(reference="").order_by().values("pk")[:1]), lambda: {"reference": ""}
)
_BY_PAYMENT = _LockOrder(lambda: Subquery(Payment.objects.filter(stripe_id="").order_by().values("order")[:1]))
_LOCK_NAMED_PAYMENTS = SelectIn(
    lambda ids: Payment.objects.select_for_update().filter(stripe_id__in=ids).order_by("pk")
)
_FIND_SESSION = Select(lambda: CheckoutSession.objects.filter(stripe_id="").order_by())
_FIND_PAYMENT = Select(lambda: Payment.objects.filter(stripe_id="").order_by())


def lock_order_alone(pk: int) -> Order:
    """Lock an order's row without reading its sessions and payments; the lock protects them too.

    Raises:
        OrderNotFoundError: there is no such order.
    """
    for order in _BY_PK.order(pk):
        return order
    raise OrderNotFoundError("The order does not exist.")


def lock_order(*, pk: int | None = None, reference: str = "", payment_ids: Collection[str] = ()) -> LockedOrder:
    """Lock an order, its sessions and its payments; ``payment_ids`` adds payments that may have no order yet.

    Raises:
        OrderNotFoundError: there is no such order.
    """
    which, key = (_BY_REFERENCE, reference) if pk is None else (_BY_PK, pk)
    statements = [which.order.of(key), which.sessions.of(key), which.payments.of(key)]
    if payment_ids:
        # After the order's own, which nobody else can have locked.
        statements.append(_LOCK_NAMED_PAYMENTS.of(sorted(payment_ids)))
    found, sessions, payments, *named = run(*statements)
    if not found:
        raise OrderNotFoundError("The order does not exist.")
    known = {row.pk for row in payments}
    payments += [row for rows in named for row in rows if row.pk not in known]
    return LockedOrder(order=found[0], sessions=sessions, payments=payments, looked_for=payment_ids)


def lock_rows(order: Order, *, is_new: bool = False) -> LockedOrder:
    """Lock the sessions and payments of an order that is locked, or was inserted in this transaction."""
    if is_new:
        return LockedOrder(order=order, sessions=[], payments=[])
    if database.takes_several_statements():
        sessions, payments = run(_BY_PK.sessions.of(order.pk), _BY_PK.payments.of(order.pk))
    else:
        sessions = _BY_PK.sessions(order.pk)
        # Only through a session does a payment get an order.
        payments = _BY_PK.payments(order.pk) if sessions or order.kept_payment_id is not None else []
    return LockedOrder(order=order, sessions=sessions, payments=payments)


def lock_order_with_refunds(payment_id: str, *, also: Collection[str]) -> tuple[LockedOrder | None, list[Payment]]:
    """Lock the order of a payment, with everything that a refund changes; None if the payment has no order.

    Return also the locked payments with ``payment_id`` or an id in ``also``, whether they have an order or not.

    Raises:
        LockOrderChangedError: the payment got another order meanwhile; start over.
    """
    which, ids = _BY_PAYMENT, sorted({payment_id, *also})
    reads = (which.order, which.sessions, which.payments, which.refunds, which.disputes)
    statements = [read.of(payment_id) for read in reads]
    found, sessions, payments, refunds, disputes, named = run(*statements, _LOCK_NAMED_PAYMENTS.of(ids))
    if not found:
        if any(row.order_id is not None for row in named if row.stripe_id == payment_id):
            raise LockOrderChangedError
        return None, named
    (order,) = found
    if not any((row.stripe_id, row.order_id) == (payment_id, order.pk) for row in payments):
        raise LockOrderChangedError
    known = {row.pk for row in payments}
    payments += [row for row in named if row.pk not in known]
    shared = SharedRows(
        payments={row.stripe_id: row for row in payments},
        refunds=_grouped(refunds),
        disputes=_grouped(disputes),
    )
    locked = LockedOrder(order=order, sessions=sessions, payments=payments, looked_for=ids, shared=shared)
    return locked, [row for row in payments if row.stripe_id in ids]


def _grouped(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.payment_id].append(row)
    return found
