"""Runs: one at a time, patient, resumable where they were stopped, and beginning where the last one ended."""

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
from django_checkout.reconcile import diary, leftovers, missed, pages, payouts
from django_checkout.values import LineData, OrderData
from tests.factories import HostOrderFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]


ORDERS, PAGE = 12, 4
HOLDER = "from django_checkout.reconcile import diary; print(diary.holder())"


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """The pauses that a run would make."""
    made: list[float] = []
    monkeypatch.setattr(pages.time, "sleep", made.append)
    return made


@pytest.fixture
def paid_orders(stripe_emulator):
    """A dozen orders that were paid while every webhook was lost."""
    for host_order in HostOrderFactory.create_batch(ORDERS):
        stripe_emulator.pay(services.start(services.place(host_order)).stripe_id)
    return Order.objects.all()


@pytest.fixture
def small_pages(monkeypatch):
    """Pages of four."""
    read_page = pages.gateway.read_page

    def read_few(path, *, starting_after="", **filters):
        page, has_more = read_page(path, starting_after=starting_after, **filters)
        return page[:PAGE], has_more or len(page) > PAGE

    monkeypatch.setattr(pages.gateway, "read_page", read_few)


def _running(**values) -> ReconciliationRun:
    now = timezone.now()
    given = {"scope": "orders", "lock": "orders", "holder": "another:machine:1:2", "since": now, "until": now}
    return ReconciliationRun.objects.create(**{**given, "leased_until": now + timedelta(seconds=60), **values})


def test_a_second_run_at_the_same_time_is_refused(stripe_emulator):
    _running()

    with pytest.raises(RunBusyError, match="Another run is going on since"):
        reconcile.run()
    assert ReconciliationRun.objects.count() == 1


def test_a_run_of_this_process_is_not_dead(stripe_emulator):
    _running(holder=diary.holder())

    with pytest.raises(RunBusyError):
        reconcile.run()


def test_payouts_do_not_wait_for_orders(stripe_emulator):
    _running()

    assert payouts.run().is_clean


@pytest.mark.parametrize("leased", [timedelta(seconds=-1), timedelta(hours=3)], ids=["over", "clock moved back"])
def test_a_run_whose_lease_means_nothing_is_followed(stripe_emulator, leased):
    dead = _running(leased_until=timezone.now() + leased)

    assert reconcile.run(fix=True).is_clean
    dead.refresh_from_db()
    assert (dead.lock, dead.state) == (None, "stopped")


def test_a_run_that_was_killed_on_this_machine_is_followed_at_once(stripe_emulator):
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


def test_a_run_that_lost_its_lease_stops(paid_orders, stripe_emulator, monkeypatch):
    write = diary.Entry.note

    def lose(self, *args):
        ReconciliationRun.objects.update(lock=None)
        write(self, *args)

    monkeypatch.setattr(diary.Entry, "note", lose)

    with pytest.raises(RunBusyError, match="taken over"):
        reconcile.run(fix=True)


def test_a_run_that_stripe_stopped_goes_on_where_it_was(paid_orders, stripe_emulator, small_pages):
    stripe_emulator.chaos.fail(10_000, status=503, match="GET /v1/checkout/sessions/*")
    with pytest.raises(StripeUnavailableError):
        reconcile.run(fix=True)
    stripe_emulator.chaos.reset()
    stopped = ReconciliationRun.objects.get()
    assert (stopped.state, stopped.lock) == ("stopped", None)

    report = reconcile.run(fix=True)

    assert (report.is_resumed, report.is_clean, report.since) == (True, True, stopped.since)
    assert set(paid_orders.values_list("status", flat=True)) == {"paid"}
    assert set(ReconciliationRun.objects.values_list("state", flat=True)) == {"complete"}


def test_stripe_down_half_way_leaves_what_was_done(paid_orders, stripe_emulator, small_pages):
    lists = 0
    handle = stripe_emulator.handle

    def answer(request):
        nonlocal lists
        lists += request.path == "/v1/checkout/sessions"
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

    assert (report.is_resumed, len(report.drift)) == (True, ORDERS - 2 * PAGE)
    assert set(paid_orders.values_list("status", flat=True)) == {"paid"}


def test_limit_stops_and_the_next_run_goes_on(paid_orders, stripe_emulator, small_pages):
    looked = []
    for _ in range(3):
        report = reconcile.run(fix=True, limit=6)
        looked.append((report.seen["sessions"], report.is_complete))

    assert looked == [(6, False), (6, False), (0, True)]
    assert paid_orders.filter(status="paid").count() == ORDERS
    assert reconcile.run(fix=True).drift == []


