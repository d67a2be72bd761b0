from __future__ import annotations

import pytest

from django_checkout import ledger, services
from django_checkout.exceptions import (
    AcceptError,
    CaptureError,
    OrderChangedError,
    OrderNotFoundError,
    OrderNotPayableError,
    PaymentInFlightError,
    RefundError,
    StripeUnavailableError,
)
from django_checkout.models import AttentionItem, CheckoutSession, Order, Payment, Refund, database
from django_checkout.operations import erasure
from django_checkout.stripe_api import facts
from django_checkout.testing import post_event
from django_checkout.values import LineData, OrderData
from django_checkout.webhooks import pending_work
from tests.damage import overwrite
from tests.factories import HostOrderFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]

GOOD_IBAN = "AT611904300234573201"
MANUAL = {"payment_intent_data": {"capture_method": "manual"}}
REFUND = "POST /v1/refunds"


@pytest.fixture
def authorized_order(order, pay):
    return pay(order, params=MANUAL)


def test_sync_pays_the_order_when_every_webhook_is_lost(order, stripe_emulator, recorder):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)

    synced = services.sync(order)

    assert (synced.status, synced.paid_minor, recorder.names) == ("paid", 2000, ["order_paid"])


def test_sync_accepts_one_session(order, stripe_emulator):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)

    assert services.sync(session).status == "paid"


def test_sync_finds_a_refund_made_in_the_dashboard_and_a_dispute(paid_order, stripe_emulator, recorder):
    intent = Payment.objects.get().stripe_id
    stripe_emulator.refund(intent, 500)
    stripe_emulator.open_dispute(intent)

    order = services.sync(paid_order)

    assert (order.status, order.refunded_minor, order.disputed) == ("partially_refunded", 500, True)
    assert recorder.names == ["order_refunded", "order_disputed", "attention_needed"]


def test_delayed_payment_is_pending_then_paid(order, stripe_emulator, deliver_events, recorder):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id, iban=GOOD_IBAN)
    deliver_events()
    order.refresh_from_db()
    assert (order.status, order.paid_minor) == ("pending", 0)

    stripe_emulator.settle(session.stripe_id)
    deliver_events()

    order.refresh_from_db()
    assert (order.status, order.paid_minor, recorder.names) == ("paid", 2000, ["order_pending", "order_paid"])


def test_delayed_payment_that_fails_can_be_retried(order, stripe_emulator, deliver_events, recorder, pay):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id, iban=GOOD_IBAN)
    stripe_emulator.settle(session.stripe_id, succeed=False)
    deliver_events()
    order.refresh_from_db()
    assert (order.status, recorder.names[-1]) == ("unpaid", "order_payment_failed")

    pay(order)
    assert (order.status, recorder.names[-1]) == ("paid", "order_paid")


def test_free_order_is_paid_without_money(db, pay, recorder):
    line = LineData(name="Sample", unit_amount_minor=0)
    order = services.place(OrderData(reference="FREE", currency="eur", lines=(line,)))

    pay(order)
    assert (order.status, order.paid_minor, recorder.names) == ("paid", 0, ["order_paid"])
    with pytest.raises(RefundError):
        services.refund(order)


def test_expired_session_is_announced_and_leaves_the_order_unpaid(order, stripe_emulator, deliver_events, recorder):
    session = services.start(order)
    stripe_emulator.clock.advance(25 * 3600)

    deliver_events()

    session.refresh_from_db()
    order.refresh_from_db()
    assert (session.status, order.status, recorder.names) == ("expired", "unpaid", ["session_expired"])


def test_manual_capture_authorizes_and_captures_in_part(recorder, authorized_order, stripe_emulator, deliver_events):
    assert (authorized_order.status, recorder.names) == ("authorized", ["order_authorized"])

    order = services.capture(authorized_order, 1500)

    deliver_events()
    order.refresh_from_db()
    assert (order.status, order.paid_minor) == ("paid", 1500)
    assert Payment.objects.get().captured_minor == 1500


