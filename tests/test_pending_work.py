from __future__ import annotations

import json
from copy import deepcopy
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from django_checkout import services, signals
from django_checkout.exceptions import StripeUnavailableError
from django_checkout.models import Announcement, CheckoutSession, Order, Refund, WebhookEvent
from django_checkout.operations import remaining
from django_checkout.webhooks import due_events, pending_work
from tests.factories import HostOrderFactory
from tests.races.together import run_before

pytestmark = [pytest.mark.django_db, pytest.mark.core]

CREATE = "POST /v1/checkout/sessions"
REFUND = "POST /v1/refunds"


def test_unanswered_session_is_marked_as_failed_after_it_would_have_expired(order, stripe_emulator):
    stripe_emulator.chaos.drop(2, when="before", match=CREATE)
    with pytest.raises(StripeUnavailableError):
        services.start(order)
    pending_work.process_pending()
    assert CheckoutSession.objects.get().status == "creating"

    pending_work.process_pending(now=timezone.now() + timedelta(hours=24))

    row = CheckoutSession.objects.get()
    assert (row.status, row.live_for_id, row.error_code) == ("failed", None, "no_answer")


def test_refund_that_stripe_created_without_answering_is_found(paid_order, stripe_emulator):
    stripe_emulator.chaos.drop(1, match=REFUND)
    stripe_emulator.chaos.drop(1, when="before", match=REFUND)
    with pytest.raises(StripeUnavailableError):
        services.refund(paid_order)

    pending_work.process_pending()

    paid_order.refresh_from_db()
    assert (paid_order.status, Refund.objects.get().status) == ("refunded", "succeeded")
    assert len(stripe_emulator.store.select("refund")) == 1


def test_open_session_past_its_expiry_is_read_from_stripe(order, stripe_emulator, recorder):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    CheckoutSession.objects.update(expires_at=timezone.now() - timedelta(seconds=pending_work.STALE_OPEN_SECONDS + 1))

    pending_work.process_pending()

    order.refresh_from_db()
    assert (order.status, recorder.names) == ("paid", ["order_paid"])


def test_bug_with_one_session_does_not_stop_the_others(order, stripe_emulator, recorder):
    broken, sound = services.start(order), services.start(HostOrderFactory())
    for session in (broken, sound):
        stripe_emulator.pay(session.stripe_id)
    CheckoutSession.objects.update(expires_at=timezone.now() - timedelta(seconds=pending_work.STALE_OPEN_SECONDS + 1))

    def explode():
        raise ZeroDivisionError

    with run_before("django_checkout.services.sync", explode):
        report = pending_work.process_pending()

    assert (report["stale_sessions"], report["stale_sessions_failed"]) == (2, 1)
    for session in (broken, sound):
        session.refresh_from_db()
    assert (broken.status, sound.status) == ("open", "complete")


def test_failing_event_does_not_stop_the_others(order, pay, queue):
    pay(order)
    bad = WebhookEvent.objects.filter(type="payment_intent.succeeded").get()
    bad.payload["data"]["object"]["status"] = "levitating"
    bad.save()

    report = pending_work.process_pending()

    order.refresh_from_db()
    bad.refresh_from_db()
    assert (order.status, report["events_failed"], bad.state) == ("paid", 1, "failed")


def test_event_of_a_dead_worker_is_processed_after_its_lease_expires(order, pay):
    pay(order)
    row = WebhookEvent.objects.get(type="checkout.session.completed")
    WebhookEvent.objects.filter(pk=row.pk).update(
        state="processing", leased_until=timezone.now() + timedelta(seconds=60)
    )
    pending_work.process_pending()
    row.refresh_from_db()
    assert row.state == "processing"

    WebhookEvent.objects.filter(pk=row.pk).update(leased_until=timezone.now() - timedelta(seconds=1))
    pending_work.process_pending()

    row.refresh_from_db()
    assert row.state == "processed"


def test_command_reports_what_it_did(order, stripe_emulator):
    stripe_emulator.chaos.drop(2, when="before", match=CREATE)
    with pytest.raises(StripeUnavailableError):
        services.start(order)
    CheckoutSession.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    out = StringIO()

    call_command("checkout_process_events", stdout=out)
    call_command("checkout_process_events", stdout=out)

    assert out.getvalue() == ("1 of 1 unconfirmed sessions marked as failed.\nNothing is left.\nNothing is pending.\n")


