"""The joins, and an order's status as a function of its facts."""

from __future__ import annotations

import json
import re
from itertools import permutations, product
from pathlib import Path

import pytest
from django.template.loader import render_to_string
from django.utils.html import strip_tags
from hypothesis import given
from hypothesis import strategies as st

import django_checkout
from django_checkout.exceptions import UnknownFactError
from django_checkout.models import Order
from django_checkout.services.outcomes import _BY_ORDER_STATUS
from django_checkout.states import (
    ACTIVE_REFUND_STATUSES,
    CLOSED_DISPUTE_STATUSES,
    CYCLING_INTENT_STATUSES,
    IN_FLIGHT_ORDER_STATUSES,
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
from tests import diagram

pytestmark = pytest.mark.core

README = diagram.README.read_text(encoding="utf-8")
DOCUMENT = Path(django_checkout.__file__).parent / "api" / "openapi.json"

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

#: Captured by the kept payment (None without one), refunded, sessions, whether it is canceled, status.
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
    # A payment that was in flight when the order was canceled is shown until it ends.
    (None, 0, [IN_FLIGHT], True, "pending"),
    (None, 0, [AUTHORIZED], True, "authorized"),
    # Paid, and the payment is not stored yet: the order cannot be paid again.
    (None, 0, [PAID], False, "pending"),
    (2000, 0, [PAID], False, "paid"),
    (2000, 0, [PAID, IN_FLIGHT], False, "paid"),
    (2000, 0, [PAID, AUTHORIZED], False, "paid"),
    (2000, 0, [EXPIRED], False, "paid"),
    (2000, 0, [FAILED, PAID], False, "paid"),
    # A payment overrides the cancellation, and raises attention.
    (2000, 0, [PAID], True, "paid"),
    (2000, 1, [PAID], False, "partially_refunded"),
    (2000, 1999, [PAID], False, "partially_refunded"),
    (2000, 2000, [PAID], False, "refunded"),
    (2000, 2001, [PAID], False, "refunded"),
    (2000, 2000, [PAID], True, "refunded"),
    # A failed refund does not count.
    (2000, 0, [PAID, EXPIRED], False, "paid"),
    # Captured and refunded in part.
    (1500, 1500, [AUTHORIZED], False, "refunded"),
    # Free orders and setup mode are complete without a payment and never become refunded.
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
def test_status_is_derived_from_facts(captured, refunded, seen, is_canceled, status):
    assert (
        derive_order_status(
            kept_captured_minor=captured, kept_refunded_minor=refunded, sessions=seen, is_canceled=is_canceled
        )
        == status
    )


def _shopper_text(status):
    """Return what the template tag ``checkout_status`` shows, without markup."""
    order = Order(status=status, paid_minor=2, refunded_minor=1, currency="eur")
    return strip_tags(render_to_string("django_checkout/tags/status.html", {"order": order}))


def _is_in_every_enum(status):
    schemas = json.loads(DOCUMENT.read_text(encoding="utf-8"))["components"]["schemas"].values()
    enums = [values for schema in schemas if (values := schema.get("properties", {}).get("status", {}).get("enum"))]
    enums = [values for values in enums if "partially_refunded" in values]
    return bool(enums) and all(status in values for values in enums)


#: Statuses of orders that can no longer be paid or released.
SETTLED = ("paid", "partially_refunded", "refunded", "canceled")
#: Every place that an order status must be added to, and how to detect that it was. Its label and tone are part of it.
PLACES = {
    "a row of TABLE in tests/test_states.py": lambda status: status in {row[-1] for row in TABLE},
    "arrows in README.md: next_facts in tests/diagram.py": lambda status: f" --> {status}:" in diagram.drawn("states"),
    "a row of the facts in README.md": lambda status: re.search(rf"^\|.*\|.*`{status}`.*\|$", README, re.MULTILINE),
    "a text in templates/django_checkout/tags/status.html": lambda status: (
        [_shopper_text(other) for other in OrderStatus].count(_shopper_text(status)) == 1
    ),
    "IN_FLIGHT_ORDER_STATUSES in states/rules.py, or SETTLED here": lambda status: (
        status in {"unpaid", *IN_FLIGHT_ORDER_STATUSES, *SETTLED}
    ),
    "an outcome in services/outcomes.py": lambda status: status == "unpaid" or status in _BY_ORDER_STATUS,
    "api/openapi.json: python -m tests.api.write_document": _is_in_every_enum,
}


@pytest.mark.parametrize("status", OrderStatus)
def test_order_status_is_in_every_place(status):
    missing = [place for place, has in PLACES.items() if not has(status)]
    assert not missing, "\n".join(missing)


@given(st.lists(sessions, max_size=4), st.none() | st.integers(0, 3000), st.integers(0, 3000), st.booleans(), st.data())
def test_order_of_the_sessions_changes_nothing(seen, captured, refunded, is_canceled, data):
    def status(those):
        return derive_order_status(
            kept_captured_minor=captured, kept_refunded_minor=refunded, sessions=those, is_canceled=is_canceled
        )

    assert status(data.draw(st.permutations(seen))) == status(seen)


@given(st.lists(sessions, max_size=4), st.integers(0, 3000), st.booleans())
def test_no_fact_about_a_session_undoes_a_payment(seen, captured, is_canceled):
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
def test_payment_is_in_flight_while_it_may_still_succeed(session, expected):
    assert session.is_in_flight is expected


@pytest.mark.parametrize(("states", "rank"), RANKS.items(), ids=[states.__name__ for states in RANKS])
def test_every_state_has_its_own_rank(states, rank):
    assert set(rank) == set(states)
    assert len(set(rank.values())) == len(rank)


@EACH_RANK
def test_join_is_commutative_associative_and_idempotent(rank):
    for one, two, three in product(rank, repeat=3):
        assert join(rank, one, two) == join(rank, two, one)
        assert join(rank, join(rank, one, two), three) == join(rank, one, join(rank, two, three))
        assert join(rank, one, one) == one


@EACH_RANK
def test_join_with_none_keeps_the_known_state(rank):
    assert [join(rank, known, None) for known in rank] == list(rank)


@EACH_RANK
@pytest.mark.parametrize("fact", ["", "paused", "PAID", "Open"])
def test_join_refuses_an_unknown_state(rank, fact):
    with pytest.raises(UnknownFactError):
        join(rank, next(iter(rank)), fact)


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
def test_late_fact_does_not_move_a_state_back(rank, earlier, later):
    assert join(rank, later, earlier) == later
    assert join(rank, earlier, later) == later


@pytest.mark.parametrize("order", list(permutations(["open", "complete", "expired"])))
def test_late_expiry_does_not_undo_completion(order):
    known = SessionStatus.CREATING
    for fact in order:
        known = join(SESSION_RANK, known, fact)

    assert known == "complete"


@pytest.mark.parametrize("fact", sorted(CYCLING_INTENT_STATUSES))
def test_intent_status_that_may_cycle_counts_as_open(fact):
    assert join_intent("open", fact) == "open"
    assert join_intent("succeeded", fact) == "succeeded"
    assert join_intent("canceled", fact) == "canceled"


def test_final_intent_status_is_joined():
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


def test_refund_that_failed_frees_its_amount():
    assert set(RefundStatus) - ACTIVE_REFUND_STATUSES == {"refused", "canceled", "failed"}


def test_session_is_live_until_stripe_ends_it():
    assert set(SessionStatus) - LIVE_SESSION_STATUSES == {"failed", "expired", "complete"}


def test_dispute_that_waits_for_evidence_or_a_decision_is_not_closed():
    assert not CLOSED_DISPUTE_STATUSES & {
        "needs_response",
        "under_review",
        "warning_needs_response",
        "warning_under_review",
    }


def test_reasons_that_withhold_order_paid():
    assert {
        Attention.AMOUNT_MISMATCH,
        Attention.CURRENCY_MISMATCH,
        Attention.PAID_AFTER_CANCEL,
    } == WITHHOLDING
