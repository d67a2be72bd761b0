"""Races at a named moment: what happens between a call to Stripe and the transaction that records its answer."""

from __future__ import annotations

import pytest

from django_checkout import services
from django_checkout.exceptions import OrderNotPayableError, PaymentInFlightError, StripeUnavailableError
from django_checkout.models import Dispute, Order, Refund, WebhookEvent
from django_checkout.testing import post_event
from tests.properties.shop import Ear, Shop
from tests.races.together import run_after, run_before

pytestmark = [pytest.mark.django_db, pytest.mark.race]


@pytest.fixture
def shop(stripe_emulator):
    return Shop(stripe_emulator)


@pytest.fixture
def ear():
    with Ear().listening() as ear:
        yield ear


def told(ear):
    return [news.signal for news in ear.heard]


def test_a_reading_that_is_older_than_an_event_does_not_take_paid_away(shop, ear):
    session = shop.start()

    def pay():
        shop.emulator.pay(session)
        shop.deliver()

    with run_after("django_checkout.gateway.retrieve_session", pay):
        services.sync(shop.order)
    assert shop.end()["status"] == "paid"
    assert told(ear) == ["order_paid"]


def test_a_session_paid_while_it_is_being_replaced_is_taken_as_paid(shop, ear):
    session = shop.start()
    shop.host_order.quantity = 2
    shop.host_order.save()
    with (
        run_before("django_checkout.gateway.expire_session", lambda: shop.emulator.pay(session)),
        pytest.raises(OrderNotPayableError),
    ):
        services.start(shop.host_order)
    end = shop.end()
    assert (end["status"], end["paid_minor"], end["reasons"]) == ("paid", 2000, ["amount_mismatch"])
    assert told(ear) == ["attention_needed"]


def test_a_session_paid_while_its_order_is_being_canceled_is_taken_as_paid(shop, ear):
    session = shop.start()
    with (
        run_before("django_checkout.gateway.expire_session", lambda: shop.emulator.pay(session)),
        pytest.raises(OrderNotPayableError),
    ):
        services.cancel(shop.host_order)
    shop.deliver()
    assert shop.end()["status"] == "paid"
    assert told(ear) == ["order_paid"]


def test_an_order_is_not_canceled_while_its_session_is_being_created(shop):
    def cancel():
        with pytest.raises(PaymentInFlightError):
            services.cancel(shop.host_order)

    with run_before("django_checkout.gateway.create_session", cancel):
        session = services.start(shop.host_order)
    assert session.status == "open"
    assert services.cancel(shop.host_order).status == "canceled"


def test_a_session_started_between_expiring_and_canceling_keeps_the_order_alive(shop):
    shop.start()
    with (
        run_after("django_checkout.services.checkout.expire", lambda: services.start(shop.host_order)),
        pytest.raises(PaymentInFlightError),
    ):
        services.cancel(shop.host_order)


def test_the_event_of_a_refund_may_be_faster_than_its_answer(shop, ear):
    shop.emulator.pay(shop.start())
    shop.deliver()
    with run_after("django_checkout.gateway.create_refund", shop.deliver):
        refund = services.refund(shop.host_order, 500)
    assert refund.status == "succeeded"
    assert Refund.objects.count() == 1
    assert told(ear) == ["order_paid", "order_refunded"]


def test_a_refund_asked_for_while_another_is_on_its_way_is_counted_with_it(shop):
    shop.emulator.pay(shop.start())
    shop.deliver()
    with run_before("django_checkout.gateway.create_refund", lambda: services.refund(shop.host_order, 1200)):
        services.refund(shop.host_order, 800)
    assert shop.end()["status"] == "refunded"
    assert sum(row.amount_minor for row in Refund.objects.all()) == 2000


def test_a_slow_read_of_a_dispute_does_not_undo_a_later_one(shop, ear):
    session = shop.start()
    shop.emulator.pay(session)
    dispute = shop.emulator.open_dispute(shop.intent_of(session))["id"]
    created, _funds = [event for event in shop.events() if event["type"].startswith("charge.dispute")]

    def close():
        shop.emulator.close_dispute(dispute, "won")
        closed = shop.events()[-1]
        assert post_event(closed).status_code == 200

    with run_after("django_checkout.gateway.retrieve_object", close):
        assert post_event(created).status_code == 200
    shop.deliver()
    assert Dispute.objects.get().status == "won"
    assert not Order.objects.get().disputed
    assert "order_disputed" not in told(ear)


def test_an_event_that_another_worker_holds_is_delivered_again_later(shop):
    session = shop.start()
    shop.emulator.pay(session)
    shop.emulator.open_dispute(shop.intent_of(session))
    event = next(event for event in shop.events() if event["type"] == "charge.dispute.created")
    answers = []
    with run_after("django_checkout.gateway.retrieve_object", lambda: answers.append(post_event(event).status_code)):
        answers.append(post_event(event).status_code)
    answers.append(post_event(event).status_code)
    assert answers == [503, 200, 200]
    assert WebhookEvent.objects.get(stripe_id=event["id"]).attempts == 1


def test_the_return_page_and_the_webhook_tell_it_once(shop, ear):
    session = shop.start()
    shop.emulator.pay(session)
    with run_after("django_checkout.gateway.retrieve_session", shop.deliver):
        services.sync(shop.order)
    services.sync(shop.order)
    assert told(ear) == ["order_paid"]


def test_money_that_arrives_after_canceling_raises_attention_and_is_not_told_as_paid(shop, ear):
    """The answer to creating the session was lost, so nobody could end it."""
    with shop.deaf("POST /v1/checkout/sessions"), pytest.raises(StripeUnavailableError):
        shop.start()
    assert services.cancel(shop.host_order).status == "canceled"
    (lost,) = shop.sessions_at_stripe()
    shop.emulator.pay(lost)
    shop.deliver()
    end = shop.end()
    assert (end["status"], end["reasons"]) == ("paid", ["paid_after_cancel"])
    assert told(ear) == ["order_canceled", "attention_needed"]
    services.accept(shop.host_order, "Shipped after all.")
    assert told(ear) == ["order_canceled", "attention_needed", "order_paid"]
