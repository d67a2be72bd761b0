"""Problems reported about other payment integrations, one test per rule; the ids are numbers of a list of 65 reports.

These are the reports about payments. Those about pages, admin, versions and packaging have their tests elsewhere.
"""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import IntegrityError
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from django_checkout import services, signals
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.exceptions import (
    MoneyError,
    OrderChangedError,
    OrderNotPayableError,
    PaymentInFlightError,
    RefundError,
    StripeUnavailableError,
)
from django_checkout.models import CheckoutSession, Order, Payment, Refund, WebhookEvent
from django_checkout.testing import post_event
from django_checkout.values import LineData, OrderData
from django_checkout.webhooks.pending_work import process_pending
from tests.host.models import HostOrder
from tests.properties.histories import DECLINED, IBAN_SUCCEEDS
from tests.properties.shop import Shop

pytestmark = pytest.mark.django_db


def pain(*numbers):
    """Return a mark with the numbers of the reports that a test covers."""
    return pytest.mark.parametrize("pains", [numbers], ids=["-".join(map(str, numbers))])


@pytest.fixture
def shop(stripe_emulator):
    return Shop(stripe_emulator)


@pytest.fixture
def paid(shop):
    """A shop whose order is paid and whose events are delivered."""
    shop.emulator.pay(shop.start())
    shop.deliver()
    return shop


@pain(1, 2, 14)
def test_a_duplicate_event_is_acknowledged_and_changes_nothing(pains, paid, recorder):
    for event in paid.events():
        assert post_event(event).status_code == 200
    assert recorder.names == []
    assert len(paid.events()) == WebhookEvent.objects.filter(state="processed").count()


@pain(4, 16, 17, 34)
def test_events_can_arrive_in_reverse_order(pains, shop):
    session = shop.start()
    shop.emulator.pay(session)
    shop.emulator.refund(shop.intent_of(session), 500)
    shop.post(*reversed(shop.events()))
    assert shop.outcome()["status"] == "partially_refunded"


@pain(5, 7, 15)
def test_the_return_page_and_the_webhook_pay_the_order_once(pains, shop, recorder):
    session = shop.start()
    shop.emulator.pay(session)
    url = reverse("django_checkout:return", args=[make_token(shop.order.pk, Purpose.STATUS)])
    assert Client().get(url, {"session_id": session}).status_code == 200
    assert shop.outcome()["status"] == "paid"
    shop.deliver()
    assert recorder.names == ["order_paid"]


@pain(6, 10)
def test_an_order_has_one_session_that_can_be_paid(pains, shop):
    assert shop.start() == shop.start()
    row = CheckoutSession.objects.get()
    row.pk, row.uuid, row.stripe_id = None, uuid4(), None
    with pytest.raises(IntegrityError):
        row.save(force_insert=True)


@pain(8, 12)
def test_a_lost_response_creates_no_second_session(pains, shop):
    with shop.losing_responses("POST /v1/checkout/sessions"), pytest.raises(StripeUnavailableError):
        shop.start()
    assert [shop.start()] == shop.sessions_at_stripe()


@pain(9)
def test_a_second_payment_is_found_and_the_order_keeps_the_first(pains, shop, recorder):
    first, second = shop.start(), shop.start_second()
    shop.emulator.pay(first)
    shop.deliver()
    shop.emulator.pay(second)
    shop.deliver()
    end = shop.outcome()
    assert (end["kept"], end["paid_minor"]) == (shop.intent_of(first), 2000)
    assert end["reasons"] == ["double_payment"]
    assert recorder.names == ["order_paid", "attention_needed"]


@pain(11)
def test_a_payment_is_announced_once_after_many_events_and_reads(pains, shop, recorder):
    shop.emulator.pay(shop.start())
    for _ in range(3):
        shop.post(*shop.events())
        services.sync(shop.order)
    assert recorder.names == ["order_paid"]


@pain(18)
def test_a_late_expiry_does_not_undo_a_payment(pains, shop):
    first = shop.start()
    shop.emulator.clock.advance(40 * 3600)
    expired = shop.events()
    services.sync(CheckoutSession.objects.get(stripe_id=first))
    shop.emulator.pay(shop.start())
    shop.post(*[event for event in shop.events() if event not in expired], *expired)
    assert shop.outcome()["status"] == "paid"


