from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from django.core import checks
from django.db import DatabaseError, connection
from django.db.models import F
from django.utils import timezone

from django_checkout import reconcile, services, signals
from django_checkout.exceptions import NotDeliverableError
from django_checkout.models import Announcement, CheckoutSession, Order, WebhookEvent
from django_checkout.operations import health, remaining, retention
from django_checkout.operations.doctor.site import examine_backlog
from django_checkout.testing import post_event
from django_checkout.webhooks import pending_work
from tests.damage import overwrite
from tests.factories import HostOrderFactory
from tests.host.models import HostOrder
from tests.signal_recorder import SIGNALS, SignalRecorder

pytestmark = [pytest.mark.django_db, pytest.mark.core]


@pytest.fixture
def host():
    """A host whose receiver counts its calls in its own row and raises ``failures`` times."""

    class Host:
        failures = 0

        def on_paid(self, source, **arguments):
            source.paid_times += 1
            source.save()
            if self.failures:
                self.failures -= 1
                raise RuntimeError("shopper@example.com")

    host = Host()
    signals.order_paid.connect(host.on_paid, sender=Order)
    yield host
    signals.order_paid.disconnect(host.on_paid, sender=Order)


def _later(hours):
    return timezone.now() + timedelta(hours=hours)


@pytest.mark.parametrize("failures", [0, 1, 10])
def test_receiver_that_raises_is_retried_until_it_succeeds_once(host, order, host_order, pay, failures):
    host.failures = failures
    pay(order)
    assert order.status == "paid"

    for _ in range(failures):
        pending_work.process_pending(now=_later(24))

    host_order.refresh_from_db()
    announcement = Announcement.objects.get(signal="order_paid")
    assert (host_order.paid_times, announcement.state, announcement.attempts) == (1, "announced", failures + 1)


def test_receiver_that_always_raises_leaves_the_order_paid(host, order, stripe_emulator, deliver_events):
    host.failures = 10**6
    stripe_emulator.pay(services.start(order).stripe_id)
    attempts = deliver_events()

    order.refresh_from_db()
    announcement = Announcement.objects.get(signal="order_paid")
    assert (order.status, {attempt.status for attempt in attempts}) == ("paid", {200})
    assert (announcement.state, announcement.last_error) == ("pending", "RuntimeError")
    assert HostOrder.objects.get().paid_times == 0


def test_backoff_doubles(host, order, pay):
    host.failures = 10**6
    pay(order)
    waits = []
    for _ in range(4):
        row = Announcement.objects.get(signal="order_paid")
        waits.append(round((row.next_attempt_at - timezone.now()).total_seconds() / 60))
        pending_work.process_pending(now=row.next_attempt_at)

    assert waits == [1, 2, 4, 8]


def test_refund_is_not_announced_before_paid(host, order, pay, recorder):
    host.failures = 1
    pay(order)
    services.refund(order)
    assert "order_refunded" not in recorder.names

    pending_work.process_pending(now=_later(24))

    assert [name for name in recorder.names if name in ("order_paid", "order_refunded")][-2:] == [
        "order_paid",
        "order_refunded",
    ]
    assert not Announcement.objects.filter(state="pending").exists()


def test_superseded_notification_is_not_retried(order, stripe_emulator, deliver_events):
    received = []

    def on_pending(**arguments):
        received.append("order_pending")
        raise RuntimeError

    signals.order_pending.connect(on_pending, sender=Order)
    try:
        session = services.start(order)
        stripe_emulator.pay(session.stripe_id, iban="AT611904300234573201")
        deliver_events()
        stripe_emulator.settle(session.stripe_id)
        deliver_events()
        pending_work.process_pending(now=_later(24))
    finally:
        signals.order_pending.disconnect(on_pending, sender=Order)

    assert received == ["order_pending"]
    assert Announcement.objects.get(signal="order_pending").state == "superseded"


def test_process_pending_without_pending_work_does_nothing(paid_order):
    assert not any(pending_work.process_pending(now=_later(24)).values())
    assert not WebhookEvent.objects.filter(state="failed").exists()


@pytest.fixture
def late_recorder():
    """A site that connects no receivers; ``connect`` connects the recorder to some signals later."""
    known = {signal: signal.receivers for signal in SIGNALS.values()}
    for signal in known:
        signal.receivers = []
        signal.sender_receivers_cache.clear()
    yield SignalRecorder()
    for signal, receivers in known.items():
        signal.receivers = receivers
        signal.sender_receivers_cache.clear()