@pytest.mark.parametrize("limit", ["0", "-1", "many"])
def test_command_refuses_a_limit_that_is_not_a_positive_integer(limit):
    with pytest.raises(CommandError, match="not a positive integer"):
        call_command("checkout_process_events", "--limit", limit)


def test_command_that_cannot_run_exits_two(settings):
    settings.STRIPE_SECRET_KEY = None
    with pytest.raises(CommandError, match="STRIPE_SECRET_KEY") as caught:
        call_command("checkout_process_events")
    assert caught.value.returncode == 2


def test_a_delayed_payment_whose_event_was_lost_is_read(order, stripe_emulator, deliver_events, recorder):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id, iban="AT611904300234573201")
    deliver_events()
    stripe_emulator.settle(session.stripe_id)
    CheckoutSession.objects.update(completed_at="2026-01-01T00:00:00Z")

    pending_work.process_pending()

    order.refresh_from_db()
    assert (order.status, recorder.names) == ("paid", ["order_pending", "order_paid"])


@pytest.fixture
def failing_receiver():
    """A receiver of ``order_paid`` that raises until it is fixed."""

    class Receiver:
        is_fixed = False
        calls = 0

        def __call__(self, **arguments):
            self.calls += 1
            if not self.is_fixed:
                raise LookupError("shopper@example.com")

    receiver = Receiver()
    signals.order_paid.connect(receiver, sender=Order)
    yield receiver
    signals.order_paid.disconnect(receiver, sender=Order)


def _run_command(*options):
    """Run the command and return its exit code and its output."""
    out, code = StringIO(), 0
    try:
        call_command("checkout_process_events", *options, stdout=out)
    except SystemExit as exited:
        code = exited.code
    return code, out.getvalue()


def test_command_counts_what_was_delivered_and_what_failed(order, host_order, recorder, failing_receiver):
    now = timezone.now()
    due, later = now - timedelta(minutes=1), now + timedelta(hours=1)
    # The last two are superseded, because the order is unpaid.
    attempts = {"order_paid": due, "order_canceled": later, "order_pending": due, "order_authorized": due}
    for signal, next_attempt_at in attempts.items():
        order.announcements.create(signal=signal, fact="1", next_attempt_at=next_attempt_at)

    code, text = _run_command()

    assert (code, text.splitlines()[0]) == (1, "1 of 2 pending notifications delivered.")
    states = ["pending", "announced", "superseded", "superseded"]
    assert list(order.announcements.order_by("pk").values_list("state", flat=True)) == states


def _pay_all(number, emulator, deliver_events):
    orders = [services.place(HostOrderFactory()) for _ in range(number)]
    for order in orders:
        emulator.pay(services.start(order).stripe_id)
    deliver_events()
    return orders


def test_once_the_receiver_is_fixed_now_delivers_everything_that_backs_off(
    stripe_emulator, deliver_events, failing_receiver
):
    orders = _pay_all(3, stripe_emulator, deliver_events)
    services.refund(orders[0])
    deliver_events()
    for _ in range(4):
        pending_work.process_pending(ignores_backoff=True)
    failing_receiver.is_fixed, failing_receiver.calls = True, 0

    code, text = _run_command()
    assert (code, failing_receiver.calls) == (1, 0)
    assert "notifications: 3 of order_paid, because a receiver raised LookupError; next attempt at 20" in text
    assert "Nothing" not in text
    assert "shopper@example.com" not in text

    code, text = _run_command("--now")
    assert (code, failing_receiver.calls) == (0, 3)
    assert text.endswith("Nothing is left.\n")
    assert _run_command("--now") == (0, "Nothing is pending.\n")
    assert failing_receiver.calls == 3


def test_now_also_retries_failed_events_once(order, pay, queue):
    pay(order)
    bad = WebhookEvent.objects.get(type="payment_intent.succeeded")
    good = deepcopy(bad.payload)
    bad.payload["data"]["object"]["status"] = "levitating"
    bad.save()

    code, text = _run_command()
    assert (code, "events: 1 failed with unknown_fact; next attempt at 20" in text) == (1, True)
    bad.refresh_from_db()
    assert bad.attempts == 1
    assert _run_command()[0] == 1
    assert _run_command("--now")[0] == 1
    bad.refresh_from_db()
    assert (bad.state, bad.attempts) == ("failed", 2)

    WebhookEvent.objects.filter(pk=bad.pk).update(payload=good)
    code, text = _run_command("--now")
    assert (code, text) == (0, "1 of 1 pending events processed.\nNothing is left.\n")


