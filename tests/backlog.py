"""Many unprocessed events: copies of one order and of Stripe's real events about it, under other ids."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

from django.utils import timezone

from django_checkout import services
from django_checkout.models import CheckoutSession, Order, WebhookEvent
from django_checkout.testing import emulated_stripe
from django_checkout.webhooks.envelope import read_envelope
from tests.host.models import HostOrder

#: The events of a card payment, in the order in which Stripe creates them.
TYPES = ("charge.succeeded", "payment_intent.succeeded", "checkout.session.completed")
_ROWS = 1000


def build(orders: int, *, types: tuple[str, ...] = TYPES, state: str = "failed") -> None:
    """Insert open sessions that were paid at Stripe, with their unprocessed events, which are due."""
    order, session, events, ids = _one_of_each(types)
    now = timezone.now()
    values: dict[str, Any] = {"state": state}
    if state == "failed":
        values |= {"attempts": 1, "next_attempt_at": now - timedelta(seconds=1), "error_code": "OperationalError"}
    for first in range(0, orders, _ROWS):
        numbers = range(first, min(first + _ROWS, orders))
        hosts = HostOrder.objects.bulk_create(HostOrder(number=f"B-{n}") for n in numbers)
        made = []
        for host in hosts:
            copy = Order(**_values(order), reference=host.number)
            copy.source = host
            made.append(copy)
        uuids = [uuid.uuid4() for _ in numbers]
        sessions = []
        for n, copy, key in zip(numbers, Order.objects.bulk_create(made), uuids, strict=True):
            columns = _values(session) | {"order": copy, "live_for": copy, "uuid": key, "stripe_id": f"cs_test_{n}"}
            sessions.append(CheckoutSession(**columns))
        CheckoutSession.objects.bulk_create(sessions)
        rows = []
        for n, key in zip(numbers, uuids, strict=True):
            renamed = {
                order.reference: f"B-{n}",
                str(session.uuid): str(key),
                **{old: f"{old.partition('_')[0]}_test_{n}" for old in ids},
            }
            for number, text in enumerate(events):
                for old, new in renamed.items():
                    text = text.replace(old, new)
                body = json.loads(text)
                row = read_envelope({**body, "id": f"evt_{n}_{number}"})
                rows.append(_with(row, values))
        WebhookEvent.objects.bulk_create(rows, batch_size=_ROWS)


def _with(row: WebhookEvent, values: dict[str, Any]) -> WebhookEvent:
    for name, value in values.items():
        setattr(row, name, value)
    return row


def _values(row: Any) -> dict[str, Any]:
    """Return the columns of a row that its copies share."""
    own = {"id", "reference", "uuid", "stripe_id", "source_id", "order_id", "live_for_id"}
    return {
        field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields if field.attname not in own
    }


def _one_of_each(types: tuple[str, ...]) -> tuple[Order, CheckoutSession, list[str], list[str]]:
    """Return an order and its session as they are before the payment, and Stripe's events about it as JSON."""
    with emulated_stripe() as emulator:
        host = HostOrder.objects.create(number="template-of-the-backlog")
        session = services.start(host)
        emulator.pay(session.stripe_id)
        found = [event for event in emulator.events() if event["type"] in types]
        whole = emulator.get(session.stripe_id)
        intent = emulator.get(whole["payment_intent"])
        ids = [whole["id"], intent["id"], intent["latest_charge"]]
        order = services.get_order(host)
    found.sort(key=lambda event: types.index(event["type"]))
    session.delete()
    order.delete()
    host.delete()
    return order, session, [json.dumps(event) for event in found], ids