def _states():
    return dict(Announcement.objects.values_list("signal", "state"))


def test_notifications_wait_for_a_receiver(late_recorder, order, pay):
    pay(order)
    services.refund(order)
    pending_work.process_pending()
    assert _states() == {"order_paid": "pending", "order_refunded": "pending"}
    assert set(Announcement.objects.values_list("attempts", flat=True)) == {0}

    late_recorder.connect("order_refunded", "order_paid")
    pending_work.process_pending()
    pending_work.process_pending(now=_later(24))

    assert late_recorder.names == ["order_paid", "order_refunded"]
    assert _states() == {"order_paid": "announced", "order_refunded": "announced"}


def test_first_receiver_gets_no_sessions_that_expired_long_ago(late_recorder, order, pay):
    services.expire(services.start(order))
    pay(order)
    services.refund(order)
    Announcement.objects.update(created_at=_later(-25))
    services.expire(services.start(services.place(HostOrderFactory())))

    late_recorder.connect("session_expired", "order_refunded", "order_paid")
    pending_work.process_pending()

    assert sorted(late_recorder.names) == ["order_paid", "order_refunded", "session_expired"]
    assert order.announcements.get(signal="session_expired").state == "superseded"


def test_receiver_that_raised_gets_an_expired_session_however_late(order, stripe_emulator):
    received = []

    def on_expired(**arguments):
        received.append("session_expired")
        if len(received) == 1:
            raise RuntimeError

    signals.session_expired.connect(on_expired, sender=Order)
    try:
        services.expire(services.start(order))
        Announcement.objects.update(created_at=_later(-1000))
        pending_work.process_pending(now=_later(24))
    finally:
        signals.session_expired.disconnect(on_expired, sender=Order)

    assert len(received) == 2


def test_receiver_of_another_sender_gets_nothing(late_recorder, order, pay):
    late_recorder.connect("order_paid", sender=HostOrder)
    pay(order)

    assert (late_recorder.names, _states()) == ([], {"order_paid": "pending"})


def test_refund_is_delivered_although_order_paid_has_no_receiver(late_recorder, order, pay):
    late_recorder.connect("order_refunded")
    pay(order)
    services.refund(order)

    assert late_recorder.names == ["order_refunded"]
    assert _states() == {"order_paid": "pending", "order_refunded": "announced"}


def test_refund_that_waited_is_delivered_when_the_receiver_of_order_paid_is_disconnected(
    late_recorder, host, order, pay
):
    host.failures = 10**6
    late_recorder.connect("order_refunded")
    pay(order)
    services.refund(order)
    assert late_recorder.names == []
    signals.order_paid.disconnect(host.on_paid, sender=Order)
    pending_work.process_pending()
    signals.order_paid.connect(host.on_paid, sender=Order)

    assert late_recorder.names == ["order_refunded"]


def test_notification_without_a_receiver_is_skipped_and_healthy(late_recorder, order, stripe_emulator, deliver_events):
    services.start(order)
    stripe_emulator.clock.advance(25 * 3600)
    deliver_events()

    assert not pending_work.process_pending()["notifications"]
    assert (_states(), health.read().ok) == ({"session_expired": "pending"}, True)


def test_payment_without_a_receiver_is_not_healthy(late_recorder, order, pay):
    pay(order)

    found = health.read()
    assert (found.ok, found.announcements_pending) == (False, 1)
    found = {finding.id: finding.message for finding in examine_backlog(timezone.now())}
    assert found["D034"].endswith("no receiver: 1.")
    late_recorder.connect("order_paid")
    pending_work.process_pending()
    assert health.read().ok


def test_doctor_counts_notifications_without_a_receiver(late_recorder, order):
    Announcement.objects.create(order=order, signal="session_expired", fact="cs_1")

    (finding,) = [found for found in examine_backlog(timezone.now()) if found.id == "D035"]
    assert (finding.severity, "session_expired 1" in finding.message) == ("info", True)


def _expired_session(order, stripe_emulator, deliver_events):
    services.start(order)
    stripe_emulator.clock.advance(25 * 3600)
    deliver_events()
    return Announcement.objects.get(signal="session_expired")


def _no_receiver(now=None):
    return [found.command for found in examine_backlog(now or timezone.now()) if found.id == "D035"]


