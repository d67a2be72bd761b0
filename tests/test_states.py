"""The joins, and an order's status as a function of its facts."""

from __future__ import annotations

from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_checkout.exceptions import UnknownFactError
from django_checkout.states import (
    ACTIVE_REFUND_STATUSES,
    CLOSED_DISPUTE_STATUSES,
    CYCLING_INTENT_STATUSES,
    INTENT_RANK,
    LIVE_SESSION_STATUSES,
    PAYMENT_RANK,
    REFUND_RANK,
    SESSION_RANK,
    WITHHOLDING,
    Attention,
    IntentStatus,
    OrderStatus,
    PaymentStatus,
    RefundStatus,
    SessionState,
    SessionStatus,
    derive_order_status,
    join,
    join_intent,
)

pytestmark = pytest.mark.core

RANKS = {
    SessionStatus: SESSION_RANK,
    PaymentStatus: PAYMENT_RANK,
    IntentStatus: INTENT_RANK,
    RefundStatus: REFUND_RANK,
}
EACH_RANK = pytest.mark.parametrize("rank", RANKS.values(), ids=[states.__name__ for states in RANKS])

OPEN = SessionState(status="open", payment_status="unpaid")
CREATING = SessionState(status="creating", payment_status="unpaid")
REFUSED = SessionState(status="failed", payment_status="unpaid")
EXPIRED = SessionState(status="expired", payment_status="unpaid")
IN_FLIGHT = SessionState(status="complete", payment_status="unpaid")
FAILED = SessionState(status="complete", payment_status="unpaid", has_async_failed=True)
AUTHORIZED = SessionState(status="complete", payment_status="unpaid", is_manual_capture=True)
VOIDED = SessionState(
    status="complete", payment_status="unpaid", is_manual_capture=True, intent_status=IntentStatus.CANCELED
)
PAID = SessionState(status="complete", payment_status="paid")
FREE = SessionState(status="complete", payment_status="no_payment_required")

#: Captured by the kept payment (None: none is kept), refunded, sessions, canceled; and the status.
TABLE = [
    (None, 0, [], False, "unpaid"),
    (None, 0, [CREATING], False, "unpaid"),
    (None, 0, [REFUSED], False, "unpaid"),
    (None, 0, [OPEN], False, "unpaid"),
    (None, 0, [EXPIRED], False, "unpaid"),
    (None, 0, [EXPIRED, OPEN], False, "unpaid"),
    (None, 0, [IN_FLIGHT], False, "pending"),
    (None, 0, [EXPIRED, IN_FLIGHT], False, "pending"),
    (None, 0, [FAILED], False, "unpaid"),
    (None, 0, [FAILED, OPEN], False, "unpaid"),
    (None, 0, [FAILED, IN_FLIGHT], False, "pending"),
    (None, 0, [AUTHORIZED], False, "authorized"),
    (None, 0, [AUTHORIZED, IN_FLIGHT], False, "authorized"),
    (None, 0, [VOIDED], False, "unpaid"),
    (None, 0, [VOIDED, OPEN], False, "unpaid"),
    (None, 0, [], True, "canceled"),
    (None, 0, [EXPIRED], True, "canceled"),
    (None, 0, [VOIDED], True, "canceled"),
    (None, 0, [FAILED], True, "canceled"),
    # What is in flight when an order is canceled is shown until it has landed.
    (None, 0, [IN_FLIGHT], True, "pending"),
    (None, 0, [AUTHORIZED], True, "authorized"),
    # Paid, and the payment not known yet: nobody may start to pay again.
    (None, 0, [PAID], False, "pending"),
    (2000, 0, [PAID], False, "paid"),
    (2000, 0, [PAID, IN_FLIGHT], False, "paid"),
    (2000, 0, [PAID, AUTHORIZED], False, "paid"),
    (2000, 0, [EXPIRED], False, "paid"),
    (2000, 0, [FAILED, PAID], False, "paid"),
    # Money that arrives after all outweighs the cancellation; the attention it raises stands beside it.
    (2000, 0, [PAID], True, "paid"),
    (2000, 1, [PAID], False, "partially_refunded"),
    (2000, 1999, [PAID], False, "partially_refunded"),
    (2000, 2000, [PAID], False, "refunded"),
    (2000, 2001, [PAID], False, "refunded"),
    (2000, 2000, [PAID], True, "refunded"),
    # A refund that failed counts no more.
    (2000, 0, [PAID, EXPIRED], False, "paid"),
    # Captured in part, and that part refunded.
    (1500, 1500, [AUTHORIZED], False, "refunded"),
    # Free orders and setup mode are complete without money and never become refunded.
    (0, 0, [FREE], False, "paid"),
    (0, 1, [FREE], False, "paid"),
]

sessions = st.builds(
    SessionState,
    status=st.sampled_from(list(SessionStatus)),
    payment_status=st.sampled_from(list(PaymentStatus)),
    is_manual_capture=st.booleans(),
    has_async_failed=st.booleans(),
    intent_status=st.sampled_from(list(IntentStatus)),
)


@pytest.mark.parametrize(
    ("captured", "refunded", "seen", "is_canceled", "status"),
    [pytest.param(*row, id=f"{number}-{row[-1]}") for number, row in enumerate(TABLE)],
)
def test_facts_amount_to_a_status(captured, refunded, seen, is_canceled, status):
    assert (
        derive_order_status(
            kept_captured_minor=captured, kept_refunded_minor=refunded, sessions=seen, is_canceled=is_canceled
        )
        == status
    )


