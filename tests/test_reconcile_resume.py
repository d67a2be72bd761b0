"""Runs that were killed or stopped: the next one resumes, and everything is compared from both sides."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import connection
from django.utils import timezone

from django_checkout import reconcile, services
from django_checkout.emulator.server import EmulatorServer
from django_checkout.exceptions import StripeUnavailableError
from django_checkout.models import CheckoutSession, Discrepancy, Dispute, Order, Payment, ReconciliationRun, Refund
from django_checkout.reconcile import Kind, Outcome, listed_ids, payouts, reads, runs
from tests.damage import edit, forget
from tests.factories import HostOrderFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]

SESSIONS, PAGE = 12, 4
SAVE_SECONDS = runs.SAVE_SECONDS
LIST = "/v1/checkout/sessions"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(reads.time, "sleep", lambda seconds: None)


class Stripe:
    """The emulator with pages of four; it counts requests and can stop responding."""

    def __init__(self, emulator) -> None:
        self.emulator = emulator
        self.requested: Counter[str] = Counter()
        #: How many requests of this list are answered before one fails or hangs.
        self.path = LIST
        self.lists_left = 1000
        #: Set to respond again.
        self.hangs: threading.Event | None = None
        #: The clock of the run, and how long a list takes by it.
        self.clock = 1000.0
        self.seconds_a_list = 0.0
        self._handle = emulator.handle
        emulator.handle = self.answer

    def answer(self, request):
        self.requested[f"{request.method} {request.path}"] += 1
        if request.path == self.path and "limit=100" in request.query:
            self.clock += self.seconds_a_list
            if self.hangs is not None and self.lists_left == 1:
                # A run saves its cursor once a second.
                threading.Event().wait(1.2)
            if self.lists_left == 0:
                if self.hangs is not None:
                    self.hangs.wait(60)
                    return self._handle(request)
                self.emulator.chaos.fail(1000, status=503)
            self.lists_left -= 1
            request = replace(request, query=re.sub(r"limit=\d+", f"limit={PAGE}", request.query))
        return self._handle(request)

    def recover(self) -> None:
        """Respond to all requests again."""
        self.emulator.chaos.reset()
        self.requested.clear()
        self.lists_left = 1000


@pytest.fixture
def stripe(stripe_emulator, monkeypatch):
    """A Stripe whose every page is followed by a saved cursor."""
    monkeypatch.setattr(runs, "SAVE_SECONDS", 0)
    return Stripe(stripe_emulator)


@pytest.fixture
def as_shipped(stripe, monkeypatch):
    """A Stripe for a run that saves its cursor as often as in production, by a clock that only lists advance."""
    monkeypatch.setattr(runs, "SAVE_SECONDS", SAVE_SECONDS)
    monkeypatch.setattr(runs, "time", SimpleNamespace(monotonic=lambda: stripe.clock))
    return stripe


@pytest.fixture
def a_dozen(stripe):
    """Sessions of the last twelve hours, one per hour, the newest first."""
    now = timezone.now()
    rows = [services.start(services.place(host_order)) for host_order in HostOrderFactory.create_batch(SESSIONS)][::-1]
    for age, row in enumerate(rows, start=1):
        made = now - timedelta(hours=age)
        CheckoutSession.objects.filter(pk=row.pk).update(created_at=made)
        edit(stripe.emulator, row.stripe_id, created=int(made.timestamp()) + 1)
    return rows


@pytest.fixture
def a_dozen_refunds(a_dozen, stripe, deliver_events):
    """Refunds of one order from the last twelve hours, one per hour, the newest first."""
    now = timezone.now()
    stripe.emulator.pay(a_dozen[0].stripe_id)
    deliver_events()
    rows: list[Refund] = []
    for _ in range(SESSIONS):
        rows.insert(0, services.refund(a_dozen[0].order, 100, in_addition_to=rows[0].uuid if rows else None))
    for age, row in enumerate(rows, start=1):
        made = now - timedelta(hours=age)
        Refund.objects.filter(pk=row.pk).update(created_at=made)
        edit(stripe.emulator, row.stripe_id, created=int(made.timestamp()) + 1)
    stripe.path = "/v1/refunds"
    return rows


def _stop_after(stripe, lists):
    stripe.lists_left = lists
    with pytest.raises(StripeUnavailableError):
        reconcile.run(fix=True)
    stripe.recover()


def _find_unlisted(stripe, rows, lists):
    """Delete the first, the middle and the last of a dozen at Stripe, stop a run after some lists, and resume it."""
    unknown = [rows[0].stripe_id, rows[5].stripe_id, rows[11].stripe_id]
    forget(stripe.emulator, *unknown)

    _stop_after(stripe, lists)
    report = reconcile.run(fix=True)

    assert report.is_resumed
    assert sorted(Discrepancy.objects.values_list("subject", flat=True)) == sorted(unknown)
    return report


def _reported(report):
    return sorted((difference.kind, difference.outcome, difference.subject) for difference in report.differences)


def _single_reads(stripe):
    return {path.rpartition("/")[2] for path in stripe.requested if path.startswith(f"GET {LIST}/")}


@pytest.mark.parametrize("lists", [0, 1, 2])
def test_row_that_no_list_contains_is_found_wherever_the_run_stopped(a_dozen, stripe, lists):
    report = _find_unlisted(stripe, a_dozen, lists)

    assert {kind for kind, _, _ in _reported(report)} == {Kind.ORDER_WITHOUT_SESSION}


def test_rows_that_are_read_singly_renew_the_lease_and_are_counted(a_dozen, stripe, monkeypatch):
    written = []
    write = runs.ActiveRun._write
    monkeypatch.setattr(
        runs.ActiveRun, "_write", lambda self, **values: (written.append(values), write(self, **values))
    )
    for row in a_dozen:
        # Stripe lists none of them in this window.
        edit(stripe.emulator, row.stripe_id, created=1)

    report = reconcile.run(fix=True)

    assert (report.seen["sessions"], report.seen["unmentioned"], report.differences) == (0, SESSIONS, [])
    assert len(written) > SESSIONS


@pytest.mark.parametrize("seconds_a_list", [0.6, 1.2, 5.0])
def test_killed_run_has_saved_its_cursor(a_dozen, as_shipped, monkeypatch, seconds_a_list):
    forgotten = []
    forget = listed_ids.ListedIds.forget
    monkeypatch.setattr(listed_ids.ListedIds, "forget", lambda self, at: (forgotten.append(at), forget(self, at)))
    # A killed process does not stop its run.
    monkeypatch.setattr(runs.ActiveRun, "stop", lambda self: None)
    as_shipped.seconds_a_list = seconds_a_list

    _stop_after(as_shipped, 2)

    row = ReconciliationRun.objects.get()
    assert (row.stage, row.cursor) == ("sessions", a_dozen[2 * PAGE - 1].stripe_id)
    assert row.seen["sessions"] == 2 * PAGE
    assert forgotten


def test_rows_that_were_compared_before_the_stop_are_not_read_singly(a_dozen, stripe):
    _stop_after(stripe, 2)

    reconcile.run(fix=True, until=ReconciliationRun.objects.get().until)

    # The session that proves the account of the key, and the session at which the list is resumed.
    assert _single_reads(stripe) == {a_dozen[0].stripe_id, a_dozen[2 * PAGE - 1].stripe_id}
    assert stripe.requested[f"GET {LIST}"] == 1


def test_run_that_stopped_after_the_sessions_has_compared_their_rows(a_dozen, stripe):
    forget(stripe.emulator, a_dozen[11].stripe_id)
    stripe.emulator.chaos.fail(1000, status=503, match="GET /v1/refunds")
    with pytest.raises(StripeUnavailableError):
        reconcile.run(fix=True)
    stripe.recover()
    assert Discrepancy.objects.get().subject == a_dozen[11].stripe_id

    report = reconcile.run(fix=True, until=ReconciliationRun.objects.get().until)

    assert (report.is_resumed, stripe.requested[f"GET {LIST}"]) == (True, 0)
    assert _reported(report) == [(Kind.ORDER_WITHOUT_SESSION, Outcome.KNOWN, a_dozen[11].stripe_id)]


def test_resumed_run_compares_the_rows_of_refunds(a_dozen, stripe, deliver_events):
    stripe.emulator.pay(a_dozen[0].stripe_id)
    deliver_events()
    refund = services.refund(a_dozen[0].order, 300)
    deliver_events()
    forget(stripe.emulator, refund.stripe_id)
    stripe.emulator.chaos.fail(1000, status=503, match="GET /v1/disputes")
    with pytest.raises(StripeUnavailableError):
        reconcile.run(fix=True)
    stripe.recover()

    reconcile.run(fix=True)

    assert Discrepancy.objects.get().subject == refund.stripe_id


@pytest.mark.parametrize("lists", [0, 1, 2])
def test_refund_that_no_list_contains_is_found_wherever_the_run_stopped(a_dozen_refunds, stripe, lists):
    _find_unlisted(stripe, a_dozen_refunds, lists)


def test_list_of_refunds_is_resumed_where_the_run_stopped(a_dozen_refunds, stripe):
    _stop_after(stripe, 2)

    reconcile.run(fix=True, until=ReconciliationRun.objects.get().until)

    # The refund at which the list is resumed.
    single = {path.rpartition("/")[2] for path in stripe.requested if path.startswith("GET /v1/refunds/")}
    assert single == {a_dozen_refunds[2 * PAGE - 1].stripe_id}
    assert (stripe.requested["GET /v1/refunds"], ReconciliationRun.objects.get().seen["refunds"]) == (1, SESSIONS)


def test_change_after_the_comparison_is_found_after_a_resumed_run(a_dozen, stripe):
    _stop_after(stripe, 2)
    stripe.emulator.pay(a_dozen[0].stripe_id)
    since_then = services.start(services.place(HostOrderFactory()))
    stripe.emulator.pay(since_then.stripe_id)

    report = reconcile.run(fix=True)

    assert set(Order.objects.filter(status="paid")) == {a_dozen[0].order, since_then.order}
    assert [outcome for _, outcome, _ in _reported(report)] == [Outcome.FIXED] * 2
    assert report.until > timezone.now() - timedelta(minutes=1)
    assert reconcile.run(fix=True).differences == []


def test_resumed_run_reports_a_known_difference_once(a_dozen, stripe):
    forget(stripe.emulator, a_dozen[0].stripe_id)
    _stop_after(stripe, 2)

    assert _reported(reconcile.run(fix=True)) == [(Kind.ORDER_WITHOUT_SESSION, Outcome.KNOWN, a_dozen[0].stripe_id)]


def test_run_whose_cursor_is_gone_starts_over(a_dozen, stripe):
    _stop_after(stripe, 2)
    forget(stripe.emulator, a_dozen[2 * PAGE - 1].stripe_id)

    report = reconcile.run(fix=True)

    assert report.is_resumed
    assert _reported(report) == [(Kind.ORDER_WITHOUT_SESSION, Outcome.LISTED, a_dozen[2 * PAGE - 1].stripe_id)]


def test_stopped_dry_run_starts_over(a_dozen, stripe):
    stripe.emulator.pay(a_dozen[0].stripe_id)
    stripe.lists_left = 2
    with pytest.raises(StripeUnavailableError):
        reconcile.run(fix=False)
    stripe.recover()

    again = reconcile.run(fix=False)
    assert (again.is_resumed, again.is_clean) == (False, False)
    assert [difference.kind for difference in reconcile.run(fix=True).differences] == [Kind.PAID_NOT_RECORDED]


def test_run_of_the_same_window_is_resumed(a_dozen, stripe):
    since = timezone.now() - timedelta(days=1)
    stripe.lists_left = 2
    with pytest.raises(StripeUnavailableError):
        reconcile.run(fix=True, since=since)
    stripe.recover()

    assert not reconcile.run(fix=True, since=since - timedelta(hours=1), limit=1).is_resumed
    ReconciliationRun.objects.order_by("-pk").first().delete()
    report = reconcile.run(fix=True, since=since)

    assert (report.is_resumed, report.since) == (True, since)


def test_resumed_run_counts_what_was_compared_before_the_stop(a_dozen, stripe):
    for row in (a_dozen[0], a_dozen[11]):
        stripe.emulator.pay(row.stripe_id)
    _stop_after(stripe, 2)

    reconcile.run(fix=True, until=ReconciliationRun.objects.get().until)

    row = ReconciliationRun.objects.get()
    assert (row.state, row.fixed, row.seen["sessions"]) == ("complete", 2, SESSIONS)


def test_run_of_payouts_starts_over(stripe_emulator):
    stripe_emulator.chaos.fail(1000, status=503)
    with pytest.raises(StripeUnavailableError):
        payouts.run()
    stripe_emulator.chaos.reset()

    assert not payouts.run().is_resumed
    assert list(ReconciliationRun.objects.values_list("state", flat=True)) == ["complete", "stopped"]


def test_refund_that_failed_weeks_later_is_found(a_dozen, stripe, deliver_events):
    stripe.emulator.pay(a_dozen[0].stripe_id)
    deliver_events()
    refund = services.refund(a_dozen[0].order, 300)
    deliver_events()
    made = timezone.now() - timedelta(days=20)
    edit(stripe.emulator, refund.stripe_id, created=int(made.timestamp()))
    Refund.objects.update(created_at=made)
    reconcile.run(fix=True, since=timezone.now() - timedelta(days=2))
    stripe.emulator.fail_refund(refund.stripe_id)

    report = reconcile.run(fix=True)

    assert _reported(report) == [(Kind.REFUND_DIFFERS, Outcome.FIXED, refund.stripe_id)]
    assert Refund.objects.get().status == "failed"


def test_dispute_that_an_appeal_reopened_is_found(a_dozen, stripe, deliver_events):
    stripe.emulator.pay(a_dozen[0].stripe_id)
    dispute = stripe.emulator.open_dispute(stripe.emulator.latest("payment_intent", 1)[0]["id"])
    deliver_events()
    stripe.emulator.close_dispute(dispute["id"], "lost")
    deliver_events()
    made = timezone.now() - timedelta(days=90)
    edit(stripe.emulator, dispute["id"], created=int(made.timestamp()), status="under_review")

    report = reconcile.run(fix=True, since=timezone.now() - timedelta(days=2))

    assert _reported(report) == [(Kind.DISPUTE_DIFFERS, Outcome.FIXED, dispute["id"])]
    assert Dispute.objects.get().status == "under_review"


@pytest.mark.django_db(transaction=True)
def test_run_that_resumes_a_killed_one_misses_nothing(a_dozen, stripe, tmp_path):
    """Kill a run between two pages of four; then a session of each page changes."""
    if connection.vendor == "sqlite" and "memory" in str(connection.settings_dict["NAME"]):
        pytest.skip("another process cannot see this database")
    if not Path("/proc/self/stat").exists():
        pytest.skip("no /proc on this machine: the lease decides")
    forget(stripe.emulator, a_dozen[1].stripe_id, a_dozen[5].stripe_id)
    stripe.hangs = threading.Event()
    stripe.lists_left = 2
    server = EmulatorServer(("127.0.0.1", 0), stripe.emulator)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    (tmp_path / "killed_settings.py").write_text(
        "from tests.settings import *\n"
        f"DATABASES['default']['NAME'] = {str(connection.settings_dict['NAME'])!r}\n"
        f"STRIPE_API_BASE = {server.url!r}\nCHECKOUT_STRIPE_TIMEOUT_SECONDS = 60\n"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "killed_settings"}
    environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[1])])
    child = subprocess.Popen(  # our own interpreter
        [sys.executable, "-m", "django", "checkout_reconcile", "--fix"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    # The first reads the time.
    while stripe.requested[f"GET {LIST}"] < 4:
        assert child.poll() is None, "it ended before it was killed"
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    # Two are unknown to Stripe.
    assert ReconciliationRun.objects.get().cursor == a_dozen[2 * PAGE + 1].stripe_id
    stripe.hangs.set()
    server.shutdown()
    server.server_close()
    thread.join()
    stripe.recover()
    for row in (a_dozen[0], a_dozen[6], a_dozen[11]):
        stripe.emulator.pay(row.stripe_id)

    report = reconcile.run(fix=True)

    assert report.is_resumed
    assert set(Order.objects.filter(status="paid")) == {row.order for row in (a_dozen[0], a_dozen[6], a_dozen[11])}
    assert sorted(Discrepancy.objects.values_list("subject", flat=True)) == sorted(
        [a_dozen[1].stripe_id, a_dozen[5].stripe_id]
    )
    assert set(ReconciliationRun.objects.values_list("state", flat=True)) == {"complete"}
    assert Payment.objects.count() == 3
    assert reconcile.run(fix=True).is_clean
