"""Runs: one at a time, with retries, resumed where they stopped, and beginning where the last one ended."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from django_checkout import reconcile, services
from django_checkout.emulator.messages import Response
from django_checkout.exceptions import RunBusyError, StripeCredentialsError, StripeUnavailableError
from django_checkout.models import CheckoutSession, Discrepancy, Order, ReconciliationRun
from django_checkout.reconcile import listed_ids, missed_events, payouts, reads, runs, sessions
from django_checkout.reconcile.sessions import SESSIONS
from django_checkout.stripe_api.steps import run
from django_checkout.values import LineData, OrderData
from tests.damage import forget
from tests.factories import HostOrderFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]


ORDERS, PAGE = 12, 4
HOLDER = "from django_checkout.reconcile import runs; print(runs.holder())"


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """The pauses that a run requests; none is made."""
    made: list[float] = []
    monkeypatch.setattr(reads.time, "sleep", made.append)
    return made


@pytest.fixture
def paid_orders(stripe_emulator):
    """A dozen paid orders, all of whose events were lost."""
    for host_order in HostOrderFactory.create_batch(ORDERS):
        stripe_emulator.pay(services.start(services.place(host_order)).stripe_id)
    return Order.objects.all()


@pytest.fixture
def small_pages(monkeypatch):
    """Pages of four."""
    read_page = reads.gateway.read_page

    def read_few(path, *, starting_after="", **filters):
        page, has_more = yield from read_page(path, starting_after=starting_after, **filters)
        return page[:PAGE], has_more or len(page) > PAGE

    monkeypatch.setattr(reads.gateway, "read_page", read_few)


def _running(**values) -> ReconciliationRun:
    now = timezone.now()
    defaults = {"scope": "orders", "lock": "orders", "holder": "another:machine:1:2", "since": now, "until": now}
    return ReconciliationRun.objects.create(**{**defaults, "leased_until": now + timedelta(seconds=60), **values})


def test_second_run_at_the_same_time_is_refused(stripe_emulator):
    _running()

    with pytest.raises(RunBusyError, match="Another run is active since"):
        reconcile.run()
    assert ReconciliationRun.objects.count() == 1


def test_run_of_this_process_is_not_taken_over(stripe_emulator):
    _running(holder=runs.holder())

    with pytest.raises(RunBusyError):
        reconcile.run()


def test_run_of_payouts_does_not_wait_for_a_run_of_orders(stripe_emulator):
    _running()

    assert payouts.run().is_clean


@pytest.mark.parametrize("leased", [timedelta(seconds=-1), timedelta(hours=3)], ids=["over", "clock moved back"])
def test_run_whose_lease_has_ended_is_taken_over(stripe_emulator, leased):
    dead = _running(leased_until=timezone.now() + leased)

    assert reconcile.run(fix=True).is_clean
    dead.refresh_from_db()
    assert (dead.lock, dead.state) == (None, "stopped")


def test_run_that_was_killed_on_this_machine_is_taken_over_at_once(stripe_emulator):
    child = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", "import django; django.setup(); " + HOLDER],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
    )
    if "unknown" in child.stdout:
        pytest.skip("no /proc on this machine: the lease decides")
    _running(holder=child.stdout.strip())

    assert reconcile.run(fix=True).is_clean


def test_run_that_lost_its_lease_stops(paid_orders, stripe_emulator, monkeypatch):
    write = runs.ActiveRun.save_cursor

    def lose(self, *args):
        ReconciliationRun.objects.update(lock=None)
        write(self, *args)

    monkeypatch.setattr(runs.ActiveRun, "save_cursor", lose)

    with pytest.raises(RunBusyError, match="taken over"):
        reconcile.run(fix=True)


def test_run_that_an_outage_stopped_is_resumed(paid_orders, stripe_emulator, small_pages):
    stripe_emulator.chaos.fail(10_000, status=503, match="GET /v1/checkout/sessions/*")
    with pytest.raises(StripeUnavailableError):
        reconcile.run(fix=True)
    stripe_emulator.chaos.reset()
    stopped = ReconciliationRun.objects.get()
    assert (stopped.state, stopped.lock) == ("stopped", None)

    report = reconcile.run(fix=True)

    assert (report.is_resumed, report.is_clean) == (True, True)
    # Nothing was compared, so it begins by Stripe's time, which is in whole seconds.
    assert abs(report.since - stopped.since) < timedelta(seconds=60)
    assert set(paid_orders.values_list("status", flat=True)) == {"paid"}
    assert set(ReconciliationRun.objects.values_list("state", flat=True)) == {"complete"}


def test_facts_applied_before_an_outage_stay_applied(paid_orders, stripe_emulator, small_pages):
    lists = 0
    handle = stripe_emulator.handle

    def answer(request):
        nonlocal lists
        lists += request.path == "/v1/checkout/sessions" and "limit=100" in request.query
        if lists == 3:
            stripe_emulator.chaos.fail(10_000, status=500)
        return handle(request)

    stripe_emulator.handle = answer
    with pytest.raises(StripeUnavailableError):
        reconcile.run(fix=True)
    stripe_emulator.chaos.reset()
    stripe_emulator.handle = handle
    assert paid_orders.filter(status="paid").count() == 2 * PAGE

    report = reconcile.run(fix=True)

    assert (report.is_resumed, len(report.differences)) == (True, ORDERS - 2 * PAGE)
    assert set(paid_orders.values_list("status", flat=True)) == {"paid"}


def test_run_that_a_limit_stopped_is_resumed(paid_orders, stripe_emulator, small_pages):
    compared = []
    for _ in range(3):
        report = reconcile.run(fix=True, limit=6)
        compared.append((report.seen["sessions"], report.is_complete))

    assert compared == [(6, False), (6, False), (0, True)]
    assert paid_orders.filter(status="paid").count() == ORDERS
    assert reconcile.run(fix=True).differences == []


def test_runs_with_a_limit_compare_every_list(stripe_emulator, deliver_events, pay):
    tea = LineData(name="Tea of the month", unit_amount_minor=1900, recurring_interval="month")
    subscriptions = [OrderData(reference=f"S-{number}", currency="eur", lines=(tea,)) for number in range(3)]
    for source in [*HostOrderFactory.create_batch(3), *subscriptions]:
        order = services.place(source)
        pay(order)
        if source not in subscriptions:
            order.refresh_from_db()
            services.refund(order, 100)
            stripe_emulator.open_dispute(order.payments.get().stripe_id)
            deliver_events()
    compared: Counter[str] = Counter()
    for _ in range(15):
        report = reconcile.run(fix=True, limit=2)
        compared += report.seen
        if report.is_complete:
            break

    assert report.is_complete
    # What was created in the minutes around a stop is read singly.
    del compared["unmentioned"]
    lists = {"sessions": 6, "refunds": 3, "disputes": 3, "subscriptions": 3, "invoices": 3}
    assert compared == {**lists, "orders": 6}
    # The next run is a new one.
    following = reconcile.run(fix=True, limit=2)
    assert not following.is_resumed
    assert following.seen == {"sessions": 2}


def test_limit_stops_a_run_of_one_order(order, stripe_emulator):
    stripe_emulator.pay(services.start(order).stripe_id)
    stripe_emulator.refund(stripe_emulator.latest("payment_intent", 1)[0]["id"], 100)
    reconcile.run(order=order, fix=True)

    assert not reconcile.run(order=order, limit=1).is_complete


def test_dry_run_does_not_resume_a_run_with_fix(paid_orders, stripe_emulator, small_pages):
    reconcile.run(fix=True, limit=6)

    report = reconcile.run()

    assert (report.is_resumed, report.seen["sessions"]) == (False, ORDERS)


def test_first_run_begins_as_far_back_as_stripe_keeps_events(stripe_emulator):
    now = timezone.now()

    assert reconcile.run(now=now).since == now - timedelta(days=runs.FIRST_DAYS)


@pytest.mark.parametrize(
    ("values", "is_base"),
    [
        ({"is_fixing": True, "found": 3}, True),
        ({"is_fixing": False, "found": 0}, True),
        ({"is_fixing": False, "found": 3}, False),
        ({"is_fixing": True, "state": "stopped"}, False),
        ({"is_fixing": True, "scope": "orders:window"}, False),
    ],
)
def test_run_begins_before_the_end_of_the_last_complete_one(stripe_emulator, values, is_base):
    now = timezone.now()
    until = now - timedelta(hours=5)
    _running(**{"lock": None, "state": "complete", "until": until, "since": until - timedelta(days=1), **values})

    report = reconcile.run(now=now, fix=False)

    expected = until - timedelta(hours=runs.OVERLAP_HOURS) if is_base else now - timedelta(days=runs.FIRST_DAYS)
    assert report.since == expected


def test_run_does_not_begin_after_a_window_that_leaves_a_gap(stripe_emulator):
    now = timezone.now()
    reconcile.run(since=now - timedelta(hours=1), fix=True, now=now)
    reconcile.run(until=now - timedelta(hours=1), fix=True, now=now)

    assert reconcile.run(now=now).since == now - timedelta(days=runs.FIRST_DAYS)


def test_clock_that_was_set_back_does_not_empty_the_window(stripe_emulator):
    now = timezone.now()
    _running(lock=None, state="complete", is_fixing=True, until=now + timedelta(days=3))

    report = reconcile.run(now=now)

    assert report.since == now - timedelta(hours=runs.OVERLAP_HOURS)


def test_rate_limited_calls_are_retried(paid_orders, stripe_emulator, pauses):
    stripe_emulator.chaos.fail(4, status=429, match="GET /v1/checkout/sessions")

    report = reconcile.run(fix=True)

    assert len(report.differences) == ORDERS
    assert len(pauses) >= 4
    assert pauses[:4] == sorted(pauses[:4])


def test_permanent_rate_limit_ends_the_run(stripe_emulator, pauses):
    stripe_emulator.chaos.fail(10_000, status=429)

    with pytest.raises(StripeUnavailableError, match="429"):
        reconcile.run()
    assert len(pauses) == reads.ATTEMPTS - 1
    assert max(pauses) <= reads.MAX_PAUSE_SECONDS


def test_call_whose_response_was_lost_is_retried(paid_orders, stripe_emulator):
    stripe_emulator.chaos.drop(2, match="GET /v1/checkout/sessions")

    assert len(reconcile.run(fix=True).differences) == ORDERS


def test_revoked_key_ends_the_run(stripe_emulator, settings):
    settings.STRIPE_SECRET_KEY = "sk_test_"

    with pytest.raises(StripeCredentialsError, match="check STRIPE_SECRET_KEY"):
        reconcile.run()
    assert ReconciliationRun.objects.get().lock is None


def _start(number: int) -> list[CheckoutSession]:
    return [services.start(services.place(host_order)) for host_order in HostOrderFactory.create_batch(number)]


def _forget(emulator, rows):
    forget(emulator, *(row.stripe_id for row in rows))


@pytest.mark.parametrize("how", ["window", "order", "payouts", "events"])
def test_key_of_another_account_ends_the_run_and_records_nothing(stripe_emulator, how):
    rows = _start(7)
    _forget(stripe_emulator, rows)
    runs = {
        "window": lambda: reconcile.run(fix=True),
        "order": lambda: reconcile.run(order=rows[0].order, fix=True),
        "payouts": lambda: payouts.run(fix=True),
        "events": missed_events.process,
    }

    with pytest.raises(StripeCredentialsError, match=r"to acct_\w+, which has none of our latest 5 sessions"):
        runs[how]()
    assert Discrepancy.objects.count() == 0


def test_one_known_session_proves_the_account_of_the_key(stripe_emulator):
    rows = _start(5)
    _forget(stripe_emulator, rows[1:])

    assert len(reconcile.run(fix=True).differences) == 4


def test_only_sessions_of_its_mode_prove_the_account_of_the_key(stripe_emulator):
    (ours,) = _start(1)
    live = _start(5)
    CheckoutSession.objects.filter(pk__in=[row.pk for row in live]).update(livemode=True)
    Order.objects.filter(sessions__in=live).update(livemode=True)
    _forget(stripe_emulator, live)

    assert reconcile.run(fix=True).differences == []
    assert ours.livemode is False


def test_key_of_the_other_mode_ends_the_run_and_records_nothing(stripe_emulator):
    (row,) = _start(1)
    CheckoutSession.objects.update(livemode=True, uuid=uuid.uuid4(), stripe_id=f"{row.stripe_id}_live")

    with pytest.raises(StripeCredentialsError, match=r"test mode key of acct_\w+.*Set a live mode key"):
        reconcile.run(fix=True)
    assert Discrepancy.objects.count() == 0


def test_mode_without_any_sales_is_no_error(stripe_emulator):
    _forget(stripe_emulator, _start(1))
    CheckoutSession.objects.update(livemode=True)
    Order.objects.update(livemode=True)

    assert reconcile.run(fix=True).differences == []


def test_key_that_may_not_read_the_account_is_checked_by_sessions(stripe_emulator):
    rows = _start(2)
    handle = stripe_emulator.handle
    refusal = Response.from_json(403, {"error": {"type": "invalid_request_error", "message": "No permission."}})
    stripe_emulator.handle = lambda request: refusal if request.path == "/v1/account" else handle(request)
    assert reconcile.run(fix=True).differences == []
    _forget(stripe_emulator, rows)

    with pytest.raises(StripeCredentialsError, match="to another account, which has none"):
        reconcile.run(fix=True)


def test_many_unknown_sessions_in_a_row_end_the_run(stripe_emulator, monkeypatch):
    monkeypatch.setattr(sessions, "MAX_UNKNOWN", 3)
    _forget(stripe_emulator, _start(4)[:3])

    with pytest.raises(StripeCredentialsError, match="of the account that created them"):
        reconcile.run(fix=True)


def test_unknown_sessions_between_known_ones_do_not_end_the_run(stripe_emulator, monkeypatch):
    monkeypatch.setattr(sessions, "MAX_UNKNOWN", 2)
    rows = _start(6)
    _forget(stripe_emulator, rows[::2])
    with stripe_emulator.store.transaction():
        for row in rows[1::2]:
            # Stripe lists none of them in this window, so they are read singly.
            stripe_emulator.store.save({**stripe_emulator.store.find(row.stripe_id), "created": 1})

    assert len(reconcile.run(fix=True).differences) == 3


def test_listed_ids_take_a_few_bytes_until_they_are_forgotten():
    mentioned = listed_ids.ListedIds()
    tracemalloc.start()
    try:
        for first in range(0, 10_000, 100):
            mentioned.add([{"id": f"cs_test_{n}", "created": 1_790_000_000 - n} for n in range(first, first + 100)])
        assert "cs_test_0" in mentioned
        assert "cs_test_9999" in mentioned
        assert "cs_test_10000" not in mentioned
        bytes_each = tracemalloc.get_traced_memory()[0] / 10_000
    finally:
        tracemalloc.stop()
    assert bytes_each < 30

    mentioned.forget(datetime.fromtimestamp(1_790_000_000 - 5000, tz=UTC))

    assert [f"cs_test_{n}" in mentioned for n in (0, 4999, 5000, 9999)] == [False, False, True, True]
    mentioned.add([{"id": "cs_test_next", "created": 1_780_000_000}])
    assert "cs_test_next" in mentioned


def test_agreement_costs_a_fixed_number_of_queries_per_page(paid_order, stripe_emulator, django_assert_num_queries):
    page, _ = run(reads.gateway.read_page(SESSIONS.path, expand=["data.payment_intent"]))

    with django_assert_num_queries(1):
        assert list(SESSIONS.compare(page)) == []


def test_missed_events_are_processed_oldest_first_and_once(order, stripe_emulator, deliver_events, recorder, pay):
    stripe_emulator.chaos.lose(1000)
    pay(order)
    stripe_emulator.refund(stripe_emulator.latest("payment_intent", 1)[0]["id"])
    deliver_events()

    report = missed_events.process()

    order.refresh_from_db()
    assert (order.status, recorder.names) == ("refunded", ["order_paid", "order_refunded"])
    # A refund whose payment names no order yet is stored with the payment.
    assert report["missed"] == report["processed"] + report["ignored"] > 3
    again = missed_events.process()
    assert (again["missed"], again["processed"], again["arrived"]) == (0, 0, report["missed"])
    assert recorder.names == ["order_paid", "order_refunded"]


def test_missed_events_fail_one_by_one(order, stripe_emulator, pay, monkeypatch):
    stripe_emulator.chaos.lose(1000)
    pay(order)
    receive = missed_events.processing.receive

    def fail_once(body):
        monkeypatch.setattr(missed_events.processing, "receive", receive)
        raise ValueError("a receiver's bug")

    monkeypatch.setattr(missed_events.processing, "receive", fail_once)

    report = missed_events.process()

    assert report["failed"] == 1
    assert report["processed"] == report["missed"] - 1


def test_missed_events_are_processed_at_once_despite_a_queue(order, stripe_emulator, pay, queue):
    stripe_emulator.chaos.lose(1000)
    pay(order)

    missed_events.process(since=timezone.now() - timedelta(days=90), limit=100)

    order.refresh_from_db()
    assert order.status == "paid"
