"""Whatever a stranger sends to the API is answered with a problem document, and logged in one line."""

from __future__ import annotations

import json
import logging
import uuid

import pytest
from django.test import Client
from hypothesis import example, given
from hypothesis import strategies as st

from django_checkout import services
from django_checkout.ledger import budget
from django_checkout.tokens import Purpose, make_token
from tests.api.conftest import Api, problem_of, url
from tests.test_fuzz import BODIES, DEEP, FORMS, HEADERS, JSON, NESTED, fuzzed

pytestmark = pytest.mark.django_db

PATHS = ["orders", "sessions", "shipping", "quantity"]


@pytest.fixture
def asked(order, stripe_emulator, caplog, monkeypatch):
    """Ask once; assert that the answer is no fault and is a problem document where it refuses."""
    from django_checkout.api import throttling

    for scope in throttling.DEFAULT_RATES:
        monkeypatch.setitem(throttling.DEFAULT_RATES, scope, None)
    monkeypatch.setattr(budget, "REQUESTS_PER_MINUTE", 1_000_000)
    services.start(order, ui_mode="elements")
    client = Client(raise_request_exception=True)
    token = make_token(order, Purpose.PAY)

    def ask(method, name, body=b"", content_type="application/json", *, query="", **headers):
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

    return ask


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
def test_body_that_nothing_can_be_made_of_is_refused(asked, body, headers):
    problem_of(asked("POST", "orders", body, **headers), 400, "malformed_json" if body else "invalid_request")


@pytest.mark.parametrize(
    ("name", "body", "pointer"),
    [
        ("orders", b'{"\\ud800": 1, "reference": "H"}', "/\N{REPLACEMENT CHARACTER}"),
        ("orders", b'{"email": "\\ud800@example.com", "reference": "H"}', "/email"),
        ("orders", b'{"lines": [{"sku": "\\udfff"}]}', "/lines/0/sku"),
        ("sessions", b'{"ui_mode": "\\ud800"}', "/ui_mode"),
    ],
)
def test_half_of_a_surrogate_pair_is_pointed_at(asked, name, body, pointer):
    problem = problem_of(asked("POST", name, body), 400, "invalid_request")

    assert {error["pointer"] for error in problem["errors"]} == {pointer}


def test_body_that_is_nested_as_deeply_as_ours_is_read(asked):
    assert asked("POST", "orders", b'{"lines": [{"sku": "teapot"}]}').status_code == 201


@fuzzed
@given(name=st.sampled_from(PATHS), body=BODIES, key=st.sampled_from(["", "uuid"]) | HEADERS)
@example(name="quantity", body=b'{"sku": "\\u0000", "quantity": 1}', key="")
@example(name="shipping", body=b'{"name": "\\u0000", "address": {"country": "DE"}}', key="uuid")
def test_any_body(asked, name, body, key):
    headers = {"HTTP_IDEMPOTENCY_KEY": str(uuid.uuid4()) if key == "uuid" else key} if key else {}

    asked("POST", name, body, **headers)


@fuzzed
@given(name=st.sampled_from(PATHS), value=JSON, query=FORMS)
def test_any_object(asked, name, value, query):
    known = {"lines": value, "reference": value, "address": value, "name": value, "ui_mode": value, "sku": value}

    asked("POST", name, json.dumps(known).encode())
    asked("POST", name, json.dumps({"lines": [known]}).encode())


@fuzzed
@given(token=HEADERS, language=HEADERS, content_type=HEADERS, matched=HEADERS)
@example(token=":", language="x" * 600, content_type="application/json; charset=x", matched='"')
def test_any_header(asked, token, language, content_type, matched):
    asked("GET", "status", HTTP_CHECKOUT_TOKEN=token, HTTP_ACCEPT_LANGUAGE=language, HTTP_IF_NONE_MATCH=matched)
    asked("POST", "orders", b"{}", content_type, HTTP_AUTHORIZATION=token, HTTP_X_FORWARDED_FOR=language)


def test_reference_in_a_path_that_cannot_be_one():
    for reference in ("%00", "%ED%A0%80", "%0A", "x" * 300):
        problem_of(Api().client.get(f"/api/orders/{reference}/"), 404, "order_not_found")
