"""Runs that were killed or stopped: the next one goes on, and what it claims to have seen was seen from both sides."""

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
from django_checkout.reconcile import Kind, Outcome, diary, leftovers, pages, payouts
from tests.factories import HostOrderFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]

SESSIONS, PAGE = 12, 4
NOTE_SECONDS = diary.NOTE_SECONDS
LIST = "/v1/checkout/sessions"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(pages.time, "sleep", lambda seconds: None)


class Stripe:
    """The emulator with pages of four, counting what is asked for and able to stop answering."""

    def __init__(self, emulator) -> None:
        self.emulator = emulator
        self.asked: Counter[str] = Counter()
        #: Answers so many of these lists, then fails or hangs.
        self.path = LIST
        self.lists_left = 1000
        #: Let go to answer again.
        self.hangs: threading.Event | None = None
        #: The time by which the diary is kept, and how long a list takes by it.
        self.clock = 1000.0
        self.seconds_a_list = 0.0
        self._handle = emulator.handle
        emulator.handle = self.answer

    def answer(self, request):
        self.asked[f"{request.method} {request.path}"] += 1
        if request.path == self.path and request.method == "GET":
            self.clock += self.seconds_a_list
            if self.hangs is not None and self.lists_left == 1:
                # A run notes how far it is once a second.
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
        """Answer again, from now on for good."""
        self.emulator.chaos.reset()
        self.asked.clear()
        self.lists_left = 1000


@pytest.fixture
def stripe(stripe_emulator, monkeypatch):
    """Pages come faster here than a run notes how far it is, so that it notes each."""
    monkeypatch.setattr(diary, "NOTE_SECONDS", 0)
    return Stripe(stripe_emulator)


@pytest.fixture
def as_shipped(stripe, monkeypatch):
    """A run that notes how far it is as often as it does in a shop, by a clock that lists alone move."""
    monkeypatch.setattr(diary, "NOTE_SECONDS", NOTE_SECONDS)
    monkeypatch.setattr(diary, "time", SimpleNamespace(monotonic=lambda: stripe.clock))
    return stripe


@pytest.fixture
def a_dozen(stripe):
    """Sessions of the last twelve hours, one an hour, the newest first."""
    now = timezone.now()
    rows = [services.start(services.place(host_order)) for host_order in HostOrderFactory.create_batch(SESSIONS)][::-1]
    for age, row in enumerate(rows, start=1):
        made = now - timedelta(hours=age)
        CheckoutSession.objects.filter(pk=row.pk).update(created_at=made)
        _change(stripe.emulator, row.stripe_id, created=int(made.timestamp()) + 1)
    return rows


@pytest.fixture
def a_dozen_refunds(a_dozen, stripe, deliver_events):
    """Refunds of one order, of the last twelve hours, one an hour, the newest first."""
    now = timezone.now()
    stripe.emulator.pay(a_dozen[0].stripe_id)
    deliver_events()
    rows = [services.refund(a_dozen[0].order, 100) for _ in range(SESSIONS)][::-1]
    for age, row in enumerate(rows, start=1):
        made = now - timedelta(hours=age)
        Refund.objects.filter(pk=row.pk).update(created_at=made)
        _change(stripe.emulator, row.stripe_id, created=int(made.timestamp()) + 1)
    stripe.path = "/v1/refunds"
    return rows


def _change(emulator, object_id, **values):
    with emulator.store.transaction():
        emulator.store.save({**emulator.store.find(object_id), **values})


def _forget(emulator, object_id):
    with emulator.store.transaction():
        emulator.store.delete(object_id)


def _stop_after(stripe, lists):
    stripe.lists_left = lists
    with pytest.raises(StripeUnavailableError):
        reconcile.run(fix=True)
    stripe.recover()


def _find_unmentioned(stripe, rows, lists):
    """Let Stripe forget the first, the middle and the last of a dozen, stop a run after so many lists, and go on."""
    unknown = [rows[0].stripe_id, rows[5].stripe_id, rows[11].stripe_id]
    for stripe_id in unknown:
        _forget(stripe.emulator, stripe_id)

    _stop_after(stripe, lists)
    report = reconcile.run(fix=True)

    assert report.is_resumed
    assert sorted(Discrepancy.objects.values_list("subject", flat=True)) == sorted(unknown)
    return report


def _drift(report):
    return sorted((drift.kind, drift.outcome, drift.subject) for drift in report.drift)


def _single_reads(stripe):
    return {path.rpartition("/")[2] for path in stripe.asked if path.startswith(f"GET {LIST}/")}


@pytest.mark.parametrize("lists", [0, 1, 2])
def test_a_row_that_stripe_does_not_mention_is_found_wherever_the_run_was_stopped(a_dozen, stripe, lists):
    report = _find_unmentioned(stripe, a_dozen, lists)

    assert {kind for kind, _, _ in _drift(report)} == {Kind.ORDER_WITHOUT_SESSION}


