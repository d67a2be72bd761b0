from __future__ import annotations

import pytest
import stripe

from .conftest import client_of, session_params

PARAMS = session_params()


def delivered(emulator):
    return [attempt.delivery.event_type for attempt in emulator.deliver_to(lambda body, headers: 200)]


@pytest.mark.parametrize(
    ("status", "error"),
    [(409, stripe.APIError), (429, stripe.RateLimitError), (500, stripe.APIError), (503, stripe.APIError)],
)
def test_the_next_requests_fail_before_anything_happens(emulator, client, status, error):
    emulator.chaos.fail(2, status=status, match="POST /v1/checkout/sessions")

    for _ in range(2):
        with pytest.raises(error) as caught:
            client.v1.checkout.sessions.create(PARAMS)
        assert caught.value.http_status == status
    assert client.v1.checkout.sessions.list().data == []
    assert client.v1.checkout.sessions.create(PARAMS).status == "open"


@pytest.mark.parametrize("timeout", [False, True])
def test_a_dropped_response_is_replayed_for_the_same_key(emulator, client, timeout):
    emulator.chaos.drop(timeout=timeout)
    with pytest.raises(stripe.APIConnectionError):
        client.v1.checkout.sessions.create(PARAMS, {"idempotency_key": "k1"})

    again = client.v1.checkout.sessions.create(PARAMS, {"idempotency_key": "k1"})

    assert [session.id for session in client.v1.checkout.sessions.list().data] == [again.id]


def test_a_request_dropped_before_execution_changes_nothing(emulator, client):
    emulator.chaos.drop(when="before")

    with pytest.raises(stripe.APIConnectionError):
        client.v1.checkout.sessions.create(PARAMS)

    assert client.v1.checkout.sessions.list().data == []


def test_the_library_recovers_a_dropped_response_with_its_own_retry(emulator):
    emulator.chaos.drop()

    session = client_of(emulator, max_network_retries=1).v1.checkout.sessions.create(PARAMS)

    assert [found.id for found in client_of(emulator).v1.checkout.sessions.list().data] == [session.id]


def test_a_500_after_execution_is_replayed_for_its_key(emulator, client):
    emulator.chaos.fail(when="after")

    for _ in range(2):
        with pytest.raises(stripe.APIError):
            client.v1.checkout.sessions.create(PARAMS, {"idempotency_key": "k1"})

    assert len(client.v1.checkout.sessions.list().data) == 1


def test_a_409_after_execution_is_not_stored(emulator, client):
    emulator.chaos.fail(status=409, when="after")
    with pytest.raises(stripe.APIError):
        client.v1.checkout.sessions.create(PARAMS, {"idempotency_key": "k1"})

    assert client.v1.checkout.sessions.create(PARAMS, {"idempotency_key": "k1"}).status == "open"
    assert len(client.v1.checkout.sessions.list().data) == 1


def test_an_unsupported_status_is_refused(emulator):
    with pytest.raises(ValueError, match="418"):
        emulator.chaos.fail(status=418)


def test_lost_events_are_never_delivered_and_listed_as_undelivered(emulator, client, paid):
    paid()
    emulator.chaos.lose(types="checkout.session.*")

    assert "checkout.session.completed" not in delivered(emulator)
    assert delivered(emulator) == []
    missed = client.v1.events.list({"delivery_success": False}).data
    assert [event.type for event in missed] == ["checkout.session.completed"]


def test_a_lost_event_can_be_sent_again(emulator, client, paid):
    paid()
    emulator.chaos.lose(5)
    delivered(emulator)

    emulator.resend(emulator.events("checkout.session.completed")[0]["id"])

    assert delivered(emulator) == ["checkout.session.completed"]


def test_duplicated_events_are_delivered_twice(emulator, paid):
    paid()
    emulator.chaos.duplicate(types="checkout.session.completed")

    assert delivered(emulator).count("checkout.session.completed") == 2


def test_delayed_events_are_delivered_later(emulator, paid):
    paid()
    emulator.chaos.delay(60, types="checkout.session.completed")

    assert "checkout.session.completed" not in delivered(emulator)
    assert delivered(emulator) == ["checkout.session.completed"]


def test_events_are_shuffled_repeatably(emulator, paid):
    paid()
    order = [event["type"] for event in emulator.events()]
    emulator.chaos.reorder("reverse")

    assert delivered(emulator) == order[::-1]

    paid()
    emulator.chaos.reorder("shuffle", seed=1)
    assert sorted(delivered(emulator)) == sorted(order)


def test_reset_turns_everything_off(emulator, client, paid):
    emulator.chaos.fail(99)
    emulator.chaos.lose(99)
    emulator.chaos.reorder("reverse")

    emulator.chaos.reset()

    paid()
    assert delivered(emulator) == [event["type"] for event in emulator.events()]
