from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from django_checkout.emulator import Request

from .conftest import API_VERSION, BASE_URL, client_of, session_params


def send(emulator, method="GET", path="/v1/account", **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return emulator.handle(Request(method=method, base_url=BASE_URL, path=path, headers=names))


def error_of(response):
    return json.loads(response.body)["error"]


@pytest.mark.parametrize("key", ["sk_live_abc", "rk_live_abc", "pk_live_abc"])
def test_a_live_key_is_always_refused(emulator, key):
    with pytest.raises(stripe.AuthenticationError, match="refuses live keys"):
        client_of(emulator, key).v1.checkout.sessions.list()


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer nonsense", "Basic !!!"])
def test_a_missing_or_malformed_key_is_refused(emulator, authorization):
    response = send(emulator, authorization=authorization)

    assert response.status == 401
    assert error_of(response)["type"] == "invalid_request_error"


def test_a_publishable_key_may_not_use_the_api(emulator):
    with pytest.raises(stripe.PermissionError):
        client_of(emulator, "pk_test_x").v1.checkout.sessions.list()


def test_basic_authentication_is_accepted(emulator):
    assert send(emulator, authorization="Basic c2tfdGVzdF94Og==").status == 200


def test_every_response_has_a_request_id_and_the_requested_version(client):
    headers = client.v1.checkout.sessions.list().last_response.headers

    assert headers["Request-Id"].startswith("req_")
    assert headers["Stripe-Version"] == API_VERSION


def test_errors_have_stripes_shape(client):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.checkout.sessions.retrieve("cs_test_none")

    error = caught.value
    assert (error.http_status, error.code, error.param) == (404, "resource_missing", "session")
    assert error.error.doc_url == "https://stripe.com/docs/error-codes/resource-missing"
    assert error.error.request_log_url
    assert error.request_id


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/nothing"), ("DELETE", "/v1/refunds/re_1")])
def test_unknown_urls_are_404(emulator, method, path):
    assert send(emulator, method, path, authorization="Bearer sk_test_x").status == 404


def test_the_account_is_in_test_mode(client):
    account = client.v1.accounts.retrieve_current()

    assert account.id.startswith("acct_")
    assert account.charges_enabled


def test_a_repeated_key_replays_the_first_response(client):
    params = session_params()
    first = client.v1.checkout.sessions.create(params, {"idempotency_key": "k1"})
    client.v1.checkout.sessions.expire(first.id)

    second = client.v1.checkout.sessions.create(params, {"idempotency_key": "k1"})

    assert second.id == first.id
    assert second.status == "open"
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    assert len(client.v1.checkout.sessions.list().data) == 1


def test_a_key_with_other_parameters_is_an_error(client):
    first = session_params()
    other = session_params(amount=999)
    client.v1.checkout.sessions.create(first, {"idempotency_key": "k1"})

    with pytest.raises(stripe.IdempotencyError):
        client.v1.checkout.sessions.create(other, {"idempotency_key": "k1"})


def test_a_refused_request_does_not_use_up_its_key(client):
    wrong = session_params(currency="xyz")
    right = session_params()
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.create(wrong, {"idempotency_key": "k1"})

    assert client.v1.checkout.sessions.create(right, {"idempotency_key": "k1"}).status == "open"


def test_a_key_expires_after_a_day(emulator, client):
    params = session_params()
    first = client.v1.checkout.sessions.create(params, {"idempotency_key": "k1"})

    emulator.clock.advance(24 * 3600)

    assert client.v1.checkout.sessions.create(params, {"idempotency_key": "k1"}).id != first.id


def test_twenty_threads_with_one_key_make_one_session(emulator, client):
    params = session_params()

    def create(_):
        try:
            return client_of(emulator).v1.checkout.sessions.create(params, {"idempotency_key": "k1"}).id
        except stripe.APIError as error:
            return f"{error.http_status}"

    with ThreadPoolExecutor(20) as pool:
        ids = set(pool.map(create, range(20)))

    assert len(ids - {"409"}) == 1
    assert len(client.v1.checkout.sessions.list().data) == 1


def test_twenty_threads_pay_twenty_sessions(emulator, client, make_session):
    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(lambda _: emulator.pay(make_session().id), range(20)))

    assert {outcome.status for outcome in outcomes} == {"paid"}
    assert len(emulator.events("checkout.session.completed")) == 20


