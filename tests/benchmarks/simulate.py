"""Simulates a flash sale: ``python -m tests.benchmarks.simulate``.

Fifty orders a second for ten minutes of the model, with the rate limits of Stripe, webhooks that are lost, doubled,
delayed and reordered, and processes of the site that are killed. Two workers serve the site, on PostgreSQL, and this
process plays Stripe and the shoppers. Each order also takes a piece from a stock, a row that all of them share.
``--speed`` is how many seconds of the model pass in one of this machine: with 0.2, the site is as fast as on a machine
with five times as many cores. Prints the backlog over time, how long an order waits from its payment until the shop is
notified, and the calls to Stripe, and verifies every order at the end.
Exits with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import fields

from tests.benchmarks.sale import SETTINGS, Plan, Sale, opened
from tests.benchmarks.servers import free_port

P99_SECONDS = 2
CALLS_PER_ORDER = 1.2


def main() -> None:
    """Simulate a sale, and exit with 1 if a goal is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.simulate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for option in fields(Plan):
        name = f"--{option.name.replace('_', '-')}"
        parser.add_argument(name, type=type(option.default), default=option.default, help="default: %(default)s")
    options = parser.parse_args()
    os.environ.setdefault("DATABASE_URL", "postgres://root@127.0.0.1:5432/checkout_sale")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    os.environ["BENCHMARK_STRIPE"] = f"http://127.0.0.1:{free_port()}"
    # The servers end with this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(0 if simulate(Plan(**vars(options))) else 1)


def simulate(plan: Plan) -> bool:
    """Run a sale, settle what is left, print the figures, and return whether the goals are met."""
    from tests.benchmarks import databases

    databases.prepare()
    databases.empty()
    from tests.benchmarks.site.models import Stock

    Stock.objects.create(left=plan.orders)
    with opened(plan) as sale:
        print(f"{'second':>8} {'arrived':>9} {'paid':>9} {'fulfilled':>9} {'events waiting':>15}", flush=True)
        sale.run(sample)
        settle(sale)
        verify(sale)
        return report(sale)


def sample(sale: Sale) -> None:
    """Print the backlog."""
    from django_checkout.models import WebhookEvent
    from tests.host.models import HostOrder

    paid = sum(purchase.paid_at > 0 for purchase in list(sale.purchases))
    waiting = WebhookEvent.objects.filter(state__in=("received", "failed", "processing")).count()
    fulfilled = HostOrder.objects.filter(paid_times__gt=0).count()
    arrived = HostOrder.objects.count()
    print(f"{sale.now():8.1f} {arrived:9} {paid:9} {fulfilled:9} {waiting:15}", flush=True)


def settle(sale: Sale) -> None:
    """Do what cron does, and let Stripe send again what was not acknowledged."""
    from django.core.management import call_command

    sale.emulator.rate_limits.mode = ""
    for _ in range(5):
        sale.emulator.clock.advance(3600)
        sale.emulator.start_webhook_sender()
        time.sleep(2)
        with open(os.devnull, "w") as nowhere, suppress(SystemExit):
            call_command("checkout_process_events", "--now", stdout=nowhere)
    with open(os.devnull, "w") as nowhere, suppress(SystemExit):
        call_command("checkout_reconcile", "--fix", stdout=nowhere)


def verify(sale: Sale) -> None:
    """Every order is as Stripe has it, paid once, and the shop was notified of it once.

    Raises:
        AssertionError: one is not.
    """
    from django_checkout.models import Announcement, Order, WebhookEvent
    from tests.benchmarks.site.models import Stock
    from tests.host.models import HostOrder

    assert not sale.errors, sale.errors[:3]
    paid = {purchase.stripe_id: purchase for purchase in sale.purchases if purchase.paid_at}
    assert len(paid) == len(sale.purchases) == sale.plan.orders
    intents = Counter(intent["metadata"]["order_id"] for intent in sale.emulator.latest("payment_intent", 10**6))
    assert set(intents.values()) == {1}, "an order was paid twice at Stripe"
    announced = Counter(
        Announcement.objects.filter(signal="order_paid", state="announced").values_list("order", flat=True)
    )
    orders = Order.objects.in_bulk()
    fulfilled = dict(HostOrder.objects.values_list("number", "paid_times"))
    for stripe_id, purchase in paid.items():
        session, order = sale.emulator.get(stripe_id), orders[purchase.order_pk]
        assert (session["payment_status"], order.status) == ("paid", "paid"), f"{order.reference} is {order.status}"
        assert order.paid_minor == order.total_minor == session["amount_total"], order.reference
        assert not order.needs_attention, order.reference
        assert (announced[order.pk], fulfilled[order.reference]) == (1, 1), order.reference
    assert Stock.objects.get().left == 0, "an order took nothing from the stock, or twice"
    left = WebhookEvent.objects.exclude(state__in=("processed", "ignored"))
    assert not left.exists(), list(left.values_list("type", "state", "error_code")[:3])


def report(sale: Sale) -> bool:
    """Print the figures and return whether the goals are met."""
    from django_checkout.models import Announcement

    lost = {
        sale.emulator.get(row["event"])["data"]["object"]["id"]
        for row in sale.emulator.latest("_delivery", 10**6)
        if row["state"] == "lost"
    }
    announced = dict(Announcement.objects.filter(signal="order_paid").values_list("order", "announced_at"))
    waits: dict[bool, list[float]] = {False: [], True: []}
    for purchase in sale.purchases:
        at = sale.of_model(announced[purchase.order_pk].timestamp())
        waits[purchase.stripe_id in lost].append(at - purchase.paid_at)
    kept, number = sorted(waits[False]), len(sale.purchases)
    calls = sum(count for (_, status), count in sale.calls.items() if status != 429)
    refused = sum(count for (_, status), count in sale.calls.items() if status == 429)
    p99 = kept[len(kept) * 99 // 100]
    print(f"\n{number} orders, every one right; {sale.crashes} processes killed, {len(lost)} completions lost")
    print(f"payment to fulfilment: p50 {statistics.median(kept):.2f} s, p99 {p99:.2f} s (goal: under {P99_SECONDS} s)")
    if waits[True]:
        print(f"  where the event was lost: p50 {statistics.median(waits[True]):.2f} s, worst {max(waits[True]):.0f} s")
    print(f"calls to Stripe: {calls / number:.2f} an order (goal: {CALLS_PER_ORDER}), {refused} refused by its limits")
    for (name, status), count in sorted(sale.calls.items()):
        print(f"  {name} {status}: {count}")
    return p99 < P99_SECONDS and calls / number <= CALLS_PER_ORDER


if __name__ == "__main__":
    main()
