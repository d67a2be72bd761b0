"""Stripe's own command line against the emulator: ``npm install --prefix var/stripe-cli @stripe/cli``."""

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
    pytest.mark.skipif(not PROGRAM, reason="no Stripe CLI: npm install --prefix var/stripe-cli @stripe/cli"),
]

#: What ``stripe trigger`` causes, of the events that integrations of Checkout handle. docs/emulator.md has the others.
TRIGGERED = """
balance.available billing_portal.session.created charge.captured charge.dispute.closed charge.dispute.created
charge.dispute.updated charge.failed charge.refund.updated charge.refunded charge.succeeded
checkout.session.async_payment_failed checkout.session.async_payment_succeeded checkout.session.completed
checkout.session.expired coupon.created coupon.deleted coupon.updated credit_note.created credit_note.updated
credit_note.voided customer.created customer.deleted customer.subscription.created customer.subscription.deleted
customer.subscription.paused customer.subscription.trial_will_end customer.subscription.updated customer.updated
invoice.created invoice.deleted invoice.finalized invoice.marked_uncollectible invoice.paid
invoice.payment_action_required invoice.payment_failed invoice.payment_succeeded invoice.sent invoice.updated
invoice.voided invoiceitem.created invoiceitem.deleted payment_intent.amount_capturable_updated
payment_intent.canceled payment_intent.created payment_intent.payment_failed payment_intent.processing
payment_intent.requires_action payment_intent.succeeded payment_link.created payment_link.updated
payment_method.attached payment_method.detached payout.created
payout.updated price.created price.updated product.created product.deleted product.updated setup_intent.canceled
setup_intent.created setup_intent.setup_failed setup_intent.succeeded tax_rate.created tax_rate.updated
test_helpers.test_clock.advancing test_helpers.test_clock.created test_helpers.test_clock.deleted
test_helpers.test_clock.ready
"""


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
    """Neither the account of whoever runs the tests nor telemetry."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**kept, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "STRIPE_CLI_TELEMETRY_OPTOUT": "1"}


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


@pytest.mark.parametrize("event_type", TRIGGERED.split())
def test_an_event_is_triggered(emulator, run, event_type):
    assert "Trigger succeeded" in run("trigger", event_type)

    assert event_type in {event["type"] for event in emulator.events()}


def test_what_is_not_implemented_is_said_and_not_triggered(attempt):
    status, output = attempt("trigger", "issuing_card.created")

    assert status != 0
    assert "The emulator does not implement the operation POST /v1/issuing/cardholders" in output


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
