"""Nothing that a client sends makes the emulator fail, or leaves half of a change."""

from __future__ import annotations

import json
import logging
import socket
import struct
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_checkout.emulator import Emulator, Request
from django_checkout.emulator.control.actions import ACTIONS
from django_checkout.emulator.messages import indented
from django_checkout.emulator.payer.client_api import ENTERED
from django_checkout.emulator.payer.payment_form import FIELDS
from django_checkout.emulator.server import EmulatorServer
from tests.serving import serving

from .conftest import BASE_URL, Visitor, client_of, session_params
from .forms import NUMBERS, TEXTS
from .fuzzing import fuzz
from .test_server import wait_for

KEY = {"authorization": "Bearer sk_test_fuzz"}
words = st.sampled_from([*NUMBERS, *TEXTS]) | st.text(st.characters(codec=None), max_size=4)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words | st.sampled_from(["address", "type"]), inner),
    max_leaves=5,
)
EVERYTHING = {
    "adaptive_pricing": {"enabled": True},
    "allow_promotion_codes": True,
    "line_items": [
        {
            "quantity": 1,
            "price_data": {"currency": "eur", "unit_amount": 500, "product_data": {"name": "Tea"}},
            "adjustable_quantity": {"enabled": True, "maximum": 9},
        }
    ],
    "phone_number_collection": {"enabled": True},
    "shipping_address_collection": {"allowed_countries": ["DE", "US"]},
    "tax_id_collection": {"enabled": True},
}
NESTED = '{"a":' * 900 + "1" + "}" * 900
FIELD = {"key": "note", "label": {"type": "custom", "custom": "Note"}, "type": "text"}


@pytest.mark.slow
def test_no_form_breaks_a_route_or_leaves_half_of_a_change():
    assert fuzz() == {}


@pytest.fixture(scope="module")
def used():
    """An emulator for all examples of a test."""
    with closing(Emulator()) as emulator:
        yield emulator


def posted(emulator, path, **typed):
    body = urlencode(typed, errors="surrogatepass").encode()
    return emulator.handle(Request(method="POST", base_url=BASE_URL, path=path, body=body))


@given(
    st.dictionaries(st.sampled_from(sorted(ENTERED)), json_values, max_size=4), st.sampled_from(["update", "confirm"])
)
@settings(max_examples=40)
def test_no_input_of_the_page_breaks_the_api_of_stripe_js(used, payload, action):
    params = session_params(ui_mode="elements", return_url="https://shop.example.com/", **EVERYTHING)
    del params["success_url"], params["cancel_url"]
    session = client_of(used).v1.checkout.sessions.create(params)
    known = {"key": "pk_test_1", "client_secret": session.client_secret}

    answer = posted(used, f"/payment_pages/{session.id}/{action}", payload=json.dumps(payload), **known)

    found = json.loads(answer.body)
    assert (answer.status, "session" in found or "error" in found) == (200, True)
    again = posted(used, f"/payment_pages/{session.id}/retrieve", **known)
    assert "session" in json.loads(again.body)


@given(st.dictionaries(st.sampled_from([*FIELDS, "quantity_0", "optional_0", "custom_note", "use_card"]), words))
@settings(max_examples=40)
def test_no_form_breaks_the_payment_page(used, typed):
    session = client_of(used).v1.checkout.sessions.create(session_params(**EVERYTHING, custom_fields=[FIELD]))
    visitor = Visitor(used)

    answer = visitor.send(f"/pay/{session.id}", **{name: text.encode(errors="replace") for name, text in typed.items()})

    assert answer.status in (200, 303)
    assert visitor.get(f"/pay/{session.id}").status == 200


@given(
    st.sampled_from(sorted(ACTIONS.keys() - {"advance", "correct_clock"})),
    st.dictionaries(
        st.sampled_from(["id", "count", "status", "kind", "match", "amount", "on", "mode", "types"]), words
    ),
)
@settings(max_examples=40)
def test_no_form_breaks_the_control_page(action, typed):
    body = urlencode({"action": action, **typed}, errors="surrogatepass").encode()
    with closing(Emulator()) as emulator:
        answer = emulator.handle(Request(method="POST", base_url=BASE_URL, path="/control/", headers=KEY, body=body))

    assert answer.status in (200, 400, 404)


