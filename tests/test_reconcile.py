from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_checkout import reconcile, services
from django_checkout.models import Order, Payment, WebhookEvent
from django_checkout.reconcile import Kind
from tests.factories import HostOrderFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]

IBAN = "AT611904300234573201"


def _run(*, fix: bool) -> reconcile.Report:
    return reconcile.run(since=timezone.now() - timedelta(days=1), fix=fix)


def _kinds(report) -> list[str]:
    return sorted(drift.kind for drift in report.drift)


def test_nothing_differs_after_webhooks(paid_order, stripe_emulator):
    report = _run(fix=False)

    assert (report.is_clean, report.drift, report.seen["sessions"]) == (True, [], 1)


def test_lost_webhooks_are_found_and_mended_and_the_second_run_is_clean(order, stripe_emulator, heard):
    stripe_emulator.pay(services.start(order).stripe_id)

    dry = _run(fix=False)
    order.refresh_from_db()
    assert (_kinds(dry), dry.is_clean, order.status) == ([Kind.PAID_NOT_RECORDED], False, "unpaid")
    fixed = _run(fix=True)

    order.refresh_from_db()
    assert (_kinds(fixed), fixed.is_clean, order.status) == ([Kind.PAID_NOT_RECORDED], True, "paid")
    assert _run(fix=True).drift == []
    assert (heard, WebhookEvent.objects.count()) == (["order_paid"], 0)


def test_refund_and_dispute_of_the_dashboard_are_found_and_mended(paid_order, stripe_emulator):
    intent = Payment.objects.get().stripe_id
    stripe_emulator.refund(intent, 300)
    dispute = stripe_emulator.open_dispute(intent)
    assert _kinds(_run(fix=True)) == [Kind.DISPUTE_DIFFERS, Kind.REFUND_DIFFERS]
    stripe_emulator.close_dispute(dispute["id"], "lost")
    assert _kinds(_run(fix=True)) == [Kind.DISPUTE_DIFFERS]

    paid_order.refresh_from_db()
    assert (paid_order.refunded_minor, paid_order.disputed) == (300, False)
    assert _run(fix=True).drift == []


def test_capture_of_the_dashboard_and_a_settled_debit_are_found(order, stripe_emulator, deliver_events):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id, iban=IBAN)
    deliver_events()
    stripe_emulator.settle(session.stripe_id)

    report = _run(fix=True)

    order.refresh_from_db()
    assert (_kinds(report), order.status) == ([Kind.PAID_NOT_RECORDED], "paid")


def test_sessions_of_other_integrations_are_passed_over(order, stripe_emulator):
    session = services.start(order)
    theirs = stripe_emulator.get(session.stripe_id)
    Order.objects.all().delete()

    report = _run(fix=True)

    assert (report.seen["sessions"], report.drift) == (1, [])
    assert theirs["metadata"]["order_id"] == order.reference


def test_two_hundred_orders_whose_webhooks_were_all_lost_end_right(stripe_emulator):
    for host_order in HostOrderFactory.create_batch(200):
        stripe_emulator.pay(services.start(services.place(host_order)).stripe_id)

    report = _run(fix=True)

    assert len(report.drift) == 200
    assert set(Order.objects.values_list("status", "paid_minor")) == {("paid", 2000)}
    assert _run(fix=False).is_clean
