"""How states are joined, and an order's status as a function of facts: pure.

A fact about an object that only moves forward is applied by taking the maximum of each field. A maximum is commutative,
associative and idempotent, so late, repeated and disordered events do no harm, and nothing is ordered by time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django_checkout.exceptions import UnknownFactError
from django_checkout.states.enumerations import (
    Attention,
    DisputeStatus,
    IntentStatus,
    OrderStatus,
    PaymentStatus,
    RefundStatus,
    SessionStatus,
)

#: ``order_paid`` is withheld while one of these is unresolved.
WITHHOLDING = frozenset(
    (
        Attention.AMOUNT_MISMATCH,
        Attention.CURRENCY_MISMATCH,
        Attention.PAID_AFTER_CANCEL,
    )
)

#: A state's rank is its position in its enumeration; the later of two states is the one with the higher rank.
SESSION_RANK: Mapping[str, int] = {status: rank for rank, status in enumerate(SessionStatus)}
PAYMENT_RANK: Mapping[str, int] = {status: rank for rank, status in enumerate(PaymentStatus)}
INTENT_RANK: Mapping[str, int] = {status: rank for rank, status in enumerate(IntentStatus)}
REFUND_RANK: Mapping[str, int] = {status: rank for rank, status in enumerate(RefundStatus)}

#: Stripe's PaymentIntent statuses that are not final and may follow one another in any order.
CYCLING_INTENT_STATUSES = frozenset(
    ("requires_payment_method", "requires_confirmation", "requires_action", "processing", "requires_capture")
)
#: The final statuses of a dispute.
CLOSED_DISPUTE_STATUSES = frozenset(
    (DisputeStatus.WON, DisputeStatus.LOST, DisputeStatus.WARNING_CLOSED, DisputeStatus.PREVENTED)
)

#: Of an order whose payment may still succeed or be released: not to be canceled or erased.
IN_FLIGHT_ORDER_STATUSES = frozenset((OrderStatus.PENDING, OrderStatus.AUTHORIZED))
LIVE_SESSION_STATUSES = frozenset((SessionStatus.CREATING, SessionStatus.OPEN))
#: Refunds that have not failed, which reduce what can still be refunded.
ACTIVE_REFUND_STATUSES = frozenset(
    (RefundStatus.CREATING, RefundStatus.PENDING, RefundStatus.REQUIRES_ACTION, RefundStatus.SUCCEEDED)
)


def join(rank: Mapping[str, int], known: str, fact: str | None) -> str:
    """Return the later of two states; ``fact`` may be None.

    Raises:
        UnknownFactError: a state has no rank; a stored one without a rank is of a newer version.
    """
    if fact is None:
        return known
    if fact not in rank or known not in rank:
        raise UnknownFactError("Stripe reported, or the row has, a status that this version does not know.")
    return max(known, fact, key=rank.__getitem__)


def join_session(known: tuple[str, str], fact: tuple[str | None, str | None]) -> tuple[str, str]:
    """Return the later of two (status, payment_status); the payment status of an earlier status is provisional.

    Raises:
        UnknownFactError: a state has no rank.
    """
    status = join(SESSION_RANK, known[0], fact[0])
    if fact[0] is not None and status != fact[0]:
        return known
    earlier = known[1] if status == known[0] else PaymentStatus.UNPAID
    return status, join(PAYMENT_RANK, earlier, fact[1])


def is_free(payment_status: str, total_minor: int | None) -> bool:
    """Return whether there was nothing to pay in a complete session.

    Stripe says ``no_payment_required`` or, if a discount or a trial leaves nothing to pay, ``paid`` with a total of
    zero: https://docs.stripe.com/payments/checkout/no-cost-orders.
    """
    return payment_status == PaymentStatus.NO_PAYMENT_REQUIRED or (
        payment_status == PaymentStatus.PAID and total_minor == 0
    )


def join_intent(known: str, fact: str | None) -> str:
    """Return the later of an ``IntentStatus`` and Stripe's status of a PaymentIntent."""
    return join(INTENT_RANK, known, IntentStatus.OPEN if fact in CYCLING_INTENT_STATUSES else fact)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionState:
    """What an order's status depends on in one session."""

    status: str
    payment_status: str
    is_manual_capture: bool = False
    has_async_failed: bool = False
    #: ``IntentStatus`` of its PaymentIntent, ``open`` if it has none.
    intent_status: str = IntentStatus.OPEN

    @property
    def is_in_flight(self) -> bool:
        """Return whether it is complete and its payment may still succeed; a kept payment overrides it."""
        return (
            self.status == SessionStatus.COMPLETE
            and not self.has_async_failed
            and self.intent_status != IntentStatus.CANCELED
        )


def derive_order_status(
    *,
    kept_captured_minor: int | None,
    kept_refunded_minor: int,
    sessions: Iterable[SessionState],
    is_canceled: bool,
) -> OrderStatus:
    """Return an order's status from its facts, whatever the order in which they arrived.

    ``kept_captured_minor`` is the captured amount of the kept payment (0 for a free order), or None without one.
    """
    if kept_captured_minor is not None:
        if kept_refunded_minor <= 0 or kept_captured_minor == 0:
            return OrderStatus.PAID
        return OrderStatus.REFUNDED if kept_refunded_minor >= kept_captured_minor else OrderStatus.PARTIALLY_REFUNDED
    in_flight = [session for session in sessions if session.is_in_flight]
    if any(session.is_manual_capture for session in in_flight):
        return OrderStatus.AUTHORIZED
    if in_flight:
        return OrderStatus.PENDING
    return OrderStatus.CANCELED if is_canceled else OrderStatus.UNPAID


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundState:
    """What decides whether a refund returns captured money."""

    key: str
    status: str
    amount_minor: int
    is_ours: bool
    has_balance_transaction: bool


def find_releases(*, authorized_minor: int, captured_minor: int, refunds: Iterable[RefundState]) -> set[str]:
    """Return the keys of the refunds that only release the part of an authorization that was not captured.

    Stripe reports the rest of a partial capture, and the whole of a voided or expired authorization, as a succeeded
    refund that was not requested through the API and has no balance transaction, because no money moves:
    https://docs.stripe.com/api/refunds/object#refund_object-balance_transaction,
    https://github.com/solidusio/solidus_stripe/pull/268, woocommerce/woocommerce-gateway-stripe#1073. Some accounts
    get no such object. Together the releases never exceed what was authorized and not captured.
    """
    left, found = authorized_minor - captured_minor, set()
    for refund in sorted(refunds, key=lambda refund: refund.key):
        is_free = not refund.is_ours and not refund.has_balance_transaction
        if is_free and refund.status == RefundStatus.SUCCEEDED and refund.amount_minor <= left:
            left -= refund.amount_minor
            found.add(refund.key)
    return found
