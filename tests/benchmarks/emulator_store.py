"""Measures the emulator's API on a store with many objects: ``python -m tests.benchmarks.emulator_store``.

A store in a temporary file is filled with copies of the objects of one real purchase, which differ in their ids,
customers and times. Then objects are retrieved and listed through the API, with and without filters, and a purchase
is made. The medians are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import django

MAX_MILLISECONDS = 5
#: The limits of what is neither a read nor a list.
LIMITS_MILLISECONDS = {"purchase": 50, "start of the emulator": 30}
#: How many purchases a customer makes.
PURCHASES = 4
LINE = {"quantity": 1, "price_data": {"currency": "eur", "unit_amount": 500, "product_data": {"name": "Tea"}}}
PARAMS: dict[str, Any] = {
    "mode": "payment",
    "line_items": [LINE],
    "customer_creation": "always",
    "success_url": "https://shop.example.com/",
}
#: Marks in an id: where the number of a copy, or of a customer, is inserted.
COPY, CUSTOMER = "<copy>", "<customer>"
Row = tuple[str, str, int | None, str]
ID = re.compile(r"\b((?:cs_test|pi|ch|evt|cus|pm|txn|price|prod|li|delivery|job|req)_)(\w{6})(\w+)")


def main() -> None:
    """Fill the store, measure, and exit with 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--objects", type=int, default=1_000_000, help="how many (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=30, help="how often each is measured (default: %(default)s)")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "emulator.sqlite3")
        started = time.perf_counter()
        count = fill(path, options.objects)
        print(f"{count:,} objects in {time.perf_counter() - started:.0f} s")
        medians = measure(path, options.rounds)
    for name, milliseconds in medians.items():
        print(f"{milliseconds:8.2f} ms  {name}")
    sys.exit(any(took > LIMITS_MILLISECONDS.get(name, MAX_MILLISECONDS) for name, took in medians.items()))


def fill(path: str, count: int) -> int:
    """Make one purchase in a new store and copy its objects until there are about ``count``; return how many."""
    from django_checkout.emulator import Emulator

    with closing(Emulator(store=path)) as emulator:
        client = client_of(emulator)
        emulator.pay(client.v1.checkout.sessions.create(PARAMS).id)
        emulator.deliver_to(lambda body, headers: 200)
        store = emulator.store
        with store.transaction():
            rows = store._connection.execute("SELECT id, object, created, body FROM objects").fetchall()
            templates = [(marked(row[0]), row[1], row[2], marked(row[3])) for row in rows if ID.fullmatch(row[0])]
            total = count // len(templates)
            # The store creates its indexes of fields again on first use, which is faster than to update them.
            names = store._connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'objects_with_%'")
            for (name,) in names.fetchall():
                store._connection.execute(f"DROP INDEX {name}")
            store._connection.executemany(
                "INSERT INTO objects (id, object, created, body) VALUES (?, ?, ?, ?)",
                (copy for number in range(1, total + 1) for copy in copies(templates, number, total - number + 1)),
            )
            (stored,) = store._connection.execute("SELECT count(*) FROM objects").fetchone()
    return int(stored)


def marked(text: str) -> str:
    """Return text with a mark in every id, where copies have their number; customers have a mark of their own."""
    return ID.sub(lambda found: f"{found[1]}{CUSTOMER if found[1] == 'cus_' else COPY}{found[3]}", text)


def copies(templates: list[Row], number: int, age: int) -> Iterator[Row]:
    """Yield copies of objects with other ids, ``age`` seconds older."""
    for object_id, kind, created, body in templates:
        if kind == "customer" and number % PURCHASES:
            continue
        if kind == "checkout.session" and number % 1000 == 0:
            body = body.replace('"status": "complete"', '"status": "open"')
        renamed = (
            text.replace(COPY, f"{number:06d}").replace(CUSTOMER, f"{number // PURCHASES:06d}")
            for text in (object_id, body)
        )
        moved = None if created is None else created - age
        yield next(renamed), kind, moved, next(renamed).replace(f'"created": {created}', f'"created": {moved}')