@pain(19, 22)
def test_a_declined_card_does_not_change_the_order(pains, shop, recorder):
    session = shop.start()
    shop.emulator.pay(session, DECLINED)
    shop.deliver()
    assert (shop.outcome()["status"], recorder.names) == ("unpaid", [])
    shop.emulator.pay(session)
    shop.deliver()
    assert (shop.outcome()["status"], recorder.names) == ("paid", ["order_paid"])


@pain(20, 21)
def test_events_of_the_same_second_can_arrive_in_any_order(pains, shop):
    session = shop.start()
    shop.emulator.pay(session)
    shop.emulator.fail_refund(shop.emulator.refund(shop.intent_of(session))["id"])
    for event in shop.events():
        event["created"] = 1
    events = [{**event, "created": 1} for event in shop.events()]
    shop.post(*reversed(events))
    assert (shop.outcome()["status"], shop.outcome()["reasons"]) == ("paid", ["refund_failed"])


@pain(23)
def test_pending_work_reads_a_session_that_should_have_expired(pains, shop):
    session = shop.start()
    shop.emulator.pay(session)
    CheckoutSession.objects.update(expires_at=timezone.now() - timezone.timedelta(days=1))
    process_pending()
    assert shop.outcome()["status"] == "paid"


@pain(24, 45)
def test_a_changed_order_gets_a_new_session_and_the_old_one_cannot_be_paid(pains, shop):
    first = shop.start()
    shop.host_order.quantity = 3
    shop.host_order.save()
    second = shop.start()
    assert second != first
    assert shop.emulator.get(first)["status"] == "expired"
    assert shop.emulator.get(second)["amount_total"] == 6000


@pain(25, 26, 64)
def test_an_expired_session_is_never_returned_again(pains, shop):
    first = shop.start()
    shop.emulator.clock.advance(40 * 3600)
    shop.deliver()
    second = shop.start()
    assert second != first
    assert shop.emulator.get(second)["status"] == "open"


@pain(25)
def test_a_paid_order_cannot_be_started_again(pains, paid):
    with pytest.raises(OrderNotPayableError):
        paid.start()


@pain(27, 28, 33)
def test_events_of_other_integrations_are_recorded_as_ignored_and_acknowledged(pains, paid):
    completed = next(event for event in paid.events() if event["type"] == "checkout.session.completed")
    foreign = {**completed["data"]["object"], "id": "cs_foreign", "metadata": {}, "payment_intent": "pi_foreign"}
    borrowed = {**foreign, "id": "cs_b", "metadata": {"order_id": "H-1", "checkout_session": "another"}}
    for number, data in enumerate((foreign, borrowed)):
        assert post_event({**completed, "id": f"evt_{number}", "data": {"object": data}}).status_code == 200
    assert post_event({**completed, "id": "evt_x", "type": "tax.settings.updated"}).status_code == 200
    assert set(WebhookEvent.objects.filter(state="ignored").values_list("error_code", flat=True)) >= {
        "not_ours",
        "unhandled_type",
    }
    assert CheckoutSession.objects.count() == 1


@pain(31)
def test_an_unsigned_event_is_refused_and_not_stored(pains, shop):
    assert post_event(b"{}", "t=1,v1=0").status_code == 400
    with override_settings(STRIPE_WEBHOOK_SECRETS=[]):
        assert post_event(b"{}", "t=1,v1=0").status_code == 400
    assert not WebhookEvent.objects.exists()


@pain(35, 36)
def test_a_failed_event_is_not_acknowledged_and_can_be_delivered_again(pains, shop, monkeypatch):
    shop.emulator.pay(shop.start())
    (completed,) = (event for event in shop.events() if event["type"] == "checkout.session.completed")
    with monkeypatch.context() as patch:
        patch.setattr("django_checkout.stripe_api.facts.read_session", None)
        assert post_event(completed).status_code == 500
    row = WebhookEvent.objects.get()
    assert (row.state, row.attempts, row.error_code) == ("failed", 1, "TypeError")
    assert post_event(completed).status_code == 200
    assert shop.outcome()["status"] == "paid"


