from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import checks
from django.dispatch import Signal
from django.utils import timezone

from django_checkout import health, reconcile, retention, services, signals, sweep
from django_checkout.doctor.site import examine_backlog
from django_checkout.exceptions import NotDeliverableError
from django_checkout.models import Announcement, CheckoutSession, Order, WebhookEvent
from django_checkout.testing import post_event
from tests.damage import overwrite
from tests.factories import HostOrderFactory
from tests.host.models import HostOrder

pytestmark = [pytest.mark.django_db, pytest.mark.core]


@pytest.fixture
def host():
    """A host whose receiver counts on its own row and raises as often as the test says."""

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
def test_receiver_that_raises_is_tried_until_it_has_run_once(
    host, order, host_order, stripe_emulator, deliver_events, failures
):
    host.failures = failures
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()
    order.refresh_from_db()
    assert order.status == "paid"

    for _ in range(failures):
        sweep.sweep(now=_later(24))

    host_order.refresh_from_db()
    announcement = Announcement.objects.get(signal="order_paid")
    assert (host_order.paid_times, announcement.state, announcement.attempts) == (1, "announced", failures + 1)


def test_receiver_that_fails_for_ever_hides_no_payment_and_stays_pending(host, order, stripe_emulator, deliver_events):
    host.failures = 10**6
    stripe_emulator.pay(services.start(order).stripe_id)
    attempts = deliver_events()

    order.refresh_from_db()
    announcement = Announcement.objects.get(signal="order_paid")
    assert (order.status, {attempt.status for attempt in attempts}) == ("paid", {200})
    assert (announcement.state, announcement.last_error) == ("pending", "RuntimeError")
    assert HostOrder.objects.get().paid_times == 0


def test_back_off_doubles(host, order, stripe_emulator, deliver_events):
    host.failures = 10**6
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()
    waits = []
    for _ in range(4):
        row = Announcement.objects.get(signal="order_paid")
        waits.append(round((row.next_attempt_at - timezone.now()).total_seconds() / 60))
        sweep.sweep(now=row.next_attempt_at)

    assert waits == [1, 2, 4, 8]


def test_refund_is_not_told_before_paid(host, order, stripe_emulator, deliver_events, heard):
    host.failures = 1
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()
    services.refund(order)
    assert "order_refunded" not in heard

    sweep.sweep(now=_later(24))

    assert [name for name in heard if name in ("order_paid", "order_refunded")][-2:] == ["order_paid", "order_refunded"]
    assert not Announcement.objects.filter(state="pending").exists()


def test_pending_that_is_overtaken_is_never_told(order, stripe_emulator, deliver_events):
    told = []

    def on_pending(**arguments):
        told.append("order_pending")
        raise RuntimeError

    signals.order_pending.connect(on_pending, sender=Order)
    try:
        session = services.start(order)
        stripe_emulator.pay(session.stripe_id, iban="AT611904300234573201")
        deliver_events()
        stripe_emulator.settle(session.stripe_id)
        deliver_events()
        sweep.sweep(now=_later(24))
    finally:
        signals.order_pending.disconnect(on_pending, sender=Order)

    assert told == ["order_pending"]
    assert Announcement.objects.get(signal="order_pending").state == "superseded"


def test_nothing_pending_is_nothing_done(paid_order):
    assert not any(sweep.sweep(now=_later(24)).values())
    assert not WebhookEvent.objects.filter(state="failed").exists()


@pytest.fixture
def nobody():
    """A site that connects no receivers; ``listen`` connects one that records what it hears, ``heard``."""

    class Nobody:
        def __init__(self):
            self.heard = []
            self.receivers = []

        def listen(self, *names, sender=Order):
            for name in names:

                def hear(name=name, **arguments):
                    self.heard.append(name)

                self.receivers.append((getattr(signals, name), hear, sender))
                getattr(signals, name).connect(hear, sender=sender)

    known = {name: signal.receivers for name, signal in vars(signals).items() if isinstance(signal, Signal)}
    for name in known:
        getattr(signals, name).receivers = []
        getattr(signals, name).sender_receivers_cache.clear()
    yield Nobody()
    for name, receivers in known.items():
        getattr(signals, name).receivers = receivers
        getattr(signals, name).sender_receivers_cache.clear()


def _states():
    return dict(Announcement.objects.values_list("signal", "state"))


