"""Rules that a review found broken: each test is named by the rule."""

from __future__ import annotations

import json

import pytest
from django.db import transaction

from django_checkout import facts, ledger, services, signals, sweep
from django_checkout.exceptions import ParameterError, RefundError, SessionBusyError, StripeUnavailableError
from django_checkout.ledger.lines import find_line_fault
from django_checkout.models import AttentionItem, CheckoutSession, Customer, Order, Payment, Refund
from django_checkout.services import changing
from django_checkout.testing import post_event
from django_checkout.tokens import Purpose, make_token
from django_checkout.values import CheckoutOptions, LineData, OrderData
from tests.damage import overwrite
from tests.factories import HostOrderFactory, UserFactory
from tests.host.models import HostOrder

pytestmark = [pytest.mark.django_db, pytest.mark.core]

MANUAL = {"payment_intent_data": {"capture_method": "manual"}}
TEA = LineData(name="Tea", unit_amount_minor=1900, recurring_interval="month")


def _garble(emulator, monkeypatch, *, path, status, times=1):
    """Let the emulator act, and a proxy answer with a page of its own."""
    handle, left = emulator.handle, [times]

    def garbled(request):
        answer = handle(request)
        if request.method == "POST" and request.path.endswith(path) and left[0]:
            left[0] -= 1
            return type(answer)(status=status, headers={"content-type": "text/html"}, body=b"<html>proxy</html>")
        return answer

    monkeypatch.setattr(emulator, "handle", garbled)


@pytest.mark.parametrize("status", [200, 404, 424])
def test_garbled_answer_is_no_refusal_and_a_refund_is_not_repeated(paid_order, stripe_emulator, monkeypatch, status):
    _garble(stripe_emulator, monkeypatch, path="/refunds", status=status, times=2)
    with pytest.raises(StripeUnavailableError):
        services.refund(paid_order, 500)

    services.refund(paid_order, 500)

    assert [refund["amount"] for refund in stripe_emulator.store.select("refund")] == [500]
    assert Refund.objects.get().status == "succeeded"


def test_proxys_404_does_not_leave_two_payable_sessions(host_order, stripe_emulator, monkeypatch):
    services.start(host_order)
    host_order.quantity = 2
    host_order.save()
    _garble(stripe_emulator, monkeypatch, path="/expire", status=404, times=2)

    with pytest.raises(StripeUnavailableError):
        services.start(host_order)

    open_sessions = stripe_emulator.store.select("checkout.session", {"status": "open"})
    assert len(open_sessions) <= 1
    assert CheckoutSession.objects.count() == 1


@pytest.fixture
def elements(settings, host_order, stripe_emulator):
    settings.CHECKOUT_ADAPTER = "tests.test_services_changing.ChangingAdapter"
    return services.start(host_order, ui_mode="elements")


@pytest.mark.parametrize("trouble", [{"status": 500}, {"status": 429}])
def test_old_amount_is_withheld_once_a_change_of_quantity_is_committed(
    elements, stripe_emulator, deliver_events, heard, trouble
):
    stripe_emulator.chaos.fail(2, match="POST /v1/checkout/sessions/*", **trouble)
    with pytest.raises(StripeUnavailableError):
        services.change_quantity(elements.order, sku="", quantity=3)
    stripe_emulator.chaos.reset()

    stripe_emulator.pay(elements.stripe_id)
    deliver_events()

    order = Order.objects.get()
    assert (order.subtotal_minor, order.paid_minor, order.needs_attention) == (6000, 2000, True)
    assert "order_paid" not in heard


def test_two_changes_of_quantity_do_not_overtake_each_other(elements, stripe_emulator, monkeypatch):
    send = changing._send

    def meanwhile(*arguments):
        with pytest.raises(SessionBusyError):
            services.change_quantity(elements.order, sku="", quantity=2)
        return send(*arguments)

    monkeypatch.setattr(changing, "_send", meanwhile)
    services.change_quantity(elements.order, sku="", quantity=3)

    assert (HostOrder.objects.get().quantity, Order.objects.get().subtotal_minor) == (3, 6000)
    assert stripe_emulator.get(elements.stripe_id)["amount_subtotal"] == 6000


def test_free_order_is_paid_although_capture_is_manual(stripe_emulator, deliver_events, settings, heard):
    settings.CHECKOUT_CAPTURE_METHOD = "manual"
    line = LineData(name="Sample", unit_amount_minor=0)
    order = services.place(OrderData(reference="FREE", currency="eur", lines=(line,)))

    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()

    order.refresh_from_db()
    assert (order.status, heard) == ("paid", ["order_paid"])


