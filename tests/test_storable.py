"""Signed events with values that a database refuses: recorded, applied where they can be, and never lost."""

from __future__ import annotations

import copy
import json

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_checkout import facts, gateway, services
from django_checkout.models import Order, Payment, WebhookEvent
from django_checkout.storable import read_json, storable, storable_id
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
    """The event that says that the order is paid; not delivered yet."""
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
def test_a_value_that_no_column_holds_does_not_hide_a_payment(change, completed, order):
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
def test_an_envelope_that_no_column_holds_is_recorded(change, completed):
    post_event(completed | change)
    post_event(completed | change)

    row = WebhookEvent.objects.get()
    assert row.state in ("processed", "ignored", "failed")
    assert bool(row.error_code) == (row.state != "processed")


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000], ids=lambda text: text[:9])
def test_a_number_that_json_does_not_know_is_not_said(text, completed, order):
    body = json.dumps(completed).replace('"amount_total": 2000', f'"amount_total": 2000, "odd": {text}')
    assert text in body

    assert post_event(body.encode()).status_code == 200
    assert WebhookEvent.objects.get().state == "processed"


def test_a_body_that_cannot_be_parsed_is_refused():
    body = b'{"id": "evt_1", "type": "a.b", "livemode": false, "data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"

    assert post_event(body).status_code == 400


@pytest.mark.parametrize("change", [{"currency": "e" * 300}, {"currency": "euro"}], ids=["long", "wrong"])
def test_a_fact_that_no_column_holds_is_kept_as_failed(change, completed, order):
    completed["data"]["object"] |= change

    answer = post_event(completed)

    row = WebhookEvent.objects.get()
    if connection.vendor == "sqlite":
        # SQLite has no longest text.
        assert (answer.status_code, row.state) == (200, "processed")
    else:
        assert (answer.status_code, row.state, row.error_code) == (500, "failed", "unstorable_fact")
        order.refresh_from_db()
        assert order.status == "unpaid"


def test_what_is_read_from_stripe_is_made_storable_too(order, stripe_emulator):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id, name=NUL, email="sam@example.com")

    services.sync(session)

    order.refresh_from_db()
    assert (order.status, order.customer_details["name"]) == ("paid", "Sam\ufffdShopper")


def test_what_a_list_of_stripes_holds_is_made_storable_too(order, stripe_emulator):
    stripe_emulator.pay(services.start(order).stripe_id, name=NUL, email="sam@example.com")

    (listed,), _has_more = gateway.read_page("/v1/checkout/sessions")

    assert listed["customer_details"]["name"] == "Sam\ufffdShopper"


def test_an_id_that_is_too_long_names_nothing():
    assert facts.find_id({"customer": "c" * 256}, "customer") == ""
    assert facts.find_id({"customer": "c" * 255}, "customer") == "c" * 255


def test_two_long_ids_stay_two():
    one, other = storable_id("e" * 300), storable_id("e" * 301)
    assert one != other
    assert len(one) == len(other) == 255
    assert storable_id("evt_1") == "evt_1"


#: What a database, JSON or Python itself may stumble over.
NASTY = st.one_of(
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
    """Whatever Stripe signs is recorded, or is no event at all; what is kept as failed says why."""
    WebhookEvent.objects.all().delete()
    event = copy.deepcopy(completed)
    for path in data.draw(st.lists(st.sampled_from(list(_places(event))), min_size=1, max_size=3)):
        holder = event
        try:
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = data.draw(NASTY)
        except (KeyError, IndexError, TypeError, AttributeError):
            continue

    answer = post_event(json.dumps(event).encode())

    said = WebhookEvent.objects.values_list("state", "error_code")
    if answer.status_code == 400:
        texts = [event["id"], event["type"]]
        assert not all(isinstance(text, str) for text in texts) or not (
            event["id"] and isinstance(event["livemode"], bool)
        )
        assert not said
    else:
        ((state, code),) = said
        assert (answer.status_code == 200) == (state in ("processed", "ignored"))
        assert bool(code) == (state != "processed")


@given(NASTY)
def test_what_is_storable_stays_as_it_is(value):
    once = storable(value)
    assert storable(once) == once
    assert read_json(json.dumps(once)) == once or abs(once) >= 10**40
    json.dumps(once, ensure_ascii=False).encode()


def test_payments_and_orders_are_whole_numbers_still(completed):
    post_event(completed)
    assert Payment.objects.get().captured_minor == Order.objects.get().paid_minor == 2000
