"""What stripe.js asks: who may, and what cannot be asked for."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
import stripe

from django_checkout.emulator import Emulator, Request, Response

from .conftest import BASE_URL, session_params

SHIPPING = {"name": "Kim Buyer", "address": {"country": "DE", "line1": "Weg 1", "city": "Ulm", "postal_code": "89073"}}


@pytest.fixture
def session(client: stripe.StripeClient) -> stripe.checkout.Session:
    return new_session(client)


def new_session(client: stripe.StripeClient, **params: Any) -> stripe.checkout.Session:
    wanted = session_params(ui_mode="elements", return_url="https://shop.example.com/return/", **params)
    del wanted["success_url"], wanted["cancel_url"]
    return client.v1.checkout.sessions.create(wanted)  # type: ignore[arg-type]  # a plain dict


def ask(
    emulator: Emulator,
    session: stripe.checkout.Session,
    action: str = "retrieve",
    payload: object = None,
    **changes: str,
) -> tuple[int, dict[str, Any]]:
    typed = {"key": "pk_test_1", "client_secret": session.client_secret or "", "payload": json.dumps(payload or {})}
    response = posted(emulator, f"/payment_pages/{session.id}/{action}", {**typed, **changes})
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    return response.status, json.loads(response.body)


def posted(emulator: Emulator, path: str, typed: dict[str, str]) -> Response:
    return emulator.handle(Request(method="POST", base_url=BASE_URL, path=path, body=urlencode(typed).encode()))


def get(emulator: Emulator, path: str, query: str = "") -> Response:
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
def test_only_secret_and_publishable_key_together_open_a_session(
    emulator: Emulator, session: stripe.checkout.Session, changes: dict[str, str]
) -> None:
    status, answer = ask(emulator, session, **changes)

    assert status == 401
    assert "session" not in answer


def test_a_hosted_session_has_no_secret_to_be_opened_with(emulator: Emulator, client: stripe.StripeClient) -> None:
    hosted = client.v1.checkout.sessions.create(session_params())  # type: ignore[arg-type]  # a plain dict

    assert ask(emulator, hosted)[0] == 401


def test_nothing_that_only_the_shop_may_know_is_shown(emulator: Emulator, client: stripe.StripeClient) -> None:
    session = new_session(client, metadata={"cost": "3"}, client_reference_id="A-1")

    text = json.dumps(ask(emulator, session)[1])

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
def test_what_cannot_be_is_an_error_and_changes_nothing(
    emulator: Emulator, session: stripe.checkout.Session, action: str, payload: object, status: int
) -> None:
    answered = ask(emulator, session, action, payload)

    assert answered[0] == status
    assert answered[1]["error"]["message"]
    assert emulator.get(session.id)["status"] == "open"


def test_a_garbled_payload_is_refused(emulator: Emulator, session: stripe.checkout.Session) -> None:
    typed = {"key": "pk_test_1", "client_secret": session.client_secret or "", "payload": "{"}
    assert b"Invalid payload" in posted(emulator, f"/payment_pages/{session.id}/update", typed).body
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
def test_cards_that_are_none_are_declined(
    emulator: Emulator, session: stripe.checkout.Session, method: object, decline: str
) -> None:
    payload = {"email": "kim@example.com", "method": method}

    assert ask(emulator, session, "confirm", payload)[1]["declined"]["decline_code"] == decline


def test_a_completed_session_is_told_and_not_changed(emulator: Emulator, session: stripe.checkout.Session) -> None:
    emulator.pay(session.id)

    answer = ask(emulator, session)[1]
    assert answer["session"]["status"] == {"type": "complete", "paymentStatus": "paid"}
    assert "complete" in ask(emulator, session, "update", {"email": "kim@example.com"})[1]["error"]["message"]


def test_the_shop_may_keep_the_shipping_address_to_its_server(emulator: Emulator, client: stripe.StripeClient) -> None:
    session = new_session(
        client,
        permissions={"update_shipping_details": "server_only"},
        shipping_address_collection={"allowed_countries": ["DE"]},
        automatic_tax={"enabled": True},
    )
    assert (
        "only be updated by the server"
        in ask(emulator, session, "update", {"shipping": SHIPPING})[1]["error"]["message"]
    )

    details: Any = {"shipping_details": SHIPPING}
    client.v1.checkout.sessions.update(session.id, {"collected_information": details})

    shown = ask(emulator, session)[1]["session"]
    assert shown["shippingAddress"]["name"] == "Kim Buyer"
    assert shown["tax"] == {"status": "ready"}
    abroad: Any = {"shipping_details": {**SHIPPING, "address": {"country": "US", "line1": "1 Road"}}}
    with pytest.raises(stripe.InvalidRequestError, match="US"):
        client.v1.checkout.sessions.update(session.id, {"collected_information": abroad})


def test_countries_that_are_not_shipped_to_are_refused(emulator: Emulator, client: stripe.StripeClient) -> None:
    session = new_session(client, shipping_address_collection={"allowed_countries": ["AT"]})

    answer = ask(emulator, session, "update", {"shipping": SHIPPING})[1]

    assert answer["error"] == {
        "message": "We do not ship to this country.",
        "code": None,
        "type": "invalid_request_error",
    }
    assert "shippingAddress" in ask(emulator, session)[1]["missing"]


def test_frames_open_for_who_has_shown_the_secret(emulator: Emulator, session: stripe.checkout.Session) -> None:
    token = ask(emulator, session)[1]["page"]["token"]

    page = get(emulator, f"/elements/payment/{session.id}", f"frame={token}")
    assert page.status == 200
    assert "frame-ancestors http: https:" in page.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in page.headers
    assert get(emulator, f"/elements/payment/{session.id}", "frame=wrong").status == 404
    assert get(emulator, f"/elements/nothing/{session.id}", f"frame={token}").status == 404
    assert get(emulator, "/elements/payment/cs_none", f"frame={token}").status == 404
    assert get(emulator, f"/pay/{session.id}", f"frame={token}").status == 404


@pytest.mark.parametrize("path", ["/stripe.js", "/dahlia/stripe.js", "/v3/stripe.js"])
def test_the_script_is_served_under_every_release(emulator: Emulator, path: str) -> None:
    script = get(emulator, path)

    assert script.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert b"initCheckoutElementsSdk" in script.body


def test_a_kept_card_is_charged_while_the_customer_is_away(emulator: Emulator, client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"email": "kim@example.com"})

    def kept(card: str) -> str:
        setup = client.v1.checkout.sessions.create(
            {"mode": "setup", "currency": "eur", "customer": customer.id, "success_url": "https://shop.example.com/"}
        )
        emulator.pay(setup.id, card)
        return client.v1.customers.payment_methods.list(customer.id).data[0].id

    def charge(**changes: Any) -> stripe.PaymentIntent:
        wanted: Any = {"amount": 900, "currency": "eur", "customer": customer.id, "off_session": True, "confirm": True}
        wanted |= {"metadata": {"order_id": "A-1"}, **changes}
        return client.v1.payment_intents.create(wanted)

    good = kept("4242424242424242")
    intent = charge(payment_method=good)
    assert (intent.status, intent.amount_received, intent.metadata["order_id"]) == ("succeeded", 900, "A-1")
    with pytest.raises(stripe.CardError):
        charge(payment_method=kept("4000000000000341"))
    for wrong in ({}, {"payment_method": good, "confirm": False}, {"payment_method": "pm_none"}):
        with pytest.raises(stripe.InvalidRequestError):
            charge(**wrong)
    stranger = client.v1.customers.create()
    with pytest.raises(stripe.InvalidRequestError, match="belong"):
        charge(payment_method=good, customer=stranger.id)
