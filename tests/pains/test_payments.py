"""What hurts users of other payment integrations, one rule each: the ids are numbers of a list of 65 real complaints.

Complaints about pages, admin, versions and packaging have their tests elsewhere; here are those about payments.
"""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import IntegrityError
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from django_checkout import services, signals
from django_checkout.exceptions import (
    MoneyError,
    OrderChangedError,
    OrderNotPayableError,
    PaymentInFlightError,
    RefundError,
    StripeUnavailableError,
)
from django_checkout.models import CheckoutSession, Order, Payment, Refund, WebhookEvent
from django_checkout.sweep import sweep
from django_checkout.testing import post_event
from django_checkout.tokens import Purpose, make_token
from django_checkout.values import LineData, OrderData
from tests.host.models import HostOrder
from tests.properties.histories import DECLINED, IBAN_SUCCEEDS
from tests.properties.shop import Ear, Shop

pytestmark = pytest.mark.django_db


def pain(*numbers):
    """Name the complaints that a test answers."""
    return pytest.mark.parametrize("pains", [numbers], ids=["-".join(map(str, numbers))])


@pytest.fixture
def shop(stripe_emulator):
    return Shop(stripe_emulator)


@pytest.fixture
def paid(shop):
    """A shop whose order is paid, its events delivered."""
    shop.emulator.pay(shop.start())
    shop.deliver()
    return shop


@pytest.fixture
def ear():
    with Ear().listening() as ear:
        yield ear


def told(ear):
    return [news.signal for news in ear.heard]


# Duplicates, double charges, races


@pain(1, 2, 14)
def test_a_duplicate_event_is_acknowledged_and_changes_nothing(pains, paid, ear):
    for event in paid.events():
        assert post_event(event).status_code == 200
    assert told(ear) == []
    assert len(paid.events()) == WebhookEvent.objects.filter(state="processed").count()


@pain(4, 16, 17, 34)
def test_no_event_needs_another_to_have_come_first(pains, shop):
    session = shop.start()
    shop.emulator.pay(session)
    shop.emulator.refund(shop.intent_of(session), 500)
    shop.tell(*reversed(shop.events()))
    assert shop.end()["status"] == "partially_refunded"


@pain(5, 7, 15)
def test_return_page_and_webhook_settle_it_once(pains, shop, ear):
    session = shop.start()
    shop.emulator.pay(session)
    url = reverse("django_checkout:return", args=[make_token(shop.order.pk, Purpose.STATUS)])
    assert Client().get(url, {"session_id": session}).status_code == 200
    assert shop.end()["status"] == "paid"
    shop.deliver()
    assert told(ear) == ["order_paid"]


@pain(6, 10)
def test_an_order_has_one_session_that_can_be_paid(pains, shop):
    assert shop.start() == shop.start()
    row = CheckoutSession.objects.get()
    row.pk, row.uuid, row.stripe_id = None, uuid4(), None
    with pytest.raises(IntegrityError):
        row.save(force_insert=True)


@pain(8, 12)
def test_a_lost_answer_makes_no_second_session(pains, shop):
    with shop.deaf("POST /v1/checkout/sessions"), pytest.raises(StripeUnavailableError):
        shop.start()
    assert [shop.start()] == shop.sessions_at_stripe()


@pain(9)
def test_a_second_payment_is_found_and_the_order_keeps_the_first(pains, shop, ear):
    first, second = shop.start(), shop.start_beside()
    shop.emulator.pay(first)
    shop.deliver()
    shop.emulator.pay(second)
    shop.deliver()
    end = shop.end()
    assert (end["kept"], end["paid_minor"]) == (shop.intent_of(first), 2000)
    assert end["reasons"] == ["double_payment"]
    assert told(ear) == ["order_paid", "attention_needed"]


@pain(11)
def test_paid_is_told_once_however_often_it_is_heard(pains, shop, ear):
    shop.emulator.pay(shop.start())
    for _ in range(3):
        shop.tell(*shop.events())
        services.sync(shop.order)
    assert told(ear) == ["order_paid"]


# Order of arrival


@pain(18)
def test_a_late_expiry_or_failure_does_not_take_paid_away(pains, shop):
    first = shop.start()
    shop.emulator.clock.advance(40 * 3600)
    expired = shop.events()
    services.sync(CheckoutSession.objects.get(stripe_id=first))
    shop.emulator.pay(shop.start())
    shop.tell(*[event for event in shop.events() if event not in expired], *expired)
    assert shop.end()["status"] == "paid"


