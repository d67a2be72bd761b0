"""A shop for histories: an order of a host, our services and the emulator."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.db import connection, models
from django.test import override_settings

from django_checkout import services
from django_checkout.emulator import Emulator
from django_checkout.emulator.messages import DroppedError, Request, Response
from django_checkout.models import (
    Announcement,
    AttentionItem,
    CheckoutSession,
    Dispute,
    Order,
    Payment,
    ReadTicket,
    Refund,
    WebhookEvent,
)
from django_checkout.states import CLOSED_DISPUTE_STATUSES
from django_checkout.testing import post_event
from django_checkout.webhooks import registry
from tests.damage import overwrite
from tests.host.models import HostOrder

#: Rows that events create, in an order in which they can be deleted.
FACTS = (Announcement, AttentionItem, Dispute, Refund, WebhookEvent, ReadTicket)


@dataclass
class Shop:
    """One order of one host, and everything that can happen to it."""

    emulator: Emulator
    price_minor: int = 2000
    host_order: HostOrder = field(init=False)
    order: Order = field(init=False)

    def __post_init__(self) -> None:
        self.host_order = HostOrder.objects.create(number="H-1", price_minor=self.price_minor)
        self.order = services.place(self.host_order)

    # Actions of the shop and the shopper

    def start(self, **options: Any) -> str:
        return services.start(self.host_order, **options).stripe_id or ""

    def start_second(self, **options: Any) -> str:
        """Open a second session while the first can still be paid, as after a crash."""
        known = CheckoutSession.objects.filter(order=self.order, status="open")
        pks = list(known.values_list("pk", flat=True))
        known.update(status="expired", live_for=None)
        try:
            return self.start(**options)
        finally:
            CheckoutSession.objects.filter(pk__in=pks).update(status="open")

    def intent_of(self, session_id: str) -> str:
        return str(self.emulator.get(session_id)["payment_intent"])

    @contextmanager
    def manual_capture(self) -> Iterator[None]:
        with override_settings(CHECKOUT_CAPTURE_METHOD="manual"):
            yield

    @contextmanager
    def losing_responses(self, path: str) -> Iterator[None]:
        """Lose every response to these requests, and to the SDK's retries, after Stripe has acted."""
        answer = self.emulator.handle

        def handle(request: Request) -> Response:
            response = answer(request)
            if fnmatch.fnmatchcase(f"{request.method} {request.path}", path):
                raise DroppedError(timeout=True)
            return response

        self.emulator.handle = handle  # type: ignore[method-assign]  # one instance, until the block ends
        try:
            yield
        finally:
            del self.emulator.handle

    # Deliveries

    def deliver(self) -> None:
        """Post all pending deliveries and assert that they are accepted."""
        for delivery in self.emulator.pending_deliveries():
            status = post_event(delivery.body, delivery.signature).status_code
            assert status == 200, (delivery.event_type, status)
            self.emulator.acknowledge(delivery, status)

    def post(self, *events: dict[str, Any]) -> None:
        """Post these events, in this order."""
        for event in events:
            status = post_event(event).status_code
            assert status == 200, (event["type"], status)

    def events(self) -> list[dict[str, Any]]:
        """Return the events so far that the app handles."""
        handled = set(registry.handled_types())
        return [event for event in self.emulator.events() if event["type"] in handled]

    # Results

    def sessions_at_stripe(self) -> list[str]:
        """Return the ids of all sessions that Stripe has created, oldest first."""
        store = self.emulator.store
        with store.transaction():
            return [session["id"] for session in store.select("checkout.session", oldest_first=True)]

    def refunds_at_stripe(self) -> list[dict[str, Any]]:
        """Return all refunds that Stripe has created, oldest first."""
        store = self.emulator.store
        with store.transaction():
            return store.select("refund", oldest_first=True)

    def reset_rows(self) -> None:
        """Reset our rows to the moment after Stripe created the sessions, before any event."""
        overwrite(
            Order.objects,
            kept_payment=None,
            status="unpaid",
            paid_minor=0,
            refunded_minor=0,
            disputed=False,
            needs_attention=False,
            paid_at=None,
            customer_details={},
            discount_minor=None,
            shipping_minor=None,
            tax_minor=None,
            total_minor=None,
        )
        CheckoutSession.objects.exclude(stripe_id=None).update(
            status="open",
            payment_status="unpaid",
            payment=None,
            has_async_failed=False,
            completed_at=None,
            expired_at=None,
            synced_at=None,
            customer_id="",
            customer_details={},
        )
        overwrite(Order.objects.exclude(canceled_at=None), status="canceled")
        for model in FACTS:
            model.objects.all().delete()
        Payment.objects.all().delete()

    def outcome(self) -> dict[str, Any]:
        """Return the state of the order, its sessions, payments, refunds and disputes."""
        order = Order.objects.get(pk=self.order.pk)
        names = ("status", "paid_minor", "refunded_minor", "disputed", "needs_attention", "total_minor")
        return {
            **{name: getattr(order, name) for name in names},
            "next_action": services.find_next_action(order),
            "kept": order.kept_payment.stripe_id if order.kept_payment else None,
            "reasons": sorted(order.attention.filter(resolved_at=None).values_list("code", flat=True)),
            "sessions": sorted(
                # No event has the payment_status of a session after the capture: only the PaymentIntent does.
                (stripe_id, status, "" if is_manual else payment_status, has_failed)
                for stripe_id, status, is_manual, payment_status, has_failed in order.sessions.exclude(
                    stripe_id=None
                ).values_list("stripe_id", "status", "is_manual_capture", "payment_status", "has_async_failed")
            ),
            "payments": sorted(order.payments.values_list("stripe_id", "intent_status", "captured_minor")),
            "refunds": sorted(
                (stripe_id, status, amount, payment == order.kept_payment_id)
                for stripe_id, status, amount, payment in Refund.objects.filter(is_release=False)
                .exclude(stripe_id=None)
                .values_list("stripe_id", "status", "amount_minor", "payment_id")
            ),
            "disputes": sorted(Dispute.objects.values_list("stripe_id", "status", "withdrawn_minor")),
        }

    def assert_matches_stripe(self, end: dict[str, Any]) -> None:
        """Compare an outcome with Stripe's own objects, without using the code of the app."""
        for stripe_id, status, *_ in end["sessions"]:
            session = self.emulator.get(stripe_id)
            assert session["status"] == status
            assert end["kept"] or session["payment_status"] == "unpaid"
        captured = refunded = 0
        if end["kept"] and end["kept"].startswith("pi_"):
            captured = self.emulator.get(end["kept"])["amount_received"]
            refunds = [refund for refund in self.refunds_at_stripe() if refund["payment_intent"] == end["kept"]]
            moved = [refund for refund in refunds if refund["balance_transaction"] is not None]
            refunded = sum(refund["amount"] for refund in moved if refund["status"] == "succeeded")
        assert (end["paid_minor"], end["refunded_minor"]) == (captured, refunded)
        opened = (event["data"]["object"]["id"] for event in self.emulator.events("charge.dispute.created"))
        open_disputes = [self.emulator.get(dispute)["status"] for dispute in opened]
        assert end["disputed"] == any(status not in CLOSED_DISPUTE_STATUSES for status in open_disputes)

    def direct_read(self, first: str = "") -> dict[str, Any]:
        """Return the outcome of reading everything from Stripe; ``first`` is the session to read first."""
        with rolled_back():
            if first:
                services.sync(CheckoutSession.objects.get(stripe_id=first))
            services.sync(self.order)
            return self.outcome()


