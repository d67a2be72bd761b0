"""What all answers of the API have in common, over a socket."""

from __future__ import annotations

import json
import threading

import pytest
import requests

from django_checkout.emulator import Emulator
from django_checkout.emulator.server import EmulatorServer
from tests.serving import serving

from .test_server import wait_for

KEY = "sk_test_answers"


class Wall:
    """A system clock that stands still."""

    now = 1_700_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def wall():
    return Wall()


@pytest.fixture
def emulator(wall):
    made = Emulator(wall=wall)
    yield made
    made.close()


@pytest.fixture
def call(emulator):
    """Send a request over a socket and return the response."""
    with serving(EmulatorServer(("127.0.0.1", 0), emulator)) as server:

        def send(method, path, key="", **form):
            headers = {"Idempotency-Key": key} if key else {}
            url = f"{server.url}{path}"
            return requests.request(method, url, data=form, headers=headers, auth=(KEY, ""), timeout=60)

        yield send


def test_answers_are_indented_by_two_spaces(call):
    found = call("POST", "/v1/customers", email="a@example.com")
    failed = call("GET", "/v1/customers/cus_missing")

    assert found.text == json.dumps(found.json(), indent=2)
    assert failed.text.startswith('{\n  "error": {\n    "')


def test_deliveries_are_indented_by_two_spaces(emulator, call):
    call("POST", "/v1/customers")

    (delivery,) = emulator.pending_deliveries()

    assert delivery.body.decode() == json.dumps(json.loads(delivery.body), indent=2)


def test_a_key_that_is_in_use_is_refused(emulator, call):
    answers = []

    def create():
        answers.append(call("POST", "/v1/customers", key="twice"))

    threads = [threading.Thread(target=create) for _ in range(2)]
    # The first request holds the key, and waits for the store; the second finds the key in use.
    with emulator.state.transaction():
        for thread in threads:
            thread.start()
        wait_for(lambda: answers)
        (refused,) = answers
    for thread in threads:
        thread.join()

    assert refused.status_code == 409
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "idempotency_key_in_use")
    assert error["message"] == (
        "There is currently another in-progress request using this Idempotent Key (that probably means you submitted "
        "twice, and the other request is still going through): twice. Please try again later."
    )
    assert "Stripe-Should-Retry" not in refused.headers
    assert answers[1].status_code == 200
    again = call("POST", "/v1/customers", key="twice")
    assert (again.headers["Idempotent-Replayed"], again.json()) == ("true", answers[1].json())


def test_many_threads_with_one_key_create_one_object(emulator, call):
    answers = []

    def create():
        answers.append(call("POST", "/v1/customers", key="many"))

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 200}) == 1
    assert len(emulator.events("customer.created")) == 1


def headers_of(response):
    names = ("Idempotency-Key", "Original-Request", "Idempotent-Replayed", "Stripe-Should-Retry")
    return {name: response.headers[name] for name in names if name in response.headers}


def test_an_answer_that_is_stored_under_its_key_need_not_be_asked_for_again(call):
    made = call("POST", "/v1/customers", key="first")
    again = call("POST", "/v1/customers", key="first")

    common = {"Idempotency-Key": "first", "Original-Request": made.headers["Request-Id"]}
    assert headers_of(made) == {**common, "Stripe-Should-Retry": "false"}
    assert headers_of(again) == {**common, "Stripe-Should-Retry": "false", "Idempotent-Replayed": "true"}
    assert again.headers["Request-Id"] != made.headers["Request-Id"]


def test_an_answer_that_is_not_stored_does_not_say_whether_to_retry(call):
    invalid = call("POST", "/v1/customers", key="invalid", colour="red")
    read = call("GET", "/v1/customers")

    assert headers_of(invalid) == {"Idempotency-Key": "invalid", "Original-Request": invalid.headers["Request-Id"]}
    assert headers_of(read) == {}


def test_a_stored_error_of_the_server_leaves_a_retry_to_the_client(emulator, call):
    emulator.chaos.fail(1, status=500, when="after")

    failed = call("POST", "/v1/customers", key="failed")
    again = call("POST", "/v1/customers", key="failed")

    assert (failed.status_code, again.status_code) == (500, 500)
    assert "Stripe-Should-Retry" not in {**failed.headers, **again.headers}
    assert again.headers["Idempotent-Replayed"] == "true"


def test_a_lock_timeout_is_worth_a_retry(emulator, call):
    emulator.chaos.fail(1, status=429, code="lock_timeout")

    locked = call("POST", "/v1/customers", key="locked")

    assert (locked.status_code, locked.json()["error"]["code"]) == (429, "lock_timeout")
    assert locked.headers["Stripe-Should-Retry"] == "true"
    assert "Stripe-Rate-Limited-Reason" not in locked.headers
    assert call("POST", "/v1/customers", key="locked").status_code == 200


def statuses(call, count, path="/v1/customers"):
    return [call("GET", path).status_code for _ in range(count)]


