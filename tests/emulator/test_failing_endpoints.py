"""An endpoint that fails for days: Stripe says so by e-mail, and disables it."""

from __future__ import annotations

from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from django_checkout.emulator import Emulator
from tests.serving import serving

from .conftest import Visitor, client_of, text_of
from .test_server import wait_for

DAY = 24 * 3600
URL = "http://localhost/webhook/"


@pytest.fixture
def endpoint(client):
    return client.v1.webhook_endpoints.create({"url": URL, "enabled_events": ["customer.created"]})


@pytest.fixture
def day(emulator, client, endpoint):
    """Let a day pass in which a customer is created and the endpoint answers with a status."""

    def passes(status):
        client.v1.customers.create({})
        emulator.deliver_to(lambda body, headers: status, endpoint_id=endpoint.id)
        emulator.clock.advance(DAY)

    return passes


def status_of(client, endpoint):
    return client.v1.webhook_endpoints.retrieve(endpoint.id).status


def test_an_endpoint_that_fails_for_three_days_is_reported_by_email(emulator, endpoint, day):
    for _ in range(3):
        day(500)
    assert emulator.emails() == []
    started = emulator.clock.now() - 3 * DAY

    day(500)
    day(500)

    (email,) = emulator.emails()
    assert (email["subject"], email["endpoint"]) == (f"Stripe webhook delivery issues for {URL}", endpoint.id)
    assert (email["failing_since"], email["disabled_at"]) == (started, started + 9 * DAY)


def test_an_endpoint_that_fails_for_nine_days_is_disabled(emulator, client, endpoint, day):
    for _ in range(9):
        day(500)
    assert status_of(client, endpoint) == "enabled"

    day(500)

    assert status_of(client, endpoint) == "disabled"
    assert [email["subject"] for email in emulator.emails()] == [
        f"Stripe webhook disabled: {URL}",
        f"Stripe webhook delivery issues for {URL}",
    ]
    # What happens while it is disabled is not delivered later either.
    missed = client.v1.customers.create({})
    emulator.enable_endpoint(endpoint.id)
    late = [one for one in emulator.pending_deliveries() if one.endpoint_id == endpoint.id]
    assert all(missed.id.encode() not in one.body for one in late)


def test_an_event_destination_that_fails_for_nine_days_is_disabled(emulator, client):
    destination = client.v2.core.event_destinations.create(
        {
            "name": "Shop",
            "type": "webhook_endpoint",
            "event_payload": "thin",
            "enabled_events": ["v1.customer.created"],
            "webhook_endpoint": {"url": URL},
        }
    )

    for _ in range(10):
        assert client.v2.core.event_destinations.retrieve(destination.id).status == "enabled"
        client.v1.customers.create({})
        emulator.deliver_to(lambda body, headers: 500, endpoint_id=destination.id)
        emulator.clock.advance(DAY)

    assert client.v2.core.event_destinations.retrieve(destination.id).status == "disabled"
    assert client.v2.core.event_destinations.enable(destination.id).status == "enabled"


def test_one_success_starts_the_days_again(emulator, client, endpoint, day):
    for _ in range(8):
        day(500)
    day(200)
    for _ in range(8):
        day(None)

    assert status_of(client, endpoint) == "enabled"
    assert len(emulator.emails()) == 2


def test_an_endpoint_that_is_enabled_again_has_nine_days_again(emulator, client, endpoint, day):
    for _ in range(10):
        day(500)
    emulator.enable_endpoint(endpoint.id)

    for _ in range(9):
        day(500)

    assert status_of(client, endpoint) == "enabled"


def test_a_day_without_deliveries_disables_nothing(emulator, client, endpoint, day):
    day(500)
    emulator.clock.advance(30 * DAY)

    assert status_of(client, endpoint) == "enabled"


def test_the_control_page_shows_the_emails(emulator, endpoint, day):
    for _ in range(4):
        day(500)

    assert f"Stripe webhook delivery issues for {URL}" in text_of(Visitor(emulator).get("/control/"))


def test_a_delivery_that_cannot_be_recorded_is_made_again(tmp_path, caplog):
    received = []

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            received.append(self.path)
            if len(received) == 1:
                # As a disk that is full from now on.
                emulator.store._connection.execute("PRAGMA query_only = ON")
            self.send_response(200)
            self.end_headers()

        def log_message(self, format, *args):  # noqa: A002 - the base class's name
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        with closing(Emulator(store=str(tmp_path / "emulator.sqlite3"), webhook_url=url)) as emulator:
            client_of(emulator).v1.customers.create({})
            emulator.start_webhook_sender()
            # Not what looks for due deliveries, which fails as well.
            wait_for(lambda: any(record.funcName == "_deliver" for record in caplog.records))
            emulator.store._connection.execute("PRAGMA query_only = OFF")
            emulator.clock.advance(DAY)
            wait_for(lambda: not emulator.pending_deliveries())

    assert len(received) == 2