def test_rows_that_are_read_one_by_one_keep_the_lease_and_are_counted(a_dozen, stripe, monkeypatch):
    written = []
    write = diary.Entry._write
    monkeypatch.setattr(diary.Entry, "_write", lambda self, **values: (written.append(values), write(self, **values)))
    for row in a_dozen:
        # Created long ago as Stripe says, and so mentioned by no list of this window.
        _change(stripe.emulator, row.stripe_id, created=1)

    report = reconcile.run(fix=True)

    assert (report.seen["sessions"], report.seen["unmentioned"], report.drift) == (0, SESSIONS, [])
    assert len(written) > SESSIONS


@pytest.mark.parametrize("seconds_a_list", [0.6, 1.2, 5.0])
def test_a_run_that_is_killed_has_noted_how_far_it_was(a_dozen, as_shipped, monkeypatch, seconds_a_list):
    forgotten = []
    forget = leftovers.Mentioned.forget
    monkeypatch.setattr(leftovers.Mentioned, "forget", lambda self, at: (forgotten.append(at), forget(self, at)))
    # Nobody closes the diary of what is killed.
    monkeypatch.setattr(diary.Entry, "stop", lambda self: None)
    as_shipped.seconds_a_list = seconds_a_list

    _stop_after(as_shipped, 2)

    row = ReconciliationRun.objects.get()
    assert (row.stage, row.cursor) == ("sessions", a_dozen[2 * PAGE - 1].stripe_id)
    assert row.seen["sessions"] == 2 * PAGE
    assert forgotten


def test_what_lies_between_two_stops_is_not_read_one_by_one(a_dozen, stripe):
    _stop_after(stripe, 2)

    reconcile.run(fix=True, until=ReconciliationRun.objects.get().until)

    # The session that proves whose key it is, the session at which the walk is resumed, and nothing else.
    assert _single_reads(stripe) == {a_dozen[0].stripe_id, a_dozen[2 * PAGE - 1].stripe_id}
    assert stripe.asked[f"GET {LIST}"] == 1


def test_a_run_stopped_after_the_sessions_has_looked_for_its_rows(a_dozen, stripe):
    _forget(stripe.emulator, a_dozen[11].stripe_id)
    stripe.emulator.chaos.fail(1000, status=503, match="GET /v1/refunds")
    with pytest.raises(StripeUnavailableError):
        reconcile.run(fix=True)
    stripe.recover()
    assert Discrepancy.objects.get().subject == a_dozen[11].stripe_id

    report = reconcile.run(fix=True, until=ReconciliationRun.objects.get().until)

    assert (report.is_resumed, stripe.asked[f"GET {LIST}"]) == (True, 0)
    assert _drift(report) == [(Kind.ORDER_WITHOUT_SESSION, Outcome.KNOWN, a_dozen[11].stripe_id)]


def test_refunds_are_looked_for_by_the_run_that_goes_on(a_dozen, stripe, deliver_events):
    stripe.emulator.pay(a_dozen[0].stripe_id)
    deliver_events()
    refund = services.refund(a_dozen[0].order, 300)
    deliver_events()
    _forget(stripe.emulator, refund.stripe_id)
    stripe.emulator.chaos.fail(1000, status=503, match="GET /v1/disputes")
    with pytest.raises(StripeUnavailableError):
        reconcile.run(fix=True)
    stripe.recover()

    reconcile.run(fix=True)

    assert Discrepancy.objects.get().subject == refund.stripe_id


@pytest.mark.parametrize("lists", [0, 1, 2])
def test_a_refund_that_stripe_does_not_mention_is_found_wherever_the_run_was_stopped(a_dozen_refunds, stripe, lists):
    _find_unmentioned(stripe, a_dozen_refunds, lists)


def test_refunds_are_gone_on_with_where_the_run_was_stopped(a_dozen_refunds, stripe):
    _stop_after(stripe, 2)

    reconcile.run(fix=True, until=ReconciliationRun.objects.get().until)

    # The refund at which the walk is gone on, and nothing else.
    single = {path.rpartition("/")[2] for path in stripe.asked if path.startswith("GET /v1/refunds/")}
    assert single == {a_dozen_refunds[2 * PAGE - 1].stripe_id}
    assert (stripe.asked["GET /v1/refunds"], ReconciliationRun.objects.get().seen["refunds"]) == (1, SESSIONS)


def test_what_was_walked_before_the_stop_and_moved_since_is_looked_at_again(a_dozen, stripe):
    _stop_after(stripe, 2)
    stripe.emulator.pay(a_dozen[0].stripe_id)
    since_then = services.start(services.place(HostOrderFactory()))
    stripe.emulator.pay(since_then.stripe_id)

    report = reconcile.run(fix=True)

    assert set(Order.objects.filter(status="paid")) == {a_dozen[0].order, since_then.order}
    assert [outcome for _, outcome, _ in _drift(report)] == [Outcome.MENDED] * 2
    assert report.until > timezone.now() - timedelta(minutes=1)
    assert reconcile.run(fix=True).drift == []


