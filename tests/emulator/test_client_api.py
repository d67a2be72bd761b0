"""The API of stripe.js: access and errors."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
import stripe

from django_checkout.emulator import Request

from .conftest import BASE_URL, session_params

SHIPPING = {"name": "Kim Buyer", "address": {"country": "DE", "line1": "Weg 1", "city": "Ulm", "postal_code": "89073"}}


@pytest.fixture
def session(client):
    return new_session(client)


def new_session(client, **params):
    parameters = session_params(ui_mode="elements", return_url="https://shop.example.com/return/", **params)
    del parameters["success_url"], parameters["cancel_url"]
    return client.v1.checkout.sessions.create(parameters)


def send(
    emulator,
    session,
    action="retrieve",
    payload=None,
    **changes,
):
    typed = {"key": "pk_test_1", "client_secret": session.client_secret or "", "payload": json.dumps(payload or {})}
    response = posted(emulator, f"/payment_pages/{session.id}/{action}", {**typed, **changes})
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    return response.status, json.loads(response.body)


def posted(emulator, path, typed):
    return emulator.handle(Request(method="POST", base_url=BASE_URL, path=path, body=urlencode(typed).encode()))


def get(emulator, path, query=""):
    return emulator.handle(Request(method="GET", base_url=BASE_URL, path=path, query=query))


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "sk_test_1"},
        {"key": "pk_live_1"},
        {"key": ""},
        {"client_secret": "cs_test_secret_1"},
        {"client_secret": ""},
    ],
)
def test_a_session_needs_its_client_secret_and_a_publishable_key(emulator, session, changes):
    status, answer = send(emulator, session, **changes)

    assert status == 401
    assert "session" not in answer


def test_a_hosted_session_has_no_client_secret(emulator, client):
    hosted = client.v1.checkout.sessions.create(session_params())

    assert send(emulator, hosted)[0] == 401


def test_fields_for_the_server_only_are_not_returned(emulator, client):
    session = new_session(client, metadata={"cost": "3"}, client_reference_id="A-1")

    text = json.dumps(send(emulator, session)[1])

    assert str(session.client_secret) not in text
    assert "cost" not in text
    assert "A-1" not in text


@pytest.mark.parametrize(
    ("action", "payload", "status"),
    [
        ("nothing", {"email": ""}, 404),
        ("update", [1], 200),
        ("update", {"shipping": {"address": {}}}, 200),
        ("update", {"billing": "here"}, 200),
        ("update", {"line_item": "li_none", "quantity": 2}, 200),
        ("update", {"tax_id": {"type": "eu_vat", "value": "DE1"}}, 200),
        ("update", {"currency": "gbp"}, 200),
        ("confirm", {"email": "kim@example.com", "saved": "pm_none"}, 200),
        ("confirm", {"method": {"type": "card", "number": "4242424242424242", "cvc": "123"}}, 200),
    ],
)
def test_invalid_input_is_an_error_and_changes_nothing(emulator, session, action, payload, status):
    answered = send(emulator, session, action, payload)

    assert answered[0] == status
    assert answered[1]["error"]["message"]
    assert emulator.get(session.id)["status"] == "open"


def test_a_garbled_payload_is_refused(emulator, session):
    typed = {"key": "pk_test_1", "client_secret": session.client_secret or "", "payload": "{"}
    assert b"Invalid payload" in posted(emulator, f"/payment_pages/{session.id}/update", typed).body
    assert get(emulator, f"/payment_pages/{session.id}/retrieve").status == 405


@pytest.mark.parametrize(
    ("method", "decline"),
    [
        ({"type": "card", "number": "4242", "cvc": "123"}, "incorrect_number"),
        ({"type": "card", "number": "4242424242424242", "cvc": ""}, "invalid_cvc"),
        ({"type": "card", "number": "4111111111111111", "cvc": "123"}, "live_mode_test_card"),
        ({"type": "bank", "iban": "AT0"}, "incorrect_number"),
    ],
)
def test_invalid_payment_details_are_declined(emulator, session, method, decline):
    payload = {"email": "kim@example.com", "method": method}

    assert send(emulator, session, "confirm", payload)[1]["declined"]["decline_code"] == decline


def test_a_completed_session_is_returned_and_cannot_be_changed(emulator, session):
    emulator.pay(session.id)

    answer = send(emulator, session)[1]
    assert answer["session"]["status"] == {"type": "complete", "paymentStatus": "paid"}
    assert "complete" in send(emulator, session, "update", {"email": "kim@example.com"})[1]["error"]["message"]


def test_shipping_can_be_limited_to_updates_by_the_server(emulator, client):
    session = new_session(
        client,
        permissions={"update_shipping_details": "server_only"},
        shipping_address_collection={"allowed_countries": ["DE"]},
        automatic_tax={"enabled": True},
    )
    assert (
        "only be updated by the server"
        in send(emulator, session, "update", {"shipping": SHIPPING})[1]["error"]["message"]
    )

    details = {"shipping_details": SHIPPING}
    client.v1.checkout.sessions.update(session.id, {"collected_information": details})

    shown = send(emulator, session)[1]["session"]
    assert shown["shippingAddress"]["name"] == "Kim Buyer"
    assert shown["tax"] == {"status": "ready"}
    abroad = {"shipping_details": {**SHIPPING, "address": {"country": "US", "line1": "1 Road"}}}
    with pytest.raises(stripe.InvalidRequestError, match="US"):
        client.v1.checkout.sessions.update(session.id, {"collected_information": abroad})


def test_countries_without_shipping_are_refused(emulator, client):
    session = new_session(client, shipping_address_collection={"allowed_countries": ["AT"]})

    answer = send(emulator, session, "update", {"shipping": SHIPPING})[1]

    assert answer["error"] == {
        "message": "We do not ship to this country.",
        "code": None,
        "type": "invalid_request_error",
    }
    assert "shippingAddress" in send(emulator, session)[1]["missing"]


def test_frames_need_their_token(emulator, session):
    token = send(emulator, session)[1]["page"]["token"]

    page = get(emulator, f"/elements/payment/{session.id}", f"frame={token}")
    assert page.status == 200
    assert "frame-ancestors http: https:" in page.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in page.headers
    assert get(emulator, f"/elements/payment/{session.id}", "frame=wrong").status == 404
    assert get(emulator, f"/elements/nothing/{session.id}", f"frame={token}").status == 404
    assert get(emulator, "/elements/payment/cs_none", f"frame={token}").status == 404
    assert get(emulator, f"/pay/{session.id}", f"frame={token}").status == 404


@pytest.mark.parametrize("path", ["/stripe.js", "/dahlia/stripe.js", "/v3/stripe.js"])
def test_the_script_is_served_under_every_release(emulator, path):
    script = get(emulator, path)

    assert script.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert b"initCheckoutElementsSdk" in script.body


def test_a_saved_card_is_charged_off_session(emulator, client):
    customer = client.v1.customers.create({"email": "kim@example.com"})

    def kept(card):
        setup = client.v1.checkout.sessions.create(
            {"mode": "setup", "currency": "eur", "customer": customer.id, "success_url": "https://shop.example.com/"}
        )
        emulator.pay(setup.id, card)
        return client.v1.customers.payment_methods.list(customer.id).data[0].id

    def charge(**changes):
        request = {"amount": 900, "currency": "eur", "customer": customer.id, "off_session": True, "confirm": True}
        request |= {"metadata": {"order_id": "A-1"}, **changes}
        return client.v1.payment_intents.create(request)

    good = kept("4242424242424242")
    intent = charge(payment_method=good)
    assert (intent.status, intent.amount_received, intent.metadata["order_id"]) == ("succeeded", 900, "A-1")
    with pytest.raises(stripe.CardError):
        charge(payment_method=kept("4000000000000341"))
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        charge()
    with pytest.raises(stripe.InvalidRequestError, match="unless `confirm` is set to true"):
        charge(payment_method=good, confirm=False)
    with pytest.raises(stripe.InvalidRequestError):
        charge(payment_method="pm_none")
    other = client.v1.customers.create()
    with pytest.raises(stripe.InvalidRequestError, match="belong"):
        charge(payment_method=good, customer=other.id)