def test_twenty_refunds_at_once_never_exceed_the_charge(emulator, client, make_session):
    intent = emulator.pay(make_session().id).payment_intent

    def refund(_):
        try:
            client_of(emulator).v1.refunds.create({"payment_intent": str(intent), "amount": 300})
        except stripe.InvalidRequestError:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(refund, range(20)))

    assert made.count(True) == 3


def test_lists_are_newest_first_and_page_both_ways(client, make_session):
    ids = [make_session().id for _ in range(5)][::-1]
    sessions = client.v1.checkout.sessions

    first = sessions.list({"limit": 2})
    second = sessions.list({"limit": 2, "starting_after": ids[1]})
    back = sessions.list({"limit": 2, "ending_before": ids[4]})

    assert [session.id for session in first.data] == ids[:2]
    assert first.has_more
    assert [session.id for session in second.data] == ids[2:4]
    assert [session.id for session in back.data] == ids[2:4]
    assert back.has_more
    assert [session.id for session in sessions.list({"limit": 2}).auto_paging_iter()] == ids


@pytest.mark.parametrize("params", [{"limit": 0}, {"limit": 101}, {"starting_after": "cs_none"}, {"metadata": "x"}])
def test_bad_paging_is_refused(client, params):
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.list(params)


def test_sessions_are_filtered(emulator, client, make_session):
    open_one, paid_one = make_session(), make_session()
    outcome = emulator.pay(paid_one.id, email="kim@example.com")

    def found(**params):
        return [session.id for session in client.v1.checkout.sessions.list(params).data]

    assert found(status="open") == [open_one.id]
    assert found(payment_intent=outcome.payment_intent) == [paid_one.id]
    assert found(customer_details={"email": "kim@example.com"}) == [paid_one.id]
    assert found(created={"gte": paid_one.created, "lte": paid_one.created}) != []
    assert found(created={"lt": open_one.created}) == []


def test_lists_expand_below_data(emulator, client, make_session):
    emulator.pay(make_session().id)

    session = client.v1.checkout.sessions.list({"expand": ["data.payment_intent", "data.line_items"]}).data[0]

    assert isinstance(session.payment_intent, stripe.PaymentIntent)
    assert len(session.line_items.data) == 1


@pytest.mark.parametrize("path", ["status", "nothing", "payment_intent.status", "data.line_items", "a.b.c.d.e"])
def test_properties_that_cannot_be_expanded_are_refused(emulator, client, make_session, path):
    session = make_session()
    emulator.pay(session.id)

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.retrieve(session.id, {"expand": [path]})


def test_a_null_is_expanded_to_null(client, make_session):
    session = make_session()

    expanded = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})

    assert expanded.payment_intent is None


def test_customers_are_created_changed_listed_and_deleted(client):
    customer = client.v1.customers.create({"email": "kim@example.com", "metadata": {"user": "7"}})
    client.v1.customers.update(customer.id, {"name": "Kim"})

    assert client.v1.customers.list({"email": "kim@example.com"}).data[0].name == "Kim"
    assert client.v1.customers.delete(customer.id).deleted
    assert client.v1.customers.retrieve(customer.id).deleted
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.update(customer.id, {"name": "Sam"})


def test_a_session_can_create_its_customer(emulator, client, make_session):
    session = make_session(customer_creation="always")
    emulator.pay(session.id, email="kim@example.com")

    after = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["customer"]})

    assert isinstance(after.customer, stripe.Customer)
    assert after.customer.email == "kim@example.com"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": "Basic /w=="}, 401),
        ({"authorization": "Bearer sk_test_x", "stripe_version": "newest"}, 400),
        ({"authorization": "Bearer sk_test_x", "idempotency_key": "k" * 256}, 400),
    ],
)
def test_malformed_headers_are_refused(emulator, headers, status):
    assert send(emulator, "POST", "/v1/customers", **headers).status == status


def test_an_oversized_body_is_refused(emulator):
    request = Request(
        method="POST",
        base_url=BASE_URL,
        path="/v1/customers",
        headers={"authorization": "Bearer sk_test_x"},
        body=b"name=" + b"x" * 1024 * 1024,
    )

    assert emulator.handle(request).status == 413