def test_what_is_left_is_reported_as_json(paid_order, stripe_emulator, order):
    stripe_emulator.chaos.drop(2, when="before", match=REFUND)
    with pytest.raises(StripeUnavailableError):
        services.refund(paid_order)
    paid_order.attention.create(code="disputed", fact="dp_1")
    stripe_emulator.chaos.fail(9)

    code, text = _run_command("--format", "json")

    report = json.loads(text)
    assert (code, report["has_failed"]) == (1, True)
    assert report["processed"]["unanswered_refunds"] == {"attempted": 1, "failed": 1}
    left = {(group["kind"], group["has_failed"]): group["reason"] for group in report["left"]}
    assert left[("orders", False)] == "with a reason for attention (disputed)"
    assert left[("refunds", True)].startswith("not confirmed by Stripe (")


def test_session_that_waits_for_its_shopper_is_not_left(order, stripe_emulator):
    stripe_emulator.chaos.drop(2, when="before", match="POST /v1/checkout/sessions")
    with pytest.raises(StripeUnavailableError):
        services.start(order)

    code, text = _run_command()

    assert (code, text.splitlines()[0]) == (0, "Nothing is pending.")
    assert text.splitlines()[1].startswith("1 session was not confirmed by Stripe. Nothing has to be done: ")


def test_order_that_needs_attention_is_listed_and_does_not_change_the_exit_code(order):
    order.attention.create(code="disputed", fact="dp_1")

    assert _run_command() == (0, "Left:\n  orders: 1 with a reason for attention (disputed)\n")


def test_notification_that_fails_again_and_again_does_not_hold_up_the_others(
    stripe_emulator, deliver_events, failing_receiver
):
    first, second = _pay_all(2, stripe_emulator, deliver_events)
    now = timezone.now()
    for order, due in ((first, now - timedelta(minutes=1)), (second, now - timedelta(minutes=2))):
        order.announcements.filter(signal="order_paid").update(next_attempt_at=due)

    pending_work.process_pending(limit=1)

    # The one that was due first.
    attempts = [row.announcements.get(signal="order_paid").attempts for row in (first, second)]
    assert attempts == [1, 2]


@pytest.mark.parametrize(("number", "sqlstate"), [(1205, None), (None, "40P01")], ids=["mariadb", "postgresql"])
def test_receiver_that_meets_another_transaction_every_time_does_not_hold_up_the_others(
    number, sqlstate, stripe_emulator, deliver_events, failing_receiver
):
    """The database responds: one order's transaction waits for a row that another one holds."""
    first, second = _pay_all(2, stripe_emulator, deliver_events)
    Announcement.objects.update(next_attempt_at=timezone.now() - timedelta(minutes=1))
    failing_receiver.is_fixed = True
    cause = Exception(number, "lock wait timeout exceeded")
    cause.sqlstate = sqlstate

    def receive(sender, order, **kwargs):
        if order == first:
            raise OperationalError("lock wait timeout exceeded") from cause

    signals.order_paid.connect(receive)
    try:
        report = pending_work.process_pending()
    finally:
        signals.order_paid.disconnect(receive)

    assert (report["notifications"], report["notifications_failed"]) == (2, 1)
    states = [row.announcements.get(signal="order_paid").state for row in (first, second)]
    assert states == ["pending", "announced"]


def test_event_that_fails_again_and_again_does_not_hold_up_the_others(order, pay, queue):
    pay(order)
    bad = WebhookEvent.objects.order_by("pk").first()
    WebhookEvent.objects.filter(pk=bad.pk).update(
        state="failed", attempts=9, next_attempt_at=timezone.now() - timedelta(seconds=1)
    )

    pending_work.process_pending(limit=1)

    bad.refresh_from_db()
    assert (bad.attempts, WebhookEvent.objects.exclude(state__in=("received", "failed")).count()) == (9, 1)


def _stale_sessions(number):
    sessions = [services.start(services.place(HostOrderFactory())) for _ in range(number)]
    past = timezone.now() - timedelta(seconds=pending_work.STALE_OPEN_SECONDS + 60)
    CheckoutSession.objects.update(expires_at=past)
    return sessions


