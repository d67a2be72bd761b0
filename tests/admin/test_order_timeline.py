from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.utils import timezone

from django_checkout import services
from django_checkout.admin import order_rows, order_timeline
from django_checkout.admin.order_rows import read_rows
from tests.admin.factories import (
    AnnouncementFactory,
    AttentionFactory,
    DisputeFactory,
    EventFactory,
    OrderFactory,
    PaymentFactory,
    RefundFactory,
    SessionFactory,
    SubscriptionFactory,
    make_paid_order,
)
from tests.amounts import money

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def in_utc():
    with timezone.override(UTC):
        yield


def at(row, moment, **others):
    """Set times that are set on save."""
    type(row).objects.filter(pk=row.pk).update(**others, **moment)


def lines_of(order):
    return [str(entry) for entry in order_timeline.build(read_rows(order))]


def kinds(order):
    return [(entry.kind, entry.title) for entry in order_timeline.build(read_rows(order))]


def test_a_purchase_is_shown_from_order_to_notification(paid_order):
    story = [line for line in kinds(paid_order) if line[0] != "webhook"]
    assert story == [
        ("order", "placed"),
        ("session", "created"),
        ("session", "completed"),
        ("order", "paid"),
        ("signal", "order_paid"),
    ]
    assert ("webhook", "checkout.session.completed") in kinds(paid_order)


def test_an_entry_is_plain_text():
    order = OrderFactory()
    payment = PaymentFactory(order=order)
    event = EventFactory(payment_intent_id=payment.stripe_id)
    at(event, {"received_at": NOON, "created_at": NOON})
    assert "2026-11-24 12:00:00 · webhook · checkout.session.completed · processed" in lines_of(order)


def test_entries_of_all_kinds_are_sorted_by_time():
    order = make_paid_order()
    instants = [entry.at for entry in order_timeline.build(read_rows(order))]
    assert instants == sorted(instants)


def test_events_are_found_by_all_ids_of_the_order():
    order = make_paid_order()
    payment, session = order.payments.get(), order.sessions.get()
    type(session).objects.update(subscription_id="sub_1", invoice_id="in_1")
    type(payment).objects.update(fraud_warning_id="issfr_1")
    EventFactory(type="by.charge", object_id=payment.charge_id)
    EventFactory(type="by.intent", object_id=payment.stripe_id)
    EventFactory(type="by.subscription", object_id="sub_1")
    EventFactory(type="by.invoice", object_id="in_1")
    EventFactory(type="by.warning", object_id="issfr_1")
    EventFactory(type="charge.failed", object_id="ch_declined", payment_intent_id=payment.stripe_id)
    EventFactory(type="of.another.order", object_id="pi_other")
    types = {title for kind, title in kinds(order) if kind == "webhook"}
    assert types >= {
        "by.charge",
        "by.intent",
        "by.subscription",
        "by.invoice",
        "by.warning",
        "charge.failed",
        "refund.created",
        "charge.dispute.created",
    }
    assert "of.another.order" not in types


def test_events_without_an_object_belong_to_no_order():
    order = OrderFactory()
    SessionFactory(order=order, stripe_id=None, status="creating")
    EventFactory(object_id="", payment_intent_id="")
    assert ("webhook", "checkout.session.completed") not in kinds(order)


def test_a_failed_event_shows_its_error_and_next_attempt():
    order = OrderFactory()
    payment = PaymentFactory(order=order)
    event = EventFactory(
        payment_intent_id=payment.stripe_id,
        state="failed",
        error_code="unknown_fact",
        error_message="A new status.",
        attempts=3,
        next_attempt_at=NOON + timedelta(minutes=4),
    )
    at(event, {"received_at": NOON, "created_at": NOON - timedelta(hours=2)})
    assert lines_of(order)[0] == (
        "2026-11-24 12:00:00 · webhook · checkout.session.completed · failed · unknown fact · A new status."
        " · 3 attempts · next attempt 2026-11-24 12:04:00 · created 2026-11-24 10:00:00"
    )


def test_an_event_shows_that_it_was_processed_late():
    order = OrderFactory()
    payment = PaymentFactory(order=order)
    event = EventFactory(payment_intent_id=payment.stripe_id, processed_at=NOON + timedelta(hours=1))
    at(event, {"received_at": NOON, "created_at": NOON})
    assert lines_of(order)[0].endswith("processed · processed 2026-11-24 13:00:00")


def test_an_expired_session_has_the_time_of_its_notification():
    order = OrderFactory()
    session = SessionFactory(order=order, status="expired")
    notification = AnnouncementFactory(order=order, signal="session_expired", fact=session.stripe_id)
    at(notification, {"created_at": NOON})
    assert f"2026-11-24 12:00:00 · session · expired · {session.stripe_id}" in lines_of(order)


def test_a_refused_session_shows_its_error():
    order = OrderFactory()
    SessionFactory(
        order=order, status="failed", stripe_id=None, error_code="amount_too_small", error_message="Too low."
    )
    assert any("session · failed · amount_too_small · Too low." in line for line in lines_of(order))
    assert any("session · created · hosted page · not created at Stripe yet" in line for line in lines_of(order))


def test_a_recovered_session_names_its_predecessor():
    order = OrderFactory()
    SessionFactory(order=order, recovered_from="cs_test_before")
    assert any("recovered from cs_test_before" in line for line in lines_of(order))