def test_captured_payment_is_read_where_only_the_session_says_paid(order, stripe_emulator, heard):
    session = services.start(order, params=MANUAL)
    stripe_emulator.pay(session.stripe_id)
    services.sync(session)
    services.capture(order)
    Payment.objects.update(captured_minor=0, intent_status="open")
    overwrite(Order.objects, kept_payment=None, status="authorized", paid_minor=0)
    said = stripe_emulator.get(session.stripe_id) | {"payment_status": "paid"}
    event = {"id": "evt_1", "object": "event", "type": "checkout.session.completed", "livemode": False, "created": 1}

    response = post_event({**event, "data": {"object": said}})

    order.refresh_from_db()
    assert (response.status_code, order.status, order.paid_minor) == (200, "paid", 2000)


def test_withdrawn_discount_is_another_revision(stripe_emulator, deliver_events, heard):
    def place(**options):
        line = LineData(name="Teapot", unit_amount_minor=2000)
        data = OrderData(reference="D-1", currency="eur", lines=(line,), options=CheckoutOptions(**options))
        return services.place(data)

    session = services.start(place(discount_minor=1900))
    order = place()
    stripe_emulator.pay(session.stripe_id)
    deliver_events()

    order.refresh_from_db()
    assert (order.revision, order.paid_minor, order.needs_attention) == (2, 100, True)
    assert "order_paid" not in heard


def test_mode_that_contradicts_the_order_is_refused(order, stripe_emulator):
    with pytest.raises(ParameterError, match="setup"):
        services.start(order, mode="setup")


def test_subscriptions_first_payment_can_be_refunded_and_followed(stripe_emulator, deliver_events, heard):
    data = OrderData(reference="S-1", currency="eur", lines=(TEA,), user=UserFactory())
    order = services.place(data)
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()

    services.refund(order, 900)
    stripe_emulator.refund(Payment.objects.get().stripe_id, 1000)
    deliver_events()

    order.refresh_from_db()
    assert Payment.objects.get().stripe_id.startswith("pi_")
    assert (order.status, order.refunded_minor) == ("refunded", 1900)


def test_same_key_is_the_same_refund(paid_order, stripe_emulator):
    first = services.refund(paid_order, 500, key="task-1")

    assert services.refund(paid_order, 500, key="task-1") == first
    with pytest.raises(RefundError):
        services.refund(paid_order, 600, key="task-1")
    assert len(stripe_emulator.store.select("refund")) == 1


@pytest.fixture
def withheld_and_doubled(host_order, stripe_emulator, deliver_events, settings):
    """An order whose kept payment is of an old cart, and whose second payment is the right one."""
    old = services.start(host_order)
    host_order.quantity = 2
    host_order.save()
    services.place(host_order)
    stripe_emulator.pay(old.stripe_id)
    deliver_events()
    order = Order.objects.get()
    stripe_session = stripe_emulator.get(old.stripe_id)
    surplus = stripe_session | {
        "id": "cs_test_second",
        "payment_intent": "pi_second",
        "amount_subtotal": 4000,
        "amount_total": 4000,
        "recovered_from": old.stripe_id,
    }
    ledger.in_transaction(lambda: ledger.apply([facts.read_session(surplus)]))
    order.refresh_from_db()
    return order


def test_surplus_is_not_given_back_while_the_kept_payment_is_in_doubt(withheld_and_doubled, stripe_emulator, settings):
    settings.CHECKOUT_DOUBLE_PAYMENT = "refund"

    sweep.sweep()

    assert stripe_emulator.store.select("refund") == []


def test_accepting_a_price_does_not_hide_a_second_payment(withheld_and_doubled, heard):
    order = services.accept(withheld_and_doubled, "The old price is fine.")

    assert order.needs_attention
    assert [item.code for item in AttentionItem.objects.filter(resolved_at=None)] == ["double_payment"]
    assert heard[0] == "order_paid"
    assert not services.accept(order, "Given back by hand.").needs_attention


def test_session_that_stripe_does_not_know_blocks_nothing(order, stripe_emulator):
    session = services.start(order)
    CheckoutSession.objects.update(stripe_id="cs_test_gone")

    services.expire(CheckoutSession.objects.get())

    session.refresh_from_db()
    assert (session.status, session.live_for_id, session.error_code) == ("failed", None, "not_at_stripe")
    assert services.sync(order).status == "unpaid"
    assert services.cancel(order).status == "canceled"


