"""Measures deliveries to a served site, each kind as a share of the floor in the same round."""

from __future__ import annotations

import json
import statistics
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.benchmarks import databases
from tests.benchmarks.report import Row
from tests.benchmarks.servers import SECRET, Server, cpu_seconds, load, serving
from tests.benchmarks.sizes import Sizes

SETTINGS = "tests.benchmarks.site.settings"
APPLICATION = "tests.benchmarks.site.wsgi:application"
WEBHOOK = "/checkout/webhook/"
#: The least share of the floor, by kind.
MINIMA = {"paid session": 0.22, "duplicate": 0.6, "foreign": 0.6, "queued": 0.75}
FORGED_SHARE = 0.2
P99_MULTIPLE = 4
TYPES = (
    "checkout.session.completed",
    "charge.succeeded",
    "payment_intent.succeeded",
    "refund.created",
    "charge.refunded",
)
WARM_UP = 40


@dataclass(slots=True)
class Segment:
    """What one load of one kind has found."""

    rate: float
    web_ms: float
    database_ms: float
    taken: list[float]

    @property
    def cpu_ms(self) -> float:
        """The processor time of an event, in the workers and in the database; the clock may have seen none."""
        return max(self.web_ms + self.database_ms, 0.01)


@dataclass(slots=True)
class Found:
    """The segments of all rounds, by kind."""

    segments: dict[str, list[Segment]] = field(default_factory=lambda: defaultdict(list))


def measure(sizes: Sizes, *, profile: Path | None = None) -> Iterator[Row]:
    """Serve the site in three processes, deliver every kind in each round, and yield the rows of this part."""
    from tests import backlog

    found = Found()
    environments: dict[str, dict[str, str]] = {
        "floor": {},
        "inline": {"BENCHMARK_PROFILE": str(profile)} if profile else {},
        "queued": {"BENCHMARK_PROCESS_EVENTS": "task"},
    }
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(serving(APPLICATION, SETTINGS, environment=environment))
            for name, environment in environments.items()
        }
        first = 0
        for number in range(sizes.rounds + 1):
            # The first round, which is not counted, warms the workers up.
            size = sizes.events if number else WARM_UP
            purchases = list(backlog.copies(2 * size, types=TYPES, first=first))
            first += 2 * size
            for name, path, server, bodies, secret in _loads(number, purchases, size):
                segment = _load(servers[server], path, bodies, secret, is_forged=name == "forged")
                if number:
                    found.segments[name].append(segment)
        check_effects(first)
    yield from _rows(found)


def check_effects(orders: int) -> None:
    """Everything had its effect, once: every order is paid, and the refunded ones are refunded."""
    from django_checkout.models import Announcement, Order, Refund, WebhookEvent
    from tests.host.models import HostOrder

    ours, others = Order.objects.exclude(status="unpaid"), Order.objects.filter(status="unpaid")
    assert 2 * ours.count() == 2 * others.count() == orders
    assert not ours.exclude(paid_minor=2000, needs_attention=False).exists()
    assert ours.filter(status="partially_refunded", refunded_minor=300).count() == Refund.objects.count() > 0
    assert HostOrder.objects.filter(paid_times=1).count() == ours.count()
    assert not HostOrder.objects.filter(paid_times__gt=1).exists()
    assert not Announcement.objects.exclude(state="announced").exists()
    assert WebhookEvent.objects.filter(state="received").count() == others.count()
    assert not WebhookEvent.objects.exclude(state__in=("processed", "ignored", "received")).exists()