def test_finding_about_an_expired_session_without_a_receiver_ends_after_a_day(
    late_recorder, order, stripe_emulator, deliver_events
):
    """Nobody could do anything about it: it is not delivered to a receiver that is connected later."""
    announcement = _expired_session(order, stripe_emulator, deliver_events)
    assert _no_receiver()

    Announcement.objects.update(created_at=_later(-25))

    announcement.refresh_from_db()
    assert (_no_receiver(), announcement.state) == ([], "pending")


def test_advice_about_notifications_without_a_receiver_ends_the_finding(
    late_recorder, order, stripe_emulator, deliver_events
):
    announcement = _expired_session(order, stripe_emulator, deliver_events)
    (advice,) = _no_receiver()
    assert "checkout_prune" not in advice
    assert "waive them in the admin under Notifications" in advice

    services.waive(announcement, "Nobody listens.")

    assert _no_receiver() == []


@pytest.mark.parametrize(("signal", "status"), [("order_pending", "paid"), ("order_payment_failed", "paid")])
def test_superseded_notification_is_reported_nowhere(late_recorder, order, signal, status):
    """A receiver raised, or there was none, and the order has moved on: the next run does not deliver it."""
    overwrite(Order.objects.filter(pk=order.pk), status=status)
    Announcement.objects.create(order=order, signal=signal, fact="cs_1", next_attempt_at=_later(-1))
    assert _no_receiver() == []

    late_recorder.connect(signal)
    Announcement.objects.update(attempts=3, next_attempt_at=_later(1), last_error="RuntimeError")

    assert (health.read().reasons, remaining.find()) == ((), [])
    assert [found.id for found in examine_backlog(timezone.now())] == []


def test_notifications_of_another_site_are_not_counted(late_recorder, order):
    overwrite(Order.objects.filter(pk=order.pk), site_url="https://other.example")
    for signal in ("order_paid", "order_canceled"):
        Announcement.objects.create(order=order, signal=signal, fact="cs_1")

    assert (_no_receiver(), remaining.find()) == ([], [])


def test_check_reports_that_order_paid_has_no_receiver(late_recorder):
    (warning,) = [message for message in checks.run_checks() if message.id == "django_checkout.W026"]
    assert "order_paid" in warning.msg
    assert "from shop import receivers" in warning.hint
    late_recorder.connect("order_paid")
    assert not [message for message in checks.run_checks() if message.id == "django_checkout.W026"]


def test_prune_supersedes_old_notifications_without_a_receiver_except_payments_and_refunds(late_recorder, order):
    for signal in ("order_paid", "order_refunded", "session_expired", "dispute_closed"):
        Announcement.objects.create(order=order, signal=signal, fact="old")
        Announcement.objects.create(order=order, signal=signal, fact="new")
    Announcement.objects.filter(fact="old").update(created_at=timezone.now() - timedelta(days=1000))
    late_recorder.connect("dispute_closed")

    retention.prune(is_dry=True)
    assert not Announcement.objects.filter(state="superseded").exists()
    retention.prune()

    superseded = Announcement.objects.filter(state="superseded")
    assert list(superseded.values_list("signal", "fact")) == [("session_expired", "old")]


def test_staff_deliver_a_notification_again(host, order, host_order, pay):
    pay(order)
    row = Announcement.objects.get(signal="order_paid")

    assert services.deliver_again(row)
    host.failures = 1
    assert not services.deliver_again(row)

    host_order.refresh_from_db()
    row.refresh_from_db()
    assert (host_order.paid_times, row.attempts) == (2, 3)
    assert (row.state, row.last_error, row.next_attempt_at) == ("announced", "RuntimeError", None)
    assert row.announced_at is not None


def test_failed_second_delivery_of_a_payment_delays_no_refund(host, order, host_order, pay, recorder):
    pay(order)
    host.failures = 10**6
    services.deliver_again(Announcement.objects.get(signal="order_paid"))

    pending_work.process_pending(now=_later(24))
    services.refund(order, 500)

    host_order.refresh_from_db()
    assert (host_order.paid_times, host.failures, recorder.names.count("order_refunded")) == (1, 10**6 - 1, 1)
    assert health.read().ok


def _staff_deliver_it(order):
    services.deliver_again(Announcement.objects.get(signal="order_paid"))


def _a_mismatch_is_gone(order):
    overwrite(CheckoutSession.objects, asked_subtotal_minor=2000)
    services.sync(order)


