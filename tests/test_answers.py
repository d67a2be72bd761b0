"""Responses that are not Stripe's: commands end with one line and exit code 2, pages with 502 or 503."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.core.management import CommandError, call_command
from django.test import RequestFactory
from django.urls import reverse

from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.exceptions import CheckoutError, StripeAnswerError, StripeUnavailableError
from django_checkout.models import CheckoutSession
from django_checkout.pages import views
from django_checkout.stripe_api import client as stripe_client
from django_checkout.stripe_api import gateway
from django_checkout.stripe_api.steps import run
from django_checkout.testing import post_event, sign
from tests.serving import serving

pytestmark = [pytest.mark.core, pytest.mark.django_db]

NEEDS_HTTPX = pytest.mark.skipif(find_spec("httpx") is None, reason="calls from coroutines need httpx")
SECRET = "sk_live_secret_in_the_body"
PAGE = f"<!doctype html><title>Sign in</title>{SECRET}".encode()
SESSION = {"id": "cs_test_1", "object": "checkout.session", "status": "open", "payment_status": "unpaid", "created": 1}
FULL_SESSION = {
    **SESSION,
    "mode": "payment",
    "currency": "eur",
    "amount_subtotal": 1,
    "amount_total": 1,
    "total_details": {},
    "presentment_details": {},
    "payment_intent": {"id": "pi_1", "object": "payment_intent", "status": "succeeded", "latest_charge": None},
    "subscription": None,
    "invoice": None,
    "customer": None,
    "customer_details": {},
    "collected_information": {},
    "consent": {},
    "custom_fields": [],
    "expires_at": 1,
    "after_expiration": None,
    "url": "https://checkout.stripe.com/c/pay/cs_test_1",
    "metadata": {},
    "line_items": {"object": "list", "data": [], "has_more": False},
    "shipping_cost": {},
    "livemode": False,
}


def _json(value, status=200, **headers):
    return status, {"Content-Type": "application/json", **headers}, json.dumps(value).encode()


def _html(status, **headers):
    return status, {"Content-Type": "text/html; charset=utf-8", **headers}, PAGE


#: Status, headers and body of each kind of response.
GARBAGE = {
    "binary": (200, {"Content-Type": "application/json"}, b"\x89PNG\x00\xff\xfe" * 9),
    "truncated": (200, {"Content-Type": "application/json"}, b'{"object": "list", "data": [{"id": "' + SECRET.encode()),
    "cut off": (200, {"Content-Type": "application/json", "Content-Length": "5000"}, b'{"object": "list"'),
    "gzip that is none": (200, {"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"no gzip"),
    "html in gzip": (200, {"Content-Type": "text/html", "Content-Encoding": "gzip"}, gzip.compress(PAGE)),
    "empty": (200, {"Content-Type": "application/json"}, b""),
    "no content": (204, {}, b""),
    "null": _json(None),
    "text": _json(SECRET),
    "number": _json(42),
    "array": _json([{"id": SECRET}]),
    "empty object": _json({}),
    "another object": _json({"id": "x_1", "object": "x", "secret": SECRET}),
    "list of numbers": _json({"object": "list", "data": [1, 2], "has_more": False}),
    "list of lists": _json({"object": "list", "data": [[]], "has_more": False}),
    "list of others": _json({"object": "list", "data": [{"id": "x_1", "object": "x"}], "has_more": False}),
    "list without an end": _json({"object": "list", "data": [], "has_more": "maybe"}),
    "data is an object": _json({"object": "list", "data": {"id": SECRET}, "has_more": False}),
    "deep": (200, {"Content-Type": "application/json"}, b"[" * 100_000),
    "page 200": _html(200),
    "page 302": _html(302, Location=f"https://login.example/?token={SECRET}"),
    "page 403": _html(403),
    "page 404": _html(404),
    "json as text": (200, {"Content-Type": "text/plain"}, json.dumps(SESSION).encode()),
    "error text": _json({"error": SECRET}, 403),
    "error list": _json({"error": [SECRET]}, 400),
    "error of nobody": _json({"message": SECRET}, 401),
}
UNAVAILABLE = {"page 502": _html(502), "page 503": _html(503), "error 500": _json({"error": None}, 500)}
COMMANDS = {
    "doctor": ["checkout_doctor", "--no-delivery", "--url", "https://shop.example/checkout/webhook/"],
    "setup": ["checkout_setup_webhook", "--url", "https://shop.example/checkout/webhook/"],
    "reconcile": ["checkout_reconcile"],
    "reconcile fix": ["checkout_reconcile", "--fix"],
    "missed events": ["checkout_reconcile", "--missed-events"],
    "payouts": ["checkout_reconcile", "--payouts"],
}


class Other(BaseHTTPRequestHandler):
    """Responds to everything in the same way."""

    answer = (200, {}, b"")

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, headers, body = self.answer
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    do_POST = do_GET  # noqa: N815  # as the base class has it

    def log_message(self, format, *args):  # noqa: A002  # the base class's name
        pass


@pytest.fixture
def other():
    """A server that is not Stripe; its ``answer`` is set by the test."""
    handler = type("OneOther", (Other,), {})
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as server:
        handler.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield handler
    stripe_client.forget_clients()


@pytest.fixture
def garble(other, settings):
    """Let something else than Stripe respond from now on."""

    def garble(kind):
        other.answer = {**GARBAGE, **UNAVAILABLE}[kind]
        settings.STRIPE_API_BASE = other.url
        stripe_client.forget_clients()

    return garble


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr("django_checkout.reconcile.reads.FIRST_PAUSE_SECONDS", 0)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", [*GARBAGE, *UNAVAILABLE])
def test_command_ends_with_one_line_that_says_what_was_received(kind, command, garble, other, caplog, capfd):
    garble(kind)

    with pytest.raises(CommandError) as raised:
        call_command(*COMMANDS[command], stdout=StringIO(), stderr=StringIO())

    text = str(raised.value)
    assert (raised.value.returncode, len(text.splitlines())) == (2, 1)
    assert f"{other.url}/v1/" in text
    assert f"status {other.answer[0]}" in text
    assert "STRIPE_API_BASE" in text
    assert SECRET not in text + caplog.text + "".join(capfd.readouterr())
    assert [record.getMessage() for record in caplog.records if record.levelname in ("WARNING", "CRITICAL")] == []


#: A site of its own, with an SQLite database and without LOGGING.
SITE = """
import sys, tests.settings as settings
settings.STRIPE_API_BASE = sys.argv.pop(1)
import django
django.setup()
from django.core.management import call_command, execute_from_command_line
call_command("migrate", verbosity=0)
execute_from_command_line(sys.argv)
"""


@pytest.mark.slow
def test_command_writes_nothing_else_to_stderr(garble, other):
    """A site without LOGGING prints warnings of loggers to stderr."""
    garble("page 200")
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", SITE, other.url, *COMMANDS["doctor"]],
        cwd=Path(__file__).parents[1],
        env={**environment, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "text/html" in done.stderr


def _responses(order, browser):
    """Return the responses of the pages of an order, by name."""
    pay, status = make_token(order, Purpose.PAY), make_token(order, Purpose.STATUS)
    return {
        "pay": browser.get(reverse("django_checkout:pay", args=[pay])),
        "start": browser.post(reverse("django_checkout:start", args=[pay])),
        "secret": browser.post(reverse("django_checkout:secret", args=[pay]), {"ui_mode": "elements"}),
        "return": browser.get(reverse("django_checkout:return", args=[status])),
        "status": browser.get(reverse("django_checkout:status", args=[status])),
        "health": browser.get(reverse("django_checkout:health")),
    }


@pytest.mark.parametrize("kind", [*GARBAGE, *UNAVAILABLE])
def test_pages_show_the_order_and_the_next_try_finds_the_session(
    kind, garble, order, client, stripe_emulator, settings
):
    emulated = settings.STRIPE_API_BASE
    garble(kind)

    responses = _responses(order, client)

    assert {name: responses[name].status_code for name in ("pay", "return", "status", "health")} == {
        "pay": 200,
        "return": 200,
        "status": 200,
        "health": 200,
    }
    assert {responses[name].status_code for name in ("start", "secret")} <= {502, 503}
    assert "cannot be reached" in responses["start"].text
    assert "2" in responses["start"].text
    assert SECRET not in "".join(response.text for response in responses.values())
    row = CheckoutSession.objects.get()
    assert (row.status, row.leased_until) == ("creating", None)

    settings.STRIPE_API_BASE = emulated
    assert services.start(order).pk == row.pk


@pytest.mark.parametrize("start", [services.start, pytest.param(async_to_sync(services.astart), marks=NEEDS_HTTPX)])
@pytest.mark.parametrize("kind", [*GARBAGE, *UNAVAILABLE])
def test_services_and_coroutines_raise_the_same_error(kind, start, garble, host_order):
    garble(kind)

    with pytest.raises(StripeUnavailableError, match="is not Stripe's"):
        start(host_order)


def _post_to_coroutine(event):
    body = json.dumps(event).encode()
    headers = {"Stripe-Signature": sign(body)}
    request = RequestFactory().post("/webhook/", body, content_type="application/json", headers=headers)
    return async_to_sync(views.awebhook)(request)


@pytest.mark.parametrize("post", [post_event, pytest.param(_post_to_coroutine, marks=NEEDS_HTTPX)])
@pytest.mark.parametrize("kind", ["page 200", "array", "page 502", "another object"])
def test_webhook_that_reads_garbage_is_retried(kind, post, garble, paid_order, stripe_emulator, settings):
    payment = paid_order.payments.get()
    stripe_emulator.open_dispute(payment.stripe_id)
    (event,) = stripe_emulator.events("charge.dispute.created")
    emulated = settings.STRIPE_API_BASE
    garble(kind)

    assert post(event).status_code in (502, 503)

    settings.STRIPE_API_BASE = emulated
    assert post(event).status_code == 200
    assert payment.disputes.count() == 1


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({**SESSION, "livemode": True}, "live mode for a key of test mode"),
        ({**SESSION, "id": "cs_test_2"}, "another checkout.session than the requested one"),
        ({**SESSION, "status": None}, "status"),
        ({**SESSION, "payment_status": 5}, "payment_status"),
        ({**SESSION, "object": "charge"}, "no object of the type checkout.session"),
    ],
)
def test_object_of_another_account_mode_or_shape_is_refused(data, problem, garble, other):
    garble("null")
    other.answer = _json(data)
    with pytest.raises(StripeAnswerError, match=problem):
        run(gateway.retrieve_session("cs_test_1"))


def test_redirect_is_not_followed(garble, other):
    garble("null")
    other.answer = _html(302, Location="/v1/elsewhere")
    with pytest.raises(StripeAnswerError, match="a redirect to this server"):
        run(gateway.retrieve_session("cs_test_1"))


def test_date_that_is_none_is_no_time_of_stripe(garble, other):
    garble("null")
    other.answer = _json({"id": "acct_1", "object": "account"}, Date="yesterday")
    account, _ = run(gateway.retrieve_account())
    assert account["id"] == "acct_1"


VALUES = [None, True, -1, 2**70, "", "x", [], [None], {}, {"id": 5}, {"data": 1}, {"object": "list", "data": [[]]}]


@pytest.mark.parametrize("field", sorted(FULL_SESSION))
def test_field_of_another_type_raises_an_error_of_the_app(field, garble, other, order):
    """Fields that the app does not require are ignored; the others raise an error that the faces know."""
    garble("null")
    for value in VALUES:
        other.answer = _json({**FULL_SESSION, field: value})
        with suppress(CheckoutError):
            run(gateway.retrieve_session("cs_test_1"))