@pytest.mark.parametrize("amount", [0, -1, 2001])
def test_capture_of_too_much_or_nothing_is_refused(authorized_order, amount):
    with pytest.raises(Exception, match=r".") as caught:
        services.capture(authorized_order, amount)

    assert caught.value.http_status in (400, 409)


def test_capture_of_a_paid_order_is_refused(paid_order):
    with pytest.raises(CaptureError):
        services.capture(paid_order)


def test_cancel_expires_the_open_session(order, stripe_emulator, recorder):
    session = services.start(order)

    canceled = services.cancel(order)

    session.refresh_from_db()
    assert (canceled.status, session.status, recorder.names) == (
        "canceled",
        "expired",
        ["session_expired", "order_canceled"],
    )
    assert services.cancel(order).status == "canceled"


def test_cancel_voids_an_authorization(authorized_order, stripe_emulator):
    order = services.cancel(authorized_order)

    assert order.status == "canceled"
    assert stripe_emulator.get(Payment.objects.get().stripe_id)["status"] == "canceled"


def test_cancel_of_an_order_that_was_just_paid_says_so(order, stripe_emulator, recorder):
    stripe_emulator.pay(services.start(order).stripe_id)

    with pytest.raises(OrderNotPayableError):
        services.cancel(order)

    order.refresh_from_db()
    assert (order.status, recorder.names) == ("paid", ["order_paid"])


def test_cancel_refuses_a_payment_in_flight(order, pay):
    pay(order, iban=GOOD_IBAN)

    with pytest.raises(PaymentInFlightError):
        services.cancel(order)


def test_full_refund_and_its_repeat(paid_order, stripe_emulator, deliver_events, recorder):
    refund = services.refund(paid_order, reason="requested_by_customer")

    deliver_events()
    paid_order.refresh_from_db()
    assert (refund.status, paid_order.status, paid_order.refunded_minor) == ("succeeded", "refunded", 2000)
    with pytest.raises(RefundError):
        services.refund(paid_order)
    assert recorder.names == ["order_refunded"]


def test_two_partial_refunds(paid_order, stripe_emulator, deliver_events, recorder):
    first = services.refund(paid_order, 500)
    services.refund(paid_order, 500, in_addition_to=first.uuid)

    deliver_events()
    paid_order.refresh_from_db()
    assert (paid_order.status, paid_order.refunded_minor) == ("partially_refunded", 1000)
    assert [sent["amount_minor"] for sent in recorder.arguments("order_refunded")] == [500, 500]


@pytest.mark.parametrize("amount", [0, -5, 2001, 1.5])
def test_refund_of_an_impossible_amount_is_refused_before_any_call(paid_order, stripe_emulator, amount):
    with pytest.raises(Exception, match=r".") as caught:
        services.refund(paid_order, amount)

    assert caught.value.http_status in (400, 409)
    assert Refund.objects.count() == 0


def test_refund_of_an_unpaid_order_is_refused(order):
    with pytest.raises(RefundError):
        services.refund(order)


def test_refund_that_fails_later_returns_the_money_to_the_order(paid_order, stripe_emulator, deliver_events, recorder):
    refund = services.refund(paid_order)
    deliver_events()
    stripe_emulator.fail_refund(refund.stripe_id)

    deliver_events()

    paid_order.refresh_from_db()
    assert (paid_order.status, paid_order.refunded_minor, paid_order.needs_attention) == ("paid", 0, True)
    assert recorder.names == ["order_refunded", "refund_failed", "attention_needed"]
    assert Payment.objects.get().refund_asked_minor == 0


def test_refund_with_a_lost_response_is_found_and_not_repeated(paid_order, stripe_emulator, recorder):
    stripe_emulator.chaos.drop(1, match=REFUND)
    stripe_emulator.chaos.drop(1, when="before", match=REFUND)
    with pytest.raises(StripeUnavailableError):
        services.refund(paid_order)

    refund = services.refund(paid_order)

    assert (refund.status, Refund.objects.count()) == ("succeeded", 1)
    assert len(stripe_emulator.store.select("refund")) == 1
    assert recorder.names == ["order_refunded"]


