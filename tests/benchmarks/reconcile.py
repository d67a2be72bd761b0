"""Measures the time, calls and memory of a run without differences: ``python -m tests.benchmarks.reconcile``.

Ten thousand sessions, each the full object that the emulator makes with its PaymentIntent expanded, against a Stripe in
this process that responds at once. The database is SQLite in a file unless ``DATABASE_URL`` names another.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
import uuid
from datetime import timedelta
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
os.environ.setdefault("DATABASE_URL", f"sqlite:///{tempfile.mkdtemp()}/benchmark.sqlite3")

MAX_CALLS_PER_10_000 = 110
MAX_PEAK_MEGABYTES = 100
MIN_PER_SECOND = 1500


def main() -> None:
    """Measure, and exit with 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sessions", type=int, default=10_000, help="how many (default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=3, help="how often; the best counts (default: %(default)s)")
    options = parser.parse_args()
    import django

    django.setup()
    from django.core.management import call_command
    from django.test import override_settings

    from tests.benchmarks.instant_stripe import API_BASE

    call_command("migrate", verbosity=0)
    with override_settings(STRIPE_API_BASE=API_BASE):
        sys.exit(measure(options.sessions, options.repeat))


def measure(sessions: int, repeat: int) -> int:
    """Print the figures and return 1 if one of them exceeds its limit."""
    from django.utils import timezone

    from django_checkout import reconcile
    from tests.benchmarks.instant_stripe import instant_stripe

    # Stripe's objects are in a file, so that only the app's memory is measured.
    listed = _build(sessions)
    before = _megabytes()
    began = time.process_time()
    for first in range(0, sessions, 100):
        json.loads(b"[" + b",".join(listed[first : first + 100]) + b"]")
    parsing = sessions / (time.process_time() - began)
    rates, busy_rates = [], []
    with instant_stripe({"/v1/checkout/sessions": listed}) as stripe:
        for _ in range(repeat):
            stripe.calls = 0
            began, began_busy = time.perf_counter(), time.process_time()
            report = reconcile.run(since=timezone.now() - timedelta(days=2))
            rates.append(sessions / (time.perf_counter() - began))
            busy_rates.append(sessions / (time.process_time() - began_busy))
            assert report.differences == [], report.differences[:3]
            assert report.seen["sessions"] == sessions
    peak = _megabytes()
    figures = [
        # Processor time, because elapsed time depends on the other processes of a busy machine.
        ("sessions a second", max(busy_rates), max(busy_rates) >= MIN_PER_SECOND, MIN_PER_SECOND),
        ("sessions a second by the clock", max(rates), True, ""),
        ("parsing their JSON alone, a second", parsing, True, ""),
        ("cost as a multiple of parsing", parsing / max(busy_rates), True, ""),
        ("calls", stripe.calls, stripe.calls <= MAX_CALLS_PER_10_000 * sessions / 10_000, MAX_CALLS_PER_10_000),
        ("peak of the process, MB", peak, peak < MAX_PEAK_MEGABYTES, MAX_PEAK_MEGABYTES),
        ("of which grown while running, MB", peak - before, True, ""),
    ]
    for name, value, is_kept, promised in figures:
        sys.stdout.write(f"{name:36} {value:12,.1f}   {'kept' if is_kept else 'NOT KEPT'} {promised}\n")
    return 0 if all(is_kept for _, _, is_kept, _ in figures) else 1


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
    sys.stdout.write(f"{number} sessions of {end / max(number, 1):,.0f} bytes each\n")
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


if __name__ == "__main__":
    main()
