from __future__ import annotations

import http.client
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
import stripe
from django.core.management import CommandError, call_command
from requests.adapters import HTTPAdapter

from django_checkout.emulator import Emulator
from django_checkout.emulator.server import EmulatorServer
from tests.serving import serving

from .conftest import API_VERSION, SECRET, client_of, session_params

PARAMS = session_params()


@pytest.fixture
def server(emulator):
    with serving(EmulatorServer(("127.0.0.1", 0), emulator)) as made:
        yield made


@pytest.fixture
def over_sockets(server):
    session = requests.Session()
    yield stripe.StripeClient(
        "sk_test_x",
        stripe_version=API_VERSION,
        http_client=stripe.RequestsClient(session=session),
        base_addresses={"api": server.url},
    )
    session.close()


class Shop(BaseHTTPRequestHandler):
    """Records webhooks and responds with preset statuses."""

    received: list[stripe.Event]
    answers: list[int]
    delay_seconds = 0.0

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append(stripe.Webhook.construct_event(body, self.headers["Stripe-Signature"], SECRET))
        time.sleep(self.delay_seconds)
        self.send_response(self.answers.pop(0) if self.answers else 200)
        self.end_headers()

    def log_message(self, format, *args):  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def shop():
    handler = type("OneShop", (Shop,), {"received": [], "answers": []})
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as server:
        yield handler, f"http://127.0.0.1:{server.server_address[1]}/webhook/"


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.01)


def test_the_api_is_served_to_the_real_library(server, over_sockets):
    session = over_sockets.v1.checkout.sessions.create(PARAMS)

    page = requests.get(str(session.url), timeout=60)

    assert session.url == f"{server.url}/pay/{session.id}"
    assert page.status_code == 200
    assert "Tea" in page.text
    assert requests.get(server.url, timeout=60).url == f"{server.url}/"


def test_a_dropped_response_closes_the_connection(emulator, server, over_sockets):
    emulator.chaos.drop()

    with pytest.raises(stripe.APIConnectionError):
        over_sockets.v1.checkout.sessions.create(PARAMS, {"idempotency_key": "k1"})

    again = over_sockets.v1.checkout.sessions.create(PARAMS, {"idempotency_key": "k1"})
    assert [session.id for session in over_sockets.v1.checkout.sessions.list().data] == [again.id]


@pytest.mark.parametrize(("length", "status"), [("x", 400), ("99999999", 413)])
def test_malformed_and_huge_bodies_are_refused(server, length, status):
    connection = http.client.HTTPConnection(*server.server_address[:2])
    connection.putrequest("POST", "/v1/refunds")
    connection.putheader("Content-Length", length)
    connection.endheaders()

    answer = connection.getresponse()

    assert answer.status == status
    answer.read()
    connection.close()


def test_head_has_no_body(server):
    answer = requests.head(f"{server.url}/assets/emulator.css", timeout=60)

    assert answer.status_code == 200
    assert answer.content == b""


def make_emulator(url):
    emulator = Emulator(webhook_url=url, webhook_secret=SECRET)
    emulator.start_webhook_sender()
    return emulator


def test_events_are_posted_signed_in_the_background(shop):
    handler, url = shop
    emulator = make_emulator(url)
    client = pay_one(emulator)

    emulator.wait_until_acknowledged(client)
    wait_for(lambda: len(handler.received) == 5)
    wait_for(lambda: emulator.pending_deliveries() == [])
    emulator.close()

    assert "checkout.session.completed" in [event.type for event in handler.received]


def test_a_refused_event_is_retried_later(shop):
    handler, url = shop
    handler.answers = [500] * 5
    emulator = make_emulator(url)
    pay_one(emulator)
    wait_for(lambda: len(handler.received) == 5)
    wait_for(lambda: all(delivery.attempts == 1 for delivery in emulator.pending_deliveries()))

    emulator.clock.advance(10)

    wait_for(lambda: emulator.pending_deliveries() == [])
    emulator.close()
    assert len(handler.received) == 10
    assert len({event.id for event in handler.received}) == 5


def test_an_attempt_at_an_unreachable_endpoint_is_recorded():
    emulator = make_emulator("http://127.0.0.1:9/")
    pay_one(emulator)

    wait_for(lambda: all(delivery.attempts == 1 for delivery in emulator.pending_deliveries()))
    emulator.close()


def test_the_page_waits_until_the_shop_has_acknowledged(shop):
    handler, url = shop
    handler.delay_seconds = 0.2
    emulator = make_emulator(url)
    session_id = pay_one(emulator)

    started = time.monotonic()
    emulator.wait_until_acknowledged(session_id)
    waited = time.monotonic() - started
    emulator.close()

    assert 0.1 < waited < 5


def test_the_page_waits_no_longer_than_its_limit(shop):
    handler, url = shop
    handler.delay_seconds = 3
    emulator = make_emulator(url)
    session_id = pay_one(emulator)

    started = time.monotonic()
    emulator.wait_until_acknowledged(session_id, timeout_seconds=0.1)
    waited = time.monotonic() - started
    emulator.close()

    assert waited < 2.5


def pay_one(emulator):
    session = client_of(emulator).v1.checkout.sessions.create(PARAMS)
    emulator.pay(session.id)
    emulator.start_webhook_sender()
    return session.id