def test_customer_deleted_at_stripe_locks_nobody_out(stripe_emulator):
    user = UserFactory()
    Customer.objects.create(user=user, livemode=False, stripe_id="cus_gone")
    order = services.place(HostOrderFactory(owner=user))

    session = services.start(order)

    assert (session.status, "customer" in session.request) == ("open", False)
    assert not Customer.objects.exists()


@pytest.mark.parametrize("when", ["before", "after"])
def test_capture_goes_on_after_a_stored_failure(order, stripe_emulator, deliver_events, when):
    stripe_emulator.pay(services.start(order, params=MANUAL).stripe_id)
    deliver_events()
    stripe_emulator.chaos.fail(2, status=500, when=when, match="POST /v1/payment_intents/*/capture")
    with pytest.raises(StripeUnavailableError):
        services.capture(order)
    stripe_emulator.chaos.reset()

    assert services.capture(order).paid_minor == 2000


def test_lost_news_of_a_delayed_payment_is_swept(order, stripe_emulator, deliver_events, heard):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id, iban="AT611904300234573201")
    deliver_events()
    stripe_emulator.settle(session.stripe_id)
    CheckoutSession.objects.update(completed_at="2026-01-01T00:00:00Z")

    sweep.sweep()

    order.refresh_from_db()
    assert (order.status, heard) == ("paid", ["order_pending", "order_paid"])


@pytest.mark.django_db(transaction=True)
def test_hook_of_the_hosts_that_fails_after_the_commit_stops_nobody(client, stripe_emulator, caplog):
    def mail(**arguments):
        transaction.on_commit(lambda: 1 / 0)

    order = services.place(HostOrderFactory())
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    signals.order_paid.connect(mail, sender=Order)
    try:
        token = make_token(order.pk, Purpose.STATUS)
        page = client.get(f"/checkout/return/{token}/?session_id={session.stripe_id}")
    finally:
        signals.order_paid.disconnect(mail, sender=Order)

    assert (page.status_code, page.context["outcome"]) == (200, "paid")
    assert "on_commit_failed" in caplog.text


def test_deleted_order_of_the_hosts_cannot_be_paid(client, host_order, order):
    host_order.delete()

    assert client.post(services.start_url(order)).status_code == 404
    assert client.get(services.pay_url(order)).status_code == 404


def test_refund_that_names_only_its_charge_and_comes_first_is_counted(order, stripe_emulator, deliver_events):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    intent = stripe_emulator.get(session.stripe_id)["payment_intent"]
    refund = stripe_emulator.refund(intent, 500) | {"payment_intent": None}
    ledger.in_transaction(lambda: ledger.apply([facts.read_refund(refund)]))

    deliver_events()

    order.refresh_from_db()
    assert (order.status, order.refunded_minor) == ("partially_refunded", 500)
    assert Payment.objects.count() == 1


def test_fixed_and_adjustable_lines_at_one_price_are_told_apart():
    price = {"currency": "eur", "unit_amount": 1000}
    asked = [
        {"price_data": price, "quantity": 1},
        {"price_data": price, "quantity": 1, "adjustable_quantity": {"enabled": True, "minimum": 1, "maximum": 5}},
    ]
    line = {"unit_amount_minor": 1000, "currency": "eur", "recurring": "", "price_id": "p"}

    assert find_line_fault(asked, [{**line, "quantity": 3}, {**line, "quantity": 1}]) == ""
    assert find_line_fault(asked, [{**line, "quantity": 3}, {**line, "quantity": 2}]) != ""


def test_secret_in_an_address_is_not_stored_nor_the_content_of_what_nobody_hears():
    action = {"redirect_to_url": {"url": "https://hooks.example/?client_secret=pi_1_secret_2&x=1"}}
    stripe_object = {
        "id": "pi_1",
        "object": "payment_intent",
        "receipt_email": "kim@example.com",
        "next_action": action,
    }
    body = {"object": "event", "livemode": False, "created": 1, "data": {"object": stripe_object}}

    post_event({**body, "id": "evt_1", "type": "payment_intent.canceled"})
    post_event({**body, "id": "evt_2", "type": "payment_intent.created"})

    from django_checkout.models import WebhookEvent

    heard_of, unheard_of = (json.dumps(row.payload) for row in WebhookEvent.objects.order_by("stripe_id"))
    assert "pi_1_secret_2" not in heard_of
    assert "x=1" in heard_of
    assert "kim@example.com" not in unheard_of
    assert "pi_1" in unheard_of