def test_while_stripe_does_not_answer_the_rest_is_left_to_the_next_run(stripe_emulator, stripe_requests, db):
    _stale_sessions(8)
    stripe_requests.clear()
    stripe_emulator.chaos.fail(99)

    code, text = _run_command()

    number = pending_work.UNANSWERED_CALLS
    assert (code, text.splitlines()[0]) == (1, f"0 of {number} stale sessions read from Stripe.")
    assert f"  sessions: {number} that Stripe did not return; next attempt at 20" in text
    assert f"  sessions: {8 - number} to be read from Stripe\n" in text

    stripe_emulator.chaos.reset()
    code, text = _run_command()
    assert (code, text.splitlines()[0]) == (1, f"{8 - number} of {8 - number} stale sessions read from Stripe.")
    assert f"  sessions: {number} that Stripe did not return; next attempt at 20" in text
    assert "Nothing" not in text

    later = timezone.now() + timedelta(seconds=pending_work.RETRY_SECONDS + 1)
    assert pending_work.process_pending(now=later)["stale_sessions"] == number
    assert _run_command() == (0, "Nothing is pending.\n")


def test_a_failure_that_leaves_no_row_behind_is_not_called_nothing(order, stripe_emulator):
    session = services.start(order)
    CheckoutSession.objects.filter(pk=session.pk).update(live_for=None)
    stripe_emulator.chaos.fail(9)

    code, text = _run_command()

    assert (code, text.splitlines()[:2]) == (
        1,
        [
            "0 of 1 orders with surplus sessions checked.",
            "What failed is retried by the next run; the log says why.",
        ],
    )


def test_progress_counts_what_is_attempted(order, pay, queue, monkeypatch):
    monkeypatch.setattr(due_events, "BATCH", 2)
    pay(order)
    due = WebhookEvent.objects.filter(state="received").count()
    seen = []

    report = pending_work.process_pending(progress=lambda name, number: seen.append((name, number)))

    events = [number for name, number in seen if name == "events"]
    assert len(events) > 1
    assert events == sorted(events)
    assert events[-1] == report["events"] == due
    assert ("notifications", 1) in seen


def test_command_shows_progress_on_a_terminal(order, pay, queue):
    class Terminal(StringIO):
        def isatty(self):
            return True

    pay(order)
    terminal = Terminal()

    call_command("checkout_process_events", stdout=StringIO(), stderr=terminal)

    assert "notifications: 1" in terminal.getvalue()
    # The line is cleared before the report.
    assert terminal.getvalue().endswith("\r")


def test_session_that_another_worker_reads_is_not_read_twice(stripe_emulator, stripe_requests, db):
    _stale_sessions(1)
    stripe_requests.clear()

    earlier = timezone.now() - timedelta(seconds=1)
    with run_before("django_checkout.ledger.mark_synced", lambda: pending_work.process_pending(now=earlier)):
        pending_work.process_pending()

    assert len([request for request in stripe_requests if request.method == "GET"]) == 1


def test_events_that_arrive_during_a_run_are_processed_in_it(order, stripe_emulator, deliver_events, queue):
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()
    late = WebhookEvent.objects.filter(state="received").first()
    late_pk = late.pk
    late.delete()

    def arrive():
        late.pk = late_pk
        late.save(force_insert=True)

    with run_before("django_checkout.webhooks.batch.process", arrive):
        report = pending_work.process_pending()

    assert report["events_failed"] == 0
    assert not WebhookEvent.objects.filter(state="received").exists()


@pytest.mark.parametrize(("number", "hook"), [(3, "inbox.lock_free"), (1, "inbox.lock")])
def test_event_that_another_worker_has_is_neither_processed_nor_failed(
    order, stripe_emulator, deliver_events, queue, number, hook
):
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()
    kept = list(WebhookEvent.objects.filter(state="received").order_by("pk").values_list("pk", flat=True)[:number])
    WebhookEvent.objects.exclude(pk__in=kept).delete()
    busy = WebhookEvent.objects.get(pk=kept[0])
    leased_until = timezone.now() + timedelta(seconds=60)

    def take():
        WebhookEvent.objects.filter(pk=busy.pk).update(state="processing", leased_until=leased_until)

    with run_before(f"django_checkout.webhooks.{hook}", take):
        report = pending_work.process_pending()

    assert (report["events"], report["events_failed"]) == (number - 1, 0)
    busy.refresh_from_db()
    assert (busy.attempts, busy.processed_at) == (0, None)


