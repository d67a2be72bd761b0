"""Where events are processed by workers, pages process the events about their session before they ask Stripe."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.models import WebhookEvent
from django_checkout.webhooks import inbox, registry, tasks

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.core]

COMPLETED = "checkout.session.completed"


def event():
    return WebhookEvent.objects.get(type=COMPLETED)


def states():
    """Return the states of the events of types that the app handles."""
    return set(WebhookEvent.objects.exclude(state="ignored").values_list("state", flat=True))


@pytest.fixture
def session(order, queue, recorder, stripe_emulator, deliver_events, stripe_requests):
    """A session that was paid, and whose events wait for a worker."""
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    assert {attempt.status for attempt in deliver_events()} == {200}
    assert states() == {"received"}
    stripe_requests.clear()
    return session


@pytest.fixture
def outcome(client, order, session):
    """Return a function that opens a page and returns the outcome that it shows."""

    def outcome(name="return", query=""):
        url = reverse(f"django_checkout:{name}", args=[make_token(order.pk, Purpose.STATUS)])
        response = client.get(f"{url}?session_id={session.stripe_id}{query}")
        return response.context["outcome"] if name == "return" else response.json()["outcome"]

    return outcome


@pytest.mark.parametrize("name", ["return", "status"])
def test_page_processes_the_event_and_does_not_ask_stripe(name, outcome, order, recorder, stripe_requests):
    assert (outcome(name), stripe_requests, event().state) == ("paid", [], "processed")
    assert recorder.names == ["order_paid"]

    assert outcome(name) == "paid"
    tasks.drain()
    assert states() == {"processed"}
    assert (recorder.names, stripe_requests) == (["order_paid"], [])


def test_events_of_others_are_left_to_the_workers(outcome):
    outcome()

    assert states() == {"received", "processed"}


def test_event_that_a_worker_has_is_left_to_it(outcome, recorder, stripe_requests):
    assert inbox.lease(event().pk)

    assert (outcome(), len(stripe_requests), event().state) == ("paid", 1, "processing")

    WebhookEvent.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    tasks.drain()
    assert (event().state, recorder.names) == ("processed", ["order_paid"])


def test_event_that_fails_is_retried_by_workers_only(outcome, recorder, stripe_requests, monkeypatch):
    tried = []

    def broken(fact):
        tried.append(fact.id)
        raise LookupError

    with monkeypatch.context() as breaking:
        breaking.setitem(registry.HANDLERS, COMPLETED, [registry.Registered(broken)])
        assert (outcome(), len(stripe_requests), event().state) == ("paid", 1, "failed")
        assert outcome() == "paid"
    assert len(tried) == 1

    WebhookEvent.objects.update(next_attempt_at=timezone.now())
    tasks.drain()
    assert (event().state, recorder.names) == ("processed", ["order_paid"])


def test_page_that_only_polls_leaves_the_events_to_the_workers(outcome, stripe_requests):
    assert (outcome("status", "&read=0"), stripe_requests, event().state) == ("open", [], "received")


def test_session_whose_event_has_not_arrived_is_read_from_stripe(outcome, stripe_requests):
    WebhookEvent.objects.all().delete()

    assert (outcome(), len(stripe_requests)) == ("paid", 1)


def test_events_in_line_are_not_looked_for(outcome, settings, stripe_requests):
    settings.CHECKOUT_PROCESS_EVENTS = "inline"

    assert (outcome(), len(stripe_requests), event().state) == ("paid", 1, "received")
