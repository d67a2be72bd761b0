"""Payouts: mirrored with their lines, proven to add up to them and to our orders, and exported."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from django_checkout import figures, services
from django_checkout.models import BalanceTransaction, Discrepancy, Payment, Payout, ReconciliationRun, Refund
from django_checkout.reconcile import Kind, payouts
from tests.factories import HostOrderFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]

DAY_SECONDS = 24 * 3600


def _run(**options):
    return payouts.run(since=timezone.now() - timedelta(days=1), now=timezone.now() + timedelta(days=5), **options)


def _edit(emulator, object_id, **changes):
    with emulator.store.transaction():
        emulator.store.save({**emulator.store.find(object_id), **changes})


@pytest.fixture
def payout(stripe_emulator, deliver_events):
    """A payout of two orders, of which one was partly refunded."""
    for host_order in HostOrderFactory.create_batch(2):
        stripe_emulator.pay(services.start(services.place(host_order)).stripe_id)
    deliver_events()
    stripe_emulator.refund(Payment.objects.first().stripe_id, 300)
    deliver_events()
    stripe_emulator.clock.advance(3 * DAY_SECONDS)
    (made,) = stripe_emulator.pay_out()
    return made


def test_a_payout_is_the_sum_of_its_lines(payout, stripe_emulator):
    report = _run()

    row = Payout.objects.get()
    assert (report.is_clean, dict(report.seen)) == (True, {"balance_transactions": 4, "payouts": 1})
    assert (row.stripe_id, row.amount_minor, row.lines_net_minor) == (payout["id"], payout["amount"], payout["amount"])
    assert row.difference_minor == 0
    assert sorted(row.lines.values_list("type", flat=True)) == ["charge", "charge", "payout", "refund"]


def test_lines_lead_to_the_payments_of_our_orders(payout, stripe_emulator):
    _run()

    lines = BalanceTransaction.objects.exclude(type="payout")
    assert lines.filter(payment=None).count() == 0
    order = Payment.objects.first().order
    (balance,) = figures.balance_of(order)
    assert (balance.gross_minor, balance.fee_minor) == (1700, 55)
    assert balance.paid_out_minor == balance.net_minor == 1645


def test_money_that_waits_has_no_payout_yet(order, stripe_emulator, deliver_events):
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()

    _run()

    line = BalanceTransaction.objects.get()
    assert (line.payout, line.payment, line.status) == (None, Payment.objects.get(), "pending")


def test_other_integrations_of_the_account_count_for_the_sum_only(payout, stripe_emulator):
    Payment.objects.update(charge_id="ch_unknown")

    assert _run().is_clean
    assert BalanceTransaction.objects.filter(type="charge", payment=None).count() == 2
    assert Payout.objects.get().difference_minor == 0


def test_doing_it_again_changes_nothing(payout, stripe_emulator):
    _run()
    before = list(BalanceTransaction.objects.order_by("pk").values())

    assert _run().is_clean
    assert list(BalanceTransaction.objects.order_by("pk").values()) == before


def test_a_payout_that_does_not_add_up_is_listed_and_crossed_out_when_it_does(payout, stripe_emulator):
    _edit(stripe_emulator, payout["id"], amount=payout["amount"] + 100)
    dry = _run()
    assert (dry.is_clean, Discrepancy.objects.count()) == (False, 0)

    report = _run(fix=True)

    (drift,) = report.drift
    assert (drift.kind, drift.subject) == (Kind.PAYOUT_DIFFERS, payout["id"])
    assert Payout.objects.get().difference_minor == 100
    assert _run(fix=True).is_clean
    _edit(stripe_emulator, payout["id"], amount=payout["amount"])
    assert (_run(fix=True).gone, Discrepancy.objects.get().state) == (1, "resolved")


def test_a_charge_that_is_not_what_the_order_recorded_is_listed(payout, stripe_emulator):
    payment = Payment.objects.first()
    Payment.objects.filter(pk=payment.pk).update(captured_minor=1999)

    (drift,) = _run(fix=True).drift

    assert (drift.reference, drift.here["captured"], drift.at_stripe["amount"]) == (payment.order.reference, 1999, 2000)


def test_a_refund_that_is_not_what_the_order_recorded_is_listed(payout, stripe_emulator):
    refund = Refund.objects.get()
    Refund.objects.update(amount_minor=299)

    (drift,) = _run(fix=True).drift

    assert (drift.reference, drift.here["refunded"], drift.at_stripe["amount"]) == (
        refund.payment.order.reference,
        299,
        300,
    )
    Refund.objects.update(amount_minor=300)
    assert (_run(fix=True).gone, Discrepancy.objects.get().state) == (1, "resolved")


def test_refunds_are_looked_up_a_few_lines_at_a_time(payout, stripe_emulator, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(payouts, "LINES_AT_ONCE", 2)
    _run()
    row = Payout.objects.get()
    refund, line = Refund.objects.get(), row.lines.get(type="refund")
    for number in range(4):
        values = {"amount_minor": 300 + number, "currency": "eur", "status": "succeeded"}
        Refund.objects.create(payment=refund.payment, stripe_id=f"re_{number}", **values)
        line.pk, line.stripe_id, line.source_id = None, f"txn_{number}", f"re_{number}"
        line.save(force_insert=True)

    # The charges, the refunds' lines, and three times the refunds of two of them.
    with django_assert_num_queries(1 + 1 + 3):
        drifts = [drift for drift in payouts._check(row) if "refunded" in drift.here]

    assert [drift.subject for drift in drifts] == ["txn_1", "txn_2", "txn_3"]


def test_converted_money_is_not_compared(payout, stripe_emulator):
    Payment.objects.update(currency="usd", captured_minor=1)
    Refund.objects.update(currency="usd", amount_minor=1)

    assert _run().is_clean


def test_a_failed_payout_takes_nothing_to_the_bank(payout, stripe_emulator):
    _run()
    _edit(stripe_emulator, payout["id"], amount=1, status="failed", failure_code="account_closed")

    assert _run().is_clean
    assert (Payout.objects.get().status, Payout.objects.get().failure_code) == ("failed", "account_closed")


@pytest.mark.parametrize("changes", [{"automatic": False}, {"reconciliation_status": "in_progress"}])
def test_lines_that_stripe_does_not_tell_are_not_guessed(payout, stripe_emulator, changes):
    _edit(stripe_emulator, payout["id"], **changes)

    assert _run().is_clean
    assert (Payout.objects.get().lines_net_minor, Payout.objects.get().difference_minor) == (None, None)


def test_exchange_rates_are_kept_as_stripe_writes_them(payout, stripe_emulator):
    with stripe_emulator.store.transaction():
        charge = stripe_emulator.store.select("balance_transaction", {"type": "charge"})[0]
        stripe_emulator.store.save({**charge, "exchange_rate": 1.25})

    _run()

    assert BalanceTransaction.objects.get(stripe_id=charge["id"]).exchange_rate == "1.25"


def test_a_run_that_fails_begins_again_at_the_same_place(payout, stripe_emulator, settings):
    settings.STRIPE_SECRET_KEY = "sk_test_"
    with pytest.raises(Exception, match="STRIPE_SECRET_KEY"):
        payouts.run()

    assert ReconciliationRun.objects.get().state == "stopped"


def test_the_command_reports_and_exports(payout, stripe_emulator):
    def run(**options):
        out = StringIO()
        call_command("checkout_reconcile", "--payouts", stdout=out, **options)
        return out.getvalue()

    _edit(stripe_emulator, payout["id"], created=int(timezone.now().timestamp()) - 60)

    assert "1 payouts" in run()
    assert json.loads(run(format="json"))["is_clean"] is True
    rows = list(csv.DictReader(io.StringIO(run(format="csv"))))
    assert sorted({row["order"] for row in rows if row["order"]}) == ["H-" + row for row in sorted(_numbers())]
    assert sum(int(row["net_minor"]) for row in rows) == 0


def _numbers():
    return [payment.order.reference.removeprefix("H-") for payment in Payment.objects.select_related("order")]
