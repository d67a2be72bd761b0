"""The emulator's side of Stripe's command line, over a socket. ``test_stripe_cli.py`` runs the command line itself."""

from __future__ import annotations

import base64
import json
import os
import socket
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import requests
import stripe

from django_checkout.emulator import Emulator, Request
from django_checkout.emulator.server import EmulatorServer
from django_checkout.emulator.websocket import GUID, accept_key
from tests.serving import serving

from .test_server import wait_for

KEY = "sk_test_command_line"


@pytest.fixture
def server(emulator):
    with serving(EmulatorServer(("127.0.0.1", 0), emulator)) as made:
        yield made


@pytest.fixture
def call(server):
    def send(method, path, **form):
        return requests.request(method, f"{server.url}{path}", data=form, auth=(KEY, ""), timeout=60)

    return send


class Listener:
    """A WebSocket client, with masked frames."""

    def __init__(self, session, session_id=None):
        parts = urlsplit(session["websocket_url"])
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=60)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {parts.path}?websocket_feature={session['websocket_authorized_feature']} HTTP/1.1",
            f"Host: {parts.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: stripecli-devproxy-v1",
            f"Websocket-Id: {session_id or session['websocket_id']}",
        ]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = dict(line.split(": ", 1) for line in iter(lambda: self.file.readline().decode().strip(), ""))
        assert self.status != 101 or self.headers["Sec-WebSocket-Accept"] == accept_key(key)

    def frame(self):
        """Return the kind and the payload of the next frame."""
        first, length = self.file.read(2)
        if length == 126:
            length = int.from_bytes(self.file.read(2), "big")
        elif length == 127:
            length = int.from_bytes(self.file.read(8), "big")
        return first & 0x0F, self.file.read(length)

    def message(self):
        kind, payload = self.frame()
        assert kind == 1
        return json.loads(payload)

    def send(self, payload, kind=1, final=True):
        mask, data = os.urandom(4), payload.encode() if isinstance(payload, str) else payload
        length = len(data)
        size = bytes([0x80 | length]) if length < 126 else b"\xfe" + length.to_bytes(2, "big")
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
        self.socket.sendall(bytes([(0x80 if final else 0) | kind]) + size + mask + masked)

    def acknowledge(self, message):
        names = ("webhook_conversation_id", "webhook_id")
        self.send(json.dumps({"type": "event_ack", **{name: message[name] for name in names}}))

    def close(self):
        self.file.close()
        self.socket.close()


@contextmanager
def listening(call, *features, session_id=None, **params):
    session = call("POST", "/v1/stripecli/sessions", **{"websocket_features[]": list(features), **params}).json()
    listener = Listener(session, session_id)
    listener.secret = session["secret"]
    try:
        yield listener
    finally:
        listener.close()


def test_the_example_of_the_rfc_is_accepted():
    assert GUID.decode() == "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def is_listening(emulator):
    with emulator.state.transaction():
        return [one for one in emulator.store.select("_listener") if one["status"] == "enabled"]


def test_an_event_reaches_the_command_line_signed(emulator, call):
    with listening(call, "webhooks", device_name="laptop", forward_to_url="http://localhost/hook/") as listener:
        wait_for(lambda: is_listening(emulator))
        customer = call("POST", "/v1/customers").json()
        message, latest = listener.message(), listener.message()

        event = stripe.Webhook.construct_event(
            message["event_payload"], message["http_headers"]["Stripe-Signature"], listener.secret
        )
        listed = call("GET", "/v1/events").json()["data"][0]
        assert (event.type, event.data.object.id) == ("customer.created", customer["id"])
        assert (message["type"], message["endpoint"]) == ("webhook_event", {"api_version": None})
        assert latest["endpoint"]["api_version"] == json.loads(latest["event_payload"])["api_version"]
        assert latest["endpoint"]["api_version"] != event.api_version
        # The configured endpoint is the other one.
        assert listed["pending_webhooks"] == 2

        listener.acknowledge(message)

        wait_for(lambda: call("GET", "/v1/events").json()["data"][0]["pending_webhooks"] == 1)


def test_what_the_site_answers_is_recorded(emulator, call):
    with listening(call, "webhooks") as listener:
        wait_for(lambda: is_listening(emulator))
        call("POST", "/v1/customers")
        message = listener.message()
        listener.acknowledge(message)
        answer = {"type": "webhook_response", "status": 500, "body": "x" * 300}
        answer["webhook_conversation_id"] = message["webhook_conversation_id"]
        text = json.dumps(answer)
        # The command line sends long messages in several frames.
        listener.send(text[:100], final=False)
        listener.send(text[100:], kind=0)

        def states():
            with emulator.state.transaction():
                return {(one["state"], one["last_status"]) for one in emulator.store.select("_delivery")}

        wait_for(lambda: ("failed", 500) in states())