@contextmanager
def rolled_back() -> Iterator[None]:
    """Roll back at the end; unlike ``atomic``, it allows durable blocks within."""
    point = connection.savepoint()
    try:
        yield
    finally:
        connection.savepoint_rollback(point)


_MODELS: tuple[type[models.Model], ...] = (Order, CheckoutSession, Payment, Refund, Dispute, *FACTS)
#: The order of these rows has no effect.
_UNORDERED = (WebhookEvent, ReadTicket, AttentionItem)
_VOLATILE = frozenset(("id", "uuid", "created_at", "updated_at", "received_at", "request", "payload"))


def digest() -> tuple[Any, ...]:
    """Return the content of our tables without keys and times: all that can affect what happens next."""
    tables = {}
    with connection.cursor() as cursor:
        for model in _MODELS:
            cursor.execute(_select(model))
            tables[model] = cursor.fetchall()
    positions = {model: {row[0]: position for position, row in enumerate(rows)} for model, rows in tables.items()}
    found = []
    for model, rows in tables.items():
        shown = [_row(row, model, positions) for row in rows]
        # Pending announcements are delivered in the order of their rows.
        is_unordered = model in _UNORDERED or (model is Announcement and not any("'pending'" in row for row in shown))
        found.append((model.__name__, tuple(sorted(shown, key=repr) if is_unordered else shown)))
    return tuple(found)


@cache
def _columns(model: type[models.Model]) -> tuple[models.Field[Any, Any], ...]:
    return tuple(column for column in model._meta.concrete_fields if column.name not in _VOLATILE)


@cache
def _select(model: type[models.Model]) -> str:
    columns = ", ".join(connection.ops.quote_name(column.column) for column in _columns(model))
    table = connection.ops.quote_name(model._meta.db_table)
    return f"SELECT id, {columns} FROM {table} ORDER BY id"  # noqa: S608 - our own names


def _row(row: tuple[Any, ...], model: type[models.Model], positions: dict[Any, dict[Any, int]]) -> tuple[Any, ...]:
    values: list[Any] = []
    for column, value in zip(_columns(model), row[1:], strict=True):
        if column.related_model in positions and value is not None:
            values.append(positions[column.related_model][value])
        elif isinstance(column, models.DateTimeField):
            values.append(value is not None)
        else:
            values.append(repr(value))
    return tuple(values)