def test_limit_gets_past_every_list(stripe_emulator, deliver_events):
    tea = LineData(name="Tea of the month", unit_amount_minor=1900, recurring_interval="month")
    subscriptions = [OrderData(reference=f"S-{number}", currency="eur", lines=(tea,)) for number in range(3)]
    for source in [*HostOrderFactory.create_batch(3), *subscriptions]:
        order = services.place(source)
        stripe_emulator.pay(services.start(order).stripe_id)
        deliver_events()
        if source not in subscriptions:
            order.refresh_from_db()
            services.refund(order, 100)
            stripe_emulator.open_dispute(order.payments.get().stripe_id)
            deliver_events()
    looked: Counter[str] = Counter()
    for _ in range(15):
        report = reconcile.run(fix=True, limit=2)
        looked += report.seen
        if report.is_complete:
            break

    assert report.is_complete
    # What was made in the minutes around a stop is read by itself.
    del looked["unmentioned"]
    lists = {"sessions": 6, "refunds": 3, "disputes": 3, "subscriptions": 3, "invoices": 3}
    assert looked == {**lists, "orders": 6}
    until = report.until
    assert reconcile.run(fix=True, limit=2).until > until


def test_limit_of_one_order_stops_too(order, stripe_emulator):
    stripe_emulator.pay(services.start(order).stripe_id)
    stripe_emulator.refund(stripe_emulator.latest("payment_intent", 1)[0]["id"], 100)
    reconcile.run(order=order, fix=True)

    assert not reconcile.run(order=order, limit=1).is_complete


def test_a_dry_run_does_not_go_on_where_a_mending_one_stopped(paid_orders, stripe_emulator, small_pages):
    reconcile.run(fix=True, limit=6)

    report = reconcile.run()

    assert (report.is_resumed, report.seen["sessions"]) == (False, ORDERS)


def test_the_first_run_looks_back_as_far_as_events_are_kept(stripe_emulator):
    now = timezone.now()

    assert reconcile.run(now=now).since == now - timedelta(days=diary.FIRST_DAYS)


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
def test_a_run_begins_before_the_end_of_the_last_one_that_left_nothing_out(stripe_emulator, values, is_base):
    now = timezone.now()
    until = now - timedelta(hours=5)
    _running(**{"lock": None, "state": "complete", "until": until, "since": until - timedelta(days=1), **values})

    report = reconcile.run(now=now, fix=False)

    expected = until - timedelta(hours=diary.OVERLAP_HOURS) if is_base else now - timedelta(days=diary.FIRST_DAYS)
    assert report.since == expected


def test_a_window_that_leaves_a_gap_is_not_built_upon(stripe_emulator):
    now = timezone.now()
    reconcile.run(since=now - timedelta(hours=1), fix=True, now=now)
    reconcile.run(until=now - timedelta(hours=1), fix=True, now=now)

    assert reconcile.run(now=now).since == now - timedelta(days=diary.FIRST_DAYS)


def test_a_clock_that_was_moved_back_does_not_empty_the_window(stripe_emulator):
    now = timezone.now()
    _running(lock=None, state="complete", is_fixing=True, until=now + timedelta(days=3))

    report = reconcile.run(now=now)

    assert report.since == now - timedelta(hours=diary.OVERLAP_HOURS)


def test_rate_limits_are_waited_for(paid_orders, stripe_emulator, pauses):
    stripe_emulator.chaos.fail(4, status=429, match="GET /v1/checkout/sessions")

    report = reconcile.run(fix=True)

    assert len(report.drift) == ORDERS
    assert len(pauses) >= 4
    assert pauses[:4] == sorted(pauses[:4])


def test_rate_limits_all_the_way_end_the_run(stripe_emulator, pauses):
    stripe_emulator.chaos.fail(10_000, status=429)

    with pytest.raises(StripeUnavailableError, match="429"):
        reconcile.run()
    assert len(pauses) == pages.ATTEMPTS - 1
    assert max(pauses) <= pages.MAX_PAUSE_SECONDS


def test_a_lost_answer_is_asked_for_again(paid_orders, stripe_emulator):
    stripe_emulator.chaos.drop(2, match="GET /v1/checkout/sessions")

    assert len(reconcile.run(fix=True).drift) == ORDERS


def test_a_revoked_key_ends_the_run(stripe_emulator, settings):
    settings.STRIPE_SECRET_KEY = "sk_test_"

    with pytest.raises(StripeCredentialsError, match="check STRIPE_SECRET_KEY"):
        reconcile.run()
    assert ReconciliationRun.objects.get().lock is None


def _start(number: int) -> list[CheckoutSession]:
    return [services.start(services.place(host_order)) for host_order in HostOrderFactory.create_batch(number)]


def _forget(emulator, sessions):
    with emulator.store.transaction():
        for session in sessions:
            emulator.store.delete(session.stripe_id)


@pytest.mark.parametrize("how", ["window", "order", "payouts", "events"])
def test_a_key_of_another_account_ends_the_run_without_an_entry(stripe_emulator, how):
    rows = _start(7)
    _forget(stripe_emulator, rows)
    runs = {
        "window": lambda: reconcile.run(fix=True),
        "order": lambda: reconcile.run(order=rows[0].order, fix=True),
        "payouts": lambda: payouts.run(fix=True),
        "events": missed.feed,
    }

    with pytest.raises(StripeCredentialsError, match=r"of acct_\w+, which knows none of our latest 5 sessions"):
        runs[how]()
    assert Discrepancy.objects.count() == 0