def test_a_ping_is_answered(call):
    with listening(call, "webhooks") as listener:
        listener.send(b"now", kind=9)

        assert listener.frame() == (10, b"now")


def test_an_unknown_session_is_refused_so_that_the_command_line_makes_another(call):
    with listening(call, "webhooks", session_id="cliws_unknown") as listener:
        assert listener.status == 401
        assert json.load(listener.file)["error"]["message"] == "Unknown WebSocket ID."


def test_a_command_line_that_leaves_leaves_nothing_pending(emulator, call):
    with listening(call, "webhooks") as listener:
        wait_for(lambda: is_listening(emulator))
        call("POST", "/v1/customers")
        listener.message()

    wait_for(lambda: not is_listening(emulator))
    call("POST", "/v1/products", name="Tea")
    assert {event["pending_webhooks"] for event in call("GET", "/v1/events").json()["data"]} == {1}


def test_deliveries_of_a_test_are_not_those_of_the_command_line(emulator, call):
    with listening(call, "webhooks") as listener:
        wait_for(lambda: is_listening(emulator))
        call("POST", "/v1/customers")
        posted = emulator.deliver_to(lambda body, headers: 200)

        assert [one.delivery.endpoint_id for one in posted] == ["we_configured"]
        assert listener.message()["type"] == "webhook_event"


def test_an_event_is_sent_again(emulator, call):
    call("POST", "/v1/customers")
    (event,) = call("GET", "/v1/events").json()["data"]
    with listening(call, "webhooks") as listener:
        wait_for(lambda: is_listening(emulator))

        answer = call("POST", f"/v1/events/{event['id']}/retry", for_stripecli="true")

        assert answer.json()["id"] == event["id"]
        assert json.loads(listener.message()["event_payload"])["id"] == event["id"]


def test_an_event_is_sent_again_to_one_endpoint(emulator, call):
    call("POST", "/v1/customers")
    (event,) = call("GET", "/v1/events").json()["data"]
    endpoint = call(
        "POST", "/v1/webhook_endpoints", url="http://localhost/", **{"enabled_events[0]": "refund.created"}
    ).json()

    call("POST", f"/v1/events/{event['id']}/retry", webhook_endpoint=endpoint["id"])

    sent = [one for one in emulator.pending_deliveries() if one.endpoint_id == endpoint["id"]]
    assert [one.event_id for one in sent] == [event["id"]]
    refused = call("POST", f"/v1/events/{event['id']}/retry")
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "webhook_endpoint")
    assert call("POST", f"/v1/events/{event['id']}/retry", account="acct_1").status_code == 501


def test_thin_events_are_sent_to_whoever_asks_for_them(emulator, call):
    with listening(call, "webhooks", "v2_events") as listener:
        wait_for(lambda: is_listening(emulator))
        call("POST", "/v1/customers")

        messages = [listener.message() for _ in range(3)]

        (thin,) = [one for one in messages if one["type"] == "v2_event"]
        assert json.loads(thin["payload"])["type"] == "v1.customer.created"


def tail(call, **filters):
    return listening(call, "request_logs", filters=json.dumps(filters))


def test_requests_are_logged_to_the_command_line(call):
    with tail(call) as listener:
        # The session is open once its socket answers.
        listener.send(b"", kind=9)
        listener.frame()
        missing = call("GET", "/v1/customers/cus_missing")

        message = listener.message()

    payload = json.loads(message["event_payload"])
    assert message["type"] == "request_log_event"
    assert (payload["method"], payload["url"], payload["status"]) == ("GET", "/v1/customers/cus_missing", 404)
    assert payload["request_id"] == missing.headers["Request-Id"]
    assert payload["error"]["code"] == "resource_missing"


@pytest.mark.parametrize(
    "filters",
    [
        {"filter_http_method": ["POST"]},
        {"filter_request_path": ["/v1/products"]},
        {"filter_request_status": ["SUCCEEDED"]},
        {"filter_status_code": ["200"]},
        {"filter_status_code_type": ["200"]},
    ],
)
def test_the_log_is_filtered(call, filters):
    with tail(call, **filters) as listener:
        listener.send(b"", kind=9)
        listener.frame()
        call("GET", "/v1/customers/cus_missing")
        call("POST", "/v1/products", name="Tea")

        assert json.loads(listener.message()["event_payload"])["url"] == "/v1/products"


