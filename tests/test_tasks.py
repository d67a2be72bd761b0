"""Tasks that process the inbox: one for many events, and none of the events is missed."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from django_checkout import services
from django_checkout.models import Observation, WebhookEvent
from django_checkout.stripe_api.observations import Kind
from django_checkout.testing import post_event
from django_checkout.webhooks import due_events, processing, tasks, waiting
from django_checkout.webhooks.runs import UNANSWERED_CALLS
from tests import backlog, process_memory
from tests.benchmarks.counting import count
from tests.factories import HostOrderFactory

pytestmark = pytest.mark.core

WAIT_SECONDS = 1.5


@pytest.fixture
def enqueued(monkeypatch):
    """The tasks that were enqueued."""
    enqueued = []
    monkeypatch.setattr(tasks, "enqueue_drain", lambda: enqueued.append(1))
    return enqueued


@pytest.fixture
def events(stripe_emulator):
    """The three events of a new, paid order."""
    services.start(HostOrderFactory())
    stripe_emulator.pay(stripe_emulator.latest("checkout.session", 1)[0]["id"])
    kinds = ("checkout.session.completed", "payment_intent.succeeded", "charge.succeeded")
    return [event for event in stripe_emulator.events() if event["type"] in kinds]


class Clock:
    """A clock that only sleep moves; ``at`` has what happens once it has passed a time."""

    def __init__(self):
        self.now = 1000.0
        self.at = {}

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        for due in sorted(due for due in self.at if due <= self.now):
            self.at.pop(due)()


@pytest.fixture
def clock(monkeypatch):
    """The clock of tasks that wait."""
    clock = Clock()
    for module in (waiting, due_events):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock.monotonic, sleep=clock.sleep))
    monkeypatch.setattr(tasks, "WAIT_SECONDS", WAIT_SECONDS)
    return clock


def before_each(monkeypatch, module, name, action):
    """Run an action before each call of a function."""
    real = getattr(module, name)

    def hooked(*arguments, **options):
        action()
        return real(*arguments, **options)

    monkeypatch.setattr(module, name, hooked)


def states():
    return set(WebhookEvent.objects.values_list("state", flat=True))


@pytest.mark.django_db
def test_a_burst_is_one_task(events, queue, enqueued):
    for event in events:
        assert post_event(event).status_code == 200
    assert enqueued == [1]

    process_memory.forget()
    post_event(events[0])
    assert enqueued == [1, 1]


@pytest.mark.django_db(transaction=True)
def test_delivery_that_is_queued_takes_one_statement(events, queue, enqueued, stripe_emulator):
    post_event(events[0])

    cost = count(lambda: post_event(events[1]), stripe_emulator)

    assert (cost.statements, cost.controls) == (1, 0)


@pytest.mark.django_db
def test_task_finds_what_was_stored_just_before_the_next_one_would_be_enqueued(events, queue, enqueued, clock):
    clock.at[clock.now + tasks.PAUSE_SECONDS] = lambda: [post_event(event) for event in events]

    assert tasks.drain() == 3
    assert states() == {"processed"}


@pytest.mark.django_db
def test_task_that_another_one_asks_goes_on(events, queue, enqueued, clock):
    """Two processes have stored events: the worker of the second's task leaves the waiting to that of the first."""
    found = []

    def second():
        found.append(tasks.drain())
        clock.at[clock.now + tasks.PAUSE_SECONDS] = lambda: post_event(events[1])

    clock.at[clock.now + WAIT_SECONDS - 0.1] = second
    post_event(events[0])

    assert (tasks.drain(), found) == (2, [0])
    assert states() == {"processed"}


@pytest.mark.django_db
def test_task_that_is_asked_at_the_last_moment_goes_on(events, queue, enqueued, clock):
    """After its last look, before it has written that it waits no longer."""
    began, real = clock.now, waiting.Waiting._end
    asked = []

    def end(self):
        if not asked:
            asked.append(tasks.drain())
            clock.at[clock.now + tasks.PAUSE_SECONDS] = lambda: post_event(events[0])
        return real(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waiting.Waiting, "_end", end)
        assert tasks.drain() == 1
    assert asked == [0]
    assert clock.now - began > 2 * WAIT_SECONDS


