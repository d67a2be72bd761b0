"""What a process does before it is killed, and a host whose rows commit together with each announcement."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.core.cache import cache
from django.test import Client, override_settings

from django_checkout import services, signals
from django_checkout.models import Order
from django_checkout.testing import post_event
from django_checkout.webhooks.pending_work import process_pending
from tests.host.models import HostOrder


def _order(command: dict[str, Any]) -> HostOrder:
    return HostOrder.objects.get(pk=command["order"])


def _webhook(command: dict[str, Any]) -> None:
    for body in command["bodies"]:
        assert post_event(body.encode()).status_code == 200


def post(request: dict[str, Any]) -> Any:
    """Post a request to the API from this process, with the settings of tests/api."""
    with override_settings(ROOT_URLCONF="tests.api.urls", CHECKOUT_ADAPTER="tests.api.conftest.ApiAdapter"):
        cache.clear()
        return Client().post(request["path"], request["body"], "application/json", headers=request["headers"])


def _ask(command: dict[str, Any]) -> None:
    for body in command["bodies"]:
        assert post(json.loads(body)).status_code < 300


ACTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "start": lambda command: services.start(_order(command)),
    "webhook": _webhook,
    "pending": lambda command: process_pending(),
    "api": _ask,
    "refund": lambda command: services.refund(_order(command), 700),
    "capture": lambda command: services.capture(_order(command)),
    "cancel": lambda command: services.cancel(_order(command)),
    "another way": lambda command: services.pay_another_way(_order(command)),
    "sync": lambda command: services.sync(_order(command)),
}


#: What the host's row records for each signal.
LETTERS = {
    signals.order_paid: "p",
    signals.order_refunded: "r",
    signals.order_canceled: "c",
    signals.dispute_closed: "d",
}


def record(sender: object, order: Order, source: HostOrder, signal: object, **arguments: object) -> None:
    """Append one letter to the host's own row for each signal."""
    row = HostOrder.objects.select_for_update().get(pk=source.pk)
    row.state += LETTERS[signal]  # type: ignore[index]  # connected to these only
    row.save(update_fields=["state"])


def connect() -> None:
    for signal in LETTERS:
        signal.connect(record, sender=Order)


def disconnect() -> None:
    for signal in LETTERS:
        signal.disconnect(record, sender=Order)