def test_two_emulators_on_one_file_are_one_account(tmp_path):
    path = str(tmp_path / "emulator.sqlite3")
    one, two = Emulator(store=path), Emulator(store=path)
    session_id = make_one(one)

    one.clock.advance(3600)
    outcome = two.pay(session_id)

    assert two.clock.offset_seconds == 3600
    assert one.get(session_id)["payment_intent"] == outcome.payment_intent
    assert one.form_secret == two.form_secret
    one.close()
    two.close()


def make_one(emulator):
    return client_of(emulator).v1.checkout.sessions.create(PARAMS).id


def test_stored_objects_survive_a_restart(tmp_path):
    path = str(tmp_path / "emulator.sqlite3")
    before = Emulator(store=path)
    session_id = make_one(before)
    before.close()

    after = Emulator(store=path)

    assert after.get(session_id)["status"] == "open"
    after.close()


def test_the_clock_cannot_run_backwards(emulator):
    with pytest.raises(ValueError, match="backwards"):
        emulator.clock.advance(-1)


def test_the_command_serves_until_it_is_interrupted(monkeypatch, capsys):
    def interrupt(server):
        raise KeyboardInterrupt

    monkeypatch.setattr(EmulatorServer, "serve_forever", interrupt)

    call_command("checkout_emulator", port=0, webhook_url="http://127.0.0.1:9/")

    assert "STRIPE_API_BASE=http://127.0.0.1:" in capsys.readouterr().out


@pytest.mark.urls("tests.emulator.urls")
@pytest.mark.parametrize(
    ("debug", "message"), [(True, "sent to http://127.0.0.1:8000/checkout/webhook/"), (False, "not sent")]
)
def test_the_command_says_where_events_go_without_a_base_url(debug, message, settings, monkeypatch, capsys):
    monkeypatch.setattr(EmulatorServer, "serve_forever", lambda server: None)
    settings.DEBUG = debug
    settings.CHECKOUT_BASE_URL = ""

    call_command("checkout_emulator", port=0)

    assert message in capsys.readouterr().out


@pytest.mark.parametrize("name", ["STRIPE_SECRET_KEY", "STRIPE_PUBLISHABLE_KEY"])
def test_the_command_refuses_a_live_key(name, settings, monkeypatch):
    monkeypatch.setattr(EmulatorServer, "serve_forever", lambda server: None)
    setattr(settings, name, f"{'pk' if 'PUBLISHABLE' in name else 'sk'}_live_1")

    with pytest.raises(CommandError, match="live key"):
        call_command("checkout_emulator", port=0)


@pytest.mark.parametrize("host", ["rebound.example", "rebound.example:80", "127.0.0.1.rebound.example", "[::1", ""])
def test_an_unknown_host_name_is_refused(host, server):
    """A page at that name could read this server: https://en.wikipedia.org/wiki/DNS_rebinding."""
    answer = requests.get(f"{server.url}/control/", headers={"Host": host}, timeout=60)

    assert answer.status_code == (200 if host == "" else 403)
    assert "token" not in answer.text or host == ""


@pytest.mark.parametrize(
    "host", ["localhost:5", "127.0.0.1", "[::1]:5", "shop.localhost", "172.17.0.2:80", "Stripe:12"]
)
def test_addresses_and_allowed_names_are_answered(host, emulator):
    server = EmulatorServer(("127.0.0.1", 0), emulator, allowed_hosts=["stripe"])

    assert server.is_allowed(host)
    server.server_close()


def test_events_are_posted_to_this_machine_and_to_the_configured_host(shop, monkeypatch):
    _, url = shop
    posted = []
    real = HTTPAdapter.send

    def send(self, request, **options):
        posted.append(request.url)
        request.url = url
        return real(self, request, **options)

    monkeypatch.setattr(HTTPAdapter, "send", send)
    emulator = Emulator(webhook_url="http://Web:8000/checkout/webhook/", webhook_secret=SECRET)
    client = client_of(emulator)
    for address in (
        "https://169.254.169.254/latest/",
        "http://web:8001/",
        "http://web.example/",
        url,
        "http://web:8000/",
    ):
        client.v1.webhook_endpoints.create({"url": address, "enabled_events": ["checkout.session.expired"]})
    # The API refuses these URLs, but an older store may contain them.
    for address in ("http://169.254.169.254\\@127.0.0.1/latest/", "http://evil.example\\@web:8000/"):
        made = client.v1.webhook_endpoints.create({"url": url, "enabled_events": ["checkout.session.expired"]})
        with emulator.store.transaction():
            emulator.store.save({**(emulator.store.find(made.id) or {}), "url": address})
    emulator.expire(client.v1.checkout.sessions.create(PARAMS).id)

    emulator.start_webhook_sender()
    wait_for(lambda: len(posted) >= 3)
    wait_for(lambda: all(delivery.attempts for delivery in emulator.pending_deliveries()))
    emulator.close()

    assert set(posted) == {"http://web:8000/checkout/webhook/", url, "http://web:8000/"}


def test_the_command_says_when_its_port_is_taken(server):
    with pytest.raises(CommandError, match="Cannot listen"):
        call_command("checkout_emulator", port=server.server_address[1])
