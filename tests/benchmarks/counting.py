"""Counts what the delivery of an event costs; counts stay the same on a busy machine, unlike times."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext, override_settings

from django_checkout import services, signals
from django_checkout.emulator import Emulator
from django_checkout.models import CheckoutSession, Order
from django_checkout.testing import post_event
from tests.factories import HostOrderFactory
from tests.host.models import HostOrder

_CONTROL = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT")
#: What is delivered: a refund is known if ``refund.created`` came first.
NAMES = (
    "paid session",
    "charge.refunded",
    "charge.refunded, known",
    "duplicate",
    "foreign",
    "foreign refund",
    "queued",
)


@dataclass(slots=True, kw_only=True)
class Cost:
    """What one delivery costs, the receiver of the site included."""

    statements: int = 0
    controls: int = 0
    commits: int = 0
    stripe_calls: int = 0
    python_calls: int = 0


def measure(name: str, emulator: Emulator) -> Cost:
    """Deliver one event of this kind and return what it cost; a first one warms caches. Not inside a transaction."""
    for body in _bodies(name, emulator), _bodies(name, emulator):
        with _mode(name):
            cost = count(lambda body=body: _deliver(body), emulator)  # type: ignore[misc]  # bound at once
    return cost


def count_python_calls(name: str, emulator: Emulator) -> int:
    """Return how many Python functions are called for one event of this kind."""
    body = _bodies(name, emulator)
    with _mode(name):
        return _count_calls(body)


def count(work: Callable[[], Any], emulator: Emulator) -> Cost:
    """Return what ``work`` costs, except for its calls of Python functions."""
    cost = Cost()
    handle = emulator.handle

    def counted(request: Any) -> Any:
        cost.stripe_calls += 1
        return handle(request)

    emulator.handle = counted  # type: ignore[method-assign]  # put back below
    try:
        with CaptureQueriesContext(connection) as queries:
            work()
    finally:
        emulator.handle = handle  # type: ignore[method-assign]
    for query in queries:
        is_control = query["sql"].startswith(_CONTROL)
        cost.controls += is_control
        cost.statements += not is_control
        cost.commits += query["sql"].startswith("COMMIT")
    return cost


def _count_calls(body: bytes) -> int:
    counted = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal counted
        counted += event == "call"

    sys.setprofile(profile)
    try:
        _deliver(body)
    finally:
        sys.setprofile(None)
    return counted


def _deliver(body: bytes) -> None:
    status = post_event(body).status_code
    if status != 200:
        raise RuntimeError(f"The webhook answered {status}.")


@contextmanager
def receiver() -> Iterator[None]:
    """Connect a receiver that writes one row of the site."""

    def receive(source: HostOrder, **arguments: Any) -> None:
        HostOrder.objects.filter(pk=source.pk).update(paid_times=F("paid_times") + 1)

    signals.order_paid.connect(receive, sender=Order)
    try:
        yield
    finally:
        signals.order_paid.disconnect(receive, sender=Order)


@contextmanager
def _mode(name: str) -> Iterator[None]:
    with override_settings(CHECKOUT_PROCESS_EVENTS="task" if name == "queued" else "inline"):
        yield


def _bodies(name: str, emulator: Emulator) -> bytes:
    """Make a new event of a kind at Stripe, with what has to be delivered before it, and return its body."""
    session = services.start(HostOrderFactory())
    emulator.pay(session.stripe_id)
    paid = _take(emulator, "checkout.session.completed")
    if name in ("paid session", "queued"):
        return paid
    if name == "foreign":
        return _foreign(paid)
    _deliver(paid)
    if name == "duplicate":
        return paid
    payment = CheckoutSession.objects.get(pk=session.pk).payment
    emulator.refund(payment.stripe_id, 300)
    if name == "charge.refunded, known":
        _deliver(_take(emulator, "refund.created"))
    refunded = _take(emulator, "charge.refunded")
    return _foreign(refunded) if name == "foreign refund" else refunded


def _take(emulator: Emulator, event_type: str) -> bytes:
    """Return the body of the newest event of a type."""
    return [row for row in emulator.pending_deliveries() if row.event_type == event_type][-1].body


def _foreign(body: bytes) -> bytes:
    """Return an event about the object of another system on the account."""
    event = json.loads(body)
    event["id"] += "_foreign"
    row = event["data"]["object"]
    row |= {"id": row["id"] + "_foreign", "metadata": {}, "client_reference_id": None}
    if row.get("payment_intent"):
        row["payment_intent"] += "_foreign"
    return json.dumps(event).encode()
