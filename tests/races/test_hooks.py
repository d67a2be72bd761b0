"""Races at a chosen moment: between a call to Stripe and the transaction that records the response."""

from __future__ import annotations

import pytest
from django.utils import timezone

from django_checkout import ledger, services
from django_checkout.exceptions import OrderNotPayableError, PaymentInFlightError, StripeUnavailableError
from django_checkout.models import CheckoutSession, Dispute, Order, Refund, WebhookEvent, database
from django_checkout.stripe_api import facts
from django_checkout.testing import post_event
from django_checkout.webhooks import pending_work
from tests.factories import HostOrderFactory
from tests.properties.shop import Shop
from tests.races.together import run_after, run_before

pytestmark = [pytest.mark.django_db, pytest.mark.race]


@pytest.fixture
def shop(stripe_emulator):
    return Shop(stripe_emulator)


def test_read_that_is_older_than_an_event_does_not_unpay(shop, recorder):
    session = shop.start()

    def pay():
        shop.emulator.pay(session)
        shop.deliver()

    with run_after("django_checkout.stripe_api.gateway.retrieve_session", pay):
        services.sync(shop.order)
    assert shop.outcome()["status"] == "paid"
    assert recorder.names == ["order_paid"]


def test_payment_event_that_waits_for_its_session_event_is_processed(shop):
    shop.emulator.pay(shop.start())
    events = {event["type"]: event for event in shop.emulator.events()}
    session = facts.read_session(
        events["checkout.session.completed"]["data"]["object"], event_type="checkout.session.completed"
    )

    # As if another worker had held the lock of the order, and committed.
    with run_before("django_checkout.ledger.locks.lock_order", lambda: ledger.apply([session])):
        post_event(events["payment_intent.succeeded"])

    assert WebhookEvent.objects.get().state == "processed"


def test_session_paid_while_it_is_replaced_counts_as_paid(shop, recorder):
    session = shop.start()
    shop.host_order.quantity = 2
    shop.host_order.save()
    with (
        run_before("django_checkout.stripe_api.gateway.expire_session", lambda: shop.emulator.pay(session)),
        pytest.raises(OrderNotPayableError),
    ):
        services.start(shop.host_order)
    end = shop.outcome()
    assert (end["status"], end["paid_minor"], end["reasons"]) == ("paid", 2000, ["amount_mismatch"])
    assert recorder.names == ["attention_needed"]


def test_session_paid_while_its_order_is_canceled_counts_as_paid(shop, recorder):
    session = shop.start()
    with (
        run_before("django_checkout.stripe_api.gateway.expire_session", lambda: shop.emulator.pay(session)),
        pytest.raises(OrderNotPayableError),
    ):
        services.cancel(shop.host_order)
    shop.deliver()
    assert shop.outcome()["status"] == "paid"
    assert recorder.names == ["order_paid"]


def test_order_is_not_canceled_while_its_session_is_created(shop):
    def cancel():
        with pytest.raises(PaymentInFlightError):
            services.cancel(shop.host_order)

    with run_before("django_checkout.stripe_api.gateway.create_session", cancel):
        session = services.start(shop.host_order)
    assert session.status == "open"
    assert services.cancel(shop.host_order).status == "canceled"


def test_session_started_between_expiring_and_canceling_keeps_the_order_unpaid(shop):
    shop.start()
    with (
        run_after("django_checkout.services.canceling.expire_steps", lambda: services.start(shop.host_order)),
        pytest.raises(PaymentInFlightError),
    ):
        services.cancel(shop.host_order)


def test_event_of_a_refund_may_arrive_before_the_response(shop, recorder):
    shop.emulator.pay(shop.start())
    shop.deliver()
    with run_after("django_checkout.stripe_api.gateway.create_refund", shop.deliver):
        refund = services.refund(shop.host_order, 500)
    assert refund.status == "succeeded"
    assert Refund.objects.count() == 1
    assert recorder.names == ["order_paid", "order_refunded"]


def test_refund_requested_while_another_is_sent_is_counted_with_it(shop):
    shop.emulator.pay(shop.start())
    shop.deliver()
    with run_before("django_checkout.stripe_api.gateway.create_refund", lambda: services.refund(shop.host_order, 1200)):
        services.refund(shop.host_order, 800)
    assert shop.outcome()["status"] == "refunded"
    assert sum(row.amount_minor for row in Refund.objects.all()) == 2000


