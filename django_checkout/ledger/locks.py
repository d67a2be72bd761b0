"""Locks, in one order everywhere: event, order, session, payment, refund; and transactions that are retried.

An order's row is the lock of all that belongs to it. Only a payment that names no order yet is locked alone; when its
order turns up meanwhile, ``LockOrderChangedError`` starts the transaction over.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from django.db.models import Q

from django_checkout import database
from django_checkout.exceptions import OrderNotFoundError
from django_checkout.ledger.news import News
from django_checkout.models import CheckoutSession, Dispute, Order, Payment, Refund
from django_checkout.values import Ownership

T = TypeVar("T")

logger = logging.getLogger("django_checkout")

ATTEMPTS = 8
#: How long a call to Stripe may hold a row that waits for its answer, in seconds; longer than the call and its repeat.
LEASE_SECONDS = 60
#: PostgreSQL's SQLSTATEs and MariaDB's error numbers for "start the transaction over".
_RETRYABLE_SQLSTATES = frozenset(("40001", "40P01"))
_RETRYABLE_ERRNOS = frozenset((1205, 1213, 1020))


class LockOrderChangedError(Exception):
    """A row locked alone turned out to belong to an order: the transaction must start over. Never leaves the ledger."""


def in_transaction(work: Callable[[], T]) -> T:
    """Run ``work`` in a transaction of its own, again from the start after a deadlock; at most eight times.

    What a host registered with ``transaction.on_commit`` and then fails is logged: it cannot undo or repeat the work.

    Raises:
        RuntimeError: a transaction is open already: calls to Stripe must not wait inside one.
    """
    for attempt in range(1, ATTEMPTS + 1):
        committed: list[bool] = []
        results: list[T] = []
        try:
            with database.atomic(durable=True):
                # The first hook to run: whatever fails after it, fails after the commit.
                database.on_commit(partial(committed.append, True))
                results.append(work())
        except Exception as error:
            if committed:
                logger.exception("on_commit_failed")
                break
            if attempt == ATTEMPTS or not is_retryable(error):
                raise
            time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311  # jitter, not a secret
        else:
            break
    return results[0]


def is_retryable(error: Exception) -> bool:
    """Whether the database, or we, asked to start the transaction over."""
    if isinstance(error, LockOrderChangedError):
        return True
    cause = error.__cause__
    # psycopg says sqlstate, psycopg2 pgcode.
    if {getattr(cause, "sqlstate", None), getattr(cause, "pgcode", None)} & _RETRYABLE_SQLSTATES:
        return True
    arguments: tuple[object, ...] = getattr(cause, "args", ())
    return bool(arguments) and arguments[0] in _RETRYABLE_ERRNOS


@dataclass(slots=True, kw_only=True)
class LockedOrder:
    """An order and what belongs to it, locked until the transaction ends, with what changed in this transaction."""

    order: Order
    sessions: list[CheckoutSession]
    payments: list[Payment]
    #: Payments inserted in this transaction, so that nothing else can refer to them yet.
    new_payment_pks: set[int] = field(default_factory=set)
    #: Payments that named no order until now: refunds and disputes may have come first.
    claimed_payments: list[Payment] = field(default_factory=list)
    changed_sessions: dict[int, set[str]] = field(default_factory=dict)
    changed_payments: dict[int, set[str]] = field(default_factory=dict)
    #: Rows of which the host may have to hear.
    sessions_with_news: list[CheckoutSession] = field(default_factory=list)
    refunds_with_news: list[Refund] = field(default_factory=list)
    disputes_with_news: list[Dispute] = field(default_factory=list)
    #: News that needs no row of these: a subscription's.
    news: list[News] = field(default_factory=list)
    #: Whether the order is derived from all of its rows, as if each of them were new; see ``derivation.rederive``.
    is_whole: bool = False
    #: The order's columns as they stand in the database.
    original: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.remember()

    def remember(self) -> None:
        """Take the order's columns for what the database holds."""
        self.original = {field.attname: getattr(self.order, field.attname) for field in Order._meta.concrete_fields}

    def holds(self, payment_intent_id: str) -> bool:
        """Return whether a payment is among the locked rows and the order's own."""
        return any(row.stripe_id == payment_intent_id and row.order_id == self.order.pk for row in self.payments)

    def find_session(self, owner: Ownership) -> CheckoutSession | None:
        """Return the session whose UUID an object carries in its metadata, if the modes agree."""
        for session in self.sessions:
            if str(session.uuid) == owner.session_uuid and owner.livemode in (None, session.livemode):
                return session
        return None

    def payment_of(self, session: CheckoutSession) -> Payment | None:
        """Return the payment of a session from among the locked rows."""
        return next((payment for payment in self.payments if payment.pk == session.payment_id), None)

    def kept_payment(self) -> Payment | None:
        """Return the payment that the order keeps."""
        return next((payment for payment in self.payments if payment.pk == self.order.kept_payment_id), None)

    def session_of(self, payment: Payment) -> CheckoutSession | None:
        """Return the session that a payment came from, from among the locked rows."""
        return next((session for session in self.sessions if session.payment_id == payment.pk), None)

    def own_payments(self) -> list[Payment]:
        """Return the payments that belong to the order, from among the locked rows."""
        return [payment for payment in self.payments if payment.order_id == self.order.pk]

    def refunds_of(self, payment: Payment) -> list[Refund]:
        """Return what of a payment's money was given back; it changes only under this lock."""
        if payment.pk in self.new_payment_pks:
            return []
        return list(payment.refunds.filter(is_release=False).order_by("pk"))


def lock_order(*, pk: int | None = None, reference: str = "", payment_id: str = "") -> LockedOrder:
    """Lock an order, its sessions and its payments; ``payment_id`` adds a payment that may not name the order yet.

    Raises:
        OrderNotFoundError: there is no such order.
    """
    which = Q(pk=pk) if pk is not None else Q(reference=reference)
    order = Order.objects.select_for_update().filter(which).first()
    if order is None:
        raise OrderNotFoundError("There is no such order.")
    sessions = list(CheckoutSession.objects.select_for_update().filter(order=order).order_by("pk"))
    belongs = Q(order=order) | Q(stripe_id=payment_id) if payment_id else Q(order=order)
    payments = list(Payment.objects.select_for_update().filter(belongs).order_by("pk"))
    return LockedOrder(order=order, sessions=sessions, payments=payments)