def _unanswered(stripe_emulator, paid_order):
    """A refund that Stripe has not confirmed, and that it does not confirm now."""
    stripe_emulator.chaos.drop(2, when="before", match=REFUND)
    with pytest.raises(StripeUnavailableError):
        services.refund(paid_order)
    stripe_emulator.incidents.start_outage("close")


def test_while_stripe_does_not_respond_now_is_not_advised(stripe_emulator, paid_order):
    _unanswered(stripe_emulator, paid_order)

    code, text = _run_command()

    assert (code, "--now" in text) == (1, False)
    assert "Stripe did not respond. Nothing has to be done" in text.splitlines()[-1]


def test_failures_of_the_site_are_advised_to_be_fixed_also_while_stripe_does_not_respond(
    stripe_emulator, deliver_events, failing_receiver, paid_order
):
    _unanswered(stripe_emulator, paid_order)
    Announcement.objects.update(state="pending", attempts=1, last_error="LookupError")

    code, text = _run_command()

    assert code == 1
    assert "Stripe did not respond. Nothing has to be done" in text
    assert "--now" in text.splitlines()[-1]


def test_event_that_a_request_reads_is_not_said_to_be_another_worker_s(order, pay):
    pay(order)
    leased_until = timezone.now() + timedelta(seconds=60)
    WebhookEvent.objects.filter(type="checkout.session.completed").update(state="processing", leased_until=leased_until)

    code, text = _run_command()

    expected = f"events: 1 being read from Stripe by a request or worker; next attempt at {leased_until:%Y-%m-%d %H:%M}"
    assert (code, expected in text) == (0, True)


def test_next_attempt_is_not_shown_when_it_is_over(order, pay):
    pay(order)
    event = {"state": "failed", "error_code": "x", "next_attempt_at": timezone.now() - timedelta(hours=1)}
    WebhookEvent.objects.filter(type="checkout.session.completed").update(**event)

    (group,) = remaining.find()

    assert (group.kind, group.next_attempt_at) == ("events", None)


def test_session_that_waits_for_its_shopper_is_mentioned_for_an_hour(order, stripe_emulator):
    stripe_emulator.chaos.drop(2, when="before", match=CREATE)
    with pytest.raises(StripeUnavailableError):
        services.start(order)
    assert "not confirmed by Stripe" in _run_command()[1]

    CheckoutSession.objects.update(created_at=timezone.now() - timedelta(hours=2))

    assert _run_command() == (0, "Nothing is pending.\n")
    assert "not confirmed by Stripe" in _run_command("--verbosity", "2")[1]
    (group,) = json.loads(_run_command("--format", "json")[1])["left"]
    assert group["is_waiting"]


@pytest.mark.parametrize("work", ["refund", "session"])
def test_revoked_key_ends_the_command_with_two_and_is_named(work, stripe_emulator, paid_order, order, pay, recorder):
    if work == "refund":
        stripe_emulator.chaos.drop(2, when="before", match=REFUND)
        with pytest.raises(StripeUnavailableError):
            services.refund(paid_order)
    else:
        session = services.start(HostOrderFactory())
        stripe_emulator.pay(session.stripe_id)
        CheckoutSession.objects.filter(pk=session.pk).update(expires_at=timezone.now() - timedelta(hours=1))
    Announcement.objects.update(state="pending", attempts=1, next_attempt_at=timezone.now())
    stripe_emulator.incidents.revoke_keys("")

    with pytest.raises(CommandError, match=r"401.*STRIPE_SECRET_KEY") as ended:
        call_command("checkout_process_events", stdout=StringIO())

    assert (ended.value.returncode, len(str(ended.value).splitlines())) == (2, 1)
    # What needs no call was done.
    assert not Announcement.objects.filter(state="pending").exists()


def test_session_of_another_site_that_the_key_may_not_read_is_no_failure(stripe_emulator, deliver_events, order):
    """Two sites share the account: this one only looks whether it has lost the row."""
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    Order.objects.all().delete()
    deliver_events()
    assert WebhookEvent.objects.filter(state="ignored", error_code="not_ours").exists()
    stripe_emulator.incidents.restrict_keys("GET /v1/checkout/sessions*")

    code, text = _run_command()
    assert (code, text) == (0, "Nothing is pending.\n")

    stripe_emulator.incidents.end()
    _run_command()
    assert not WebhookEvent.objects.filter(state="ignored", error_code="not_ours", type="checkout.session.completed")