def test_slow_read_of_a_dispute_does_not_undo_a_later_one(shop, recorder):
    session = shop.start()
    shop.emulator.pay(session)
    dispute = shop.emulator.open_dispute(shop.intent_of(session))["id"]
    created, _funds = [event for event in shop.events() if event["type"].startswith("charge.dispute")]

    def close():
        shop.emulator.close_dispute(dispute, "won")
        closed = shop.events()[-1]
        assert post_event(closed).status_code == 200

    with run_after("django_checkout.stripe_api.gateway.retrieve_object", close):
        assert post_event(created).status_code == 200
    shop.deliver()
    assert Dispute.objects.get().status == "won"
    assert not Order.objects.get().disputed
    assert "order_disputed" not in recorder.names


def test_event_that_another_worker_holds_is_acknowledged(shop):
    """It is stored, and that worker processes it."""
    session = shop.start()
    shop.emulator.pay(session)
    shop.emulator.open_dispute(shop.intent_of(session))
    event = next(event for event in shop.events() if event["type"] == "charge.dispute.created")
    answers = []
    with run_after(
        "django_checkout.stripe_api.gateway.retrieve_object", lambda: answers.append(post_event(event).status_code)
    ):
        answers.append(post_event(event).status_code)
    answers.append(post_event(event).status_code)
    assert answers == [200, 200, 200]
    assert WebhookEvent.objects.get(stripe_id=event["id"]).attempts == 1


def test_event_whose_worker_dies_after_a_copy_was_acknowledged_is_processed(shop):
    session = shop.start()
    shop.emulator.pay(session)
    shop.emulator.open_dispute(shop.intent_of(session))
    event = next(event for event in shop.events() if event["type"] == "charge.dispute.created")
    answers = []

    def die():
        answers.append(post_event(event).status_code)
        raise SystemExit

    with run_after("django_checkout.stripe_api.gateway.retrieve_object", die), pytest.raises(SystemExit):
        post_event(event)
    assert answers == [200]

    WebhookEvent.objects.filter(state="processing").update(leased_until=timezone.now())
    assert pending_work.process_pending()["events"] == 1
    assert Dispute.objects.count() == 1


def test_return_page_and_webhook_announce_once(shop, recorder):
    session = shop.start()
    shop.emulator.pay(session)
    with run_after("django_checkout.stripe_api.gateway.retrieve_session", shop.deliver):
        services.sync(shop.order)
    services.sync(shop.order)
    assert recorder.names == ["order_paid"]


def test_payment_after_canceling_raises_attention_and_is_not_announced_as_paid(shop, recorder):
    """The response to the creation of the session was lost, so cancel could not expire it."""
    with shop.losing_responses("POST /v1/checkout/sessions"), pytest.raises(StripeUnavailableError):
        shop.start()
    assert services.cancel(shop.host_order).status == "canceled"
    (lost,) = shop.sessions_at_stripe()
    shop.emulator.pay(lost)
    shop.deliver()
    end = shop.outcome()
    assert (end["status"], end["reasons"]) == ("paid", ["paid_after_cancel"])
    assert recorder.names == ["order_canceled", "attention_needed"]
    services.accept(shop.host_order, "Shipped after all.")
    assert recorder.names == ["order_canceled", "attention_needed", "order_paid"]


def test_payment_that_arrives_before_the_response_is_not_undone_by_it(shop, recorder):
    def pay():
        shop.emulator.pay(shop.sessions_at_stripe()[0])
        shop.deliver()

    with (
        run_after("django_checkout.stripe_api.gateway.create_session", pay),
        pytest.raises(OrderNotPayableError),
    ):
        shop.start()
    session = CheckoutSession.objects.get()
    assert (session.status, session.url, bool(session.request_id)) == ("complete", "", True)
    assert shop.outcome()["status"] == "paid"
    assert recorder.names == ["order_paid"]


def test_response_is_recorded_although_its_transaction_starts_over(shop):
    def restart():
        raise database.TransactionRestartError

    with run_after("django_checkout.ledger.creation.join_session", restart):
        session = services.start(shop.host_order)
    row = CheckoutSession.objects.get()
    assert (row.status, row.stripe_id, row.order.livemode) == ("open", session.stripe_id, False)
    assert (session.url, session.order.livemode) == (row.url, False)


def test_row_that_is_placed_while_it_is_described_is_started(shop):
    other = HostOrderFactory(number="H-2")
    with run_after("django_checkout.services.placing.read_content", lambda: services.place(other)):
        session = services.start(other)
    assert Order.objects.get(reference="H-2") == session.order
    assert session.order.lines.count() == 1
