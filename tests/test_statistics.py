"""The statistics: periods, funnel and open tasks, in a fixed number of queries."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from django_checkout import services
from django_checkout.models import (
    BalanceTransaction,
    CheckoutSession,
    Discrepancy,
    Dispute,
    Order,
    Payment,
    Payout,
    Refund,
    WebhookEvent,
)
from django_checkout.operations import balances, statistics
from django_checkout.operations.statistics import Funnel, Total
from tests.damage import overwrite
from tests.factories import HostOrderFactory
from tests.test_health_speed import MAX_QUERIES

pytestmark = [pytest.mark.django_db, pytest.mark.core]

#: Those of health, whose alerts the dashboard shows, and its own.
QUERIES = MAX_QUERIES + 3


#: Times around two changes of clocks.
INSTANTS = [
    datetime(2026, month, day, hour, 40, tzinfo=UTC)
    for month, days in ((3, (28, 29, 30)), (10, (24, 25, 26)))
    for day in days
    for hour in (0, 4, 11, 18, 21, 22, 23)
]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Chicago", "Asia/Kathmandu", "Australia/Lord_Howe"])
@pytest.mark.parametrize("month", [3, 10])
def test_days_follow_the_time_zone_when_clocks_change(db, zone, month):
    instants = [instant for instant in INSTANTS if instant.month == month]
    for number, instant in enumerate(instants):
        sale = {"livemode": False, "currency": "eur", "subtotal_minor": 1, "status": "paid", "paid_minor": 1}
        Order.objects.create(**sale, reference=f"R{number}", paid_at=instant)

    with timezone.override(zone):
        days = statistics.dashboard(now=instants[-1]).days
        expected = Counter(timezone.localdate(instant) for instant in instants)

    assert {day.first_day: day.revenue[0].count for day in days if day.revenue} == expected


def _days_ago(model, days, **values):
    overwrite(model.objects, **{name: timezone.localtime() - timedelta(days=days) for name in values})


@pytest.fixture
def payout(paid_order):
    """A payout with the charge of the order, its fee, and a charge of another integration."""
    payout = Payout.objects.create(
        stripe_id="po_1",
        livemode=False,
        currency="eur",
        amount_minor=2440,
        lines_net_minor=2440,
        status="paid",
        arrival_date="2026-11-20",
        created_at=timezone.now(),
    )
    values = {"payout": payout, "currency": "eur", "status": "available", "created_at": timezone.now()}
    values["available_on"] = datetime(2026, 11, 19, tzinfo=UTC)
    payment = Payment.objects.get()
    for number, (kind, amount, fee, whose) in enumerate(
        [("charge", 2000, 55, payment), ("refund", -300, 0, payment), ("charge", 800, 5, None)]
    ):
        BalanceTransaction.objects.create(
            stripe_id=f"txn_{number}",
            source_id=f"{kind}_{number}",
            type=kind,
            amount_minor=amount,
            fee_minor=fee,
            net_minor=amount - fee,
            payment=whose,
            **values,
        )
    return payout


def test_a_sale_counts_in_each_period_and_on_its_day(paid_order):
    dashboard = statistics.dashboard()

    total = (Total(currency="eur", amount_minor=2000, count=1),)
    assert [period.revenue for period in dashboard.periods] == [total] * 3
    assert (dashboard.days[-1].revenue, dashboard.days[-2].revenue, len(dashboard.days)) == (total, (), 30)
    assert dashboard.periods[0].funnel == Funnel(opened=1, completed=1, paid=1)
    assert dashboard.currencies == ("eur",)


@pytest.mark.parametrize(("days", "periods"), [(0, 3), (6, 2), (29, 1), (30, 0)])
def test_a_sale_leaves_each_period_after_its_days(paid_order, days, periods):
    _days_ago(Order, days, paid_at=True)
    _days_ago(CheckoutSession, days, created_at=True)

    dashboard = statistics.dashboard()

    assert sum(bool(period.revenue) for period in dashboard.periods) == periods
    assert sum(period.funnel.opened for period in dashboard.periods) == periods


def test_sales_of_the_other_mode_do_not_count(paid_order, settings):
    settings.STRIPE_SECRET_KEY = "sk_live_1"

    dashboard = statistics.dashboard()

    assert (dashboard.periods[2].revenue, dashboard.periods[2].funnel.opened) == ((), 0)


def test_the_funnel_counts_sessions_by_result(stripe_emulator, deliver_events):
    orders = [services.place(host_order) for host_order in HostOrderFactory.create_batch(4)]
    left, expired, debit, paid = [services.start(order) for order in orders]
    services.expire(expired)
    stripe_emulator.pay(debit.stripe_id, iban="AT861904300235473202")
    stripe_emulator.settle(debit.stripe_id, succeed=False)
    stripe_emulator.pay(paid.stripe_id)
    deliver_events()

    assert statistics.dashboard().periods[0].funnel == Funnel(opened=4, completed=2, paid=1, expired=1, failed=1)
    assert left.status == "open"


def test_refund_counts_on_the_day_on_which_stripe_made_it(paid_order):
    """It may be stored days later, for example after an outage; older rows do not have Stripe's time."""
    payment, now = Payment.objects.get(), timezone.now()
    common = {"payment": payment, "currency": "eur", "status": "succeeded"}
    Refund.objects.create(**common, amount_minor=300, made_at=now - timedelta(days=3))
    Refund.objects.create(**common, amount_minor=500, made_at=None)

    today, week, _ = statistics.dashboard().periods

    assert [total.amount_minor for total in today.refunds] == [500]
    assert [total.amount_minor for total in week.refunds] == [800]


