"""A shop to play histories with: a host's order, our services, the emulator, and an ear for every signal."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.db import connection, models
from django.test import override_settings

from django_checkout import inbox, services, signals
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
from tests.damage import overwrite
from tests.host.models import HostOrder

#: What a failed delivery, or a crash, may leave behind, in an order in which it can be deleted.
FACTS = (Announcement, AttentionItem, Dispute, Refund, WebhookEvent, ReadTicket)
SIGNALS = {name: signal for name, signal in vars(signals).items() if isinstance(signal, signals.Signal)}


@dataclass(frozen=True, slots=True)
class Heard:
    """One signal as a host's receiver got it; ``about`` is the Stripe id, the reason or the order it is about."""

    signal: str
    about: str


class Ear:
    """A host that listens to everything and remembers the order in which it heard."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self._receivers: dict[str, Callable[..., None]] = {}

    @contextmanager
    def listening(self) -> Iterator[Ear]:
        for name, signal in SIGNALS.items():

            def receive(name: str = name, **arguments: Any) -> None:
                self.heard.append(Heard(name, _about(name, arguments)))

            self._receivers[name] = receive
            signal.connect(receive, sender=Order, weak=False)
        try:
            yield self
        finally:
            for name, receiver in self._receivers.items():
                SIGNALS[name].disconnect(receiver, sender=Order)


def _about(signal: str, arguments: dict[str, Any]) -> str:
    if signal in ("order_paid", "order_canceled"):
        return str(arguments["order"].reference)
    if signal == "attention_needed":
        return str(arguments["reason"])
    row = arguments.get("refund") or arguments.get("dispute") or arguments["session"]
    return str(row.stripe_id)


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

    # What shop and shopper do

    def start(self, **options: Any) -> str:
        return services.start(self.host_order, **options).stripe_id or ""

    def start_beside(self, **options: Any) -> str:
        """Open a second session while the first stays payable, as after a crash or an edit in Stripe's dashboard."""
        known = CheckoutSession.objects.filter(order=self.order, status="open")
        besides = list(known.values_list("pk", flat=True))
        known.update(status="expired", live_for=None)
        try:
            return self.start(**options)
        finally:
            CheckoutSession.objects.filter(pk__in=besides).update(status="open")

    def intent_of(self, session_id: str) -> str:
        return str(self.emulator.get(session_id)["payment_intent"])

    @contextmanager
    def manual_capture(self) -> Iterator[None]:
        with override_settings(CHECKOUT_CAPTURE_METHOD="manual"):
            yield

    @contextmanager
    def deaf(self, path: str) -> Iterator[None]:
        """Let Stripe act on requests, the SDK's repeats included, and lose every answer."""
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
        """Post all that Stripe owes, and see that it was taken."""
        for delivery in self.emulator.pending_deliveries():
            status = post_event(delivery.body, delivery.signature).status_code
            assert status == 200, (delivery.event_type, status)
            self.emulator.acknowledge(delivery, status)

    def tell(self, *events: dict[str, Any]) -> None:
        """Post these events, in this order."""
        for event in events:
            status = post_event(event).status_code
            assert status == 200, (event["type"], status)

    def events(self) -> list[dict[str, Any]]:
        """Return the events so far that the app listens to."""
        handled = set(inbox.handled_types())
        return [event for event in self.emulator.events() if event["type"] in handled]

    # Looking at it

    def sessions_at_stripe(self) -> list[str]:
        """Return the ids of all sessions that Stripe has made, oldest first."""
        store = self.emulator.store
        with store.transaction():
            return [session["id"] for session in store.select("checkout.session", oldest_first=True)]

    def refunds_at_stripe(self) -> list[dict[str, Any]]:
        """Return all refunds that Stripe has made, oldest first."""
        store = self.emulator.store
        with store.transaction():
            return store.select("refund", oldest_first=True)

    def forget(self) -> None:
        """Put our rows back to the moment when Stripe had created the sessions, and nothing had been heard since."""
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

    def end(self) -> dict[str, Any]:
        """Return what the order, its sessions and its refunds have come to."""
        order = Order.objects.get(pk=self.order.pk)
        names = ("status", "paid_minor", "refunded_minor", "disputed", "needs_attention", "total_minor")
        return {
            **{name: getattr(order, name) for name in names},
            "kept": order.kept_payment.stripe_id if order.kept_payment else None,
            "reasons": sorted(order.attention.filter(resolved_at=None).values_list("code", flat=True)),
            "sessions": sorted(
                # No event tells a captured session's payment_status: the PaymentIntent does.
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

    def judge(self, end: dict[str, Any]) -> None:
        """Assert that an end is what Stripe's own objects say, read past all our code."""
        for stripe_id, status, *_ in end["sessions"]:
            session = self.emulator.get(stripe_id)
            assert session["status"] == status
            assert end["kept"] or session["payment_status"] == "unpaid"
        captured = refunded = 0
        if end["kept"] and end["kept"].startswith("pi_"):
            captured = self.emulator.get(end["kept"])["amount_received"]
            given = [refund for refund in self.refunds_at_stripe() if refund["payment_intent"] == end["kept"]]
            moved = [refund for refund in given if refund["balance_transaction"] is not None]
            refunded = sum(refund["amount"] for refund in moved if refund["status"] == "succeeded")
        assert (end["paid_minor"], end["refunded_minor"]) == (captured, refunded)
        opened = (event["data"]["object"]["id"] for event in self.emulator.events("charge.dispute.created"))
        open_disputes = [self.emulator.get(dispute)["status"] for dispute in opened]
        assert end["disputed"] == any(status not in CLOSED_DISPUTE_STATUSES for status in open_disputes)

    def direct_read(self, first: str = "") -> dict[str, Any]:
        """Return what reading everything from Stripe makes of forgotten rows; ``first`` is the session read first."""
        with undone():
            if first:
                services.sync(CheckoutSession.objects.get(stripe_id=first))
            services.sync(self.order)
            return self.end()


@contextmanager
def undone() -> Iterator[None]:
    """Undo in the end what is written within; unlike ``atomic``, it is no block to the durable ones within."""
    point = connection.savepoint()
    try:
        yield
    finally:
        connection.savepoint_rollback(point)


_MODELS: tuple[type[models.Model], ...] = (Order, CheckoutSession, Payment, Refund, Dispute, *FACTS)
#: Nothing depends on which of these came first.
_UNORDERED = (WebhookEvent, ReadTicket, AttentionItem)
_VOLATILE = frozenset(("id", "uuid", "created_at", "updated_at", "received_at", "request", "payload"))


def digest() -> tuple[Any, ...]:
    """Return all that our tables hold, but for keys and clocks: what can decide what happens next."""
    tables = {}
    with connection.cursor() as cursor:
        for model in _MODELS:
            cursor.execute(_select(model))
            tables[model] = cursor.fetchall()
    positions = {model: {row[0]: position for position, row in enumerate(rows)} for model, rows in tables.items()}
    found = []
    for model, rows in tables.items():
        shown = [_row(row, model, positions) for row in rows]
        # What is pending is delivered in the order in which it came up.
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
