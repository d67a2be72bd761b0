"""Takes locks in one order everywhere (event, order, session, payment, refund).

The lock on an order's row protects every row that belongs to it. Only a payment without an order is locked alone; if
it gets an order meanwhile, ``LockOrderChangedError`` starts the transaction over, because locking the order now would
break the order of locks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db.models import Q

from django_checkout.exceptions import OrderNotFoundError
from django_checkout.models import Announcement, CheckoutSession, Dispute, Order, Payment, Refund, database
from django_checkout.models.statements import Select
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
    """The rows that the orders of a batch share: each table is read once, and new payments are inserted together."""

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
    #: Payments inserted in this transaction: no other row refers to them yet.
    new_payment_pks: set[int] = field(default_factory=set)
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
    #: In a batch, the rows that were read for all of its orders.
    shared: SharedRows | None = None
    #: The order's columns as stored in the database.
    original: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.remember()

    def remember(self) -> None:
        """Store the order's columns in ``original``."""
        self.original = {field.attname: getattr(self.order, field.attname) for field in Order._meta.concrete_fields}

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

    def lock(self, *, pk: int | None = None, reference: str = "", payment_id: str = "") -> LockedOrder:
        """Do what ``lock_order`` does."""
        return lock_order(pk=pk, reference=reference, payment_id=payment_id)

    def find_order_of_session(self, stripe_id: str) -> int | None:
        """Return the primary key of the order with a session."""
        return next((row.order_id for row in _FIND_SESSION(stripe_id)), None)

    def find_order_of_payment(self, stripe_id: str) -> int | None:
        """Return the primary key of the order that a payment belongs to."""
        return next((row.order_id for row in _FIND_PAYMENT(stripe_id)), None)


def _locking(**which: Any) -> Select[Order]:
    return Select(lambda: Order.objects.select_for_update().filter(**which).order_by())


_LOCK_ORDER, _LOCK_NAMED_ORDER = _locking(pk=1), _locking(reference="")
# Never joined with the order's lock: PostgreSQL would show the other tables as they were before the wait for it.
_LOCK_SESSIONS = Select(lambda: CheckoutSession.objects.select_for_update().filter(order=1).order_by("pk"))
_LOCK_PAYMENTS = Select(lambda: Payment.objects.select_for_update().filter(order=1).order_by("pk"))
_LOCK_PAYMENTS_AND = Select(
    lambda: Payment.objects.select_for_update().filter(Q(order=1) | Q(stripe_id="")).order_by("pk")
)
_FIND_SESSION = Select(lambda: CheckoutSession.objects.filter(stripe_id="").order_by())
_FIND_PAYMENT = Select(lambda: Payment.objects.filter(stripe_id="").order_by())


def lock_order_alone(pk: int) -> Order:
    """Lock an order's row without reading its sessions and payments; the lock protects them too.

    Raises:
        OrderNotFoundError: there is no such order.
    """
    for order in _LOCK_ORDER(pk):
        return order
    raise OrderNotFoundError("The order does not exist.")


def lock_order(*, pk: int | None = None, reference: str = "", payment_id: str = "") -> LockedOrder:
    """Lock an order, its sessions and its payments; ``payment_id`` adds a payment that may have no order yet.

    Raises:
        OrderNotFoundError: there is no such order.
    """
    found = _LOCK_NAMED_ORDER(reference) if pk is None else _LOCK_ORDER(pk)
    if not found:
        raise OrderNotFoundError("The order does not exist.")
    return lock_rows(found[0], payment_id=payment_id)


def lock_rows(order: Order, *, payment_id: str = "", is_new: bool = False) -> LockedOrder:
    """Lock the sessions and payments of an order that is locked, or was inserted in this transaction.

    ``payment_id`` adds a payment, as in ``lock_order``.
    """
    sessions = [] if is_new else _LOCK_SESSIONS(order.pk)
    if payment_id:
        payments = _LOCK_PAYMENTS_AND(order.pk, payment_id)
    else:
        # Only through a session does a payment get an order.
        has_payments = bool(sessions) or order.kept_payment_id is not None
        payments = _LOCK_PAYMENTS(order.pk) if has_payments else []
    return LockedOrder(order=order, sessions=sessions, payments=payments)
