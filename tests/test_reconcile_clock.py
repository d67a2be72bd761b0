"""Reconciliation on a machine whose clock is wrong: nothing that Stripe has is left out, and no time counts as read."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_checkout import reconcile, services
from django_checkout.models import BalanceTransaction, CheckoutSession, Payout, ReconciliationRun
from django_checkout.reconcile import Kind, missed_events, payouts, runs
from tests.damage import edit

pytestmark = [pytest.mark.django_db, pytest.mark.core]

MINUTE, DAY = 60, 24 * 3600
#: How far Stripe's clock is ahead of ours, and behind.
WRONG = pytest.mark.parametrize("seconds", [30 * MINUTE, -30 * MINUTE], ids=["ours is behind", "ours is ahead"])


def _kinds(report):
    return [(found.kind, found.is_fixed) for found in report.differences]


@pytest.fixture
def paid_by_a_wrong_clock(order, stripe_emulator):
    """Return a function that pays an order at Stripe, whose clock is so far ahead, and delivers nothing."""

    def pay(seconds):
        stripe_emulator.clock.correct(seconds)
        stripe_emulator.pay(services.start(order).stripe_id)
        return order

    return pay


@WRONG
@pytest.mark.parametrize("is_of_order", [True, False])
def test_session_of_a_lost_row_is_found(seconds, is_of_order, paid_by_a_wrong_clock, host_order):
    order = paid_by_a_wrong_clock(seconds)
    order.delete()
    order = services.place(host_order)

    report = reconcile.run(fix=True, order=order if is_of_order else None)

    assert [found.kind for found in report.differences] == [Kind.SESSION_WITHOUT_ORDER]


@WRONG
@pytest.mark.parametrize("is_of_order", [True, False])
def test_session_without_a_response_is_found(seconds, is_of_order, paid_by_a_wrong_clock):
    order = paid_by_a_wrong_clock(seconds)
    CheckoutSession.objects.update(stripe_id=None, status="failed", error_code="no_answer", live_for=None)

    reconcile.run(fix=True, order=order if is_of_order else None)

    order.refresh_from_db()
    assert order.status == "paid"


@WRONG
def test_refund_and_dispute_are_found(seconds, paid_by_a_wrong_clock, stripe_emulator):
    order = paid_by_a_wrong_clock(seconds)
    reconcile.run(fix=True)
    payment = order.payments.get().stripe_id
    stripe_emulator.refund(payment, 300)
    stripe_emulator.open_dispute(payment)

    assert sorted(_kinds(reconcile.run(fix=True))) == [(Kind.DISPUTE_UNKNOWN, True), (Kind.REFUND_DIFFERS, True)]


@WRONG
def test_missed_event_is_processed(seconds, paid_by_a_wrong_clock, stripe_emulator):
    stripe_emulator.chaos.lose(1000)
    order = paid_by_a_wrong_clock(seconds)

    missed_events.process()

    order.refresh_from_db()
    assert order.status == "paid"


@WRONG
def test_payout_is_stored(seconds, paid_by_a_wrong_clock, stripe_emulator):
    paid_by_a_wrong_clock(seconds)
    stripe_emulator.clock.advance(3 * DAY)
    (payout,) = stripe_emulator.pay_out()

    payouts.run()

    assert Payout.objects.get().stripe_id == payout["id"]
    assert set(BalanceTransaction.objects.values_list("type", flat=True)) == {"charge", "payout"}


@WRONG
def test_session_that_an_unclear_response_concealed_is_found(seconds, order, stripe_emulator):
    """If it were not, the order could be paid with a second session."""
    stripe_emulator.clock.correct(seconds)
    stripe_emulator.chaos.fail(1, status=500, when="after", match="POST /v1/checkout/sessions")

    session = services.start(order)

    assert len(stripe_emulator.latest("checkout.session", 10)) == 1
    assert session.status == "open"


@pytest.mark.parametrize("seconds", [5 * DAY, -5 * DAY], ids=["ours is behind", "ours is ahead"])
def test_run_has_read_up_to_stripes_time(seconds, order, stripe_emulator):
    stripe_emulator.clock.correct(seconds)

    report = reconcile.run(fix=True)

    row = ReconciliationRun.objects.get()
    stripes_time = timezone.now() + timedelta(seconds=seconds)
    assert report.until == row.until
    assert abs(row.until - stripes_time) < timedelta(minutes=1)
    assert report.since <= stripes_time - timedelta(days=runs.FIRST_DAYS - 1)


def test_next_run_reads_what_a_run_ahead_of_stripe_has_not_read(stripe_emulator, order):
    """Our clock is five days ahead; a day after that it is corrected, and a payment is lost."""
    stripe_emulator.clock.correct(-5 * DAY)
    reconcile.run(fix=True)
    stripe_emulator.clock.correct(0)
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    four_days_ago = timezone.now() - timedelta(days=4)
    edit(stripe_emulator, session.stripe_id, created=int(four_days_ago.timestamp()))
    CheckoutSession.objects.update(created_at=four_days_ago)

    reconcile.run(fix=True)

    order.refresh_from_db()
    assert order.status == "paid"


def test_end_that_was_stored_by_a_clock_ahead_counts_until_the_next_run_only(stripe_emulator):
    now = timezone.now()
    columns = {"scope": "orders", "state": "complete", "is_fixing": True, "since": now}
    ReconciliationRun.objects.create(**columns, until=now + timedelta(days=5))
    ReconciliationRun.objects.create(**columns, until=now + timedelta(hours=1))

    report = reconcile.run(now=now + timedelta(days=6))

    assert report.since == now + timedelta(hours=1) - timedelta(hours=runs.OVERLAP_HOURS)