def test_refund_with_a_stored_failure_is_refused_and_a_new_one_sent(paid_order, stripe_emulator):
    stripe_emulator.chaos.fail(1, status=500, match=REFUND)
    stripe_emulator.chaos.fail(1, status=500, match=REFUND)
    with pytest.raises(StripeUnavailableError):
        services.refund(paid_order, 700)

    refund = services.refund(paid_order, 700)

    assert (refund.status, len(stripe_emulator.store.select("refund"))) == ("succeeded", 1)


def test_second_payment_is_flagged_and_leaves_the_order_unchanged(order, stripe_emulator, deliver_events, recorder):
    first = services.start(order)
    services.expire(first)
    second = services.start(order)
    stripe_emulator.pay(second.stripe_id)
    deliver_events()
    order.refresh_from_db()
    kept = order.kept_payment
    # Stripe had both sessions open for a moment, and the first was paid as well.
    session = stripe_emulator.get(second.stripe_id)
    body = session | {"id": first.stripe_id, "payment_intent": "pi_surplus", "metadata": first.request["metadata"]}
    fact = facts.read_session(body, event_type="checkout.session.completed")
    order = ledger.in_transaction(lambda: ledger.apply([fact]))

    assert (order.kept_payment, order.paid_minor, order.needs_attention) == (kept, 2000, True)
    assert AttentionItem.objects.get().code == "double_payment"
    assert recorder.names.count("order_paid") == 1


def test_wrong_amount_is_recorded_withheld_and_released_by_accept(order, stripe_emulator, recorder):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    stripe_object = stripe_emulator.get(session.stripe_id) | {"amount_subtotal": 1, "amount_total": 1}
    ledger.in_transaction(lambda: ledger.apply([facts.read_session(stripe_object)]))
    order.refresh_from_db()
    assert (order.paid_minor, order.needs_attention, recorder.names) == (1, True, ["attention_needed"])

    accepted = services.accept(order, "Agreed on the phone.")

    assert (accepted.needs_attention, recorder.names) == (False, ["attention_needed", "order_paid"])
    with pytest.raises(AcceptError):
        services.accept(order, "Again.")


def test_money_on_a_canceled_order_is_recorded_and_not_announced_as_paid(order, stripe_emulator, recorder):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    stripe_object = stripe_emulator.get(session.stripe_id)
    overwrite(CheckoutSession.objects, live_for=None, status="expired")
    services.cancel(order)

    late = ledger.in_transaction(lambda: ledger.apply([facts.read_session(stripe_object)]))

    assert (late.paid_minor, late.needs_attention) == (2000, True)
    assert recorder.names == ["order_canceled", "attention_needed"]
    assert AttentionItem.objects.get().code == "paid_after_cancel"


def test_order_changed_after_payment_is_an_error(host_order, paid_order):
    host_order.quantity = 3

    with pytest.raises(OrderChangedError):
        services.place(host_order)


def test_services_accept_the_hosts_own_row(host_order, paid_order):
    assert services.sync(host_order) == paid_order


def test_host_row_that_was_never_placed_is_not_found(host_order):
    with pytest.raises(OrderNotFoundError):
        services.sync(host_order)


def test_policy_flag_leaves_the_surplus_to_the_merchant(doubly_paid_order, stripe_emulator, recorder):
    pending_work.process_pending()

    assert doubly_paid_order.needs_attention
    assert stripe_emulator.store.select("refund") == []