def measure(path: str, rounds: int, *, trace: Callable[[str], object] | None = None) -> dict[str, float]:
    """Return the median durations of the emulator's responses in milliseconds. ``trace`` receives the SQL of lists."""
    from django_checkout.emulator import Emulator

    with closing(Emulator(store=path)) as emulator:
        sessions = get(emulator, "checkout/sessions", limit=100)["data"]
        session = next(found for found in sessions if found["status"] == "complete")
        intent, customer = session["payment_intent"], session["customer"]
        charge = get(emulator, "charges", payment_intent=intent)["data"][0]["id"]
        now = emulator.clock.now()
        types = ("checkout.session.completed", "charge.refunded", "charge.succeeded")
        calls: dict[str, tuple[str, dict[str, object]]] = {
            "a session": (f"checkout/sessions/{session['id']}", {}),
            "a charge, expanded": (f"charges/{charge}", {"expand[0]": "refunds", "expand[1]": "customer"}),
            "sessions": ("checkout/sessions", {}),
            "sessions, next page": ("checkout/sessions", {"starting_after": sessions[-1]["id"]}),
            "sessions, previous page": ("checkout/sessions", {"ending_before": sessions[-1]["id"]}),
            "sessions of a customer": ("checkout/sessions", {"customer": customer}),
            "sessions of a payment": ("checkout/sessions", {"payment_intent": intent}),
            "open sessions": ("checkout/sessions", {"status": "open"}),
            "sessions since now": ("checkout/sessions", {"created[gte]": now}),
            "sessions by e-mail": ("checkout/sessions", {"customer_details[email]": "no@example.com"}),
            "charges of a payment": ("charges", {"payment_intent": intent}),
            "payments of a customer": ("payment_intents", {"customer": customer}),
            "refunds of a charge": ("refunds", {"charge": charge}),
            "events of one type": ("events", {"type": "checkout.session.completed"}),
            "events of three types": ("events", {f"types[{index}]": name for index, name in enumerate(types)}),
            "events of a pattern": ("events", {"type": "charge.*"}),
            "undelivered events": ("events", {"delivery_success": "false"}),
            "customers by e-mail": ("customers", {"email": "no@example.com"}),
        }
        emulator.store._connection.set_trace_callback(trace)
        medians = {name: median(partial(get, emulator, path, **query), rounds) for name, (path, query) in calls.items()}
        emulator.store._connection.set_trace_callback(None)
        client = client_of(emulator)
        purchase = median(lambda: emulator.pay(client.v1.checkout.sessions.create(PARAMS).id), rounds)
    start = median(lambda: Emulator(store=path).close(), rounds)
    return {**medians, "purchase": purchase, "start of the emulator": start}


def get(emulator: Any, path: str, **query: object) -> Any:
    """Return the document of a response of the API."""
    from django_checkout.emulator import Request

    request = Request(
        method="GET",
        base_url="http://emulator.test",
        path=f"/v1/{path}",
        query=urlencode(query),
        headers={"authorization": "Bearer sk_test_benchmark"},
    )
    answer = emulator.handle(request)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def median(action: Callable[[], object], rounds: int) -> float:
    """Return the median duration of an action in milliseconds. The first one, which is not counted, prepares it."""
    action()
    durations = []
    for _ in range(rounds):
        started = time.perf_counter()
        action()
        durations.append(1000 * (time.perf_counter() - started))
    return statistics.median(durations)


def client_of(emulator: Any) -> Any:
    """Return the real library, connected to the emulator."""
    import stripe

    from django_checkout.emulator import requests_session

    http_client = stripe.RequestsClient(session=requests_session(emulator))
    return stripe.StripeClient("sk_test_benchmark", http_client=http_client)


if __name__ == "__main__":
    main()