@pain(35)
def test_a_failed_event_that_is_not_delivered_again_is_retried_later(pains, shop, monkeypatch):
    shop.emulator.pay(shop.start())
    with monkeypatch.context() as patch:
        patch.setattr("django_checkout.stripe_api.facts.read_session", None)
        patch.setattr("django_checkout.stripe_api.facts.read_payment_intent", None)
        for event in shop.events():
            post_event(event)
    process_pending(now=timezone.now() + timezone.timedelta(hours=1))
    assert shop.outcome()["status"] == "paid"


@pain(38)
def test_the_return_page_alone_does_not_pay_the_order(pains, shop, recorder):
    session = shop.start()
    url = reverse("django_checkout:return", args=[make_token(shop.order.pk, Purpose.STATUS)])
    assert Client().get(url, {"session_id": session}).status_code == 200
    assert (shop.outcome()["status"], recorder.names) == ("unpaid", [])


@pain(39, 41)
def test_a_delayed_payment_is_paid_when_it_arrives_and_not_before(pains, shop, recorder):
    session = shop.start()
    shop.emulator.pay(session, iban=IBAN_SUCCEEDS)
    shop.deliver()
    assert (shop.outcome()["status"], recorder.names) == ("pending", ["order_pending"])
    with pytest.raises(OrderNotPayableError):
        shop.start()
    with pytest.raises(PaymentInFlightError):
        services.cancel(shop.host_order)
    shop.emulator.settle(session)
    shop.deliver()
    assert (shop.outcome()["status"], recorder.names) == ("paid", ["order_pending", "order_paid"])


@pain(40)
def test_a_session_of_another_order_is_not_accepted(pains, paid):
    other = services.place(HostOrder.objects.create(number="H-2"))
    services.start(other)
    stolen = paid.sessions_at_stripe()[0]
    url = reverse("django_checkout:return", args=[make_token(other.pk, Purpose.STATUS)])
    assert Client().get(url, {"session_id": stolen}).status_code == 404
    other.refresh_from_db()
    assert other.status == "unpaid"


@pain(42)
def test_a_session_without_metadata_is_found_by_its_id(pains, shop):
    shop.emulator.pay(shop.start())
    (completed,) = (event for event in shop.events() if event["type"] == "checkout.session.completed")
    completed["data"]["object"].update(metadata={}, client_reference_id=None)
    shop.post(completed)
    assert shop.outcome()["status"] == "paid"


@pain(43, 44)
@pytest.mark.parametrize(("currency", "minor"), [("jpy", 500), ("kwd", 5000), ("isk", 50000), ("ugx", 5_000_000)])
def test_amounts_are_charged_in_the_minor_units_of_stripe(currency, minor, pains, stripe_emulator):
    line = LineData(name="Teapot", unit_amount_minor=minor)
    order = services.place(OrderData(reference="O-1", currency=currency, lines=(line,)))
    session = services.start(order)
    assert stripe_emulator.get(session.stripe_id)["amount_total"] == minor
    stripe_emulator.pay(session.stripe_id)
    assert services.sync(order).paid_minor == minor


@pain(43)
@pytest.mark.parametrize(("currency", "minor"), [("kwd", 5001), ("isk", 50001), ("eur", -1)])
def test_amounts_that_stripe_cannot_charge_are_refused_before_any_call(currency, minor, pains, stripe_emulator):
    line = LineData(name="Teapot", unit_amount_minor=minor)
    with pytest.raises(MoneyError):
        services.place(OrderData(reference="O-1", currency=currency, lines=(line,)))


@pain(45)
def test_a_paid_order_cannot_be_changed(pains, paid):
    paid.host_order.quantity = 9
    paid.host_order.save()
    with pytest.raises(OrderChangedError):
        services.place(paid.host_order)


@pain(46)
def test_lines_add_up_to_the_order(pains, shop):
    shop.host_order.quantity = 7
    shop.host_order.save()
    session = shop.emulator.get(shop.start())
    order = Order.objects.get()
    assert order.subtotal_minor == sum(line.amount_minor for line in order.lines.all()) == session["amount_subtotal"]


