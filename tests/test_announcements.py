from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_checkout import services, signals, sweep
from django_checkout.models import Announcement, Order, WebhookEvent
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


def test_receiver_that_fails_for_ever_hides_no_payment_and_stays_owed(host, order, stripe_emulator, deliver_events):
    host.failures = 10**6
    stripe_emulator.pay(services.start(order).stripe_id)
    attempts = deliver_events()

    order.refresh_from_db()
    announcement = Announcement.objects.get(signal="order_paid")
    assert (order.status, {attempt.status for attempt in attempts}) == ("paid", {200})
    assert (announcement.state, announcement.last_error) == ("owed", "RuntimeError")
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
    assert not Announcement.objects.filter(state="owed").exists()


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


def test_nothing_owed_is_nothing_done(paid_order):
    assert not any(sweep.sweep(now=_later(24)).values())
    assert not WebhookEvent.objects.filter(state="failed").exists()
