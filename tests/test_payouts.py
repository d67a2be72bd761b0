"""Payouts: stored with their balance transactions, checked against these and our orders, and exported."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from django_checkout import services
from django_checkout.models import BalanceTransaction, Discrepancy, Payment, Payout, ReconciliationRun, Refund
from django_checkout.reconcile import Kind, payouts
from tests.damage import edit
from tests.factories import HostOrderFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]

DAY_SECONDS = 24 * 3600


def _run(**options):
    return payouts.run(since=timezone.now() - timedelta(days=1), now=timezone.now() + timedelta(days=5), **options)


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
    own = lines.filter(payment__order=order).exclude(payout=None).values_list("amount_minor", "fee_minor", "net_minor")
    assert [sum(amounts) for amounts in zip(*own, strict=True)] == [1700, 55, 1645]


def test_pending_balance_transaction_has_no_payout(order, pay):
    pay(order)

    _run()

    line = BalanceTransaction.objects.get()
    assert (line.payout, line.payment, line.status) == (None, Payment.objects.get(), "pending")


def test_charges_of_other_integrations_only_count_towards_the_sum(payout, stripe_emulator):
    Payment.objects.update(charge_id="ch_unknown")

    assert _run().is_clean
    assert BalanceTransaction.objects.filter(type="charge", payment=None).count() == 2
    assert Payout.objects.get().difference_minor == 0


def test_second_run_changes_nothing(payout, stripe_emulator):
    _run()
    before = list(BalanceTransaction.objects.order_by("pk").values())

    assert _run().is_clean
    assert list(BalanceTransaction.objects.order_by("pk").values()) == before


def test_payout_that_does_not_add_up_is_recorded_and_resolved_when_it_does(payout, stripe_emulator):
    edit(stripe_emulator, payout["id"], amount=payout["amount"] + 100)
    dry = _run()
    assert (dry.is_clean, Discrepancy.objects.count()) == (False, 0)

    report = _run(fix=True)

    (difference,) = report.differences
    assert (difference.kind, difference.subject) == (Kind.PAYOUT_DIFFERS, payout["id"])
    assert Payout.objects.get().difference_minor == 100
    assert _run(fix=True).is_clean
    edit(stripe_emulator, payout["id"], amount=payout["amount"])
    assert (_run(fix=True).gone, Discrepancy.objects.get().state) == (1, "resolved")


def test_charge_that_differs_from_its_order_is_recorded(payout, stripe_emulator):
    payment = Payment.objects.first()
    Payment.objects.filter(pk=payment.pk).update(captured_minor=1999)

    (difference,) = _run(fix=True).differences

    assert (difference.reference, difference.here["captured"], difference.at_stripe["amount"]) == (
        payment.order.reference,
        1999,
        2000,
    )


def test_refund_that_differs_from_its_order_is_recorded(payout, stripe_emulator):
    refund = Refund.objects.get()
    Refund.objects.update(amount_minor=299)

    (difference,) = _run(fix=True).differences

    assert (difference.reference, difference.here["refunded"], difference.at_stripe["amount"]) == (
        refund.payment.order.reference,
        299,
        300,
    )
    Refund.objects.update(amount_minor=300)
    assert (_run(fix=True).gone, Discrepancy.objects.get().state) == (1, "resolved")


def test_refunds_are_queried_for_several_lines_at_once(payout, stripe_emulator, monkeypatch, django_assert_num_queries):
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
        drifts = [difference for difference in payouts._check(row) if "refunded" in difference.here]

    assert [difference.subject for difference in drifts] == ["txn_1", "txn_2", "txn_3"]


def test_converted_money_is_not_compared(payout, stripe_emulator):
    Payment.objects.update(currency="usd", captured_minor=1)
    Refund.objects.update(currency="usd", amount_minor=1)

    assert _run().is_clean


def test_failed_payout_need_not_add_up(payout, stripe_emulator):
    _run()
    edit(stripe_emulator, payout["id"], amount=1, status="failed", failure_code="account_closed")

    assert _run().is_clean
    assert (Payout.objects.get().status, Payout.objects.get().failure_code) == ("failed", "account_closed")


@pytest.mark.parametrize("changes", [{"automatic": False}, {"reconciliation_status": "in_progress"}])
def test_payout_whose_lines_stripe_does_not_list_is_not_checked(payout, stripe_emulator, changes):
    edit(stripe_emulator, payout["id"], **changes)

    assert _run().is_clean
    assert (Payout.objects.get().lines_net_minor, Payout.objects.get().difference_minor) == (None, None)


def test_exchange_rates_are_stored_as_stripe_writes_them(payout, stripe_emulator):
    with stripe_emulator.store.transaction():
        charge = stripe_emulator.store.select("balance_transaction", {"type": "charge"})[0]
        stripe_emulator.store.save({**charge, "exchange_rate": 1.25})

    _run()

    assert BalanceTransaction.objects.get(stripe_id=charge["id"]).exchange_rate == "1.25"


def test_run_that_failed_is_stopped(payout, stripe_emulator, settings):
    settings.STRIPE_SECRET_KEY = "sk_test_"
    with pytest.raises(Exception, match="STRIPE_SECRET_KEY"):
        payouts.run()

    assert ReconciliationRun.objects.get().state == "stopped"


def test_the_command_reports_and_exports(payout, stripe_emulator):
    def run(**options):
        out = StringIO()
        call_command("checkout_reconcile", "--payouts", stdout=out, **options)
        return out.getvalue()

    edit(stripe_emulator, payout["id"], created=int(timezone.now().timestamp()) - 60)

    assert "1 payouts" in run()
    assert json.loads(run(format="json"))["is_clean"] is True
    rows = list(csv.DictReader(io.StringIO(run(format="csv"))))
    assert sorted({row["order"] for row in rows if row["order"]}) == ["H-" + row for row in sorted(_numbers())]
    assert sum(int(row["net_minor"]) for row in rows) == 0


def _numbers():
    return [payment.order.reference.removeprefix("H-") for payment in Payment.objects.select_related("order")]