@pain(47, 48)
def test_a_wrong_amount_is_recorded_and_not_announced_as_paid(pains, shop, recorder):
    shop.emulator.pay(shop.start())
    (completed,) = (event for event in shop.events() if event["type"] == "checkout.session.completed")
    completed["data"]["object"].update(amount_subtotal=1, amount_total=1)
    shop.post(completed)
    end = shop.outcome()
    assert (end["paid_minor"], end["reasons"]) == (1, ["amount_mismatch"])
    assert recorder.names == ["attention_needed"]
    services.accept(shop.host_order, "The rest was paid in cash.")
    assert recorder.names == ["attention_needed", "order_paid"]


@pain(49)
def test_the_event_of_our_refund_does_not_record_it_twice(pains, paid, recorder):
    refund = services.refund(paid.host_order, 700)
    paid.deliver()
    assert Refund.objects.get().stripe_id == refund.stripe_id
    assert (paid.outcome()["refunded_minor"], recorder.names) == (700, ["order_refunded"])


@pain(49)
def test_a_refund_whose_response_was_lost_is_looked_up_and_not_repeated(pains, paid):
    with paid.losing_responses("POST /v1/refunds"), pytest.raises(StripeUnavailableError):
        services.refund(paid.host_order, 700)
    paid.emulator.clock.advance(25 * 3600)
    services.refund(paid.host_order, 700)
    assert [refund["amount"] for refund in paid.refunds_at_stripe()] == [700]


@pain(49)
def test_refunds_never_exceed_the_payment(pains, paid):
    services.refund(paid.host_order, 1500)
    with pytest.raises(RefundError):
        services.refund(paid.host_order, 501)
    services.refund(paid.host_order)
    with pytest.raises(RefundError):
        services.refund(paid.host_order)
    assert paid.outcome()["status"] == "refunded"


@pain(49, 50)
def test_refunds_from_the_dashboard_appear_once_each(pains, paid, recorder):
    intent = Payment.objects.get().stripe_id
    for amount in (300, 200):
        paid.emulator.refund(intent, amount)
    paid.deliver()
    services.sync(paid.order)
    assert (paid.outcome()["refunded_minor"], recorder.names) == (500, ["order_refunded"] * 2)


@pain(50)
def test_a_pending_refund_does_not_count(pains, shop, recorder):
    shop.emulator.pay(shop.start(), "4000000000007726")
    shop.deliver()
    refund = services.refund(shop.host_order)
    assert (refund.status, shop.outcome()["status"]) == ("pending", "paid")
    shop.emulator.finish_refund(refund.stripe_id)
    shop.deliver()
    assert shop.outcome()["status"] == "refunded"
    assert recorder.names == ["order_paid", "order_refunded"]


@pain(11, 36)
def test_a_receiver_that_raises_hides_no_payment_and_is_retried(pains, shop):
    calls = []

    def broken(sender, order, **arguments):
        calls.append(order.status)
        HostOrder.objects.update(paid_times=len(calls))
        if len(calls) < 3:
            raise RuntimeError("the host is broken")

    signals.order_paid.connect(broken, sender=Order)
    try:
        shop.emulator.pay(shop.start())
        shop.deliver()
        assert (shop.outcome()["status"], HostOrder.objects.get().paid_times) == ("paid", 0)
        for _ in range(3):
            process_pending(now=timezone.now() + timezone.timedelta(days=1))
    finally:
        signals.order_paid.disconnect(broken, sender=Order)
    assert calls == ["paid"] * 3
    assert HostOrder.objects.get().paid_times == 3


@pain(11)
def test_a_refund_is_not_announced_before_the_payment(pains, shop, recorder):
    def broken(sender, **arguments):
        raise RuntimeError("the host is broken")

    signals.order_paid.connect(broken, sender=Order)
    shop.emulator.pay(shop.start())
    shop.deliver()
    services.refund(shop.host_order)
    signals.order_paid.disconnect(broken, sender=Order)
    recorder.clear()
    process_pending(now=timezone.now() + timezone.timedelta(days=1))
    assert recorder.names == ["order_paid", "order_refunded"]
