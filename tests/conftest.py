from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import create_autospec

import pytest
from django.utils import translation
from hypothesis import settings as hypothesis_settings

from django_checkout import services, signals, tasks
from django_checkout.models import Order
from tests.factories import HostOrderFactory

# A slow machine is not a counterexample.
hypothesis_settings.register_profile("patient", deadline=None)
hypothesis_settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the browser's tests together, at the end: each stretch of them starts a browser and a server."""
    items.sort(key=lambda item: str(item.path.parent) if item.get_closest_marker("browser") else "")


@pytest.fixture(scope="session", autouse=True)
def _no_waiting():
    """The SDK waits between its tries; nothing here depends on how long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stripe.HTTPClient.INITIAL_DELAY", 0)
        patch.setattr("stripe.HTTPClient.MAX_DELAY", 0)
        yield


@pytest.fixture(autouse=True)
def _no_language_left():
    """A request leaves its language to the thread."""
    yield
    translation.deactivate()


@pytest.fixture
def host_order(db):
    """A host's order of one teapot for 20.00 EUR."""
    return HostOrderFactory()


@pytest.fixture
def order(host_order):
    """Our side of it."""
    return services.place(host_order)


@pytest.fixture
def paid_order(order, stripe_emulator, deliver_events):
    """An order paid by card on the hosted page, its events delivered."""
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()
    order.refresh_from_db()
    return order


class Heard(list):
    """The names of the signals that a host heard, in order; ``told(name)`` gives their arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.arguments: list[tuple[str, dict]] = []

    def told(self, name: str) -> list[dict]:
        return [arguments for signal, arguments in self.arguments if signal == name]


def _receiver(
    sender,
    order,
    source,
    signal,
    session=None,
    refund=None,
    dispute=None,
    subscription=None,
    amount_minor=0,
    reason="",
):
    """What a host's receiver looks like: ``create_autospec`` holds our signals to it."""


@pytest.fixture
def heard() -> Iterator[Heard]:
    """A host that listens to everything."""
    names = Heard()
    receivers = {}
    for name, signal in vars(signals).items():
        if not isinstance(signal, signals.Signal):
            continue
        spy = create_autospec(_receiver)

        def hear(name=name, **arguments):
            names.append(name)
            names.arguments.append((name, arguments))

        spy.side_effect = hear
        receivers[name] = spy
        signal.connect(spy, sender=Order, weak=False)
    yield names
    for name, spy in receivers.items():
        getattr(signals, name).disconnect(spy, sender=Order)


@pytest.fixture
def queue(settings):
    """A site that processes events as tasks, whose engine keeps what is enqueued."""
    framework = tasks.find_framework()
    if framework is None:
        pytest.skip("no tasks framework: Django 5.2 without the django-tasks package")
    settings.TASKS = {"default": {"BACKEND": f"{framework.__name__}.backends.dummy.DummyBackend"}}
    settings.CHECKOUT_PROCESS_EVENTS = "task"