@given(st.sampled_from(["", "{", "[]", "null", "[" * 100_000, NESTED]) | json_values.map(json.dumps))
@settings(max_examples=40)
def test_no_json_breaks_the_second_api(used, text):
    made = json.dumps({"name": text, "description": text})
    for body in (text, made):
        sent = Request(
            method="POST",
            base_url=BASE_URL,
            path="/v2/core/event_destinations",
            headers=KEY,
            body=body.encode(errors="surrogatepass"),
        )
        assert used.handle(sent).status == 400


@given(json_values)
def test_every_json_is_indented_as_python_does(value):
    assert indented(value) == json.dumps(value, indent=2)


@pytest.mark.parametrize(
    "sent",
    [
        b"GET //[ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /v1/account HTTP/1.1\r\nHost: [\r\n\r\n",
        b"GET /v1/account\xff HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic \xff\r\n\r\n",
        b"POST /v1/customers HTTP/1.1\r\nHost: localhost\r\nContent-Length: \xb2\r\n\r\n",
        b"POST /v1/customers HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"POST /v1/customers HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
        b"PUT /v1/customers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
        b"POST /v1/customers HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na=%C\r\n0\r\n\r\n",
        b"GET " + b"/a" * 50_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_no_bytes_break_the_server(emulator, sent, capfd):
    with serving(EmulatorServer(("127.0.0.1", 0), emulator)) as server:
        address = ("127.0.0.1", server.server_address[1])
        with socket.create_connection(address, timeout=60) as connection:
            connection.sendall(sent)
            answer = connection.recv(65_536)

    assert b" 4" in answer.split(b"\r\n")[0] or b"Error code: 4" in answer
    assert "Traceback" not in capfd.readouterr().err


def test_a_method_that_stripe_does_not_have_is_refused_as_an_unknown_url(emulator):
    with (
        serving(EmulatorServer(("127.0.0.1", 0), emulator)) as server,
        closing(HTTPConnection("127.0.0.1", server.server_address[1], timeout=60)) as connection,
    ):
        connection.request("PATCH", "/v1/customers", "name=Sam", KEY)
        answer = connection.getresponse()
        error = json.loads(answer.read())["error"]

    assert answer.status == 404
    assert error["message"].startswith("Unrecognized request URL (PATCH: /v1/customers).")


def test_a_body_that_is_cut_off_changes_nothing(emulator, client):
    head = b"POST /v1/customers HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sk_test_x\r\n"
    with serving(EmulatorServer(("127.0.0.1", 0), emulator)) as server:
        address = ("127.0.0.1", server.server_address[1])
        with socket.create_connection(address, timeout=60) as connection:
            connection.sendall(head + b"Content-Length: 40\r\n\r\nname=Sam")
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert client.v1.customers.list().data == []


def test_a_client_that_leaves_is_no_error(emulator, capfd, caplog):
    caplog.set_level(logging.DEBUG, "django_checkout.emulator")
    with serving(EmulatorServer(("127.0.0.1", 0), emulator)) as server:
        with socket.create_connection(("127.0.0.1", server.server_address[1]), timeout=60) as connection:
            # The connection is reset, not closed.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(b"GET /v1/account HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_for(lambda: "A connection has ended." in caplog.text)

    assert "Traceback" not in capfd.readouterr().err
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("coupon_id", ["ten off", "10%", "äö", "a/b", "a+b", "%2F"])
def test_an_id_that_a_client_chose_is_found_by_its_path(client, coupon_id):
    client.v1.coupons.create({"id": coupon_id, "percent_off": 10})

    assert client.v1.coupons.retrieve(coupon_id).id == coupon_id


def test_a_fault_of_the_emulator_is_an_answer_and_logged(emulator, monkeypatch, caplog):
    def fail(request):
        raise ZeroDivisionError

    monkeypatch.setattr(emulator, "handle", fail)
    with serving(EmulatorServer(("127.0.0.1", 0), emulator)) as server:
        address = ("127.0.0.1", server.server_address[1])
        with socket.create_connection(address, timeout=60) as connection:
            connection.sendall(b"GET /v1/account HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = connection.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert "ZeroDivisionError" in caplog.text
