"""Stripe's own command line against the emulator: ``npm install --prefix var/stripe-cli @stripe/cli@1.52``."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
import stripe

from django_checkout.emulator import Emulator
from django_checkout.emulator.server import EmulatorServer
from tests.serving import serving

from .test_server import Shop, wait_for
from .triggers import triggers

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = ROOT / "var" / "stripe-cli"
KEY = "sk_test_command_line_0123456789"
TIMEOUT_SECONDS = 180


def find_command_line():
    """Return the path of Stripe's command line, or None. The package for the platform contains the program."""
    found = sorted(INSTALLED.glob("node_modules/@stripe/cli-*/bin/stripe*"))
    return os.environ.get("STRIPE_CLI") or (str(found[0]) if found else shutil.which("stripe"))


PROGRAM = find_command_line()
pytestmark = [
    pytest.mark.stripe_cli,
    pytest.mark.skipif(not PROGRAM, reason="no Stripe CLI: npm install --prefix var/stripe-cli @stripe/cli@1.52"),
]

ALL = triggers()


@pytest.fixture
def emulator():
    made = Emulator(enabled_events=())
    yield made
    made.close()


@pytest.fixture
def server(emulator):
    with serving(EmulatorServer(("127.0.0.1", 0), emulator)) as made:
        yield made


@pytest.fixture
def environment(tmp_path):
    """Neither the account of whoever runs the tests, nor telemetry, nor the search for a newer version on each run."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {
        **kept,
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "STRIPE_CLI_TELEMETRY_OPTOUT": "1",
        # Nothing listens there, so that no request leaves the machine, and none waits where there is no network.
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }


@pytest.fixture
def attempt(server, environment):
    """Run a command to its end, and return its exit status and its output."""

    def to_its_end(*command):
        done = subprocess.run(  # noqa: S603  # Stripe's program
            [PROGRAM, *command, "--api-base", server.url, "--api-key", KEY],
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return to_its_end


@pytest.fixture
def run(attempt):
    """Run a command that succeeds, and return its output."""

    def succeed(*command):
        status, output = attempt(*command)
        assert status == 0, output
        return output

    return succeed


@pytest.fixture
def start(server, environment, tmp_path):
    """Run a command while the block runs, and yield a function that returns its output so far."""

    @contextmanager
    def running(*command):
        path = tmp_path / f"{command[0]}.log"
        with path.open("w") as log:
            process = subprocess.Popen(  # noqa: S603  # Stripe's program
                [PROGRAM, *command, "--api-base", server.url, "--api-key", KEY],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                wait_for(lambda: "Ready!" in path.read_text() or process.poll() is not None, TIMEOUT_SECONDS)
                assert process.poll() is None, path.read_text()
                yield path.read_text
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(TIMEOUT_SECONDS)

    return running


@pytest.fixture
def shop():
    handler = type("OneShop", (Shop,), {"received": [], "answers": []})
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as made:
        yield handler, f"127.0.0.1:{made.server_address[1]}/webhook/"


@pytest.mark.parametrize("trigger", [one for one in ALL if one.works], ids=lambda one: one.name)
def test_a_trigger_causes_its_event(emulator, run, trigger):
    assert "Trigger succeeded" in run("trigger", trigger.name, *trigger.arguments)

    assert trigger.event in {event["type"] for event in emulator.events()}


@pytest.mark.parametrize("trigger", [one for one in ALL if one.refusal], ids=lambda one: one.name)
def test_a_trigger_that_does_not_work_says_why(emulator, attempt, trigger):
    status, output = attempt("trigger", trigger.name)

    assert status != 0
    assert trigger.refusal in output
    assert trigger.name not in {event["type"] for event in emulator.events()}


def test_the_table_has_every_trigger(run):
    known = re.findall(r"^  ([a-z0-9_]+\.[a-z0-9_.]+)$", run("trigger", "--help"), re.MULTILINE)

    assert known == [trigger.name for trigger in ALL]


def test_events_are_forwarded_signed_and_sent_again(emulator, run, start, shop, monkeypatch):
    handler, address = shop
    secret = run("listen", "--print-secret").strip().splitlines()[-1]
    monkeypatch.setattr("tests.emulator.test_server.SECRET", secret)
    with start("listen", "--skip-update", "--all-snapshot", "--forward-to", address) as output:
        run("trigger", "checkout.session.completed", "--override", "checkout_session:client_reference_id=order-1")
        wait_for(lambda: "checkout.session.completed" in {event.type for event in handler.received}, TIMEOUT_SECONDS)
        (completed,) = [event for event in handler.received if event.type == "checkout.session.completed"]
        assert completed.data.object.client_reference_id == "order-1"
        wait_for(lambda: {event["pending_webhooks"] for event in emulator.events()} == {0}, TIMEOUT_SECONDS)
        wait_for(lambda: f"[200] POST http://{address} [{completed.id}]" in output(), TIMEOUT_SECONDS)

        run("events", "resend", completed.id)

        wait_for(lambda: [event.id for event in handler.received].count(completed.id) == 2, TIMEOUT_SECONDS)


def test_requests_are_tailed(emulator, run, start):
    with start("logs", "tail") as output:
        run("products", "create", "--name", "Tea")

        (made,) = [request for request in emulator.requests() if request.path == "/v1/products"]
        wait_for(lambda: made.id in output(), TIMEOUT_SECONDS)
        assert re.search(rf"\[200\] POST /v1/products \[{made.id}\]", output())


def test_a_fixture_of_ones_own_creates_a_session(emulator, run, tmp_path):
    fixture = tmp_path / "session.json"
    fixture.write_text(
        """{"_meta": {"template_version": 0}, "fixtures": [{
            "name": "session", "path": "/v1/checkout/sessions", "method": "post", "params": {
                "mode": "payment", "success_url": "https://shop.example.com/", "line_items": [{
                    "quantity": 2,
                    "price_data": {"currency": "eur", "unit_amount": 500, "product_data": {"name": "Tea"}}}]}}]}"""
    )

    run("fixtures", str(fixture))

    (session,) = emulator.latest("checkout.session", 2)
    assert (session["amount_total"], session["status"]) == (1000, "open")


def test_the_command_line_reads_and_creates_objects(emulator, run):
    created = run(
        "checkout",
        "sessions",
        "create",
        "--mode=setup",
        "--currency=eur",
        "--success-url=https://shop.example.com/",
    )
    session = re.search(r'"id": "(cs_test_\w+)"', created)

    assert session
    assert session[1] in run("get", f"/v1/checkout/sessions/{session[1]}")
    assert stripe.Event.construct_from(emulator.get(session[1]), KEY)["status"] == "open"
