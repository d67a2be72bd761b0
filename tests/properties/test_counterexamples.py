"""Single sequences that once ended wrongly: kept by name, because chance rarely finds them again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_checkout import ledger, services
from django_checkout.exceptions import StripeUnavailableError
from django_checkout.models import CheckoutSession, Refund
from django_checkout.states import PAYMENT_RANK, SESSION_RANK, join_session
from django_checkout.values import Ownership, SessionFact
from tests.properties.histories import IBAN_FAILS, IBAN_SUCCEEDS
from tests.properties.shop import Ear, Shop

pytestmark = [pytest.mark.django_db, pytest.mark.core]

PAIRS = st.tuples(st.sampled_from(sorted(SESSION_RANK)), st.sampled_from(sorted(PAYMENT_RANK)))


@pytest.fixture
def shop(stripe_emulator):
    return Shop(stripe_emulator)


@given(PAIRS, PAIRS, PAIRS)
def test_the_join_of_sessions_forgets_order_and_repetition(a, b, c):
    assert join_session(a, a) == a
    assert join_session(a, b) == join_session(b, a)
    assert join_session(join_session(a, b), c) == join_session(a, join_session(b, c))
    assert join_session(a, (None, None)) == a


def test_what_an_open_session_says_of_payment_is_provisional(shop):
    """Free while a promotion code was in place, then paid for by delayed debit without it: not free."""
    stripe_id = shop.start()
    said = {"stripe_id": stripe_id, "ownership": Ownership(), "mode": "payment", "currency": "eur"}
    amounts = {"amount_subtotal_minor": 2000, "amount_total_minor": 2000}
    free = SessionFact(**said, status="open", payment_status="no_payment_required")
    delayed = SessionFact(**said, **amounts, status="complete", payment_status="unpaid", payment_intent_id="pi_1")
    for fact in (free, delayed, free):
        ledger.in_transaction(lambda fact=fact: ledger.apply([fact]))
    assert shop.end()["status"] == "pending"


def test_a_failure_is_not_told_while_another_payment_is_on_its_way(shop):
    first, second = shop.start(), shop.start_beside()
    shop.emulator.pay(first, iban=IBAN_FAILS)
    shop.emulator.pay(second, iban=IBAN_SUCCEEDS)
    shop.deliver()
    shop.emulator.settle(first, succeed=False)
    with Ear().listening() as ear:
        shop.deliver()
    assert shop.end()["status"] == "pending"
    assert ear.heard == []


def test_a_reading_tells_nothing_that_it_contradicts(shop):
    """Authorised and voided before we heard of either: the shop must not ship on the strength of one read."""
    with shop.manual_capture():
        session = shop.start()
    shop.emulator.pay(session)
    shop.emulator.clock.advance(8 * 24 * 3600)
    with Ear().listening() as ear:
        services.sync(shop.order)
    assert ear.heard == []
    assert shop.end()["status"] == "unpaid"


def test_canceling_leaves_an_authorisation_alone_that_ended_by_itself(shop):
    with shop.manual_capture():
        shop.emulator.pay(shop.start())
        shop.deliver()
        shop.emulator.clock.advance(8 * 24 * 3600)
        shop.deliver()
        shop.emulator.pay(shop.start())
        shop.deliver()
    assert services.cancel(shop.host_order).status == "canceled"


def test_canceling_again_after_a_lost_answer_finds_the_authorisation_voided(shop):
    with shop.manual_capture():
        shop.emulator.pay(shop.start())
    shop.deliver()
    with shop.deaf("POST /v1/payment_intents/*/cancel"), pytest.raises(StripeUnavailableError):
        services.cancel(shop.host_order)
    assert services.cancel(shop.host_order).status == "canceled"


def test_a_repeated_request_has_its_parameters_in_the_same_order(shop):
    """PostgreSQL's jsonb forgets the order of keys; Stripe compares a repeated request with the first."""
    with shop.deaf("POST /v1/checkout/sessions"), pytest.raises(StripeUnavailableError):
        shop.start()
    row = CheckoutSession.objects.get()
    CheckoutSession.objects.update(request=dict(reversed(row.request.items())))
    shop.start()
    assert CheckoutSession.objects.get().status == "open"
    assert len(shop.emulator.events()) == 0


def test_a_refund_that_failed_before_its_order_was_known_raises_attention(shop):
    session = shop.start()
    shop.emulator.pay(session)
    refund = shop.emulator.refund(shop.intent_of(session))["id"]
    shop.emulator.fail_refund(refund)
    events = {event["type"]: event for event in shop.events()}
    with Ear().listening() as ear:
        shop.tell(events["refund.failed"], events["checkout.session.completed"])
    assert shop.end()["reasons"] == ["refund_failed"]
    assert [news.signal for news in ear.heard] == ["order_paid", "refund_failed", "attention_needed"]


def test_two_refunds_of_which_one_failed_are_not_too_much(shop):
    session = shop.start()
    shop.emulator.pay(session)
    shop.emulator.fail_refund(shop.emulator.refund(shop.intent_of(session))["id"])
    shop.emulator.refund(shop.intent_of(session))
    events = shop.events()
    last = [event for event in events if event["type"] == "refund.failed"]
    late = ("refund.failed", "refund.updated", "charge.refunded")
    shop.tell(*(event for event in events if event["type"] not in late))
    assert "over_refunded" in shop.end()["reasons"]
    shop.tell(*last)
    assert shop.end()["reasons"] == ["refund_failed"]


def test_a_delayed_failure_can_be_read_as_well_as_heard(shop):
    session = shop.start()
    shop.emulator.pay(session, iban=IBAN_FAILS)
    shop.deliver()
    shop.emulator.settle(session, succeed=False)
    services.sync(shop.order)
    assert shop.end()["status"] == "unpaid"
    assert services.start(shop.host_order).stripe_id != session


def test_a_refund_answered_by_a_stored_failure_is_looked_for(shop):
    """Stripe acted, answered 500, and repeats that answer for ever: the money went back all the same."""
    shop.emulator.pay(shop.start())
    shop.deliver()
    shop.emulator.chaos.fail(1, status=500, when="after", match="POST /v1/refunds")
    with pytest.raises(StripeUnavailableError):
        services.refund(shop.host_order, 500)
    assert services.refund(shop.host_order, 500).status == "succeeded"
    assert [refund.amount_minor for refund in Refund.objects.all()] == [500]
