"""Event destinations of the second API, and the thin events that they receive."""

from __future__ import annotations

import json

import pytest
import stripe

URL = "http://localhost/events/"
SECRET = "webhook_endpoint.signing_secret"


@pytest.fixture
def destinations(client):
    return client.v2.core.event_destinations


@pytest.fixture
def create(destinations):
    def create(*names, payload="thin", **params):
        return destinations.create(
            {
                "name": "Shop",
                "type": "webhook_endpoint",
                "event_payload": payload,
                "enabled_events": list(names),
                "webhook_endpoint": {"url": URL},
                "include": [SECRET, "webhook_endpoint.url"],
                **params,
            }
        )

    return create


@pytest.fixture
def received(emulator):
    """Deliver the pending events of a destination, and return bodies and signatures."""

    def received(destination):
        found = []

        def post(body, headers):
            found.append((body, headers["Stripe-Signature"]))
            return 200

        emulator.deliver_to(post, endpoint_id=destination.id)
        return found

    return received


def test_thin_events_of_the_first_api_are_delivered_signed(client, create, received):
    destination = create("v1.customer.created")
    customer = client.v1.customers.create({"name": "Kim"})
    client.v1.customers.update(customer.id, {"name": "Sam"})

    ((body, signature),) = received(destination)
    notification = client.parse_event_notification(body, signature, destination.webhook_endpoint.signing_secret)
    assert (notification.type, notification.related_object.id) == ("v1.customer.created", customer.id)
    assert "data" not in json.loads(body)
    assert client.v2.core.events.retrieve(notification.id).related_object.url == f"/v1/customers/{customer.id}"


def test_snapshots_come_in_the_version_of_the_destination(client, create, received):
    destination = create("customer.created", payload="snapshot", snapshot_api_version="2026-10-28.endive")
    client.v1.customers.create({"name": "Kim"})

    ((body, signature),) = received(destination)
    event = client.construct_event(body, signature, destination.webhook_endpoint.signing_secret)
    assert (event.type, event.api_version, event.data.object.name) == ("customer.created", "2026-10-28.endive", "Kim")


def test_secret_and_url_are_shown_only_where_they_are_included(destinations, create):
    made = create("*", description="All", metadata={"a": "b"})

    assert made.webhook_endpoint.signing_secret.startswith("whsec_")
    assert made.webhook_endpoint.url == URL
    assert destinations.retrieve(made.id).webhook_endpoint.url is None
    found = destinations.retrieve(made.id, {"include": ["webhook_endpoint.url"]})
    assert (found.webhook_endpoint.url, found.webhook_endpoint.signing_secret) == (URL, None)
    assert (found.description, found.metadata["a"], found.status) == ("All", "b", "enabled")


def test_disabled_destination_receives_nothing(client, destinations, create, received):
    destination = create("v1.customer.created")

    disabled = destinations.disable(destination.id)
    client.v1.customers.create({"name": "Kim"})

    assert (disabled.status, disabled.status_details.disabled.reason) == ("disabled", "user")
    assert received(destination) == []
    assert destinations.enable(destination.id).status_details is None
    client.v1.customers.create({"name": "Sam"})
    assert len(received(destination)) == 1


def test_ping_is_sent_to_its_destination_alone(client, create, received):
    destination, other = create("v1.customer.created"), create("*")

    event = client.v2.core.event_destinations.ping(destination.id)

    ((body, _),) = received(destination)
    assert received(other) == []
    assert json.loads(body)["type"] == event.type == "v2.core.event_destination.ping"
    assert event.related_object.id == destination.id
    url = client.v2.core.events.retrieve(event.id).related_object.url
    assert url == f"/v2/core/event_destinations/{destination.id}"
    assert client.v1.events.list().data == []


def test_destination_is_changed_and_deleted(client, destinations, create, received):
    destination = create("v1.customer.created")

    changed = destinations.update(destination.id, {"enabled_events": ["v1.customer.deleted"], "name": "Other"})
    client.v1.customers.delete(client.v1.customers.create({"name": "Kim"}).id)

    assert (changed.name, changed.enabled_events) == ("Other", ["v1.customer.deleted"])
    assert [json.loads(body)["type"] for body, _ in received(destination)] == ["v1.customer.deleted"]
    assert destinations.delete(destination.id).id == destination.id
    with pytest.raises(stripe.StripeError):
        destinations.retrieve(destination.id)


def test_lists_continue_on_the_next_page(client, destinations, create):
    made = [create("*").id for _ in range(3)]
    customers = [client.v1.customers.create({"name": "Kim"}).id for _ in range(3)]
    client.v1.products.create({"name": "Tea"})

    first = destinations.list({"limit": 2})
    assert [found.id for found in first.data] == made[:0:-1]
    assert first.next_page_url
    assert [found.id for found in destinations.list({"limit": 2}).auto_paging_iter()] == made[::-1]
    events = client.v2.core.events.list({"types": ["v1.customer.created"], "limit": 2})
    assert [event.related_object.id for event in events.auto_paging_iter()] == customers[::-1]
    (event,) = client.v2.core.events.list({"object_id": customers[0]}).data
    assert event.type == "v1.customer.created"


@pytest.mark.parametrize(
    ("names", "params"),
    [
        (["customer.created"], {}),
        (["v1.customer.created"], {"payload": "snapshot"}),
        (["v1.customer.bought"], {}),
        (["*"], {"webhook_endpoint": {"url": "localhost"}}),
        (["*"], {"snapshot_api_version": "2026-10-28.endive"}),
        (["*"], {"payload": "snapshot", "snapshot_api_version": "2026"}),
        (["*"], {"events_from": ["@accounts"]}),
    ],
)
def test_destination_that_could_receive_nothing_is_refused(create, destinations, names, params):
    with pytest.raises(stripe.InvalidRequestError):
        create(*names, **params)

    assert destinations.list().data == []