def test_refunds_show_who_requested_them():
    order = make_paid_order()
    payment = order.payments.get()
    robin = get_user_model().objects.create_user("robin")
    RefundFactory(payment=payment, is_ours=True, asked_by=robin, reason="duplicate")
    RefundFactory(payment=payment, is_ours=True)
    lines = [line for line in lines_of(order) if "· refund ·" in line]
    assert f"{money('5.00')} · succeeded · created at Stripe" in lines[0]
    assert "duplicate · requested by robin" in lines[1]
    assert "requested here" in lines[2]


def test_a_failed_refund_shows_its_reason():
    order = make_paid_order()
    RefundFactory(payment=order.payments.get(), status="failed", failure_reason="expired_or_canceled_card")
    assert any(f"refund · {money('5.00')} · failed · expired_or_canceled_card" in line for line in lines_of(order))


def test_an_open_dispute_shows_when_evidence_is_due():
    order = make_paid_order()
    DisputeFactory(payment=order.payments.get(), status="lost")
    lines = [line for line in lines_of(order) if "· dispute ·" in line]
    assert "needs a response · fraudulent · evidence due by" in lines[0]
    assert "due by" not in lines[1]


def test_a_pending_notification_shows_its_error_and_next_attempt():
    order = OrderFactory()
    AnnouncementFactory(
        order=order, state="pending", last_error="ValueError", attempts=2, next_attempt_at=NOON, amount_minor=500
    )
    assert any(
        line.endswith(
            f"notification · order_paid · pending · {money('5.00')} · ValueError"
            " · next attempt 2026-11-24 12:00:00 · 2 attempts"
        )
        for line in lines_of(order)
    )


def test_attention_is_shown_when_raised_and_when_resolved():
    order = OrderFactory()
    robin = get_user_model().objects.create_user("robin")
    differing = {"paid_minor": 1900, "expected_minor": 2000, "currency": "eur"}
    AttentionFactory(order=order, details=differing, resolved_at=NOON, resolved_by=robin, note="Agreed by phone.")
    AttentionFactory(order=order, code="disputed", resolved_at=NOON)
    lines = lines_of(order)
    assert any(f"attention · Amount differs · {money('19.00')} instead of {money('20.00')}" in line for line in lines)
    assert "2026-11-24 12:00:00 · attention · resolved · Amount differs · by robin · Agreed by phone." in lines
    assert "2026-11-24 12:00:00 · attention · resolved · Disputed" in lines


def test_a_subscription_is_shown_when_started_and_ended():
    order = OrderFactory()
    SubscriptionFactory(order=order, stripe_id="sub_1", status="canceled", ended_at=NOON)
    lines = lines_of(order)
    assert any(line.endswith("subscription · started · canceled · sub_1") for line in lines)
    assert "2026-11-24 12:00:00 · subscription · ended · sub_1" in lines


def test_a_canceled_order_shows_its_cancellation():
    assert ("order", "canceled") in kinds(OrderFactory(canceled_at=NOON))


def test_operations_on_the_order_and_its_events_are_shown():
    order = make_paid_order()
    robin = get_user_model().objects.create_user("robin")
    event = EventFactory(payment_intent_id=order.payments.get().stripe_id)
    for row, message in ((order, "Canceled the order."), (event, "Processed again."), (OrderFactory(), "Elsewhere.")):
        LogEntry.objects.log_actions(robin.pk, [row], CHANGE, message, single_object=True)
    lines = [line.partition(" · ")[2] for line in lines_of(order) if "· admin ·" in line]
    assert lines == ["admin · robin · Canceled the order.", "admin · robin · Processed again."]


def test_only_the_newest_events_are_shown(monkeypatch):
    monkeypatch.setattr(order_rows, "MAXIMUM_EVENTS", 2)
    order = OrderFactory()
    payment = PaymentFactory(order=order)
    for number in range(4):
        EventFactory(type=f"number.{number}", payment_intent_id=payment.stripe_id)
    assert [title for kind, title in kinds(order) if kind == "webhook"] == ["number.2", "number.3"]


def test_the_number_of_queries_does_not_depend_on_the_rows(django_assert_max_num_queries):
    short, long = make_paid_order(), make_paid_order()
    for number in range(5):
        EventFactory(payment_intent_id=long.payments.get().stripe_id)
        RefundFactory(payment=long.payments.get(), asked_by=get_user_model().objects.create_user(f"user{number}"))
        AttentionFactory(order=long)
    read_rows(short)
    # Users are queried separately, because they can be in another database; Django 5.2 queries even for none.
    for order in (short, long):
        with django_assert_max_num_queries(14):
            order_timeline.build(read_rows(order))


def test_the_timeline_is_built_without_queries(django_assert_num_queries):
    rows = read_rows(make_paid_order())
    with django_assert_num_queries(0):
        order_timeline.build(rows)


def test_a_refund_and_its_events_follow_a_real_purchase(paid_order, deliver_events):
    services.refund(paid_order, 500, "requested_by_customer")
    deliver_events()
    paid_order.refresh_from_db()
    story = kinds(paid_order)
    assert ("refund", money("5.00")) in story
    assert ("webhook", "refund.created") in story
    assert story.index(("signal", "order_paid")) < story.index(("signal", "order_refunded"))
