"""Random requests to pages and webhook get no server error and are logged on one line."""

from __future__ import annotations

import json
import logging
import os
from urllib.parse import quote, urlencode

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.exceptions import SignatureError
from django_checkout.ledger import budget
from django_checkout.models import WebhookEvent
from django_checkout.stripe_api.signatures import verify_webhook
from django_checkout.testing import sign

pytestmark = [pytest.mark.django_db, pytest.mark.core]

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

DEEP = b"[" * 200_000
NESTED = b'{"shipping":' * 3000 + b"1" + b"}" * 3000
SURROGATE = b'{"shipping": {"name": "\\ud800", "address": {"country": "DE", "city": "\\udfff"}}}'
#: Header values, which WSGI decodes as ISO 8859-1.
HEADERS = st.text(st.characters(codec="latin-1", exclude_characters="\0\r\n"), max_size=80)
TEXTS = st.text(max_size=40)
FORMS = st.dictionaries(st.sampled_from(["ui_mode", "session_id", "read", "x"]) | TEXTS, TEXTS, max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["shipping", "quantity", "address", "name", "sku"]) | TEXTS, inner, max_size=4
        )
    ),
    max_leaves=10,
)
BODIES = st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode())


@pytest.fixture
def client():
    """A client that raises the exceptions of views."""
    return Client(raise_request_exception=True)


@pytest.fixture
def send(client, order, stripe_emulator, caplog, monkeypatch):
    """Send a request; assert that it causes no server error and at most one log line, without a traceback."""
    monkeypatch.setattr(budget, "REQUESTS_PER_MINUTE", 1_000_000)
    services.start(order, ui_mode="elements")
    tokens = {"pay": make_token(order, Purpose.PAY), "status": make_token(order, Purpose.STATUS)}

    def send_request(method, name, data=b"", content_type="application/octet-stream", *, query="", token="", **extra):
        path = reverse("django_checkout:health") if name == "health" else f"/checkout/{name}/"
        if name not in ("health", "webhook"):
            path += f"{quote(token, safe='') or tokens['status' if name in ('return', 'status') else 'pay']}/"
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="django_checkout"):
            response = client.generic(method, f"{path}?{query}", data, content_type, **extra)
        assert response.status_code != 500
        ours = [record for record in caplog.records if record.name == "django_checkout"]
        # Django adds a traceback to its warning about an unreadable form.
        assert [record for record in caplog.records if record.levelno >= logging.ERROR and record.exc_info] == []
        assert [record for record in ours if record.exc_info or not record.getMessage().isprintable()] == []
        if 400 <= response.status_code < 500:
            assert len(ours) <= 1
        return response

    return send_request


@fuzzed
@given(body=st.binary(max_size=200), header=HEADERS)
@example(body=b"{}", header="t=1,v1=\xe9")
@example(body=b"{}", header="t=1")
@example(body=b"{}", header="t=\xb2,v1=1")
@example(body=b"{}", header="v1=1")
@example(body=DEEP, header="t=1,v1=1")
@example(body=b"\xff", header="t=1,v1=1")
def test_webhook_with_an_invalid_signature(send, body, header):
    response = send("POST", "webhook", body, "application/json", HTTP_STRIPE_SIGNATURE=header)

    assert response.status_code == 400
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize("length", ["-1", "ten", "1e3", "", "99999999999999999999"])
def test_webhook_with_a_wrong_content_length(send, length):
    response = send("POST", "webhook", b"{}", "application/json", CONTENT_LENGTH=length)

    assert response.status_code == 400


def test_empty_secret_is_ignored(send, settings):
    settings.STRIPE_WEBHOOK_SECRETS = ["", "whsec_tests"]
    body = b'{"id": "evt_1", "object": "event", "type": "x.y", "livemode": false, "created": 1, "data": {"object": {}}}'

    forged = sign(body, secret=" ")
    assert send("POST", "webhook", body, "application/json", HTTP_STRIPE_SIGNATURE=forged).status_code == 400
    genuine = sign(body, secret="whsec_tests")
    assert send("POST", "webhook", body, "application/json", HTTP_STRIPE_SIGNATURE=genuine).status_code == 200


@pytest.mark.parametrize("swap", [False, True])
def test_first_timestamp_of_a_signature_counts(swap, settings):
    """Of two timestamps in a header, the SDK verifies the first, so that one must not be in the future."""
    import time

    now = int(time.time())
    future = now + 3600
    first, second = (now, future) if swap else (future, now)
    signature = sign(b"{}", secret="whsec_tests", timestamp=first).partition(",")[2]
    header = f"t={first},t={second},{signature}"

    if swap:
        assert verify_webhook(b"{}", header).data == {}
    else:
        with pytest.raises(SignatureError, match="future"):
            verify_webhook(b"{}", header)


@fuzzed
@given(name=st.sampled_from(["pay", "return", "status", "health"]), query=FORMS, raw=st.binary(max_size=40))
@example(name="return", query={"session_id": "\0"}, raw=b"")
@example(name="status", query={"session_id": "cs_\0", "read": "0"}, raw=b"")
@example(name="status", query={}, raw=b"session_id=\xff%ff%00")
def test_page_with_any_query(send, name, query, raw):
    encoded = urlencode(
        {key.encode("utf-8", "replace"): value.encode("utf-8", "replace") for key, value in query.items()}
    )

    assert send("GET", name, query=encoded).status_code in (200, 404)
    send("GET", name, query=f"session_id={quote(raw)}&{raw.decode('latin-1')}")


@fuzzed
@given(
    name=st.sampled_from(["pay", "return", "status", "start", "secret", "update"]),
    token=st.text(min_size=1, max_size=60),
)
@example(name="pay", token="\0")
@example(name="pay", token="1:2:3:4")
def test_page_with_an_invalid_token(send, name, token):
    method = "GET" if name in ("pay", "return", "status") else "POST"
    response = send(method, name, token=token.encode("utf-8", "replace").decode())

    assert response.status_code in (301, 404)


@fuzzed
@given(name=st.sampled_from(["start", "secret"]), form=FORMS, body=BODIES, content_type=HEADERS)
@example(name="start", form={"ui_mode": "\0"}, body=DEEP, content_type="application/json")
@example(name="secret", form={"ui_mode": "elements\n\r"}, body=b"--", content_type="multipart/form-data; boundary=x")
@example(name="secret", form={}, body=b"ui_mode=%00", content_type="application/x-www-form-urlencoded; charset=utf-7")
def test_form_of_any_content(send, name, form, body, content_type):
    encoded = urlencode(
        {key.encode("utf-8", "replace"): value.encode("utf-8", "replace") for key, value in form.items()}
    )

    send("POST", name, encoded, "application/x-www-form-urlencoded")
    send("POST", name, body, content_type)


@fuzzed
@given(body=BODIES)
@example(body=DEEP[:16_000])
@example(body=NESTED[:16_000])
@example(body=b'{"shipping":' * 900 + b"1" + b"}" * 900)
@example(body=SURROGATE)
@example(body=b'{"quantity": {"sku": "a\\u0000", "quantity": 1}}')
@example(body=b'{"shipping": {"name": "\\u0000", "address": {"country": "DE\\u0000"}}}')
@example(body=b'{"quantity": {"sku": "a", "quantity": 1e999}}')
@example(body=b'{"quantity": {"sku": "a", "quantity": ' + b"9" * 5000 + b"}}")
def test_update_of_any_content(send, body):
    send("POST", "update", body, "application/json")