@pytest.fixture(params=[_staff_deliver_it, _a_mismatch_is_gone], ids=lambda way: way.__name__.strip("_"))
def waiting_refund(request, host, order, stripe_emulator, deliver_events, recorder):
    """A refund that waited for ``order_paid`` before that was delivered in one of two ways."""
    session = services.start(order)
    if request.param is _staff_deliver_it:
        host.failures = 1
    else:
        overwrite(CheckoutSession.objects, asked_subtotal_minor=1)
    stripe_emulator.pay(session.stripe_id)
    deliver_events()
    services.refund(order, 500)
    assert "order_refunded" not in recorder.names
    request.param(order)
    row = Announcement.objects.get(signal="order_refunded")
    assert (Announcement.objects.get(signal="order_paid").state, row.attempts) == ("announced", 0)
    return row


def test_refund_that_waited_is_delivered_however_paid_was(waiting_refund, recorder):
    pending_work.process_pending()

    assert recorder.names.count("order_refunded") == 1


def test_refund_that_waited_and_is_not_delivered_is_overdue(waiting_refund):
    assert health.read().ok

    found = health.read(now=_later(1))
    assert (found.ok, found.announcements_pending) == (False, 1)
    assert "D036" in {finding.id for finding in examine_backlog(_later(1))}


def test_reconciliation_delivers_a_refund_that_waited(waiting_refund, recorder):
    assert reconcile.run(fix=False).differences
    assert "order_refunded" not in recorder.names

    reconcile.run(fix=True)

    assert recorder.names.count("order_refunded") == 1
    assert not reconcile.run(fix=False).differences


@pytest.mark.parametrize("case", ["superseded", "unheard", "early"])
def test_notification_that_cannot_be_delivered_is_refused(case, late_recorder, order):
    signal = {"superseded": "order_paid", "unheard": "order_canceled", "early": "order_refunded"}[case]
    late_recorder.connect("order_paid", "order_refunded")
    state = "superseded" if case == "superseded" else "pending"
    row = Announcement.objects.create(order=order, signal=signal, fact="x", state=state)

    with pytest.raises(NotDeliverableError):
        services.deliver_again(row)
    assert late_recorder.names == []


def test_failed_refund_of_a_second_payment_is_announced_in_every_order_of_arrival(order, stripe_emulator, recorder):
    sessions = []
    for _ in range(2):
        CheckoutSession.objects.update(live_for=None, status="expired")
        sessions.append(services.start(order).stripe_id)
        stripe_emulator.pay(sessions[-1])
    surplus = stripe_emulator.get(sessions[1])["payment_intent"]
    stripe_emulator.fail_refund(stripe_emulator.refund(surplus, 300)["id"])
    completed = {event["data"]["object"]["id"]: event for event in stripe_emulator.events("checkout.session.completed")}
    (failed,) = stripe_emulator.events("refund.failed")

    for event in (completed[sessions[0]], failed, completed[sessions[1]]):
        assert post_event(event).status_code == 200

    assert Order.objects.get().kept_payment.stripe_id != surplus
    assert recorder.names.count("refund_failed") == 1


def _by_a_statement():
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO host_hostorder (number) VALUES (NULL)")


def _by_a_row():
    HostOrder(number=None).save()


@pytest.mark.parametrize("fail", [_by_a_statement, _by_a_row])
def test_receiver_that_catches_a_database_error_loses_neither_the_event_nor_its_own_rows(order, pay, fail):
    """Django or the database undo what the receiver wrote, so it has not run."""
    if fail is _by_a_statement and connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL ends the transaction")
    failing = [True]

    def receive(source, **arguments):
        HostOrder.objects.filter(pk=source.pk).update(paid_times=F("paid_times") + 1)
        if failing:
            with suppress(DatabaseError):
                fail()

    signals.order_paid.connect(receive, sender=Order)
    try:
        pay(order)
        announcement = Announcement.objects.get(signal="order_paid")
        assert (order.status, announcement.state, order.source.paid_times) == ("paid", "pending", 0)
        assert set(WebhookEvent.objects.values_list("state", flat=True)) <= {"processed", "ignored"}

        failing.clear()
        pending_work.process_pending(now=_later(24))
    finally:
        signals.order_paid.disconnect(receive, sender=Order)

    announcement.refresh_from_db()
    assert (announcement.state, HostOrder.objects.get(pk=order.source.pk).paid_times) == ("announced", 1)