def _loads(number: int, purchases: list[list[str]], size: int) -> Iterator[tuple[str, str, str, list[str], str]]:
    """Yield each load of a round: its kind, the path, the server, the bodies and the secret."""
    ours, others = purchases[:size], purchases[size:]
    completed, charged, succeeded, refunded, listed = (list(texts) for texts in zip(*ours, strict=True))

    def floor(part: str) -> tuple[str, str, str, list[str], str]:
        return "floor", "/floor/", "floor", [_renamed(text, f"_{part}") for text in completed], SECRET

    def inline(name: str, bodies: list[str], secret: str = SECRET) -> tuple[str, str, str, list[str], str]:
        return name, WEBHOOK, "inline", bodies, secret

    yield floor("first")
    yield inline("paid session", completed)
    yield inline("charge.succeeded", charged)
    yield inline("payment_intent.succeeded", succeeded)
    yield inline("duplicate", completed)
    yield inline("foreign", [foreign(text) for text in completed])
    yield inline("foreign refund", [foreign(text) for text in listed])
    yield inline("forged", [_renamed(text, "_forged") for text in completed], "whsec_of_a_stranger")
    yield inline("refund.created", refunded[: size // 2])
    yield inline("charge.refunded, known", listed[: size // 2])
    yield inline("charge.refunded", listed[size // 2 :])
    yield "queued", WEBHOOK, "queued", [texts[0] for texts in others], SECRET
    yield floor("last")


def _load(server: Server, path: str, bodies: list[str], secret: str, *, is_forged: bool) -> Segment:
    backends = _backends()
    before = server.cpu_seconds(), sum(map(cpu_seconds, backends))
    result = load(server, path, bodies, secret=secret)
    web, database = server.cpu_seconds() - before[0], sum(map(cpu_seconds, backends)) - before[1]
    expected = "400" if is_forged else "200"
    if result["statuses"] != {expected: len(bodies)}:
        raise RuntimeError(f"{path} responded {result['statuses']} instead of {len(bodies)} times {expected}.")
    count = len(bodies)
    return Segment(count / result["seconds"], 1000 * web / count, 1000 * database / count, result["taken"])


def _rows(found: Found) -> Iterator[Row]:
    """Yield the median of each kind as a share of the floor of the same round."""
    # Each round begins and ends with the floor.
    pairs = list(zip(found.segments["floor"][::2], found.segments["floor"][1::2], strict=True))
    rates = [statistics.fmean(segment.rate for segment in pair) for pair in pairs]
    tails = [statistics.fmean(_percentile(segment.taken, 99) for segment in pair) for pair in pairs]
    paid = found.segments["paid session"]
    of_the_floor = partial(Row, part="webhook", unit="of the floor")
    for name, segments in found.segments.items():
        bases = [first for first, _ in pairs] if name != "floor" else segments
        speeds = rates if name != "floor" else [segment.rate for segment in segments]
        ratio = statistics.median(segment.rate / speed for segment, speed in zip(segments, speeds, strict=True))
        more = {"per second": statistics.median(segment.rate for segment in segments)}
        more |= {f"p{n} ms": 1000 * statistics.median(_percentile(s.taken, n) for s in segments) for n in (50, 99)}
        more["web ms"] = statistics.median(segment.web_ms for segment in segments)
        more["database ms"] = statistics.median(segment.database_ms for segment in segments)
        # The ratio of the processor times: on a busy machine it is nearer to the truth.
        more["by cpu"] = statistics.median(base.cpu_ms / s.cpu_ms for s, base in zip(segments, bases, strict=True))
        yield of_the_floor(name=name, value=ratio, minimum=MINIMA.get(name), more=more)
    tail = statistics.median(_percentile(s.taken, 99) / base for s, base in zip(paid, tails, strict=True))
    yield Row(part="webhook", name="p99 of a paid session", value=tail, unit="of the floor's", maximum=P99_MULTIPLE)
    costs = [forged.cpu_ms / genuine.cpu_ms for forged, genuine in zip(found.segments["forged"], paid, strict=True)]
    cost = statistics.median(costs)
    yield Row(part="webhook", name="cost of a forged one", value=cost, unit="of a genuine one", maximum=FORGED_SHARE)


def _percentile(taken: list[float], percent: int) -> float:
    return taken[min(len(taken) * percent // 100, len(taken) - 1)]


def _backends() -> list[int]:
    """Return the processes of the database's connections."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        return [pid for (pid,) in cursor.fetchall()]


def _renamed(text: str, end: str) -> str:
    """Return an event with another id."""
    event_id = json.loads(text)["id"]
    return text.replace(f'"{event_id}"', f'"{event_id}{end}"')


def foreign(text: str) -> str:
    """Return an event about the object of another system on the account."""
    event = json.loads(text)
    event["id"] += "_foreign"
    row = event["data"]["object"]
    row |= {"id": row["id"] + "_foreign", "metadata": {}, "client_reference_id": None}
    if row.get("payment_intent"):
        row["payment_intent"] += "_foreign"
    return json.dumps(event, indent=2)


def measure_floor(server: Server, events: int) -> float:
    """Return how many events the floor records in a second, with an empty database."""
    from tests import backlog

    databases.empty()
    [(text,)] = backlog.copies(1, types=TYPES[:1])
    bodies = [_renamed(text, f"_{uuid.uuid4().hex}") for _ in range(events)]
    return rate(server, "/floor/", bodies)


def rate(server: Server, path: str, bodies: list[str]) -> float:
    """Return how many events a server acknowledges in a second."""
    return _load(server, path, bodies, SECRET, is_forged=False).rate
