"""Sequences that once ended in a wrong state; random tests rarely find them again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_checkout import ledger, services
from django_checkout.exceptions import StripeUnavailableError
from django_checkout.models import CheckoutSession, Refund
from django_checkout.states import PAYMENT_RANK, SESSION_RANK, join_session
from django_checkout.values import Ownership, SessionFact
from tests.properties.histories import DECLINED, EXPIRES_AFTER_SECONDS, IBAN_FAILS, IBAN_SUCCEEDS
from tests.properties.shop import Shop
from tests.signal_recorder import SignalRecorder

pytestmark = [pytest.mark.django_db, pytest.mark.core]

PAIRS = st.tuples(st.sampled_from(sorted(SESSION_RANK)), st.sampled_from(sorted(PAYMENT_RANK)))


@pytest.fixture
def shop(stripe_emulator):
    return Shop(stripe_emulator)


@given(PAIRS, PAIRS, PAIRS)
def test_the_join_of_sessions_is_idempotent_commutative_and_associative(a, b, c):
    assert join_session(a, a) == a
    assert join_session(a, b) == join_session(b, a)
    assert join_session(join_session(a, b), c) == join_session(a, join_session(b, c))
    assert join_session(a, (None, None)) == a


def test_the_payment_status_of_an_open_session_is_provisional(shop):
    """The order was free with a promotion code, and is then paid by delayed debit without it."""
    stripe_id = shop.start()
    common = {"stripe_id": stripe_id, "ownership": Ownership(), "mode": "payment", "currency": "eur"}
    amounts = {"amount_subtotal_minor": 2000, "amount_total_minor": 2000}
    free = SessionFact(**common, status="open", payment_status="no_payment_required")
    delayed = SessionFact(**common, **amounts, status="complete", payment_status="unpaid", payment_intent_id="pi_1")
    for fact in (free, delayed, free):
        ledger.in_transaction(lambda fact=fact: ledger.apply([fact]))
    assert shop.outcome()["status"] == "pending"


def test_a_failed_payment_is_not_announced_while_another_is_in_progress(shop):
    first, second = shop.start(), shop.start_second()
    shop.emulator.pay(first, iban=IBAN_FAILS)
    shop.emulator.pay(second, iban=IBAN_SUCCEEDS)
    shop.deliver()
    shop.emulator.settle(first, succeed=False)
    with SignalRecorder() as recorder:
        shop.deliver()
    assert shop.outcome()["status"] == "pending"
    assert recorder.sent == []


def test_a_read_announces_nothing_that_is_already_over(shop):
    """The payment was authorized and voided before the read."""
    with shop.manual_capture():
        session = shop.start()
    shop.emulator.pay(session)
    shop.emulator.clock.advance(8 * 24 * 3600)
    with SignalRecorder() as recorder:
        services.sync(shop.order)
    assert recorder.sent == []
    assert shop.outcome()["status"] == "unpaid"


def test_cancel_ignores_an_authorization_that_has_expired(shop):
    with shop.manual_capture():
        shop.emulator.pay(shop.start())
        shop.deliver()
        shop.emulator.clock.advance(8 * 24 * 3600)
        shop.deliver()
        shop.emulator.pay(shop.start())
        shop.deliver()
    assert services.cancel(shop.host_order).status == "canceled"


def test_a_repeated_cancel_finds_the_authorization_voided_after_a_lost_response(shop):
    with shop.manual_capture():
        shop.emulator.pay(shop.start())
    shop.deliver()
    with shop.losing_responses("POST /v1/payment_intents/*/cancel"), pytest.raises(StripeUnavailableError):
        services.cancel(shop.host_order)
    assert services.cancel(shop.host_order).status == "canceled"


def test_a_repeated_request_has_its_parameters_in_the_same_order(shop):
    """PostgreSQL's jsonb does not keep the order of keys; Stripe compares a repeated request with the first."""
    with shop.losing_responses("POST /v1/checkout/sessions"), pytest.raises(StripeUnavailableError):
        shop.start()
    row = CheckoutSession.objects.get()
    CheckoutSession.objects.update(request=dict(reversed(row.request.items())))
    shop.start()
    row.refresh_from_db()
    # A request that Stripe refused as another one would leave no request id: the session is then found by its UUID.
    assert (row.status, row.request_id.startswith("req_")) == ("open", True)
    assert len(shop.emulator.events()) == 0


def test_a_refund_that_failed_before_its_order_was_known_needs_attention(shop):
    session = shop.start()
    shop.emulator.pay(session)
    refund = shop.emulator.refund(shop.intent_of(session))["id"]
    shop.emulator.fail_refund(refund)
    events = {event["type"]: event for event in shop.events()}
    with SignalRecorder() as recorder:
        shop.post(events["refund.failed"], events["checkout.session.completed"])
    assert shop.outcome()["reasons"] == ["refund_failed"]
    assert recorder.names == ["order_paid", "refund_failed", "attention_needed"]


def test_a_failed_refund_does_not_count_beside_another(shop):
    session = shop.start()
    shop.emulator.pay(session)
    shop.emulator.fail_refund(shop.emulator.refund(shop.intent_of(session))["id"])
    shop.emulator.refund(shop.intent_of(session))
    events = shop.events()
    last = [event for event in events if event["type"] == "refund.failed"]
    late = ("refund.failed", "refund.updated", "charge.refund.updated", "charge.refunded")
    shop.post(*(event for event in events if event["type"] not in late))
    assert "over_refunded" in shop.outcome()["reasons"]
    shop.post(*last)
    assert shop.outcome()["reasons"] == ["refund_failed"]


def test_a_delayed_failure_can_be_read_without_its_event(shop):
    session = shop.start()
    shop.emulator.pay(session, iban=IBAN_FAILS)
    shop.deliver()
    shop.emulator.settle(session, succeed=False)
    services.sync(shop.order)
    assert shop.outcome()["status"] == "unpaid"
    assert services.start(shop.host_order).stripe_id != session


def test_a_refund_whose_failure_is_stored_is_looked_up(shop):
    """Stripe refunds the money, responds with 500, and repeats that response for every retry."""
    shop.emulator.pay(shop.start())
    shop.deliver()
    shop.emulator.chaos.fail(1, status=500, when="after", match="POST /v1/refunds")
    with pytest.raises(StripeUnavailableError):
        services.refund(shop.host_order, 500)
    assert services.refund(shop.host_order, 500).status == "succeeded"
    assert [refund.amount_minor for refund in Refund.objects.all()] == [500]


def test_a_read_cancels_the_payment_of_an_expired_session_whose_own_event_is_lost(shop):
    session = shop.start()
    shop.emulator.pay(session, DECLINED)
    shop.emulator.clock.advance(EXPIRES_AFTER_SECONDS)
    shop.post(*shop.emulator.events("checkout.session.expired"))
    assert [status for _, status, _ in shop.outcome()["payments"]] == ["open"]
    services.sync(shop.order)
    assert [status for _, status, _ in shop.outcome()["payments"]] == ["canceled"]