def test_policy_refund_refunds_the_surplus_once(doubly_paid_order, stripe_emulator, deliver_events, settings, recorder):
    settings.CHECKOUT_DOUBLE_PAYMENT = "refund"

    pending_work.process_pending()
    pending_work.process_pending()
    deliver_events()

    order = doubly_paid_order
    order.refresh_from_db()
    refund = Refund.objects.get()
    assert (refund.status, refund.reason, refund.amount_minor) == ("succeeded", "duplicate", 2000)
    assert refund.payment_id != order.kept_payment_id
    assert (order.status, order.refunded_minor, order.needs_attention) == ("paid", 0, False)
    assert "order_refunded" not in recorder.names


@pytest.mark.parametrize("doubt", ["kept-refunded", "kept-disputed", "surplus-refunded", "surplus-disputed"])
def test_policy_refund_flags_a_doubtful_surplus(doubly_paid_order, stripe_emulator, settings, doubt):
    settings.CHECKOUT_DOUBLE_PAYMENT = "refund"
    kept = doubly_paid_order.kept_payment
    surplus = Payment.objects.exclude(pk=kept.pk).get()
    target = (kept if doubt.startswith("kept") else surplus).stripe_id
    if doubt.endswith("refunded"):
        stripe_emulator.refund(target, 100)
    else:
        stripe_emulator.open_dispute(target)
    before = len(stripe_emulator.store.select("refund"))

    pending_work.process_pending()

    doubly_paid_order.refresh_from_db()
    assert doubly_paid_order.needs_attention
    assert len(stripe_emulator.store.select("refund")) == before


def test_refund_after_a_stored_failure_is_listed_before_it_is_sent_again(paid_order, stripe_emulator):
    stripe_emulator.chaos.fail(1, status=500, when="after", match=REFUND)
    with pytest.raises(StripeUnavailableError):
        services.refund(paid_order, 700)

    refund = services.refund(paid_order, 700)

    assert (refund.status, len(stripe_emulator.store.select("refund"))) == ("succeeded", 1)


def test_charge_refunded_lists_every_refund(paid_order, stripe_emulator, recorder):
    intent = Payment.objects.get().stripe_id
    stripe_emulator.refund(intent, 300)
    stripe_emulator.refund(intent, 200)
    event = [row for row in stripe_emulator.pending_deliveries() if row.event_type == "charge.refunded"][-1]

    response = post_event(event.body)

    paid_order.refresh_from_db()
    assert (response.status_code, paid_order.refunded_minor) == (200, 500)
    assert recorder.names == ["order_refunded", "order_refunded"]


@pytest.mark.parametrize("capture", [{}, MANUAL])
def test_paid_session_with_nothing_to_pay_pays_the_order(capture, order, stripe_emulator, recorder):
    """With a full discount or a trial, Stripe may send ``paid`` instead of ``no_payment_required``."""
    session = services.start(order, params=capture)
    stripe_emulator.pay(session.stripe_id)
    stripe_object = stripe_emulator.events("checkout.session.completed")[0]
    stripe_object["data"]["object"] |= {"payment_status": "paid", "amount_total": 0, "payment_intent": None}

    assert post_event(stripe_object).status_code == 200

    order.refresh_from_db()
    assert (order.status, order.paid_minor, recorder.names) == ("paid", 0, ["order_paid"])


def test_expired_session_announces_its_recovery_url(order, stripe_emulator, recorder):
    session = services.start(order, params={"after_expiration": {"recovery": {"enabled": True}}})
    stripe_emulator.expire(session.stripe_id)
    (event,) = stripe_emulator.events("checkout.session.expired")
    event["data"]["object"]["customer_details"] = {"email": "guest@example.com", "tax_exempt": "none", "tax_ids": []}
    event["data"]["object"]["consent"] = {"promotions": "opt_in", "terms_of_service": None}

    assert post_event(event).status_code == 200

    (sent,) = recorder.arguments("session_expired")
    details = sent["session"].customer_details
    assert (details["email"], details["consent"]) == ("guest@example.com", {"promotions": "opt_in"})
    assert sent["session"].recovery_url
    order.refresh_from_db()
    assert (order.email, order.customer_details) == ("", {})
    erasure.erase_order(order)
    assert CheckoutSession.objects.get().customer_details == {}
    post_event(event | {"id": "evt_again"})
    assert CheckoutSession.objects.get().customer_details == {}