@pain(19, 22)
def test_a_declined_card_is_no_fact_about_the_order(pains, shop, ear):
    session = shop.start()
    shop.emulator.pay(session, DECLINED)
    shop.deliver()
    assert (shop.end()["status"], told(ear)) == ("unpaid", [])
    shop.emulator.pay(session)
    shop.deliver()
    assert (shop.end()["status"], told(ear)) == ("paid", ["order_paid"])


@pain(20, 21)
def test_events_of_the_same_second_need_no_order(pains, shop):
    session = shop.start()
    shop.emulator.pay(session)
    shop.emulator.fail_refund(shop.emulator.refund(shop.intent_of(session))["id"])
    for event in shop.events():
        event["created"] = 1
    events = [{**event, "created": 1} for event in shop.events()]
    shop.tell(*reversed(events))
    assert (shop.end()["status"], shop.end()["reasons"]) == ("paid", ["refund_failed"])


@pain(23)
def test_clean_up_asks_stripe_before_it_gives_an_order_up(pains, shop):
    session = shop.start()
    shop.emulator.pay(session)
    CheckoutSession.objects.update(expires_at=timezone.now() - timezone.timedelta(days=1))
    sweep()
    assert shop.end()["status"] == "paid"


# Idempotency keys


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
def test_an_ended_session_is_never_handed_out_again(pains, shop):
    first = shop.start()
    shop.emulator.clock.advance(40 * 3600)
    shop.deliver()
    second = shop.start()
    assert second != first
    assert shop.emulator.get(second)["status"] == "open"


@pain(25)
def test_a_paid_order_is_not_started_again(pains, paid):
    with pytest.raises(OrderNotPayableError):
        paid.start()


# Webhooks


@pain(27, 28, 33)
def test_what_is_not_ours_is_recorded_as_ignored_and_acknowledged(pains, paid):
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
def test_a_failure_is_not_acknowledged_and_the_event_comes_again(pains, shop, monkeypatch):
    shop.emulator.pay(shop.start())
    (completed,) = (event for event in shop.events() if event["type"] == "checkout.session.completed")
    with monkeypatch.context() as patch:
        patch.setattr("django_checkout.facts.read_session", None)
        assert post_event(completed).status_code == 500
    row = WebhookEvent.objects.get()
    assert (row.state, row.attempts, row.error_code) == ("failed", 1, "TypeError")
    assert post_event(completed).status_code == 200
    assert shop.end()["status"] == "paid"


@pain(35)
def test_a_failed_event_that_never_comes_again_is_swept(pains, shop, monkeypatch):
    shop.emulator.pay(shop.start())
    with monkeypatch.context() as patch:
        patch.setattr("django_checkout.facts.read_session", None)
        patch.setattr("django_checkout.facts.read_payment_intent", None)
        for event in shop.events():
            post_event(event)
    sweep(now=timezone.now() + timezone.timedelta(hours=1))
    assert shop.end()["status"] == "paid"


# Fulfilment without payment


@pain(38)
def test_the_return_page_alone_pays_for_nothing(pains, shop, ear):
    session = shop.start()
    url = reverse("django_checkout:return", args=[make_token(shop.order.pk, Purpose.STATUS)])
    assert Client().get(url, {"session_id": session}).status_code == 200
    assert (shop.end()["status"], told(ear)) == ("unpaid", [])


@pain(39, 41)
def test_a_delayed_payment_is_paid_when_it_arrives_and_not_before(pains, shop, ear):
    session = shop.start()
    shop.emulator.pay(session, iban=IBAN_SUCCEEDS)
    shop.deliver()
    assert (shop.end()["status"], told(ear)) == ("pending", ["order_pending"])
    with pytest.raises(OrderNotPayableError):
        shop.start()
    with pytest.raises(PaymentInFlightError):
        services.cancel(shop.host_order)
    shop.emulator.settle(session)
    shop.deliver()
    assert (shop.end()["status"], told(ear)) == ("paid", ["order_pending", "order_paid"])


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
def test_a_session_is_known_by_our_row_where_its_metadata_is_gone(pains, shop):
    shop.emulator.pay(shop.start())
    (completed,) = (event for event in shop.events() if event["type"] == "checkout.session.completed")
    completed["data"]["object"].update(metadata={}, client_reference_id=None)
    shop.tell(completed)
    assert shop.end()["status"] == "paid"


# Amounts


@pain(43, 44)
@pytest.mark.parametrize(("currency", "minor"), [("jpy", 500), ("kwd", 5000), ("isk", 50000), ("ugx", 5_000_000)])
def test_currencies_are_charged_as_stripe_counts_them(currency, minor, pains, stripe_emulator):
    line = LineData(name="Teapot", unit_amount_minor=minor)
    order = services.place(OrderData(reference="O-1", currency=currency, lines=(line,)))
    session = services.start(order)
    assert stripe_emulator.get(session.stripe_id)["amount_total"] == minor
    stripe_emulator.pay(session.stripe_id)
    assert services.sync(order).paid_minor == minor