@pytest.mark.django_db
@pytest.mark.parametrize(
    "until",
    [pytest.param(-timedelta(seconds=1), id="died"), pytest.param(timedelta(hours=1), id="wrong-clock")],
)
def test_task_does_not_rely_on_one_that_does_not_wait(until, events, queue, enqueued, clock):
    now = timezone.now()
    Observation.objects.create(kind=Kind.WAITING, first_at=now, last_at=now + until)
    clock.at[clock.now + tasks.PAUSE_SECONDS] = lambda: post_event(events[0])

    assert tasks.drain() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("seconds_behind", [0, 0.1, 8])
def test_next_task_waits_after_one_has_ended(seconds_behind, events, queue, enqueued, clock, monkeypatch):
    """Also on a machine whose clock is behind that of the one that waited."""
    tasks.drain()
    behind = timezone.now() - timedelta(seconds=seconds_behind)
    monkeypatch.setattr(waiting, "timezone", SimpleNamespace(now=lambda: behind))
    clock.at[clock.now + tasks.PAUSE_SECONDS] = lambda: post_event(events[0])

    assert tasks.drain() == 1


@pytest.mark.django_db
def test_task_that_is_asked_for_ever_is_replaced(queue, enqueued, clock):
    def ask():
        tasks.drain()
        clock.at[clock.now + 1] = ask

    ask()
    clock.at.clear()
    clock.at[clock.now + 1] = ask

    tasks.drain()

    assert enqueued == [1]
    assert not waiting._ask_another()


@pytest.mark.django_db
def test_engine_that_runs_tasks_at_once_processes_every_event(events, queue, settings):
    framework = tasks.get_framework()
    settings.TASKS = {"default": {"BACKEND": f"{framework.__name__}.backends.immediate.ImmediateBackend"}}

    for event in events:
        assert post_event(event).status_code == 200

    assert states() == {"processed"}


@pytest.mark.django_db
def test_engine_that_runs_tasks_at_once_runs_one_for_what_has_waited(stripe_emulator, queue, settings, monkeypatch):
    backlog.build(due_events.BATCH // 3 + 1, state="received")
    framework = tasks.get_framework()
    settings.TASKS = {"default": {"BACKEND": f"{framework.__name__}.backends.immediate.ImmediateBackend"}}
    began = []

    before_each(monkeypatch, due_events, "process_due_events", lambda: began.append(1))

    tasks.request_drain()

    assert (began, states()) == ([1], {"processed"})


@pytest.mark.django_db
def test_task_whose_events_take_long_leaves_the_rest_to_the_next_one(
    stripe_emulator, queue, enqueued, clock, monkeypatch
):
    """Each event is processed alone, and takes nearly half of the time."""
    backlog.build(8, types=("charge.refunded",), state="received")

    before_each(monkeypatch, processing, "process", lambda: clock.sleep(9))

    assert tasks.drain() == 3
    assert enqueued == [1]
    assert not waiting._ask_another()


@pytest.mark.django_db
def test_task_stops_asking_a_stripe_that_does_not_answer(stripe_emulator, queue, enqueued, clock):
    backlog.build(12, types=("charge.refunded", *backlog.TYPES), state="received")
    asked = WebhookEvent.objects.filter(type="charge.refunded")
    stripe_emulator.chaos.fail(999)

    tasks.drain()

    assert asked.filter(state="failed").count() == UNANSWERED_CALLS
    assert asked.filter(state="received", attempts=0).count() == 12 - UNANSWERED_CALLS
    assert set(WebhookEvent.objects.exclude(pk__in=asked).values_list("state", flat=True)) == {"processed"}
    assert enqueued == []

    tasks.drain()
    assert asked.filter(state="failed").count() == 2 * UNANSWERED_CALLS


@pytest.mark.django_db
def test_events_of_a_lost_task_are_found_by_the_next_one(events, queue, monkeypatch, caplog):
    framework = tasks.get_framework()

    def fail(*arguments, **options):
        raise ConnectionRefusedError("the broker is down")

    with monkeypatch.context() as patch:
        patch.setattr(type(framework.task_backends["default"]), "enqueue", fail)
        assert [post_event(event).status_code for event in events[:2]] == [200, 200]
    assert caplog.text.count("enqueue_failed") == 1

    process_memory.forget()
    post_event(events[2])
    assert len(framework.default_task_backend.results) == 1
    assert tasks.drain() == 3
