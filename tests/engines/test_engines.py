"""Real workers of a real queue: every order ends paid and announced once, whatever is lost, doubled or killed."""

from __future__ import annotations

import json
import os
import random
from collections import Counter

import pytest
from django.core.management import call_command
from django.db import connection

from django_checkout import services
from django_checkout.models import Order, WebhookEvent
from django_checkout.testing import post_event
from django_checkout.webhooks import inbox, tasks
from django_checkout.webhooks.envelope import read_envelope
from django_checkout.webhooks.registry import handled_types
from tests import process_memory
from tests.factories import HostOrderFactory
from tests.host.models import HostOrder
from tests.races.together import together

from .apps import POISON

pytestmark = [
    pytest.mark.engines,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("ENGINE" not in os.environ, reason="set ENGINE, see the environment engines of tox.ini"),
]

SENDERS = 4


@pytest.fixture
def sell(stripe_emulator):
    """Return a function that sells orders, and returns the bodies of the events to deliver."""

    def sell(orders: int) -> list[bytes]:
        for _ in range(orders):
            stripe_emulator.pay(services.start(HostOrderFactory()).stripe_id)
        deliveries = stripe_emulator.pending_deliveries()
        for delivery in deliveries:
            stripe_emulator.acknowledge(delivery)
        return [delivery.body for delivery in deliveries if delivery.event_type in handled_types()]

    return sell


def deliver(bodies):
    """Post events by several threads, in any order."""
    shuffled = random.Random(1).sample(bodies, len(bodies))  # noqa: S311  # not a secret
    parts = [shuffled[number::SENDERS] for number in range(SENDERS)]
    answers = together(*(lambda part=part: [post_event(body).status_code for body in part] for part in parts))
    assert answers == [[200] * len(part) for part in parts]


def poison():
    return json.dumps({"id": "evt_poison", "object": "event", "type": POISON, "livemode": False}).encode()


def is_done():
    return not WebhookEvent.objects.exclude(state__in=inbox.SETTLED).exclude(type=POISON).exists()


def are_paid_once(number):
    """Whether so many orders are paid, and each has been announced; the workers announce after the events are done."""
    paid_times = Counter(HostOrder.objects.values_list("paid_times", flat=True))
    assert set(paid_times) <= {0, 1}, "announced twice"
    return Order.objects.filter(status="paid").count() == paid_times[1] == number


def test_workers_share_the_events(sell, workers, until):
    """First those that have waited: tasks are doubled, events are delivered twice, and one fails each time."""
    bodies = sell(150)
    deliver([poison(), *bodies, *bodies[:50]])
    for _ in range(5):
        tasks.enqueue_drain()

    workers.start(2)
    until(is_done)
    until(lambda: are_paid_once(150))

    event = WebhookEvent.objects.get(type=POISON)
    assert (event.state, event.error_code) == ("failed", "ZeroDivisionError")
    # Both workers may have listed it before it failed.
    assert event.attempts <= 2
    assert max(WebhookEvent.objects.exclude(type=POISON).values_list("attempts", flat=True)) == 1

    # Then those that arrive, until both workers have had a share: one may be done before the other has started.
    def have_both_worked():
        process_memory.forget()
        deliver(sell(20))
        until(is_done)
        return len(set(HostOrder.objects.exclude(paid_times=0).values_list("state", flat=True))) == 2

    until(have_both_worked)

    # Also the last one, for which no task is enqueued.
    process_memory.forget()
    for body in sell(2):
        deliver([body])
    until(is_done)
    until(lambda: are_paid_once(HostOrder.objects.count()))


def test_what_is_killed_or_down_loses_and_doubles_nothing(sell, workers, until, broker):
    deliver(sell(120))
    workers.start(2)
    until(lambda: HostOrder.objects.filter(paid_times=1).exists())

    for process in list(workers.processes):
        workers.kill(process)
    assert not is_done()
    process_memory.forget()
    deliver(sell(1))
    until(is_done)
    # What the killed workers had committed and not announced.
    call_command("checkout_process_events", verbosity=0)
    until(lambda: are_paid_once(121))

    bodies = sell(10)
    process_memory.forget()
    _end_connections() if broker is None else broker.stop()
    deliver(bodies)
    if broker is not None:
        broker.start()
    process_memory.forget()
    deliver(sell(1))
    until(is_done)
    until(lambda: are_paid_once(132))


def test_lost_task_is_made_up_for_by_the_command(sell, workers, monkeypatch):
    monkeypatch.setattr(tasks.pauses, "seconds", 1000)
    tasks.pauses.allows("default")
    deliver(sell(3))
    assert not is_done()

    call_command("checkout_process_events", verbosity=0)

    assert are_paid_once(3)


def test_many_events_of_one_order(sell, workers, until, engine):
    if engine != "database":
        pytest.skip("it says nothing about the queue: ENGINE=database runs it")
    bodies = sell(1)
    events = [json.loads(body) for body in bodies]
    copies = [{**events[number % len(events)], "id": f"evt_copy{number}"} for number in range(10_000)]
    WebhookEvent.objects.bulk_create([read_envelope(copy) for copy in copies])
    tasks.enqueue_drain()

    workers.start(2)
    until(is_done)

    until(lambda: are_paid_once(1))
    assert WebhookEvent.objects.filter(state="processed", attempts=1).count() == 10_000


def _end_connections():
    """End the workers' connections to the database, as a restart of it does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
