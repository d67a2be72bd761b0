"""Measures the time, calls and memory of a comparison with Stripe that finds no differences.

Each session is the full object that the emulator makes with its PaymentIntent expanded, against a Stripe in this
process that responds at once.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from tests.benchmarks.report import Row
from tests.benchmarks.sizes import Sizes

REPEATS = 3

MAX_CALLS_PER_10_000 = 110
#: What a session costs among many, of what it costs among few.
MAX_GROWTH = 1.25
MAX_GROWN_MEGABYTES = 50


def measure(sizes: Sizes) -> Iterator[Row]:
    """Yield the rows of this part."""
    from django.utils import timezone

    from django_checkout import reconcile
    from tests.benchmarks.instant_stripe import instant_stripe

    costs = []
    for sessions in sizes.compared:
        # Stripe's objects are in a file, so that only the app's memory is measured.
        listed = _build(sessions)
        began = time.process_time()
        for first in range(0, sessions, 100):
            json.loads(b"[" + b",".join(listed[first : first + 100]) + b"]")
        # Processor time does not depend on the other processes of a busy machine.
        parsing = time.process_time() - began
        before = _megabytes()
        with instant_stripe({"/v1/checkout/sessions": listed}) as stripe:
            taken = []
            for _ in range(REPEATS):
                stripe.calls = 0
                began = time.process_time()
                report = reconcile.run(since=timezone.now() - timedelta(days=2))
                taken.append(time.process_time() - began)
                assert report.differences == [], report.differences[:3]
                assert report.seen["sessions"] == sessions
        costs.append(min(taken) / sessions)
        name = f"{sessions:,} sessions"
        more = {"per second": sessions / min(taken)}
        yield Row(part="reconcile", name=name, value=min(taken) / parsing, unit="of parsing", more=more)
        calls = MAX_CALLS_PER_10_000 * sessions / 10_000 + 10
        yield Row(part="reconcile", name=f"{name}, calls", value=stripe.calls, unit="", maximum=calls)
        grown = _megabytes() - before
        yield Row(part="reconcile", name=f"{name}, memory", value=grown, unit="MB", maximum=MAX_GROWN_MEGABYTES)
    growth = costs[1] / costs[0]
    yield Row(part="reconcile", name="cost of a session", value=growth, unit="of among few", maximum=MAX_GROWTH)


class _Pages:
    """Stripe's objects in a file, as a list of bytes."""

    def __init__(self, path: str, ends: list[int]) -> None:
        self._file = open(path, "rb")  # noqa: SIM115  # open for as long as the process lives
        self._ends = ends

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, positions: slice) -> list[bytes]:
        found = []
        for number in range(*positions.indices(len(self._ends))):
            start = self._ends[number - 1] if number else 0
            self._file.seek(start)
            found.append(self._file.read(self._ends[number] - start))
        return found


def _build(number: int) -> Any:
    """Write orders, payments and sessions that agree with the objects that are returned."""
    from django.utils import timezone

    from django_checkout.models import Announcement, CheckoutSession, Order, Payment, database
    from tests.damage import overwrite

    overwrite(Order.objects, kept_payment=None)
    for model in (CheckoutSession, Payment, Order):
        model._base_manager.all().delete()
    template, intent = _templates()
    path = tempfile.mkstemp()[1]
    ends, end = [], 0
    now = timezone.now()
    totals = {"discount_minor": 0, "shipping_minor": 0, "tax_minor": 0, "total_minor": 2000}
    announced = {"signal": "order_paid", "state": "announced", "announced_at": now}
    with open(path, "wb") as file:
        for first in range(0, number, 1000):
            numbers = range(first, min(first + 1000, number))
            orders = Order.objects.bulk_create(
                Order(
                    reference=f"B-{n}",
                    content_hash="0",
                    currency="eur",
                    subtotal_minor=2000,
                    status="paid",
                    paid_minor=2000,
                    paid_at=now,
                    livemode=False,
                    **totals,
                )
                for n in numbers
            )
            values = {"livemode": False, "currency": "eur", "intent_status": "succeeded"}
            values["charge_id"] = intent["latest_charge"]
            payments = Payment.objects.bulk_create(
                Payment(stripe_id=f"pi_{n}", order=order, amount_minor=2000, captured_minor=2000, **values)
                for n, order in zip(numbers, orders, strict=True)
            )
            rows = []
            for n, order, payment in zip(numbers, orders, payments, strict=True):
                stripe_id, key = f"cs_test_{'x' * 50}_{n}", uuid.uuid4()
                rows.append(
                    CheckoutSession(
                        order=order,
                        payment=payment,
                        stripe_id=stripe_id,
                        uuid=key,
                        livemode=False,
                        revision=1,
                        asked_currency="eur",
                        asked_subtotal_minor=2000,
                        status="complete",
                        payment_status="paid",
                        currency="eur",
                        amount_subtotal_minor=2000,
                        **{f"amount_{name}": value for name, value in totals.items()},
                        expires_at=now,
                    )
                )
                metadata = {"order_id": order.reference, "checkout_session": str(key)}
                expanded = {**intent, "id": f"pi_{n}", "metadata": metadata}
                changes = {"id": stripe_id, "metadata": metadata, "payment_intent": expanded}
                end += file.write(json.dumps({**template, **changes}).encode())
                ends.append(end)
            made = CheckoutSession.objects.bulk_create(rows)
            Announcement.objects.bulk_create(
                Announcement(order=row.order, fact=row.order.reference, session=row, **announced) for row in made
            )
            for order, payment in zip(orders, payments, strict=True):
                order.kept_payment = payment
            with database.atomic():
                Order.objects.bulk_update(orders, ["kept_payment"])
    return _Pages(path, ends)


def _templates() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a paid session and its PaymentIntent as Stripe returns them."""
    from django_checkout.emulator import Emulator
    from django_checkout.emulator.messages import Request

    emulator = Emulator()
    headers = {"authorization": "Bearer sk_test_benchmark"}
    body = (
        b"mode=payment&success_url=https%3A%2F%2Fshop.example%2F&line_items[0][quantity]=1"
        b"&line_items[0][price_data][currency]=eur&line_items[0][price_data][unit_amount]=2000"
        b"&line_items[0][price_data][product_data][name]=Teapot"
    )
    url = "http://stripe.emulator/v1/checkout/sessions"
    made = json.loads(emulator.handle(Request.from_url("POST", url, headers=headers, body=body)).body)
    emulator.pay(made["id"])
    session = emulator.get(made["id"])
    intent = emulator.get(session["payment_intent"])
    emulator.close()
    return session, intent


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