def test_what_nobody_hears_is_delivered_once_somebody_does(nobody, order, stripe_emulator, deliver_events):
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()
    services.refund(order)
    sweep.sweep()
    assert _states() == {"order_paid": "pending", "order_refunded": "pending"}
    assert set(Announcement.objects.values_list("attempts", flat=True)) == {0}

    nobody.listen("order_refunded", "order_paid")
    sweep.sweep()
    sweep.sweep(now=_later(24))

    assert nobody.heard == ["order_paid", "order_refunded"]
    assert _states() == {"order_paid": "announced", "order_refunded": "announced"}


def test_the_first_receiver_is_not_told_of_sessions_that_expired_long_ago(
    nobody, order, stripe_emulator, deliver_events
):
    services.expire(services.start(order))
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()
    services.refund(order)
    Announcement.objects.update(created_at=_later(-25))
    services.expire(services.start(services.place(HostOrderFactory())))

    nobody.listen("session_expired", "order_refunded", "order_paid")
    sweep.sweep()

    assert sorted(nobody.heard) == ["order_paid", "order_refunded", "session_expired"]
    assert order.announcements.get(signal="session_expired").state == "superseded"


def test_a_receiver_that_raised_is_told_of_an_expired_session_however_late(order, stripe_emulator):
    heard = []

    def on_expired(**arguments):
        heard.append("session_expired")
        if len(heard) == 1:
            raise RuntimeError

    signals.session_expired.connect(on_expired, sender=Order)
    try:
        services.expire(services.start(order))
        Announcement.objects.update(created_at=_later(-1000))
        sweep.sweep(now=_later(24))
    finally:
        signals.session_expired.disconnect(on_expired, sender=Order)

    assert len(heard) == 2


def test_a_receiver_of_another_sender_hears_nothing(nobody, order, stripe_emulator, deliver_events):
    nobody.listen("order_paid", sender=HostOrder)
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()

    assert (nobody.heard, _states()) == ([], {"order_paid": "pending"})


def test_a_refund_is_delivered_although_nobody_hears_of_payments(nobody, order, stripe_emulator, deliver_events):
    nobody.listen("order_refunded")
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()
    services.refund(order)

    assert nobody.heard == ["order_refunded"]
    assert _states() == {"order_paid": "pending", "order_refunded": "announced"}


def test_a_refund_that_waited_for_a_receiver_that_is_gone_is_delivered(
    nobody, host, order, stripe_emulator, deliver_events
):
    host.failures = 10**6
    nobody.listen("order_refunded")
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()
    services.refund(order)
    assert nobody.heard == []
    signals.order_paid.disconnect(host.on_paid, sender=Order)
    sweep.sweep()
    signals.order_paid.connect(host.on_paid, sender=Order)

    assert nobody.heard == ["order_refunded"]


def test_what_nobody_hears_costs_the_sweep_nothing_and_is_healthy(nobody, order, stripe_emulator, deliver_events):
    services.start(order)
    stripe_emulator.clock.advance(25 * 3600)
    deliver_events()

    assert not sweep.sweep()["orders_pending"]
    assert (_states(), health.read().ok) == ({"session_expired": "pending"}, True)


def test_a_payment_that_nobody_hears_of_is_not_healthy(nobody, order, stripe_emulator, deliver_events):
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()

    found = health.read()
    assert (found.ok, found.announcements_pending) == (False, 1)
    found = {finding.id: finding.message for finding in examine_backlog(timezone.now())}
    assert "1 paid orders" in found["D034"]
    nobody.listen("order_paid")
    sweep.sweep()
    assert health.read().ok


def test_the_doctor_counts_what_nobody_hears(nobody, order):
    Announcement.objects.create(order=order, signal="session_expired", fact="cs_1")

    (finding,) = [found for found in examine_backlog(timezone.now()) if found.id == "D035"]
    assert (finding.severity, "session_expired 1" in finding.message) == ("info", True)


def test_check_says_that_order_paid_has_no_receiver(nobody):
    (said,) = [message for message in checks.run_checks() if message.id == "django_checkout.W026"]
    assert "order_paid" in said.msg
    assert "from shop import receivers" in said.hint
    nobody.listen("order_paid")
    assert not [message for message in checks.run_checks() if message.id == "django_checkout.W026"]