def test_table_reaches_every_status():
    assert {row[-1] for row in TABLE} == set(OrderStatus)


@given(st.lists(sessions, max_size=4), st.none() | st.integers(0, 3000), st.integers(0, 3000), st.booleans(), st.data())
def test_order_of_the_sessions_changes_nothing(seen, captured, refunded, is_canceled, data):
    def status(those):
        return derive_order_status(
            kept_captured_minor=captured, kept_refunded_minor=refunded, sessions=those, is_canceled=is_canceled
        )

    assert status(data.draw(st.permutations(seen))) == status(seen)


@given(st.lists(sessions, max_size=4), st.integers(0, 3000), st.booleans())
def test_no_fact_about_a_session_takes_paid_away(seen, captured, is_canceled):
    status = derive_order_status(
        kept_captured_minor=captured, kept_refunded_minor=0, sessions=seen, is_canceled=is_canceled
    )

    assert status == OrderStatus.PAID


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        (OPEN, False),
        (CREATING, False),
        (EXPIRED, False),
        (IN_FLIGHT, True),
        (AUTHORIZED, True),
        (FAILED, False),
        (VOIDED, False),
        (PAID, True),
        (FREE, True),
    ],
    ids=str,
)
def test_payment_is_in_flight_while_money_may_still_come(session, expected):
    assert session.is_in_flight is expected


@pytest.mark.parametrize(("states", "rank"), RANKS.items(), ids=[states.__name__ for states in RANKS])
def test_every_state_has_a_rank_of_its_own(states, rank):
    assert set(rank) == set(states)
    assert len(set(rank.values())) == len(rank)


@EACH_RANK
def test_join_is_commutative_associative_and_idempotent(rank):
    for one, two, three in product(rank, repeat=3):
        assert join(rank, one, two) == join(rank, two, one)
        assert join(rank, join(rank, one, two), three) == join(rank, one, join(rank, two, three))
        assert join(rank, one, one) == one


@EACH_RANK
def test_join_keeps_what_is_known_where_nothing_is_said(rank):
    assert [join(rank, known, None) for known in rank] == list(rank)


@EACH_RANK
@pytest.mark.parametrize("said", ["", "paused", "PAID", "Open"])
def test_join_refuses_a_state_that_it_does_not_know(rank, said):
    with pytest.raises(UnknownFactError):
        join(rank, next(iter(rank)), said)


@pytest.mark.parametrize(
    ("rank", "earlier", "later"),
    [
        (SESSION_RANK, "creating", "open"),
        (SESSION_RANK, "failed", "open"),
        (SESSION_RANK, "open", "expired"),
        (SESSION_RANK, "open", "complete"),
        (SESSION_RANK, "expired", "complete"),
        (PAYMENT_RANK, "unpaid", "no_payment_required"),
        (PAYMENT_RANK, "unpaid", "paid"),
        (INTENT_RANK, "open", "canceled"),
        (INTENT_RANK, "open", "succeeded"),
        (REFUND_RANK, "creating", "pending"),
        (REFUND_RANK, "refused", "pending"),
        (REFUND_RANK, "pending", "succeeded"),
        (REFUND_RANK, "requires_action", "succeeded"),
        (REFUND_RANK, "succeeded", "failed"),
        (REFUND_RANK, "succeeded", "canceled"),
        (REFUND_RANK, "pending", "canceled"),
    ],
)
def test_late_news_does_not_move_back(rank, earlier, later):
    assert join(rank, later, earlier) == later
    assert join(rank, earlier, later) == later


@pytest.mark.parametrize("order", list(permutations(["open", "complete", "expired"])))
def test_late_expiry_does_not_undo_completion(order):
    known = SessionStatus.CREATING
    for said in order:
        known = join(SESSION_RANK, known, said)

    assert known == "complete"


@pytest.mark.parametrize("said", sorted(CYCLING_INTENT_STATUSES))
def test_intent_status_that_may_cycle_counts_as_open(said):
    assert join_intent("open", said) == "open"
    assert join_intent("succeeded", said) == "succeeded"
    assert join_intent("canceled", said) == "canceled"


def test_intent_that_is_final_is_joined():
    assert join_intent("open", "canceled") == "canceled"
    assert join_intent("canceled", "succeeded") == "succeeded"
    assert join_intent("open", None) == "open"
    with pytest.raises(UnknownFactError):
        join_intent("open", "paused")


def test_stripes_intent_statuses_are_all_known():
    assert CYCLING_INTENT_STATUSES | {"succeeded", "canceled"} == {
        "requires_payment_method",
        "requires_confirmation",
        "requires_action",
        "processing",
        "requires_capture",
        "succeeded",
        "canceled",
    }


def test_refund_that_came_to_nothing_frees_its_amount():
    assert set(RefundStatus) - ACTIVE_REFUND_STATUSES == {"refused", "canceled", "failed"}


def test_session_is_live_until_stripe_ends_it():
    assert set(SessionStatus) - LIVE_SESSION_STATUSES == {"failed", "expired", "complete"}


def test_dispute_that_can_still_be_answered_is_not_closed():
    assert not CLOSED_DISPUTE_STATUSES & {
        "needs_response",
        "under_review",
        "warning_needs_response",
        "warning_under_review",
    }


def test_paid_is_withheld_where_what_was_paid_is_in_doubt():
    assert {
        Attention.AMOUNT_MISMATCH,
        Attention.CURRENCY_MISMATCH,
        Attention.PAID_AFTER_CANCEL,
    } == WITHHOLDING