def test_one_of_the_latest_sessions_proves_whose_key_it_is(stripe_emulator):
    rows = _start(5)
    _forget(stripe_emulator, rows[1:])

    assert len(reconcile.run(fix=True).drift) == 4


def test_the_account_is_asked_for_sessions_of_its_own_mode(stripe_emulator):
    (ours,) = _start(1)
    live = _start(5)
    CheckoutSession.objects.filter(pk__in=[row.pk for row in live]).update(livemode=True)
    Order.objects.filter(sessions__in=live).update(livemode=True)
    _forget(stripe_emulator, live)

    assert reconcile.run(fix=True).drift == []
    assert ours.livemode is False


def test_a_key_of_the_other_mode_ends_the_run_without_an_entry(stripe_emulator):
    (row,) = _start(1)
    CheckoutSession.objects.update(livemode=True, uuid=uuid.uuid4(), stripe_id=f"{row.stripe_id}_live")

    with pytest.raises(StripeCredentialsError, match=r"test mode key of acct_\w+.*set a live mode key"):
        reconcile.run(fix=True)
    assert Discrepancy.objects.count() == 0


def test_a_mode_in_which_nothing_was_sold_yet_is_no_error(stripe_emulator):
    _forget(stripe_emulator, _start(1))
    CheckoutSession.objects.update(livemode=True)
    Order.objects.update(livemode=True)

    assert reconcile.run(fix=True).drift == []


def test_a_key_that_may_not_read_the_account_is_examined_by_its_sessions(stripe_emulator):
    rows = _start(2)
    handle = stripe_emulator.handle
    refusal = Response.from_json(403, {"error": {"type": "invalid_request_error", "message": "No permission."}})
    stripe_emulator.handle = lambda request: refusal if request.path == "/v1/account" else handle(request)
    assert reconcile.run(fix=True).drift == []
    _forget(stripe_emulator, rows)

    with pytest.raises(StripeCredentialsError, match="of another account, which knows none"):
        reconcile.run(fix=True)


def test_many_unknown_sessions_in_a_row_end_the_run(stripe_emulator, monkeypatch):
    monkeypatch.setattr(leftovers, "MAX_UNKNOWN", 3)
    _forget(stripe_emulator, _start(4)[:3])

    with pytest.raises(StripeCredentialsError, match="of the account that made them"):
        reconcile.run(fix=True)


def test_unknown_sessions_between_known_ones_do_not_end_the_run(stripe_emulator, monkeypatch):
    monkeypatch.setattr(leftovers, "MAX_UNKNOWN", 2)
    rows = _start(6)
    _forget(stripe_emulator, rows[::2])
    with stripe_emulator.store.transaction():
        for row in rows[1::2]:
            # Created long ago as Stripe says, and so read one by one.
            stripe_emulator.store.save({**stripe_emulator.store.find(row.stripe_id), "created": 1})

    assert len(reconcile.run(fix=True).drift) == 3


def test_what_a_list_mentioned_is_remembered_in_a_few_bytes_until_it_is_forgotten():
    mentioned = leftovers.Mentioned()
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


def test_agreement_costs_a_fixed_number_of_queries_a_page(paid_order, stripe_emulator, django_assert_num_queries):
    page, _ = pages.gateway.read_page(reconcile.sessions.PATH, expand=["data.payment_intent"])

    with django_assert_num_queries(1):
        assert list(reconcile.sessions.compare(page)) == []


def test_missed_events_are_fed_oldest_first_and_once(order, stripe_emulator, deliver_events, heard):
    stripe_emulator.chaos.lose(1000)
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    deliver_events()
    stripe_emulator.refund(stripe_emulator.latest("payment_intent", 1)[0]["id"])
    deliver_events()

    report = missed.feed()

    order.refresh_from_db()
    assert (order.status, heard) == ("refunded", ["order_paid", "order_refunded"])
    # A refund that is heard of before its order names the payment is kept with the payment, for nobody yet.
    assert report["missed"] == report["processed"] + report["ignored"] > 3
    assert missed.feed()["processed"] == report["processed"]
    assert heard == ["order_paid", "order_refunded"]


def test_missed_events_fail_one_by_one(order, stripe_emulator, deliver_events, monkeypatch):
    stripe_emulator.chaos.lose(1000)
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()
    receive = missed.inbox.receive

    def fail_once(body):
        monkeypatch.setattr(missed.inbox, "receive", receive)
        raise ValueError("a receiver's bug")

    monkeypatch.setattr(missed.inbox, "receive", fail_once)

    report = missed.feed()

    assert report["failed"] == 1
    assert report["processed"] == report["missed"] - 1


def test_missed_events_are_processed_although_a_queue_does_it(order, stripe_emulator, deliver_events, queue):
    stripe_emulator.chaos.lose(1000)
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()

    missed.feed(since=timezone.now() - timedelta(days=90), limit=100)

    order.refresh_from_db()
    assert order.status == "paid"
