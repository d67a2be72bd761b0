"""The states, their joins, and an order's status as a function of its facts: pure, no Django, no Stripe.

A fact about an object that only moves forward is applied by taking a maximum, field by field. A maximum is
commutative, associative and idempotent, so events that are late, doubled or disordered cannot do harm, and nothing
is ever ordered by time. DESIGN: "facts are joined, not replayed".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django_checkout.exceptions import UnknownFactError


class OrderStatus(StrEnum):
    """What an order's facts amount to."""

    UNPAID = "unpaid"
    #: A delayed payment method is in flight.
    PENDING = "pending"
    #: Money is reserved and waits for capture.
    AUTHORIZED = "authorized"
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    CANCELED = "canceled"


class SessionStatus(StrEnum):
    """A Checkout Session's life; ``creating`` and ``failed`` are ours, the others Stripe's."""

    CREATING = "creating"
    #: Stripe refused to create it, or never answered before it would have expired.
    FAILED = "failed"
    OPEN = "open"
    EXPIRED = "expired"
    COMPLETE = "complete"


class PaymentStatus(StrEnum):
    """A Checkout Session's ``payment_status``, in Stripe's words."""

    UNPAID = "unpaid"
    NO_PAYMENT_REQUIRED = "no_payment_required"
    PAID = "paid"


class IntentStatus(StrEnum):
    """What is final about a PaymentIntent; everything before may cycle and is ``open``."""

    OPEN = "open"
    CANCELED = "canceled"
    SUCCEEDED = "succeeded"


class RefundStatus(StrEnum):
    """A refund's life; ``creating`` and ``refused`` are ours, the others Stripe's."""

    CREATING = "creating"
    REFUSED = "refused"
    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"
    FAILED = "failed"


class Attention(StrEnum):
    """Why a person should look at an order."""

    AMOUNT_MISMATCH = "amount_mismatch"
    CURRENCY_MISMATCH = "currency_mismatch"
    DOUBLE_PAYMENT = "double_payment"
    PAID_AFTER_CANCEL = "paid_after_cancel"
    REFUND_FAILED = "refund_failed"
    OVER_REFUNDED = "over_refunded"
    DISPUTED = "disputed"
    FRAUD_WARNING = "fraud_warning"
    REVIEW = "review"


#: While one of these is unresolved, ``order_paid`` is withheld.
WITHHOLDING = frozenset(
    (
        Attention.AMOUNT_MISMATCH,
        Attention.CURRENCY_MISMATCH,
        Attention.PAID_AFTER_CANCEL,
    )
)

SESSION_RANK: Mapping[str, int] = {
    SessionStatus.CREATING: 0,
    SessionStatus.FAILED: 1,
    SessionStatus.OPEN: 2,
    SessionStatus.EXPIRED: 3,
    SessionStatus.COMPLETE: 4,
}
PAYMENT_RANK: Mapping[str, int] = {
    PaymentStatus.UNPAID: 0,
    PaymentStatus.NO_PAYMENT_REQUIRED: 1,
    PaymentStatus.PAID: 2,
}
INTENT_RANK: Mapping[str, int] = {IntentStatus.OPEN: 0, IntentStatus.CANCELED: 1, IntentStatus.SUCCEEDED: 2}
#: pending < succeeded < failed or canceled; the rest of the ranks only makes the maximum unique.
REFUND_RANK: Mapping[str, int] = {
    RefundStatus.CREATING: 0,
    RefundStatus.REFUSED: 1,
    RefundStatus.PENDING: 2,
    RefundStatus.REQUIRES_ACTION: 3,
    RefundStatus.SUCCEEDED: 4,
    RefundStatus.CANCELED: 5,
    RefundStatus.FAILED: 6,
}

#: Stripe's PaymentIntent statuses that are not final: they may follow one another in any order.
CYCLING_INTENT_STATUSES = frozenset(
    ("requires_payment_method", "requires_confirmation", "requires_action", "processing", "requires_capture")
)
#: A dispute in one of these is over.
CLOSED_DISPUTE_STATUSES = frozenset(("won", "lost", "warning_closed", "prevented"))

LIVE_SESSION_STATUSES = frozenset((SessionStatus.CREATING, SessionStatus.OPEN))
#: Asked for and not known to have come to nothing: these count against what can still be refunded.
ACTIVE_REFUND_STATUSES = frozenset(
    (RefundStatus.CREATING, RefundStatus.PENDING, RefundStatus.REQUIRES_ACTION, RefundStatus.SUCCEEDED)
)


def join(rank: Mapping[str, int], known: str, said: str | None) -> str:
    """Return the later of two states; None says nothing.

    Raises:
        UnknownFactError: Stripe said a state that the table does not hold.
    """
    if said is None:
        return known
    if said not in rank:
        raise UnknownFactError("Stripe reported a status that this version does not know.")
    return max(known, said, key=rank.__getitem__)


def join_session(known: tuple[str, str], said: tuple[str | None, str | None]) -> tuple[str, str]:
    """Return the later of two (status, payment_status): what an earlier status said of payment was provisional.

    Raises:
        UnknownFactError: Stripe said a state that the tables do not hold.
    """
    status = join(SESSION_RANK, known[0], said[0])
    if said[0] is not None and status != said[0]:
        return known
    earlier = known[1] if status == known[0] else PaymentStatus.UNPAID
    return status, join(PAYMENT_RANK, earlier, said[1])


def is_free(payment_status: str, total_minor: int | None) -> bool:
    """Whether a complete session took no money because there was nothing to pay.

    Stripe says ``no_payment_required`` or, where a discount or a trial leaves nothing to pay, ``paid`` with a total of
    zero: https://docs.stripe.com/payments/checkout/no-cost-orders.
    """
    return payment_status == PaymentStatus.NO_PAYMENT_REQUIRED or (
        payment_status == PaymentStatus.PAID and total_minor == 0
    )


def join_intent(known: str, said: str | None) -> str:
    """Return the later of what is final about a PaymentIntent, given Stripe's status for it."""
    return join(INTENT_RANK, known, IntentStatus.OPEN if said in CYCLING_INTENT_STATUSES else said)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionState:
    """What an order's status depends on, of one session."""

    status: str
    payment_status: str
    is_manual_capture: bool = False
    has_async_failed: bool = False
    #: ``IntentStatus`` of its PaymentIntent; ``open`` where it has none.
    intent_status: str = IntentStatus.OPEN

    @property
    def is_in_flight(self) -> bool:
        """Whether it is complete, its payment is not kept (yet), and money may still come of it."""
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
    """Return an order's status from its facts; the order in which they arrived is not among them.

    ``kept_captured_minor`` is what the kept payment took (0 for a free order), or None where no payment is kept.
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
    """What decides whether a refund object gives back money that was taken."""

    key: str
    status: str
    amount_minor: int
    is_ours: bool
    has_balance_transaction: bool


def find_releases(*, authorized_minor: int, captured_minor: int, refunds: Iterable[RefundState]) -> set[str]:
    """Return the keys of the refund objects that only release what an authorization held beyond the capture.

    Stripe reports the rest of a partial capture, and the whole of a voided or expired authorization, as a succeeded
    refund that nobody asked for through the API and that has no balance transaction, because no money moves:
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
