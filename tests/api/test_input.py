"""Every malformed request gets a problem document and one line in the log."""

from __future__ import annotations

import json
import logging
import uuid

import pytest
from django.test import Client
from hypothesis import example, given
from hypothesis import strategies as st

from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.ledger import budget
from tests.api.conftest import Api, problem_of, url
from tests.test_fuzz import BODIES, DEEP, FORMS, HEADERS, JSON, NESTED, fuzzed

pytestmark = pytest.mark.django_db

PATHS = ["orders", "sessions", "shipping", "quantity"]


@pytest.fixture
def send(order, stripe_emulator, caplog, monkeypatch):
    """Send a request; assert that the response is no 500, and a problem document if it is an error."""
    from django_checkout.api import throttling

    for scope in throttling.DEFAULT_RATES:
        monkeypatch.setitem(throttling.DEFAULT_RATES, scope, None)
    monkeypatch.setattr(budget, "REQUESTS_PER_MINUTE", 1_000_000)
    services.start(order, ui_mode="elements")
    client = Client(raise_request_exception=True)
    token = make_token(order, Purpose.PAY)

    def send_request(method, name, body=b"", content_type="application/json", *, query="", **headers):
        path = url(name) if name == "orders" else url(name, order.reference)
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="django_checkout"):
            headers = {"HTTP_CHECKOUT_TOKEN": token, **headers}
            response = client.generic(method, f"{path}?{query}", body, content_type, **headers)
        assert response.status_code != 500
        if response.status_code >= 400:
            problem_of(response, response.status_code, response.json()["code"])
        ours = [record for record in caplog.records if record.name == "django_checkout"]
        assert [record for record in ours if record.exc_info or not record.getMessage().isprintable()] == []
        return response

    return send_request


@pytest.mark.parametrize(
    "body",
    [
        DEEP,
        NESTED,
        b'{"a":' * 30 + b"1" + b"}" * 30,
        b'{"lines": 1e999}',
        b'{"lines": -Infinity}',
        b'{"lines": ' + b"9" * 5000 + b"}",
        b"\xff\xfe{\x00}\x00",
        b'"' + b"x" * (1024 * 1024) + b'"',
        b"",
    ],
    ids=["deep", "nested", "nested a little", *"abcdef"],
)
@pytest.mark.parametrize("headers", [{}, {"HTTP_IDEMPOTENCY_KEY": str(uuid.uuid4())}], ids=["", "with a key"])
def test_body_that_cannot_be_parsed_is_refused(send, body, headers):
    problem_of(send("POST", "orders", body, **headers), 400, "malformed_json" if body else "invalid_request")


@pytest.mark.parametrize(
    ("name", "body", "pointer"),
    [
        ("orders", b'{"\\ud800": 1, "reference": "H"}', "/\N{REPLACEMENT CHARACTER}"),
        ("orders", b'{"email": "\\ud800@example.com", "reference": "H"}', "/email"),
        ("orders", b'{"lines": [{"sku": "\\udfff"}]}', "/lines/0/sku"),
        ("sessions", b'{"ui_mode": "\\ud800"}', "/ui_mode"),
    ],
)
def test_error_points_at_half_of_a_surrogate_pair(send, name, body, pointer):
    problem = problem_of(send("POST", name, body), 400, "invalid_request")

    assert {error["pointer"] for error in problem["errors"]} == {pointer}


def test_body_with_the_maximum_depth_is_read(send):
    assert send("POST", "orders", b'{"lines": [{"sku": "teapot"}]}').status_code == 201


@fuzzed
@given(name=st.sampled_from(PATHS), body=BODIES, key=st.sampled_from(["", "uuid"]) | HEADERS)
@example(name="quantity", body=b'{"sku": "\\u0000", "quantity": 1}', key="")
@example(name="shipping", body=b'{"name": "\\u0000", "address": {"country": "DE"}}', key="uuid")
def test_any_body(send, name, body, key):
    headers = {"HTTP_IDEMPOTENCY_KEY": str(uuid.uuid4()) if key == "uuid" else key} if key else {}

    send("POST", name, body, **headers)


@fuzzed
@given(name=st.sampled_from(PATHS), value=JSON, query=FORMS)
def test_any_object(send, name, value, query):
    known = {"lines": value, "reference": value, "address": value, "name": value, "ui_mode": value, "sku": value}

    send("POST", name, json.dumps(known).encode())
    send("POST", name, json.dumps({"lines": [known]}).encode())


@fuzzed
@given(token=HEADERS, language=HEADERS, content_type=HEADERS, matched=HEADERS)
@example(token=":", language="x" * 600, content_type="application/json; charset=x", matched='"')
def test_any_header(send, token, language, content_type, matched):
    send("GET", "status", HTTP_CHECKOUT_TOKEN=token, HTTP_ACCEPT_LANGUAGE=language, HTTP_IF_NONE_MATCH=matched)
    send("POST", "orders", b"{}", content_type, HTTP_AUTHORIZATION=token, HTTP_X_FORWARDED_FOR=language)


def test_reference_that_cannot_exist_is_not_found():
    for reference in ("%00", "%ED%A0%80", "%0A", "x" * 300):
        problem_of(Api().client.get(f"/api/orders/{reference}/"), 404, "order_not_found")
