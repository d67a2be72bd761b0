"""Measures the webhooks of other packages, each as a share of the floor in the same round."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from tests.benchmarks import databases, webhook
from tests.benchmarks.peers.environments import PEERS, Peer, PeerUnavailableError, install
from tests.benchmarks.report import Row
from tests.benchmarks.servers import ROOT, Server, serving
from tests.benchmarks.sizes import Sizes

#: Only what has the effect is measured: the site's payment is confirmed, or the object is stored.
EVENT = "checkout.session.completed"
_ID = re.compile(r'"([a-z]+_[A-Za-z0-9_]{6,})"')


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    """A peer that is served."""

    peer: Peer
    path: str
    server: Server
    environment: dict[str, str]


def measure(sizes: Sizes) -> Iterator[Row]:
    """Yield the rows of this part."""
    from tests import backlog

    number = sizes.rounds * sizes.events + webhook.WARM_UP
    bodies = [text for (text,) in backlog.copies(number, types=(EVENT,))]
    with ExitStack() as stack:
        objects = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".json"))
        json.dump(_objects(), objects)
        objects.flush()
        running = []
        for peer in PEERS:
            try:
                install(peer)
            except PeerUnavailableError as error:
                yield Row(part="peers", name=peer.name, value=0, unit="", note=str(error))
            else:
                running.append(_start(stack, peer, number, Path(objects.name)))
        ours = stack.enter_context(serving(webhook.APPLICATION, webhook.SETTINGS))
        yield from _rounds(sizes, ours, running, bodies)


def _rounds(sizes: Sizes, ours: Server, running: list[_Running], bodies: list[str]) -> Iterator[Row]:
    found: dict[str, list[tuple[float, float]]] = {one.peer.name: [] for one in running} | {"django-checkout": []}
    warm, counted = bodies[: webhook.WARM_UP], bodies[webhook.WARM_UP :]
    for number in range(-1, sizes.rounds):
        part = warm if number < 0 else counted[number * sizes.events : (number + 1) * sizes.events]
        floor = webhook.rate(ours, "/floor/", part)
        rates = {one.peer.name: webhook.rate(one.server, one.path, part) for one in running}
        rates["django-checkout"] = webhook.rate(ours, webhook.WEBHOOK, part)
        if number >= 0:
            for name, rate in rates.items():
                found[name].append((rate, floor))
    for one in running:
        if (count := int(_run(one.peer, one.environment, "count"))) != len(bodies):
            raise RuntimeError(f"{one.peer.name} has processed {count} of {len(bodies)} events.")
    for name, rates in found.items():
        ratio = statistics.median(rate / floor for rate, floor in rates)
        more = {"per second": statistics.median(rate for rate, _ in rates)}
        yield Row(part="peers", name=name, value=ratio, unit="of the floor", more=more)


def _start(stack: ExitStack, peer: Peer, number: int, objects: Path) -> _Running:
    """Create the database of a peer, insert what it expects, and serve it."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    name = f"{parts.path.strip('/')}_{peer.name.replace('-', '_')}"
    url = urlunsplit(parts._replace(path=f"/{name}"))
    stack.callback(databases.drop, url)
    databases.create(url)
    environment = {
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": f"{peer.site}.settings",
        "BENCHMARK_OBJECTS": str(objects),
        "PYTHONDEVMODE": "",
    }
    path = _run(peer, environment, "prepare", str(number))
    application, settings = f"{peer.site}.wsgi:application", f"{peer.site}.settings"
    server = stack.enter_context(serving(application, settings, environment=environment, python=peer.python))
    return _Running(peer=peer, path=path, server=server, environment=environment)


def _run(peer: Peer, environment: dict[str, str], *arguments: str) -> str:
    """Return what a command of the site of a peer prints."""
    command = [peer.python, "-m", peer.site, *arguments]
    variables = {**os.environ, **environment}
    ended = subprocess.run(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    return ended.stdout.strip()


def _objects() -> dict[str, str]:
    """Return every object that a purchase has at Stripe, as JSON by its id; the ids end as the copies' do, with 0."""
    from django_checkout import services
    from django_checkout.testing import emulated_stripe
    from tests.factories import HostOrderFactory

    with emulated_stripe() as emulator:
        host = HostOrderFactory(number="template-of-the-peers")
        session = services.start(host)
        emulator.pay(session.stripe_id)
        found: dict[str, Any] = {}
        wanted = {session.stripe_id}
        while wanted:
            name = wanted.pop()
            try:
                found[name] = json.dumps(emulator.get(name))
            except KeyError:
                continue
            wanted |= set(_ID.findall(found[name])) - set(found)
        whole = emulator.get(session.stripe_id)
        intent = emulator.get(whole["payment_intent"])
    renamed = {old: f"{old.partition('_')[0]}_test_0" for old in (whole["id"], intent["id"], intent["latest_charge"])}
    renamed[host.number] = "B-0"
    account = json.dumps({"id": "acct_peer", "object": "account"})
    objects = {"account": account, "acct_peer": account}
    for name, text in found.items():
        for old, new in renamed.items():
            name, text = name.replace(old, new), text.replace(old, new)
        objects[name] = text
    return objects