def test_prune_gives_up_what_nobody_will_hear_except_money(nobody, order):
    for signal in ("order_paid", "order_refunded", "session_expired", "dispute_closed"):
        Announcement.objects.create(order=order, signal=signal, fact="old")
        Announcement.objects.create(order=order, signal=signal, fact="new")
    Announcement.objects.filter(fact="old").update(created_at=timezone.now() - timedelta(days=1000))
    nobody.listen("dispute_closed")

    retention.prune(is_dry=True)
    assert not Announcement.objects.filter(state="superseded").exists()
    retention.prune()

    given_up = Announcement.objects.filter(state="superseded")
    assert list(given_up.values_list("signal", "fact")) == [("session_expired", "old")]


def test_staff_deliver_again_on_purpose(host, order, host_order, stripe_emulator, deliver_events):
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()
    row = Announcement.objects.get(signal="order_paid")

    assert services.deliver_again(row)
    host.failures = 1
    assert not services.deliver_again(row)

    host_order.refresh_from_db()
    row.refresh_from_db()
    assert (host_order.paid_times, row.attempts) == (2, 3)
    assert (row.state, row.last_error, row.next_attempt_at) == ("announced", "RuntimeError", None)
    assert row.announced_at is not None


def test_a_failed_second_delivery_of_a_payment_holds_up_no_refund(
    host, order, host_order, stripe_emulator, deliver_events, heard
):
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()
    host.failures = 10**6
    services.deliver_again(Announcement.objects.get(signal="order_paid"))

    sweep.sweep(now=_later(24))
    services.refund(order, 500)

    host_order.refresh_from_db()
    assert (host_order.paid_times, host.failures, heard.count("order_refunded")) == (1, 10**6 - 1, 1)
    assert health.read().ok


def _staff_deliver_it(order):
    services.deliver_again(Announcement.objects.get(signal="order_paid"))


def _a_mismatch_is_gone(order):
    overwrite(CheckoutSession.objects, asked_subtotal_minor=2000)
    services.sync(order)


@pytest.fixture(params=[_staff_deliver_it, _a_mismatch_is_gone], ids=lambda way: way.__name__.strip("_"))
def waiting_refund(request, host, order, stripe_emulator, deliver_events, heard):
    """A refund that waited for ``order_paid``, which was then delivered in some way."""
    session = services.start(order)
    if request.param is _staff_deliver_it:
        host.failures = 1
    else:
        overwrite(CheckoutSession.objects, asked_subtotal_minor=1)
    stripe_emulator.pay(session.stripe_id)
    deliver_events()
    services.refund(order, 500)
    assert "order_refunded" not in heard
    request.param(order)
    row = Announcement.objects.get(signal="order_refunded")
    assert (Announcement.objects.get(signal="order_paid").state, row.attempts) == ("announced", 0)
    return row


def test_what_waited_for_paid_is_delivered_however_paid_was(waiting_refund, heard):
    sweep.sweep()

    assert heard.count("order_refunded") == 1


def test_what_waited_for_paid_and_is_not_delivered_is_overdue(waiting_refund):
    assert health.read().ok

    found = health.read(now=_later(1))
    assert (found.ok, found.announcements_pending) == (False, 1)
    assert "D036" in {finding.id for finding in examine_backlog(_later(1))}


def test_reconciliation_delivers_what_waited_for_paid(waiting_refund, heard):
    assert reconcile.run(fix=False).drift
    assert "order_refunded" not in heard

    reconcile.run(fix=True)

    assert heard.count("order_refunded") == 1
    assert not reconcile.run(fix=False).drift


@pytest.mark.parametrize("case", ["superseded", "unheard", "early"])
def test_what_cannot_be_delivered_again_says_why(case, nobody, order):
    signal = {"superseded": "order_paid", "unheard": "order_canceled", "early": "order_refunded"}[case]
    nobody.listen("order_paid", "order_refunded")
    state = "superseded" if case == "superseded" else "pending"
    row = Announcement.objects.create(order=order, signal=signal, fact="x", state=state)

    with pytest.raises(NotDeliverableError):
        services.deliver_again(row)
    assert nobody.heard == []


def test_failed_refund_of_a_second_payment_is_announced_whichever_came_first(order, stripe_emulator, heard):
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
    assert heard.count("refund_failed") == 1