@pain(43)
@pytest.mark.parametrize(("currency", "minor"), [("kwd", 5001), ("isk", 50001), ("eur", -1)])
def test_amounts_that_stripe_cannot_charge_are_refused_before_it_is_asked(currency, minor, pains, stripe_emulator):
    line = LineData(name="Teapot", unit_amount_minor=minor)
    with pytest.raises(MoneyError):
        services.place(OrderData(reference="O-1", currency=currency, lines=(line,)))


@pain(45)
def test_an_order_does_not_change_under_a_payment(pains, paid):
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
def test_a_wrong_amount_is_recorded_as_it_is_and_not_told_as_paid(pains, shop, ear):
    shop.emulator.pay(shop.start())
    (completed,) = (event for event in shop.events() if event["type"] == "checkout.session.completed")
    completed["data"]["object"].update(amount_subtotal=1, amount_total=1)
    shop.tell(completed)
    end = shop.end()
    assert (end["paid_minor"], end["reasons"]) == (1, ["amount_mismatch"])
    assert told(ear) == ["attention_needed"]
    services.accept(shop.host_order, "The rest was paid in cash.")
    assert told(ear) == ["attention_needed", "order_paid"]


# Refunds


@pain(49)
def test_a_refund_of_ours_is_not_doubled_by_its_event(pains, paid, ear):
    refund = services.refund(paid.host_order, 700)
    paid.deliver()
    assert Refund.objects.get().stripe_id == refund.stripe_id
    assert (paid.end()["refunded_minor"], told(ear)) == (700, ["order_refunded"])


@pain(49)
def test_a_refund_whose_answer_was_lost_is_looked_for_and_not_repeated(pains, paid):
    with paid.deaf("POST /v1/refunds"), pytest.raises(StripeUnavailableError):
        services.refund(paid.host_order, 700)
    paid.emulator.clock.advance(25 * 3600)
    services.refund(paid.host_order, 700)
    assert [refund["amount"] for refund in paid.refunds_at_stripe()] == [700]


@pain(49)
def test_no_more_is_given_back_than_was_taken(pains, paid):
    services.refund(paid.host_order, 1500)
    with pytest.raises(RefundError):
        services.refund(paid.host_order, 501)
    services.refund(paid.host_order)
    with pytest.raises(RefundError):
        services.refund(paid.host_order)
    assert paid.end()["status"] == "refunded"


@pain(49, 50)
def test_refunds_from_the_dashboard_appear_once_each(pains, paid, ear):
    intent = Payment.objects.get().stripe_id
    for amount in (300, 200):
        paid.emulator.refund(intent, amount)
    paid.deliver()
    services.sync(paid.order)
    assert (paid.end()["refunded_minor"], told(ear)) == (500, ["order_refunded"] * 2)


@pain(50)
def test_a_pending_refund_is_no_money_yet(pains, shop, ear):
    shop.emulator.pay(shop.start(), "4000000000007726")
    shop.deliver()
    refund = services.refund(shop.host_order)
    assert (refund.status, shop.end()["status"]) == ("pending", "paid")
    shop.emulator.finish_refund(refund.stripe_id)
    shop.deliver()
    assert shop.end()["status"] == "refunded"
    assert told(ear) == ["order_paid", "order_refunded"]


# Announcements


@pain(11, 36)
def test_a_receiver_that_raises_hides_no_payment_and_is_tried_again(pains, shop):
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
        assert (shop.end()["status"], HostOrder.objects.get().paid_times) == ("paid", 0)
        for _ in range(3):
            sweep(now=timezone.now() + timezone.timedelta(days=1))
    finally:
        signals.order_paid.disconnect(broken, sender=Order)
    assert calls == ["paid"] * 3
    assert HostOrder.objects.get().paid_times == 3


@pain(11)
def test_refunded_is_not_told_before_paid(pains, shop, ear):
    def broken(sender, **arguments):
        raise RuntimeError("the host is broken")

    signals.order_paid.connect(broken, sender=Order)
    shop.emulator.pay(shop.start())
    shop.deliver()
    services.refund(shop.host_order)
    signals.order_paid.disconnect(broken, sender=Order)
    del ear.heard[:]
    sweep(now=timezone.now() + timezone.timedelta(days=1))
    assert told(ear) == ["order_paid", "order_refunded"]
