"""Many processes that store events, and several workers that take nothing but their tasks."""

from __future__ import annotations

import queue as queues
import threading
import time
from types import SimpleNamespace

import pytest
from django.db import connections

from django_checkout import services
from django_checkout.models import Order, WebhookEvent
from django_checkout.testing import post_event
from django_checkout.webhooks import due_events, inbox, tasks, waiting
from django_checkout.webhooks.registry import handled_types
from tests.factories import HostOrderFactory
from tests.races.together import together

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("real_threads"), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def broker(queue, monkeypatch):
    """A queue in memory, whose clients wait half of the usual times."""
    monkeypatch.setattr(tasks, "WAIT_SECONDS", 0.75)
    monkeypatch.setattr(waiting, "SLEEP_SECONDS", 0.02)
    broker = queues.Queue()
    monkeypatch.setattr(tasks, "enqueue_drain", lambda: broker.put(1))
    return broker


def test_no_event_is_missed(stripe_emulator, broker, monkeypatch):
    """Each thread that stores is a process with pauses of its own."""
    local = threading.local()
    monkeypatch.setattr(tasks, "pauses", SimpleNamespace(allows=lambda subject: local.pauses.allows(subject)))
    sessions = [services.start(HostOrderFactory()).stripe_id for _ in range(40)]
    for session in sessions:
        stripe_emulator.pay(session)
    deliveries = [row for row in stripe_emulator.pending_deliveries() if row.event_type in handled_types()]

    def store(mine):
        local.pauses = tasks.Pace(seconds=0.5)
        for number, delivery in enumerate(mine, start=1):
            # The last one is in the pause after the one before it.
            time.sleep({len(mine) - 1: 0.6, len(mine): 0.25}.get(number, 0.01 * (number % 7)))
            assert post_event(delivery.body, delivery.signature).status_code == 200

    def work():
        while broker.get() is not None:
            tasks.drain()
        connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    outcomes = together(*(lambda mine=deliveries[n::4]: store(mine) for n in range(4)))
    for _ in workers:
        broker.put(None)
    for worker in workers:
        worker.join(60)

    assert outcomes == [None] * 4
    assert set(WebhookEvent.objects.values_list("state", flat=True)) == {"processed"}
    assert set(Order.objects.values_list("status", flat=True)) == {"paid"}


def test_workers_share_what_has_waited(stripe_emulator, broker, monkeypatch):
    """Each event is claimed by one worker, apart from a few, and no worker has them all."""
    monkeypatch.setattr(tasks, "WAIT_SECONDS", 0)
    monkeypatch.setattr(due_events, "BATCH", 10)
    for _ in range(60):
        stripe_emulator.pay(services.start(HostOrderFactory()).stripe_id)
    for row in stripe_emulator.pending_deliveries():
        if row.event_type in handled_types():
            post_event(row.body, row.signature)
    number = WebhookEvent.objects.filter(state="received").count()
    claimed, real = [], inbox.lock_free

    def lock_free(pks, **options):
        rows = real(pks, **options)
        claimed.append((threading.get_ident(), len(rows)))
        return rows

    monkeypatch.setattr(inbox, "lock_free", lock_free)

    attempted = together(*[tasks.drain] * 4)

    assert WebhookEvent.objects.filter(state="processed", attempts=1).count() == number
    assert number <= sum(attempted) <= 1.5 * number
    assert sum(rows for _, rows in claimed) <= 1.5 * number
    shares = [sum(rows for thread, rows in claimed if thread == one) for one in {thread for thread, _ in claimed}]
    assert len(shares) == 4
    assert max(shares) <= number * 0.75, shares