def test_a_filter_that_is_not_implemented_is_said_to_be(call):
    refused = call(
        "POST",
        "/v1/stripecli/sessions",
        **{"websocket_features[]": "request_logs", "filters": '{"filter_ip_address": ["::1"]}'},
    )

    assert (refused.status_code, refused.json()["error"]["param"]) == (501, "filters")


def test_a_server_that_stops_says_goodbye(emulator):
    with serving(EmulatorServer(("127.0.0.1", 0), emulator)) as server:

        def call(method, path, **form):
            return requests.request(method, f"{server.url}{path}", data=form, auth=(KEY, ""), timeout=60)

        session = call("POST", "/v1/stripecli/sessions", **{"websocket_features[]": "webhooks"}).json()
        listener = Listener(session)

    assert listener.frame() == (8, (1001).to_bytes(2, "big"))
    listener.close()


def test_a_site_without_websockets_says_so():
    emulator = Emulator()
    headers = {"authorization": f"Bearer {KEY}"}
    body = b"websocket_features[]=webhooks"

    answer = emulator.handle(
        Request(method="POST", base_url="http://t", path="/v1/stripecli/sessions", headers=headers, body=body)
    )

    assert answer.status == 501
    assert "checkout_emulator" in json.loads(answer.body)["error"]["message"]
    emulator.close()


SHIPPING = {"name": "Jenny Rosen", "address": {"line1": "510 Townsend St", "city": "San Francisco", "country": "US"}}


@pytest.fixture
def payment_page(client, make_session):
    """Create a session and a PaymentMethod as the triggers do, and return what confirms the payment page."""

    def make(method, **params):
        session = make_session(payment_intent_data={"shipping": SHIPPING}, **params)
        billing = {"email": "stripe@example.com", "name": "Jenny Rosen", "address": {"country": "US"}}
        made = client.v1.payment_methods.create({"billing_details": billing, **method})
        return session.id, {"payment_method": made.id, "expected_amount": session.amount_total}

    return make


CARD = {"type": "card", "card": {"token": "tok_visa"}}
SEPA = "AT611904300234573201"


def test_a_payment_page_is_confirmed(emulator, call, payment_page):
    session, confirmation = payment_page(CARD)

    shown = call("GET", f"/v1/payment_pages/{session}").json()
    paid = call("POST", f"/v1/payment_pages/{session}/confirm", **confirmation).json()

    assert (shown["id"], shown["status"]) == (session, "open")
    assert (paid["status"], paid["payment_status"]) == ("complete", "paid")
    assert emulator.events("checkout.session.completed")[0]["data"]["object"]["id"] == session
    intent = emulator.get(paid["payment_intent"])
    assert intent["payment_method"] == confirmation["payment_method"]
    assert (intent["shipping"]["name"], intent["shipping"]["address"]["line2"]) == ("Jenny Rosen", None)
    assert emulator.get(intent["latest_charge"])["shipping"] == intent["shipping"]


@pytest.mark.parametrize(("iban", "end"), [(SEPA, "succeeded"), ("IT60X0542811101000000123456", "failed")])
def test_a_delayed_payment_of_a_payment_page_settles_at_once(emulator, call, payment_page, iban, end):
    session, confirmation = payment_page(
        {"type": "sepa_debit", "sepa_debit": {"iban": iban}}, payment_method_types=["sepa_debit"]
    )

    call("POST", f"/v1/payment_pages/{session}/confirm", **confirmation)

    types = [event["type"] for event in emulator.events() if event["type"].startswith("checkout.")]
    assert types == ["checkout.session.completed", f"checkout.session.async_payment_{end}"]


def test_a_payment_page_refuses_another_amount_and_a_declined_card(emulator, call, payment_page):
    session, confirmation = payment_page({"type": "card", "card": {"token": "tok_chargeDeclined"}})

    other = call("POST", f"/v1/payment_pages/{session}/confirm", **{**confirmation, "expected_amount": 1})
    declined = call("POST", f"/v1/payment_pages/{session}/confirm", **confirmation)

    assert (other.status_code, other.json()["error"]["param"]) == (400, "expected_amount")
    assert (declined.status_code, declined.json()["error"]["code"]) == (402, "card_declined")
    assert len(emulator.events("payment_intent.payment_failed")) == 1