def test_what_is_known_is_told_once_by_a_run_that_goes_on(a_dozen, stripe):
    _forget(stripe.emulator, a_dozen[0].stripe_id)
    _stop_after(stripe, 2)

    assert _drift(reconcile.run(fix=True)) == [(Kind.ORDER_WITHOUT_SESSION, Outcome.KNOWN, a_dozen[0].stripe_id)]


def test_a_run_whose_cursor_is_gone_begins_anew(a_dozen, stripe):
    _stop_after(stripe, 2)
    _forget(stripe.emulator, a_dozen[2 * PAGE - 1].stripe_id)

    report = reconcile.run(fix=True)

    assert report.is_resumed
    assert _drift(report) == [(Kind.ORDER_WITHOUT_SESSION, Outcome.LISTED, a_dozen[2 * PAGE - 1].stripe_id)]


def test_a_dry_run_that_was_stopped_begins_anew_and_is_not_built_upon(a_dozen, stripe):
    stripe.emulator.pay(a_dozen[0].stripe_id)
    stripe.lists_left = 2
    with pytest.raises(StripeUnavailableError):
        reconcile.run(fix=False)
    stripe.recover()

    again = reconcile.run(fix=False)
    assert (again.is_resumed, again.is_clean) == (False, False)
    assert [drift.kind for drift in reconcile.run(fix=True).drift] == [Kind.PAID_NOT_RECORDED]


def test_a_given_window_is_gone_on_with_if_it_is_the_same(a_dozen, stripe):
    since = timezone.now() - timedelta(days=1)
    stripe.lists_left = 2
    with pytest.raises(StripeUnavailableError):
        reconcile.run(fix=True, since=since)
    stripe.recover()

    assert not reconcile.run(fix=True, since=since - timedelta(hours=1), limit=1).is_resumed
    ReconciliationRun.objects.order_by("-pk").first().delete()
    report = reconcile.run(fix=True, since=since)

    assert (report.is_resumed, report.since) == (True, since)


def test_the_diary_counts_over_the_stop(a_dozen, stripe):
    for row in (a_dozen[0], a_dozen[11]):
        stripe.emulator.pay(row.stripe_id)
    _stop_after(stripe, 2)

    reconcile.run(fix=True, until=ReconciliationRun.objects.get().until)

    row = ReconciliationRun.objects.get()
    assert (row.state, row.mended, row.seen["sessions"]) == ("complete", 2, SESSIONS)


def test_payouts_begin_anew(stripe_emulator):
    stripe_emulator.chaos.fail(1000, status=503)
    with pytest.raises(StripeUnavailableError):
        payouts.run()
    stripe_emulator.chaos.reset()
    stopped = ReconciliationRun.objects.get()

    assert payouts.run().until > stopped.until


def test_a_refund_that_failed_weeks_later_is_found(a_dozen, stripe, deliver_events):
    stripe.emulator.pay(a_dozen[0].stripe_id)
    deliver_events()
    refund = services.refund(a_dozen[0].order, 300)
    deliver_events()
    made = timezone.now() - timedelta(days=20)
    _change(stripe.emulator, refund.stripe_id, created=int(made.timestamp()))
    Refund.objects.update(created_at=made)
    reconcile.run(fix=True, since=timezone.now() - timedelta(days=2))
    stripe.emulator.fail_refund(refund.stripe_id)

    report = reconcile.run(fix=True)

    assert _drift(report) == [(Kind.REFUND_DIFFERS, Outcome.MENDED, refund.stripe_id)]
    assert Refund.objects.get().status == "failed"


def test_a_dispute_that_an_appeal_opened_again_is_found(a_dozen, stripe, deliver_events):
    stripe.emulator.pay(a_dozen[0].stripe_id)
    dispute = stripe.emulator.open_dispute(stripe.emulator.latest("payment_intent", 1)[0]["id"])
    deliver_events()
    stripe.emulator.close_dispute(dispute["id"], "lost")
    deliver_events()
    made = timezone.now() - timedelta(days=90)
    _change(stripe.emulator, dispute["id"], created=int(made.timestamp()), status="under_review")

    report = reconcile.run(fix=True, since=timezone.now() - timedelta(days=2))

    assert _drift(report) == [(Kind.DISPUTE_DIFFERS, Outcome.MENDED, dispute["id"])]
    assert Dispute.objects.get().status == "under_review"


@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_killed_is_followed_by_one_that_has_seen_everything(a_dozen, stripe, tmp_path):
    """SIGKILL between two pages of four; then a session of each page moves, and one page is short of a session."""
    if connection.vendor == "sqlite" and "memory" in str(connection.settings_dict["NAME"]):
        pytest.skip("another process cannot see this database")
    if not Path("/proc/self/stat").exists():
        pytest.skip("no /proc on this machine: the lease decides")
    _forget(stripe.emulator, a_dozen[1].stripe_id)
    _forget(stripe.emulator, a_dozen[5].stripe_id)
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
    while stripe.asked[f"GET {LIST}"] < 3:
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
