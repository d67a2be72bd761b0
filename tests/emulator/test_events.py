from __future__ import annotations

import json

import pytest
import stripe

from django_checkout.emulator import signature_header

from .conftest import API_VERSION, SECRET


class Receiver:
    """Receives webhooks as a site does: verifies the signature, then responds."""

    def __init__(self, status=200):
        self.status = status
        self.received = []

    def __call__(self, body, headers):
        self.received.append(stripe.Webhook.construct_event(body, headers["Stripe-Signature"], SECRET))
        return self.status

    @property
    def types(self):
        return [event.type for event in self.received]


def test_an_event_is_a_snapshot_in_the_pinned_version(emulator, client, make_session):
    session = make_session(metadata={"order_id": "A1"})
    emulator.pay(session.id)
    client.v1.checkout.sessions.update(session.id, {"metadata": {"order_id": "changed"}})

    event = client.v1.events.list({"type": "checkout.session.completed"}).data[0]

    assert event.api_version == API_VERSION
    assert (event.livemode, event.pending_webhooks) == (False, 1)
    assert event.data.object["metadata"]["order_id"] == "A1"
    assert not any(key.startswith("_") for key in event.data.object.to_dict())


def test_an_event_names_the_request_that_caused_it(emulator, client, make_session):
    session = client.v1.checkout.sessions.expire(make_session().id, {}, {"idempotency_key": "key-1"})

    event = client.v1.events.list().data[0]

    assert event["request"]["id"] == session.last_response.headers["request-id"]
    assert event["request"]["idempotency_key"] == "key-1"


def test_events_are_filtered_by_type_wildcard_and_delivery(emulator, client, paid):
    paid()
    emulator.deliver_to(lambda body, headers: 200 if b'"payment_intent.succeeded"' in body else 500)

    def found(**params):
        return {event.type for event in client.v1.events.list(params).data}

    assert found(type="checkout.session.*") == {"checkout.session.completed"}
    assert found(types=["charge.succeeded", "charge.failed"]) == {"charge.succeeded"}
    assert found(type="nothing.*") == set()
    assert found(delivery_success=True) == {"payment_intent.succeeded"}
    assert "payment_intent.succeeded" not in found(delivery_success=False)
    assert found(created={"gt": emulator.clock.now() + 60}) == set()


def test_type_and_types_exclude_each_other(client):
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.events.list({"type": "charge.failed", "types": ["charge.failed"]})


def test_stripes_library_accepts_the_signatures(emulator, paid):
    paid()
    receiver = Receiver()

    attempts = emulator.deliver_to(receiver)

    assert receiver.types == [event["type"] for event in emulator.events()]
    assert all(attempt.is_acknowledged for attempt in attempts)
    assert emulator.pending_deliveries() == []
    assert {event["pending_webhooks"] for event in emulator.events()} == {0}


@pytest.mark.parametrize("status", [None, 301, 400, 500])
def test_unacknowledged_deliveries_stay_pending(emulator, paid, status):
    paid()

    emulator.deliver_to(lambda body, headers: status)

    assert len(emulator.pending_deliveries()) == 5
    assert all(delivery.attempts == 1 for delivery in emulator.pending_deliveries())


def test_deliveries_can_be_posted_by_hand_in_any_order_and_twice(emulator, paid):
    paid()
    receiver = Receiver()
    deliveries = emulator.pending_deliveries()

    for delivery in [*reversed(deliveries), deliveries[0]]:
        receiver(delivery.body, delivery.headers)
        emulator.acknowledge(delivery)

    assert len(receiver.received) == 6
    assert emulator.pending_deliveries() == []


def test_a_signature_can_be_made_for_any_time():
    body = json.dumps({"id": "evt_1", "object": "event"}).encode()

    header = signature_header(body, SECRET, 1_700_000_000)

    assert header.startswith("t=1700000000,v1=")
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, header, SECRET)
    assert stripe.Webhook.construct_event(body, signature_header(body, SECRET), SECRET).id == "evt_1"


def test_event_ids_do_not_reveal_their_order(emulator, paid):
    for _ in range(5):
        paid()

    ids = [event["id"] for event in emulator.events()]
    assert len(set(ids)) == len(ids) == 25
    assert sorted(ids) != ids


def test_an_endpoint_receives_its_event_types_signed_with_its_secret(emulator, client, paid):
    endpoint = client.v1.webhook_endpoints.create(
        {"url": "https://shop.example.com/hook/", "enabled_events": ["checkout.session.completed"]}
    )
    paid()

    mine = [delivery for delivery in emulator.pending_deliveries() if delivery.endpoint_id == endpoint.id]

    assert [delivery.event_type for delivery in mine] == ["checkout.session.completed"]
    event = stripe.Webhook.construct_event(mine[0].body, mine[0].signature, str(endpoint.secret))
    assert event.pending_webhooks == 2


