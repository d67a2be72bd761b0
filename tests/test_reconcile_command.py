"""``checkout_reconcile`` on the command line: its reports, its exit codes, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper
from django.utils import timezone

from django_checkout import reconcile, services
from django_checkout.management.arguments import Progress, instant, write_csv
from django_checkout.models import Discrepancy, Payment, ReconciliationRun, WebhookEvent
from django_checkout.reconcile import reads

pytestmark = [pytest.mark.django_db, pytest.mark.core]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(reads.time, "sleep", lambda seconds: None)


def _reconcile(*arguments, **options) -> tuple[str, int]:
    out, code = StringIO(), 0
    try:
        call_command("checkout_reconcile", *arguments, stdout=out, **options)
    except SystemExit as error:
        code = error.code
    return out.getvalue(), code


@pytest.fixture
def unrecorded(order, stripe_emulator):
    """A paid order whose events were lost."""
    stripe_emulator.pay(services.start(order).stripe_id)
    return order


def test_dry_run_exits_1_and_changes_nothing(unrecorded):
    text, code = _reconcile()

    unrecorded.refresh_from_db()
    assert (code, unrecorded.status) == (1, "unpaid")
    assert f"paid_not_recorded  found  order={unrecorded.reference}" in text
    assert "The customer paid at Stripe, but the order does not show the payment." in text
    assert "Run checkout_reconcile --fix" in text
    assert "Differences: 1 found." in text


def test_run_with_fix_exits_0(unrecorded):
    text, code = _reconcile(fix=True)
    unrecorded.refresh_from_db()
    assert (code, unrecorded.status) == (0, "paid")
    assert "Differences: 1 fixed." in text

    assert _reconcile(fix=True)[1] == 0
    text, code = _reconcile()
    assert (code, "Differences: none." in text) == (0, True)


def test_recorded_difference_exits_1_once(paid_order, stripe_emulator):
    with stripe_emulator.store.transaction():
        intent = stripe_emulator.store.find(Payment.objects.get().stripe_id)
        stripe_emulator.store.save({**intent, "amount_received": 1500})

    text, code = _reconcile(fix=True)
    assert (code, "amount_differs  listed" in text) == (1, True)
    text, code = _reconcile(fix=True)
    assert (code, "amount_differs  known" in text) == (0, True)
    Discrepancy.objects.update(state="ignored")
    text, code = _reconcile(fix=True)
    assert (code, "amount_differs" in text) == (0, False)


def test_json_contains_the_whole_report(unrecorded):
    text, code = _reconcile(format="json")

    report = json.loads(text)
    (found,) = report["drift"]
    assert (code, report["is_clean"], report["seen"]["sessions"]) == (1, False, 1)
    assert (found["kind"], found["order"], found["outcome"]) == (
        "paid_not_recorded",
        unrecorded.reference,
        "found",
    )
    assert found["at_stripe"]["captured"] == 2000
    assert found["suggestion"]
    assert found["explanation"]


def test_csv_has_a_row_per_difference(unrecorded):
    text, _ = _reconcile(format="csv")

    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["kind"], row["order"]) == ("paid_not_recorded", unrecorded.reference)
    assert "payment_status=paid" in row["at_stripe"]


def test_no_cell_of_the_csv_is_a_formula():
    written = StringIO()
    rows = [("=1+1", "A;=1", "-300", -300, "4.50", "cs_1", None)]

    write_csv(OutputWrapper(written), ["a", "b", "c", "d", "e", "f", "g"], rows)

    assert written.getvalue().splitlines()[1] == "'=1+1,A;'=1,-300,-300,4.50,cs_1,"


def test_one_order_is_compared(unrecorded, stripe_emulator):
    _, code = _reconcile(order=unrecorded.reference, fix=True)

    unrecorded.refresh_from_db()
    assert (code, unrecorded.status, ReconciliationRun.objects.count()) == (0, "paid", 0)


def test_window_is_compared(unrecorded):
    assert _reconcile("--since", "2020-01-01", "--until", "2021-01-01")[1] == 0
    assert _reconcile("--since", "1h")[1] == 1


def test_report_says_that_the_limit_stopped_the_run(unrecorded, stripe_emulator):
    text, _ = _reconcile(limit=1)

    assert "Stopped by --limit" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--order", "nothing"], "There is no order nothing"),
        (["--order", ""], "There is no order"),
        (["--since", "2021-01-01", "--until", "2020-01-01"], "--since is after --until"),
        (["--since", "2999-01-01"], "in the future"),
        (["--order", "A-1", "--since", "7d"], "--order cannot be combined with --since"),
        (["--order", "A-1", "--missed-events"], "--order cannot be combined with --missed-events"),
        (["--limit", "5", "--payouts"], "--limit cannot be combined with --payouts"),
    ],
)
def test_options_that_cannot_be_combined_exit_2(stripe_emulator, arguments, message):
    with pytest.raises(CommandError, match=message) as caught:
        _reconcile(*arguments)
    assert caught.value.returncode == 2


@pytest.mark.parametrize(
    "arguments", [["--since", "yesterday"], ["--limit", "0"], ["--format", "xml"], ["--payouts", "--missed-events"]]
)
def test_malformed_options_are_refused(arguments):
    with pytest.raises(CommandError):
        _reconcile(*arguments)


def test_second_run_at_the_same_time_exits_2(stripe_emulator):
    now = timezone.now()
    ReconciliationRun.objects.create(
        scope="orders", lock="orders", since=now, until=now, leased_until=now + timedelta(seconds=60)
    )

    with pytest.raises(CommandError, match="Another run is active") as caught:
        _reconcile()
    assert caught.value.returncode == 2


@pytest.mark.parametrize(
    ("key", "status", "message"),
    [("sk_test_", None, "check STRIPE_SECRET_KEY"), ("", None, "is not set"), (None, 503, "503"), (None, 429, "429")],
)
def test_run_that_stripe_stops_exits_2(unrecorded, stripe_emulator, settings, key, status, message):
    if key is not None:
        settings.STRIPE_SECRET_KEY = key
    if status:
        stripe_emulator.chaos.fail(10_000, status=status)

    with pytest.raises(CommandError, match=message) as caught:
        _reconcile(fix=True)
    assert caught.value.returncode == 2
    assert not ReconciliationRun.objects.exclude(lock=None).exists()


def test_unexpected_error_exits_2(stripe_emulator, monkeypatch, caplog):
    monkeypatch.setattr(reconcile, "run", lambda **options: [][0])

    with pytest.raises(CommandError, match="IndexError") as caught:
        _reconcile()
    assert caught.value.returncode == 2
    assert "command_failed" in caplog.text


def test_missed_events_are_processed(unrecorded, stripe_emulator):
    stripe_emulator.deliver_to(lambda body, headers: 500)

    text, code = _reconcile("--missed-events")

    unrecorded.refresh_from_db()
    assert (code, unrecorded.status) == (0, "paid")
    assert re.fullmatch(r"(\d) events missed: \1 processed\.\n", text)


def test_missed_events_that_arrived_otherwise_are_told_apart(unrecorded, stripe_emulator):
    stripe_emulator.deliver_to(lambda body, headers: 500)
    _reconcile("--missed-events")
    settled = WebhookEvent.objects.count()

    assert _reconcile("--missed-events") == (
        f"0 events missed.\n{settled} undelivered events had arrived already.\n",
        0,
    )
    assert json.loads(_reconcile("--missed-events", "--format", "json")[0]) == {"missed": 0, "arrived": settled}
    assert _reconcile("--missed-events", "--format", "csv")[0] == f"events,count\narrived,{settled}\nmissed,0\n"


def test_no_missed_events(stripe_emulator):
    assert _reconcile("--missed-events") == ("0 events missed.\n", 0)


def test_missed_events_that_fail_exit_1(unrecorded, stripe_emulator, monkeypatch):
    stripe_emulator.deliver_to(lambda body, headers: 500)
    monkeypatch.setattr(reconcile.missed_events.processing, "receive", lambda body: [][0])

    assert _reconcile("--missed-events")[1] == 1


def test_progress_is_shown_on_a_terminal_only(unrecorded):
    class Terminal(StringIO):
        def isatty(self):
            return True

    terminal, plain = Terminal(), StringIO()
    for stream in (terminal, plain):
        _reconcile(stderr=stream)

    assert "sessions: 1" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r")
    assert plain.getvalue() == ""


def test_progress_without_a_terminal_is_silent():
    Progress(object())("sessions", 1)


@pytest.mark.parametrize(
    ("text", "ago"), [("36h", timedelta(hours=36)), ("7d", timedelta(days=7)), ("2w", timedelta(weeks=2))]
)
def test_ages_are_read(text, ago):
    assert abs(timezone.now() - ago - instant(text)) < timedelta(minutes=1)


def test_instants_are_read_in_local_time(settings):
    settings.TIME_ZONE = "Europe/Berlin"
    with timezone.override("Europe/Berlin"):
        assert instant("2026-11-24T12:30").isoformat() == "2026-11-24T12:30:00+01:00"
        assert instant("2026-11-24T12:30:00+00:00").utcoffset() == timedelta(0)
        assert instant("2026-11-24").isoformat() == "2026-11-24T00:00:00+01:00"
