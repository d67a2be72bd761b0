from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer
from django.test.testcases import QuietWSGIRequestHandler

from django_checkout.stripe_api import webhook_endpoints
from django_checkout.stripe_api.client import forget_clients
from tests.crashes import acts
from tests.serving import serving

pytest.register_assert_rewrite("tests.incidents.truth", "tests.incidents.world")

from .stripe_side import PATIENCE_SECONDS, Stripe  # noqa: E402  # after the registration
from .world import World  # noqa: E402

SITE_KEY = "sk_test_of_the_site_0001"
SECOND_KEY = "sk_test_of_the_site_0002"


@pytest.fixture(scope="session")
def emulators() -> Iterator[subprocess.Popen[str]]:
    """A process of its own for the emulators."""
    command = [sys.executable, "-m", "tests.incidents.emulators"]
    process = subprocess.Popen(  # noqa: S603  # a fixed command line
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    assert process.stdin
    assert process.stdout
    process.stdin.close()
    process.wait(60)
    process.stdout.close()


@pytest.fixture
def stripe_side(emulators) -> Iterator[Stripe]:
    """An emulator with nothing in it."""
    emulators.stdin.write("open\n")
    emulators.stdin.flush()
    stripe = Stripe(emulators.stdout.readline().strip())
    yield stripe
    stripe.close()
    emulators.stdin.write("close\n")
    emulators.stdin.flush()
    assert emulators.stdout.readline() == "closed\n"


@pytest.fixture
def site_url(transactional_db) -> Iterator[str]:
    """The site, served in this process; each of its threads has a connection of its own."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), QuietWSGIRequestHandler, allow_reuse_address=False)
    server.set_app(WSGIHandler())
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def world(stripe_side, site_url, settings, caplog, monkeypatch) -> Iterator[World]:
    """A site whose webhook is set up, with receivers that write into its own rows."""
    cache.clear()
    caplog.set_level("INFO", logger="django_checkout")
    # Another address of this machine, so that the checks do not report an emulator.
    settings.STRIPE_API_BASE = stripe_side.url.replace("127.0.0.1", "0.0.0.0")  # noqa: S104  # nothing listens there
    settings.STRIPE_SECRET_KEY = SITE_KEY
    settings.CHECKOUT_BASE_URL = site_url
    settings.STRIPE_WEBHOOK_SECRETS = []
    settings.CHECKOUT_STRIPE_TIMEOUT_SECONDS = PATIENCE_SECONDS
    monkeypatch.setattr(webhook_endpoints, "DELIVERY_TIMEOUT_SECONDS", PATIENCE_SECONDS)
    forget_clients()
    acts.connect()
    with time_machine.travel(datetime.now(UTC), tick=True) as traveller:
        world = World(site_url, stripe_side, settings, caplog, traveller)
        world.deploy(STRIPE_WEBHOOK_SECRETS=[world.set_up_webhook()])
        yield world
    acts.disconnect()
    forget_clients()


class SecondSite:
    """Another site on the same account, in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.url = ""

    def call(self, name: str, *arguments: Any, **named: Any) -> Any:
        """Call a method of the site's ``World``."""
        answer = self.send([name, arguments, named])
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def send(self, line: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@pytest.fixture
def second_site(stripe_side, tmp_path) -> Iterator[SecondSite]:
    """A site with its own database, key and address, without a webhook."""
    process = subprocess.Popen(  # a fixed command line
        [sys.executable, "-m", "tests.incidents.second_site"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.incidents.second_settings",
            "SECOND_SITE_DATABASE": str(tmp_path / "second.sqlite3"),
        },
    )
    site = SecondSite(process)
    site.url = site.send([stripe_side.url.replace("127.0.0.1", "0.0.0.0"), SECOND_KEY])  # noqa: S104
    yield site
    assert process.stdin
    assert process.stdout
    process.stdin.close()
    process.wait(60)
    process.stdout.close()
