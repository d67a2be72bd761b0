from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from django.utils import translation
from hypothesis import settings as hypothesis_settings

from django_checkout import services
from django_checkout.models import CheckoutSession
from django_checkout.webhooks import tasks
from tests import process_memory
from tests.factories import HostOrderFactory
from tests.signal_recorder import SignalRecorder

# Slowness is not a failure. CI repeats the same examples in every run.
hypothesis_settings.register_profile("patient", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis_settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the browser tests together and last: each group of them starts a browser and a server."""
    items.sort(key=lambda item: str(item.path.parent) if item.get_closest_marker("browser") else "")


@pytest.fixture(scope="session", autouse=True)
def _no_waiting():
    """The SDK does not wait between retries."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stripe.HTTPClient.INITIAL_DELAY", 0)
        patch.setattr("stripe.HTTPClient.MAX_DELAY", 0)
        yield


@pytest.fixture(autouse=True)
def _no_language_left():
    """Reset the language that a request activated in this thread."""
    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def _nothing_remembered():
    """Forget which deliveries an earlier test has seen, and which tasks it has enqueued."""
    process_memory.forget()


@pytest.fixture(autouse=True)
def _tasks_do_not_wait(monkeypatch):
    """Tasks end when they find no event; tests/test_tasks.py shows how they wait."""
    monkeypatch.setattr(tasks, "WAIT_SECONDS", 0)


@pytest.fixture
def host_order(db):
    """An order of the host: one teapot for 20.00 EUR."""
    return HostOrderFactory()


@pytest.fixture
def order(host_order):
    """Our ``Order`` of ``host_order``."""
    return services.place(host_order)


@pytest.fixture
def pay(stripe_emulator, deliver_events):
    """Return a function that pays an order at Stripe, delivers the events and returns the current order."""

    def pay(order, *, params=None, **typed):
        stripe_emulator.pay(services.start(order, params=params).stripe_id, **typed)
        deliver_events()
        order.refresh_from_db()
        return order

    return pay


@pytest.fixture
def paid_order(order, pay):
    """An order that was paid by card, with its events delivered."""
    return pay(order)


@pytest.fixture
def doubly_paid_order(order, stripe_emulator, deliver_events):
    """An order that was paid twice."""
    for _ in range(2):
        CheckoutSession.objects.update(live_for=None, status="expired")
        stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()
    order.refresh_from_db()
    return order


@pytest.fixture
def stripe_requests(stripe_emulator, monkeypatch):
    """The requests that Stripe received."""
    requests, handle = [], stripe_emulator.handle
    monkeypatch.setattr(stripe_emulator, "handle", lambda request: requests.append(request) or handle(request))
    return requests


@pytest.fixture
def garble_responses(stripe_emulator, monkeypatch):
    """Replace the responses to some POST requests with a proxy's page, after the emulator has acted."""

    def garble(*, path, status, times):
        handle, left = stripe_emulator.handle, [times]

        def garbled(request):
            answer = handle(request)
            if request.method == "POST" and request.path.endswith(path) and left[0]:
                left[0] -= 1
                return type(answer)(status=status, headers={"content-type": "text/html"}, body=b"<html>proxy</html>")
            return answer

        monkeypatch.setattr(stripe_emulator, "handle", garbled)

    return garble


@pytest.fixture
def recorder() -> Iterator[SignalRecorder]:
    """A receiver of every signal."""
    with SignalRecorder() as recorder:
        yield recorder


@pytest.fixture
def queue(settings):
    """A site that processes events as tasks; the backend only stores them."""
    framework = tasks.find_framework()
    if framework is None:
        pytest.skip("no tasks framework: Django 5.2 without the django-tasks package")
    settings.TASKS = {"default": {"BACKEND": f"{framework.__name__}.backends.dummy.DummyBackend"}}
    settings.CHECKOUT_PROCESS_EVENTS = "task"