def test_requests_are_not_limited_unless_a_test_says_so(call):
    assert set(statuses(call, 30)) == {200}


def test_a_sandbox_answers_25_requests_a_second(emulator, call, wall):
    emulator.rate_limits.mode = "sandbox"

    assert statuses(call, 13, "/v1/customers") + statuses(call, 12, "/v1/refunds") == [200] * 25
    refused = call("POST", "/v1/customers", key="later")

    assert refused.status_code == 429
    assert refused.headers["Stripe-Rate-Limited-Reason"] == "global-rate"
    assert "Stripe-Should-Retry" not in refused.headers
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "rate_limit")
    assert error["message"].startswith("Testmode request rate limit exceeded, the rate limits in testmode are lower")
    wall.now += 1
    # The limit comes before the idempotency key.
    assert "Idempotent-Replayed" not in call("POST", "/v1/customers", key="later").headers


def test_an_operation_is_limited_to_25_requests_a_second(emulator, call, wall):
    emulator.rate_limits.mode = "live"

    assert statuses(call, 25) == [200] * 25
    refused = call("GET", "/v1/customers")
    other = statuses(call, 25, "/v1/refunds")

    assert (refused.status_code, refused.headers["Stripe-Rate-Limited-Reason"]) == (429, "endpoint-rate")
    assert refused.json()["error"]["message"].startswith("Request rate limit exceeded. ")
    assert other == [200] * 25
    wall.now += 0.2
    assert statuses(call, 6) == [200] * 5 + [429]


def test_live_mode_answers_100_requests_a_second(emulator, call):
    emulator.rate_limits.mode = "live"
    paths = ("customers", "refunds", "products", "prices", "charges")

    found = [status for path in paths for status in statuses(call, 21, f"/v1/{path}")]

    assert found == [200] * 100 + [429] * 5


def test_an_unknown_rate_limit_is_refused(emulator):
    with pytest.raises(ValueError, match="sandbox"):
        emulator.rate_limits.mode = "test"


def test_requests_are_logged_as_in_the_dashboard(emulator, call):
    made = call("POST", "/v1/customers", key="logged")
    call("GET", "/v1/customers/cus_missing")

    failed, succeeded = emulator.requests()

    assert (succeeded.method, succeeded.path, succeeded.status) == ("POST", "/v1/customers", 200)
    assert (succeeded.id, succeeded.idempotency_key) == (made.headers["Request-Id"], "logged")
    assert emulator.events("customer.created")[0]["request"]["id"] == succeeded.id
    assert (failed.status, failed.idempotency_key) == (404, None)
    assert (failed.error["code"], failed.error["param"]) == ("resource_missing", "id")


def test_a_request_without_an_answer_is_logged(emulator, call):
    emulator.chaos.drop(1, match="POST *")

    with pytest.raises(requests.ConnectionError):
        call("POST", "/v1/customers")

    (dropped,) = emulator.requests()
    assert dropped.status is None
    assert emulator.events("customer.created")[0]["request"]["id"] == dropped.id


def test_the_control_page_lists_requests(emulator, call):
    made = call("POST", "/v1/customers", key="shown")

    page = call("GET", "/control/")
    listed = requests.get(page.url + "requests", headers={"Authorization": f"Bearer {KEY}"}, timeout=60).json()

    assert made.headers["Request-Id"] in page.text
    (row,) = listed["requests"]
    assert (row["id"], row["method"], row["path"]) == (made.headers["Request-Id"], "POST", "/v1/customers")
    assert (row["status"], row["idempotency_key"]) == (200, "shown")


def test_pending_webhooks_counts_down_as_endpoints_acknowledge(emulator, call):
    for name in ("one", "two"):
        url = f"http://localhost/{name}/"
        call("POST", "/v1/webhook_endpoints", url=url, **{"enabled_events[0]": "customer.created"})
    created = call("POST", "/v1/customers").json()["id"]

    def pending():
        (event,) = call("GET", "/v1/events").json()["data"]
        assert event["data"]["object"]["id"] == created
        return event["pending_webhooks"]

    counts = [pending()]
    for delivery in emulator.pending_deliveries():
        emulator.acknowledge(delivery, 500)
        counts.append(pending())
        emulator.acknowledge(delivery)
        counts.append(pending())

    assert counts == [3, 3, 2, 2, 1, 1, 0]


def test_a_second_delivery_to_one_endpoint_does_not_stand_for_another(emulator, call):
    call("POST", "/v1/webhook_endpoints", url="http://localhost/", **{"enabled_events[0]": "customer.created"})
    call("POST", "/v1/customers")
    first, _ = emulator.pending_deliveries()
    emulator.acknowledge(first)
    emulator.resend(first.event_id)

    emulator.acknowledge(first)

    (event,) = call("GET", "/v1/events").json()["data"]
    assert event["pending_webhooks"] == 1
