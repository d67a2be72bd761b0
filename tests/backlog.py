"""Many orders and events: copies of one order and of Stripe's real events about it, under other ids."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

from django.utils import timezone

from django_checkout import services
from django_checkout.models import CheckoutSession, Order, WebhookEvent
from django_checkout.testing import emulated_stripe
from django_checkout.webhooks.envelope import read_envelope
from tests.host.models import HostOrder

#: The events of a card payment, in the order in which Stripe creates them.
TYPES = ("charge.succeeded", "payment_intent.succeeded", "checkout.session.completed")
#: The events of its refund.
REFUND_TYPES = ("refund.created", "charge.refunded")
_ROWS = 1000


def build(orders: int, *, types: tuple[str, ...] = TYPES, state: str = "failed") -> None:
    """Insert open sessions that were paid at Stripe, with their unprocessed events, which are due."""
    now = timezone.now()
    values: dict[str, Any] = {"state": state}
    if state == "failed":
        values |= {"attempts": 1, "next_attempt_at": now - timedelta(seconds=1), "error_code": "OperationalError"}
    events = (text for texts in copies(orders, types=types) for text in texts)
    while rows := [_with(read_envelope(json.loads(text)), values) for text in islice(events, _ROWS)]:
        WebhookEvent.objects.bulk_create(rows)


def copies(orders: int, *, types: tuple[str, ...] = TYPES, first: int = 0) -> Iterator[list[str]]:
    """Insert orders from this number on, with open sessions that were paid at Stripe; yield the events of each."""
    order, session, events, ids = _one_of_each(types)
    for start in range(first, first + orders, _ROWS):
        numbers = range(start, min(start + _ROWS, first + orders))
        uuids = _insert(numbers, order, session)
        for n, key in zip(numbers, uuids, strict=True):
            renamed = {
                order.reference: f"B-{n}",
                str(session.uuid): str(key),
                **{old: f"{old.partition('_')[0]}_test_{n}" for old in ids},
            }
            texts = []
            for number, (event_id, text) in enumerate(events):
                for old, new in {event_id: f"evt_{n}_{number}", **renamed}.items():
                    text = text.replace(old, new)
                texts.append(text)
            yield texts


def _insert(numbers: range, order: Order, session: CheckoutSession) -> list[uuid.UUID]:
    """Insert copies of an order and its session; return the UUIDs of the sessions."""
    made = []
    for host in HostOrder.objects.bulk_create(HostOrder(number=f"B-{n}") for n in numbers):
        copy = Order(**_values(order), reference=host.number)
        copy.source = host
        made.append(copy)
    uuids = [uuid.uuid4() for _ in numbers]
    sessions = []
    for n, copy, key in zip(numbers, Order.objects.bulk_create(made), uuids, strict=True):
        columns = _values(session) | {"order": copy, "live_for": copy, "uuid": key, "stripe_id": f"cs_test_{n}"}
        sessions.append(CheckoutSession(**columns))
    CheckoutSession.objects.bulk_create(sessions)
    return uuids


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


def _one_of_each(types: tuple[str, ...]) -> tuple[Order, CheckoutSession, list[tuple[str, str]], list[str]]:
    """Return an order and its session as they are before the payment, Stripe's events about it, and the ids in them.

    An event is its id and its body.
    """
    with emulated_stripe() as emulator:
        host = HostOrder.objects.create(number="template-of-the-backlog")
        session = services.start(host)
        emulator.pay(session.stripe_id)
        whole = emulator.get(session.stripe_id)
        intent = emulator.get(whole["payment_intent"])
        ids = [whole["id"], intent["id"], intent["latest_charge"]]
        if "charge.refunded" in types:
            ids.append(emulator.refund(intent["id"], 300)["id"])
        bodies = {row.event_type: (row.event_id, row.body.decode()) for row in emulator.pending_deliveries()}
        order = services.get_order(host)
    session.delete()
    order.delete()
    host.delete()
    return order, session, [bodies[name] for name in types], ids