def test_key_belongs_to_the_refund_of_one_order(paid_order, pay):
    other = services.place(HostOrderFactory())
    pay(other)
    services.refund(paid_order, 300, key="return-1")

    with pytest.raises(RefundError, match="another refund"):
        services.refund(other, 300, key="return-1")
    assert Refund.objects.count() == 1


def test_requested_refunds_never_exceed_the_captured_amount(paid_order, stripe_emulator, deliver_events):
    services.refund(paid_order, 300)
    with database.atomic():
        Refund.objects.update(amount_minor=2500, status="pending")

    deliver_events()

    assert (Refund.objects.get().status, Payment.objects.get().refund_asked_minor) == ("succeeded", 2000)


def test_free_order_is_paid_with_manual_capture(pay, settings, recorder):
    settings.CHECKOUT_CAPTURE_METHOD = "manual"
    line = LineData(name="Sample", unit_amount_minor=0)
    order = services.place(OrderData(reference="FREE", currency="eur", lines=(line,)))

    pay(order)
    assert (order.status, recorder.names) == ("paid", ["order_paid"])


def test_captured_payment_is_read_when_only_the_session_is_paid(order, stripe_emulator, recorder):
    session = services.start(order, params=MANUAL)
    stripe_emulator.pay(session.stripe_id)
    services.sync(session)
    services.capture(order)
    Payment.objects.update(captured_minor=0, intent_status="open")
    overwrite(Order.objects, kept_payment=None, status="authorized", paid_minor=0)
    stripe_object = stripe_emulator.get(session.stripe_id) | {"payment_status": "paid"}
    event = {"id": "evt_1", "object": "event", "type": "checkout.session.completed", "livemode": False, "created": 1}

    response = post_event({**event, "data": {"object": stripe_object}})

    order.refresh_from_db()
    assert (response.status_code, order.status, order.paid_minor) == (200, "paid", 2000)


def test_session_unknown_to_stripe_can_be_expired(order, stripe_emulator):
    session = services.start(order)
    CheckoutSession.objects.update(stripe_id="cs_test_gone")

    services.expire(CheckoutSession.objects.get())

    session.refresh_from_db()
    assert (session.status, session.live_for_id, session.error_code) == ("failed", None, "not_at_stripe")
    assert services.sync(order).status == "unpaid"
    assert services.cancel(order).status == "canceled"


@pytest.mark.parametrize("when", ["before", "after"])
def test_capture_can_be_repeated_after_a_stored_failure(order, stripe_emulator, pay, when):
    pay(order, params=MANUAL)
    stripe_emulator.chaos.fail(2, status=500, when=when, match="POST /v1/payment_intents/*/capture")
    with pytest.raises(StripeUnavailableError):
        services.capture(order)
    stripe_emulator.chaos.reset()

    assert services.capture(order).paid_minor == 2000


@pytest.fixture
def withheld_and_doubled(host_order, stripe_emulator, deliver_events, settings):
    """An order whose kept payment is for an old cart, and whose second payment is right."""
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


def test_surplus_is_not_refunded_while_the_kept_payment_is_unresolved(withheld_and_doubled, stripe_emulator, settings):
    settings.CHECKOUT_DOUBLE_PAYMENT = "refund"

    pending_work.process_pending()

    assert stripe_emulator.store.select("refund") == []


def test_accepting_the_amount_leaves_the_second_payment_unresolved(withheld_and_doubled, recorder):
    order = services.accept(withheld_and_doubled, "The old price is fine.")

    assert order.needs_attention
    assert [item.code for item in AttentionItem.objects.filter(resolved_at=None)] == ["double_payment"]
    assert recorder.names[0] == "order_paid"
    assert not services.accept(order, "Given back by hand.").needs_attention
