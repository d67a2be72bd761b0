"""``checkout_reconcile`` on the command line: its reports, its exit codes, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper
from django.utils import timezone

from django_checkout import reconcile, services
from django_checkout.management.arguments import Counter, instant, write_csv
from django_checkout.models import Discrepancy, Payment, ReconciliationRun
from django_checkout.reconcile import pages

pytestmark = [pytest.mark.django_db, pytest.mark.core]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(pages.time, "sleep", lambda seconds: None)


def _reconcile(*arguments, **options) -> tuple[str, int]:
    out, code = StringIO(), 0
    try:
        call_command("checkout_reconcile", *arguments, stdout=out, **options)
    except SystemExit as error:
        code = error.code
    return out.getvalue(), code


@pytest.fixture
def unheard(order, stripe_emulator):
    """An order that was paid while the webhook was lost."""
    stripe_emulator.pay(services.start(order).stripe_id)
    return order


def test_a_dry_run_exits_one_and_changes_nothing(unheard):
    text, code = _reconcile()

    unheard.refresh_from_db()
    assert (code, unheard.status) == (1, "unpaid")
    assert f"paid_not_recorded  found  order={unheard.reference}" in text
    assert "Stripe has the money and the order does not know." in text
    assert "Run checkout_reconcile --fix" in text
    assert "Differences: 1 found." in text


def test_fix_mends_and_the_next_run_exits_zero(unheard):
    text, code = _reconcile(fix=True)
    unheard.refresh_from_db()
    assert (code, unheard.status) == (0, "paid")
    assert "Differences: 1 mended." in text

    assert _reconcile(fix=True)[1] == 0
    text, code = _reconcile()
    assert (code, "Differences: none." in text) == (0, True)


def test_what_a_person_must_decide_exits_one_once(paid_order, stripe_emulator):
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


def test_json_holds_everything(unheard):
    text, code = _reconcile(format="json")

    report = json.loads(text)
    (drift,) = report["drift"]
    assert (code, report["is_clean"], report["seen"]["sessions"]) == (1, False, 1)
    assert (drift["kind"], drift["order"], drift["outcome"]) == ("paid_not_recorded", unheard.reference, "found")
    assert drift["at_stripe"]["captured"] == 2000
    assert drift["suggestion"]
    assert drift["explanation"]


def test_csv_has_a_row_per_difference(unheard):
    text, _ = _reconcile(format="csv")

    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["kind"], row["order"]) == ("paid_not_recorded", unheard.reference)
    assert "payment_status=paid" in row["at_stripe"]


def test_no_cell_of_a_report_is_a_formula():
    written = StringIO()
    rows = [("=1+1", "A;=1", "-300", -300, "4.50", "cs_1", None)]

    write_csv(OutputWrapper(written), ["a", "b", "c", "d", "e", "f", "g"], rows)

    assert written.getvalue().splitlines()[1] == "'=1+1,A;'=1,-300,-300,4.50,cs_1,"


def test_one_order_is_enough(unheard, stripe_emulator):
    _, code = _reconcile(order=unheard.reference, fix=True)

    unheard.refresh_from_db()
    assert (code, unheard.status, ReconciliationRun.objects.count()) == (0, "paid", 0)


def test_a_window_can_be_given(unheard):
    assert _reconcile("--since", "2020-01-01", "--until", "2021-01-01")[1] == 0
    assert _reconcile("--since", "1h")[1] == 1


def test_a_limit_says_that_it_stopped(unheard, stripe_emulator):
    text, _ = _reconcile(limit=1)

    assert "Stopped by --limit" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--order", "nothing"], "There is no order nothing"),
        (["--order", ""], "There is no order"),
        (["--since", "2021-01-01", "--until", "2020-01-01"], "--since lies after --until"),
        (["--since", "2999-01-01"], "in the future"),
        (["--order", "A-1", "--since", "7d"], "--order does not go with --since"),
        (["--order", "A-1", "--missed-events"], "--order does not go with --missed-events"),
        (["--limit", "5", "--payouts"], "--limit does not go with --payouts"),
    ],
)
def test_what_makes_no_sense_exits_two(stripe_emulator, arguments, message):
    with pytest.raises(CommandError, match=message) as caught:
        _reconcile(*arguments)
    assert caught.value.returncode == 2


@pytest.mark.parametrize(
    "arguments", [["--since", "yesterday"], ["--limit", "0"], ["--format", "xml"], ["--payouts", "--missed-events"]]
)
def test_malformed_options_are_refused(arguments):
    with pytest.raises(CommandError):
        _reconcile(*arguments)


def test_a_second_run_exits_two_and_says_so(stripe_emulator):
    now = timezone.now()
    ReconciliationRun.objects.create(
        scope="orders", lock="orders", since=now, until=now, leased_until=now + timedelta(seconds=60)
    )

    with pytest.raises(CommandError, match="Another run is going on") as caught:
        _reconcile()
    assert caught.value.returncode == 2


@pytest.mark.parametrize(
    ("key", "status", "message"),
    [("sk_test_", None, "check STRIPE_SECRET_KEY"), ("", None, "is not set"), (None, 503, "503"), (None, 429, "429")],
)
def test_what_stops_a_run_exits_two(unheard, stripe_emulator, settings, key, status, message):
    if key is not None:
        settings.STRIPE_SECRET_KEY = key
    if status:
        stripe_emulator.chaos.fail(10_000, status=status)

    with pytest.raises(CommandError, match=message) as caught:
        _reconcile(fix=True)
    assert caught.value.returncode == 2
    assert not ReconciliationRun.objects.exclude(lock=None).exists()


def test_a_bug_exits_two_as_well(stripe_emulator, monkeypatch, caplog):
    monkeypatch.setattr(reconcile, "run", lambda **options: [][0])

    with pytest.raises(CommandError, match="IndexError") as caught:
        _reconcile()
    assert caught.value.returncode == 2
    assert "command_failed" in caplog.text


def test_missed_events_are_fed(unheard, stripe_emulator):
    stripe_emulator.deliver_to(lambda body, headers: 500)

    text, code = _reconcile("--missed-events")

    unheard.refresh_from_db()
    assert (code, unheard.status) == (0, "paid")
    assert "processed," in text
    assert json.loads(_reconcile("--missed-events", "--format", "json")[0])["missed"] > 0


def test_missed_events_that_fail_exit_one(unheard, stripe_emulator, monkeypatch):
    stripe_emulator.deliver_to(lambda body, headers: 500)
    monkeypatch.setattr(reconcile.missed.inbox, "receive", lambda body: [][0])

    assert _reconcile("--missed-events")[1] == 1


def test_progress_is_shown_on_a_terminal_only(unheard):
    class Terminal(StringIO):
        def isatty(self):
            return True

    terminal, plain = Terminal(), StringIO()
    for stream in (terminal, plain):
        _reconcile(stderr=stream)

    assert "sessions: 1" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r")
    assert plain.getvalue() == ""


def test_a_counter_without_a_terminal_is_silent():
    Counter(object())("sessions", 1)


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
