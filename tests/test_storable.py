"""Signed events with values that a database refuses are recorded, and applied where possible."""

from __future__ import annotations

import copy
import json

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_checkout import services
from django_checkout.models import Order, Payment, WebhookEvent
from django_checkout.stripe_api import facts, gateway
from django_checkout.stripe_api.steps import run
from django_checkout.stripe_api.storable import read_json, storable, storable_id
from django_checkout.testing import post_event

pytestmark = [pytest.mark.django_db, pytest.mark.core]

NUL, SURROGATE = "Sam\x00Shopper", "Sam\ud800Shopper"


def deep(levels):
    value = "end"
    for _ in range(levels):
        value = {"in": [value]}
    return value


@pytest.fixture
def completed(order, stripe_emulator):
    """The undelivered event that pays the order."""
    stripe_emulator.pay(services.start(order).stripe_id)
    (event,) = stripe_emulator.events("checkout.session.completed")
    return event


@pytest.mark.parametrize(
    "change",
    [
        {"customer_details": {"name": NUL}},
        {"customer_details": {"name": SURROGATE}},
        {"customer_details": {"email": f"{NUL}@example.com"}},
        {"metadata": {"note\x00": SURROGATE}},
        {"custom_text": deep(200)},
        {"created": 10**30},
        {"expires_at": 10**18},
        {"presentment_details": {"presentment_amount": 2**63, "presentment_currency": "usd"}},
        {"total_details": {"amount_tax": -(2**70)}},
        {"url": "\ud83d\ude00" + "\ud83d"},
    ],
    ids=["nul", "surrogate", "nul_in_an_address", "key", "depth", "created", "expires_at", "amount", "tax", "url"],
)
def test_unstorable_value_does_not_hide_a_payment(change, completed, order):
    for name, value in change.items():
        known = completed["data"]["object"].get(name)
        is_mapping = isinstance(known, dict) and isinstance(value, dict)
        completed["data"]["object"][name] = known | value if is_mapping else value

    assert post_event(completed).status_code == 200
    order.refresh_from_db()
    assert (order.status, WebhookEvent.objects.get().state) == ("paid", "processed")


@pytest.mark.parametrize(
    "change",
    [
        {"id": f"evt_{NUL}"},
        {"id": "evt_" + "x" * 300},
        {"api_version": "v" * 300, "account": None, "request": {"id": "r" * 300}},
        {"request": {"id": NUL}},
        {"created": 10**20},
        {"created": -(10**20)},
        {"created": "0001-01-01T00:00:00+14:00"},
        {"created": "2026-13-45T00:00:00Z"},
        {"type": "checkout.session.completed\x00"},
        {"data": {"object": {"id": "cs_" + "x" * 300, "payment_intent": "p" * 300, "subscription": "s" * 300}}},
    ],
    ids=["id_nul", "id_long", "long", "request_nul", "late", "early", "first_day", "no_day", "type_nul", "long_ids"],
)
def test_unstorable_envelope_is_recorded(change, completed):
    post_event(completed | change)
    post_event(completed | change)

    row = WebhookEvent.objects.get()
    assert row.state in ("processed", "ignored", "failed")
    assert bool(row.error_code) == (row.state != "processed")


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000], ids=lambda text: text[:9])
def test_invalid_json_number_is_read_as_null(text, completed, order):
    body = json.dumps(completed).replace('"amount_total": 2000', f'"amount_total": 2000, "odd": {text}')
    assert text in body

    assert post_event(body.encode()).status_code == 200
    assert WebhookEvent.objects.get().state == "processed"


def test_body_that_cannot_be_parsed_is_refused():
    body = b'{"id": "evt_1", "type": "a.b", "livemode": false, "data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"

    assert post_event(body).status_code == 400


@pytest.mark.parametrize("change", [{"currency": "e" * 300}, {"currency": "euro"}], ids=["long", "wrong"])
def test_unstorable_fact_is_kept_as_failed(change, completed, order):
    completed["data"]["object"] |= change

    answer = post_event(completed)

    row = WebhookEvent.objects.get()
    if connection.vendor == "sqlite":
        # SQLite has no maximum length of a text.
        assert (answer.status_code, row.state) == (200, "processed")
    else:
        assert (answer.status_code, row.state, row.error_code) == (500, "failed", "unstorable_fact")
        order.refresh_from_db()
        assert order.status == "unpaid"


def test_retrieved_object_is_made_storable(order, stripe_emulator):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id, name=NUL, email="sam@example.com")

    services.sync(session)

    order.refresh_from_db()
    assert (order.status, order.customer_details["name"]) == ("paid", "Sam\ufffdShopper")


def test_listed_objects_are_made_storable(order, stripe_emulator):
    stripe_emulator.pay(services.start(order).stripe_id, name=NUL, email="sam@example.com")

    (listed,), _has_more = run(gateway.read_page("/v1/checkout/sessions"))

    assert listed["customer_details"]["name"] == "Sam\ufffdShopper"


def test_id_that_is_too_long_is_ignored():
    assert facts.find_id({"customer": "c" * 256}, "customer") == ""
    assert facts.find_id({"customer": "c" * 255}, "customer") == "c" * 255


def test_two_long_ids_stay_different():
    one, other = storable_id("e" * 300), storable_id("e" * 301)
    assert one != other
    assert len(one) == len(other) == 255
    assert storable_id("evt_1") == "evt_1"


#: Values that a database, JSON or Python may fail on.
UNSTORABLE = st.one_of(
    st.text(max_size=300),
    st.text(alphabet="\x00\ud800\udfffa\U0001f600 '\"\\", max_size=8),
    st.integers(min_value=-(10**45), max_value=10**45),
    st.floats(),
    st.none(),
    st.booleans(),
    st.builds(deep, st.integers(min_value=0, max_value=60)),
    st.lists(st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3),
)


def _places(value, path=()):
    """Yield the path of every value in a JSON object."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from _places(item, (*path, key))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_no_signed_event_is_lost(data, completed):
    """Whatever Stripe signs is recorded unless it is not an event; a failed one has an error code."""
    WebhookEvent.objects.all().delete()
    event = copy.deepcopy(completed)
    for path in data.draw(st.lists(st.sampled_from(list(_places(event))), min_size=1, max_size=3)):
        holder = event
        try:
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = data.draw(UNSTORABLE)
        except (KeyError, IndexError, TypeError, AttributeError):
            continue

    answer = post_event(json.dumps(event).encode())

    rows = WebhookEvent.objects.values_list("state", "error_code")
    if answer.status_code == 400:
        texts = [event["id"], event["type"]]
        assert not all(isinstance(text, str) for text in texts) or not (
            event["id"] and isinstance(event["livemode"], bool)
        )
        assert not rows
    else:
        ((state, code),) = rows
        assert (answer.status_code == 200) == (state in ("processed", "ignored"))
        assert bool(code) == (state != "processed")


@given(UNSTORABLE)
def test_storable_value_is_unchanged(value):
    once = storable(value)
    assert storable(once) == once
    is_huge = isinstance(once, int) and abs(once) >= 10**40
    assert read_json(json.dumps(once)) == (None if is_huge else once)
    json.dumps(once, ensure_ascii=False).encode()


def test_stored_event_pays_the_order_in_full(completed):
    post_event(completed)
    assert Payment.objects.get().captured_minor == Order.objects.get().paid_minor == 2000
