"""The handlers failed for a day: thousands of failed events, and sessions that ended without anybody hearing of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_checkout.models import CheckoutSession, WebhookEvent
from django_checkout.webhooks.envelope import read_envelope
from django_checkout.webhooks.registry import handled_types

from .world import DAY, HOUR

PAID = 20


@pytest.mark.parametrize(
    ("events", "sessions"), [(300, 100), pytest.param(10_000, 5_000, marks=pytest.mark.slow)], ids=["some", "many"]
)
def test_a_backlog_of_events_and_sessions(world, events, sessions):
    world.stripe.do("disable_endpoint")
    for _ in range(PAID):
        world.pay()
    for _ in range(sessions):
        world.start(world.order())
    store_failed_events(world.stripe, events)
    world.wait(DAY + HOUR)
    world.stripe.do("enable_endpoint")

    status, reasons = world.health()
    assert (status, "events_failed" in reasons) == (503, True)
    assert "Events that failed: " in world.dashboard()
    found = world.doctor()["D030"]

    # The cause is corrected, and the advice is followed: one run works off all of it, and says what is left.
    (ran,) = world.follow(found["command"])
    assert f"{events} of {events} pending events processed." in ran.text
    runs = [ran]
    while "Left:" in runs[-1].text:
        assert len(runs) < 10, runs[-1]
        runs.append(world.run("checkout_process_events"))

    assert (runs[-1].code, runs[-1].text.splitlines()[-1]) == (0, "Nothing is left.")
    assert set(CheckoutSession.objects.values_list("status", flat=True)) == {"complete", "expired"}
    world.is_over()


def store_failed_events(stripe, number):
    """Store this many events about the paid sessions, as the inbox stores events whose handler failed five times."""
    known = [event for event in stripe.list("/v1/events") if event["type"] in handled_types()]
    rows = []
    for index in range(number):
        event = known[index % len(known)]
        row = read_envelope({**event, "id": f"{event['id']}{index:06}"})
        row.state, row.attempts, row.error_code = "failed", 5, "OperationalError"
        row.next_attempt_at = timezone.now() + timedelta(days=3)
        rows.append(row)
    WebhookEvent.objects.bulk_create(rows, batch_size=500)