def test_the_secret_of_an_endpoint_is_shown_once(client):
    endpoint = client.v1.webhook_endpoints.create({"url": "https://shop.example.com/", "enabled_events": ["*"]})

    assert str(endpoint.secret).startswith("whsec_")
    assert "secret" not in client.v1.webhook_endpoints.retrieve(endpoint.id)
    assert [listed.id for listed in client.v1.webhook_endpoints.list().data] == [endpoint.id]


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254\\@127.0.0.1/",
        "http://127.0.0.1@evil.example/",
        "http://127.0.0.1\t.evil.example/",
        "http://127.0.0.1/ evil",
        "http:///hook/",
        "http://[broken",
    ],
)
def test_a_url_that_parsers_read_differently_is_refused(client, url):
    endpoint = client.v1.webhook_endpoints.create({"url": "https://shop.example.com/", "enabled_events": ["*"]})

    with pytest.raises(stripe.InvalidRequestError, match="URL"):
        client.v1.webhook_endpoints.create({"url": url, "enabled_events": ["*"]})
    with pytest.raises(stripe.InvalidRequestError, match="URL"):
        client.v1.webhook_endpoints.update(endpoint.id, {"url": url})


def test_a_disabled_or_deleted_endpoint_receives_nothing(emulator, client, paid):
    made = [
        client.v1.webhook_endpoints.create({"url": "https://shop.example.com/", "enabled_events": ["*"]})
        for _ in range(2)
    ]
    client.v1.webhook_endpoints.update(made[0].id, {"disabled": True})
    client.v1.webhook_endpoints.delete(made[1].id)

    paid()

    assert {delivery.endpoint_id for delivery in emulator.pending_deliveries()} == {"we_configured"}


def test_thin_events_name_the_object_without_its_content(emulator, client, make_session):
    endpoint = client.v1.webhook_endpoints.create(
        {
            "url": "https://shop.example.com/thin/",
            "enabled_events": ["v1.checkout.session.completed"],
        }
    )
    session = make_session()
    emulator.pay(session.id)
    [delivery] = [one for one in emulator.pending_deliveries() if one.endpoint_id == endpoint.id]

    notification = client.parse_event_notification(delivery.body, delivery.signature, str(endpoint.secret))

    assert notification.type == "v1.checkout.session.completed"
    related = notification.fetch_related_object()
    assert isinstance(related, stripe.checkout.Session)
    assert (related.id, related.payment_status) == (session.id, "paid")
    fetched = notification.fetch_event()
    assert fetched.id == notification.id


@pytest.mark.parametrize(
    ("version", "ui_mode", "has_shipping", "has_charges"),
    [
        ("2022-08-01", "hosted", True, True),
        ("2024-06-20", "hosted", True, False),
        ("2025-09-30.clover", "hosted", False, False),
        ("2026-03-25.dahlia", "hosted_page", False, False),
    ],
)
def test_an_endpoint_receives_events_in_its_own_version(
    emulator,
    client,
    paid,
    version,
    ui_mode,
    has_shipping,
    has_charges,
):
    endpoint = client.v1.webhook_endpoints.create(
        {
            "url": "https://shop.example.com/",
            "enabled_events": ["checkout.session.completed", "payment_intent.succeeded"],
            "api_version": version,
        }
    )
    paid()

    bodies = [json.loads(one.body) for one in emulator.pending_deliveries() if one.endpoint_id == endpoint.id]

    intent, session = (body["data"]["object"] for body in bodies)
    assert {body["api_version"] for body in bodies} == {version}
    assert session["ui_mode"] == ui_mode
    assert ("shipping_details" in session) is has_shipping
    assert ("charges" in intent) is has_charges


def test_delivery_can_be_limited_to_one_endpoint(emulator, client, paid):
    client.v1.webhook_endpoints.create({"url": "https://shop.example.com/", "enabled_events": ["*"]})
    paid()

    attempts = emulator.deliver_to(lambda body, headers: 200, endpoint_id="we_configured")

    assert {attempt.delivery.endpoint_id for attempt in attempts} == {"we_configured"}
    assert len(emulator.pending_deliveries()) == 5


def test_a_change_can_be_reported_twice_under_two_ids(emulator, paid):
    paid()
    first = emulator.events("checkout.session.completed")[0]

    second = emulator.repeat(first["id"])

    assert second["id"] != first["id"]
    assert second["data"] == first["data"]