def test_open_tasks_are_counted(paid_order):
    payment = Payment.objects.get()
    now = timezone.now()
    for number, (status, days) in enumerate([("needs_response", 2), ("needs_response", 9), ("won", 1)]):
        Dispute.objects.create(
            stripe_id=f"du_{number}",
            payment=payment,
            amount_minor=100,
            currency="eur",
            status=status,
            due_by=now + timedelta(days=days),
        )
    Refund.objects.create(payment=payment, amount_minor=300, currency="eur", status="succeeded")
    Discrepancy.objects.create(kind="refund_differs", subject="re_1")
    Discrepancy.objects.create(kind="refund_differs", subject="re_2", state="ignored")

    dashboard = statistics.dashboard()

    assert (dashboard.disputes.open, dashboard.disputes.due, dashboard.disputes.pressing) == (2, 2, 1)
    assert dashboard.disputes.next_due_at == now + timedelta(days=2)
    assert dashboard.discrepancies == {"refund_differs": 1}
    assert dashboard.periods[0].refunds == (Total(currency="eur", amount_minor=300, count=1),)
    assert (dashboard.webhooks.ok, dashboard.webhooks.received_today) == (True, WebhookEvent.objects.count())


def test_the_dashboard_takes_a_bounded_number_of_queries(
    stripe_emulator, deliver_events, django_assert_max_num_queries
):
    with django_assert_max_num_queries(QUERIES):
        empty = statistics.dashboard()
    for host_order in HostOrderFactory.create_batch(3):
        stripe_emulator.pay(services.start(services.place(host_order)).stripe_id)
    deliver_events()

    with django_assert_max_num_queries(QUERIES):
        busy = statistics.dashboard()

    assert (empty.periods[0].revenue, busy.periods[0].revenue[0].count) == ((), 3)


def test_a_payout_adds_up_by_type_and_as_csv(paid_order, payout, django_assert_num_queries):
    with django_assert_num_queries(1):
        totals = balances.payout_totals(payout)
    with django_assert_num_queries(1):
        rows = list(balances.payout_rows(Payout.objects.all()))

    assert totals == {"charge": ("eur", 2800, 60, 2740, 2), "refund": ("eur", -300, 0, -300, 1)}
    assert [len(row) for row in rows] == [len(balances.PAYOUT_COLUMNS)] * 3
    assert [row[5] for row in rows] == [paid_order.reference, paid_order.reference, ""]
    assert payout.difference_minor == 0
    assert Payout(amount_minor=1).difference_minor is None
