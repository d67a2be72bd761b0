"""The emulator says where it ends: it refuses in its own name, and in Stripe's only what Stripe refuses."""

from __future__ import annotations

import json

import pytest
import stripe

from django_checkout.emulator import Emulator, Request
from django_checkout.emulator.api.document import is_expandable
from django_checkout.emulator.api.expansion import EXPANDABLE
from django_checkout.emulator.api.params import Params
from django_checkout.emulator.messages import NOT_IMPLEMENTED

from .conftest import BASE_URL, client_of, session_params

INTENT = "/v1/payment_intents/pi_1"
SESSIONS = "/v1/checkout/sessions"
#: Fields of nested hashes that are missing unless they are expanded: Stripe's document does not mark these.
NOT_MARKED = {
    "checkout.session shipping_cost.taxes",
    "customer cash_balance",
    "checkout.session total_details.breakdown",
    "invoice confirmation_secret",
}
SESSION = "mode=payment&success_url=https://shop.example.com/"


@pytest.fixture
def send(emulator):
    """Send a raw request and return the status and the error."""

    def send(method, path, text=""):
        headers = {"authorization": "Bearer sk_test_tests"}
        query, body = (text, b"") if method in ("GET", "DELETE") else ("", text.encode())
        request = Request(method=method, base_url=BASE_URL, path=path, query=query, body=body, headers=headers)
        response = emulator.handle(request)
        return response.status, json.loads(response.body).get("error", {})

    return send


@pytest.mark.parametrize(
    ("method", "path", "text", "named"),
    [
        ("GET", "/v1/treasury/financial_accounts", "", "GET /v1/treasury/financial_accounts"),
        ("POST", "/v1/issuing/cards/ic_1", "", "POST /v1/issuing/cards/{card}"),
        ("DELETE", "/v1/apple_pay/domains/x", "", "DELETE /v1/apple_pay/domains/{domain}"),
        ("GET", "/v2/core/accounts", "", "GET /v2/core/accounts"),
        ("GET", "/v1/setup_intents", "attach_to_self=true", "attach_to_self"),
        ("POST", SESSIONS, f"{SESSION}&payment_method_configuration=pmc_1", "payment_method_configuration"),
        ("POST", SESSIONS, f"{SESSION}&automatic_tax[enabled]=true&automatic_tax[liability][type]=self", "liability"),
        ("POST", SESSIONS, f"{SESSION}&payment_method_options[klarna][setup_future_usage]=none", "klarna"),
        ("POST", SESSIONS, f"{SESSION}&payment_method_types[]=card&payment_method_types[]=klarna", "klarna"),
    ],
)
def test_what_stripe_knows_and_the_emulator_does_not_play_is_named(send, method, path, text, named):
    status, error = send(method, path, text)

    assert (status, error["type"], error["code"]) == (501, "api_error", NOT_IMPLEMENTED)
    assert named in error["message"]
    assert "docs/emulator.md" in error["message"]
    assert "doc_url" not in error


@pytest.mark.parametrize(
    ("method", "path", "text", "param"),
    [
        ("GET", "/v1/refunds", "colour=red", "colour"),
        ("POST", SESSIONS, f"{SESSION}&colour=red", "colour"),
        ("POST", SESSIONS, f"{SESSION}&payment_method_configuration=pmc_1&colour=red", "colour"),
        ("POST", SESSIONS, f"{SESSION}&automatic_tax[enabled]=true&automatic_tax[colour]=red", "automatic_tax[colour]"),
        ("POST", SESSIONS, f"{SESSION}&line_items[0][colour]=red", "line_items[0][colour]"),
    ],
)
def test_what_stripe_does_not_know_is_refused_as_stripe_does(send, method, path, text, param):
    status, error = send(method, path, text)

    assert (status, error["type"], error["code"]) == (400, "invalid_request_error", "parameter_unknown")
    assert error["message"] == f"Received unknown parameter: {param}"
    assert error["param"] == param


def test_several_unknown_parameters_are_listed_and_a_slip_gets_a_suggestion(send):
    assert send("GET", "/v1/refunds", "colour=red&size=1")[1]["message"] == "Received unknown parameters: colour, size"
    assert send("GET", "/v1/refunds", "chargee=ch_1")[1]["message"].endswith("chargee. Did you mean charge?")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/bananas"),
        ("GET", "/v2/core/bananas"),
        ("DELETE", "/v1/charges/ch_1"),
        ("PUT", "/v1/refunds/re_1"),
        ("POST", "/v1/customers//sources"),
    ],
)
def test_an_unknown_url_or_method_is_refused_as_stripe_does(send, method, path):
    status, error = send(method, path)

    assert (status, error["type"]) == (404, "invalid_request_error")
    assert error["message"].startswith(f"Unrecognized request URL ({method}: {path}). Please see")


def test_an_empty_id_is_refused_as_stripe_does(send):
    status, error = send("GET", "/v1/refunds/")

    assert status == 404
    assert "remove the trailing slash" in error["message"]


@pytest.mark.parametrize(
    ("method", "path", "text", "message"),
    [
        ("GET", "/v1/refunds", "limit=ten", "Invalid integer: ten"),
        ("GET", "/v1/refunds", "created=soon", "Invalid integer: soon"),
        ("GET", "/v1/refunds", "expand=charge", "Invalid array"),
        ("POST", SESSIONS, f"{SESSION}&allow_promotion_codes=yes", "Invalid boolean: yes"),
        ("POST", SESSIONS, f"{SESSION}&automatic_tax=on", "Invalid object"),
        ("POST", SESSIONS, f"{SESSION}&payment_method_types[]=banana", "must be one of"),
        ("POST", SESSIONS, f"{SESSION}&metadata=x", "must be a set of key-value pairs"),
    ],
)
def test_a_wrong_type_is_refused_as_stripe_does(send, method, path, text, message):
    status, error = send(method, path, text)

    assert (status, error["type"]) == (400, "invalid_request_error")
    assert message in error["message"]


def test_the_real_library_raises_the_emulators_error_at_once(emulator, monkeypatch):
    requests, handle = [], Emulator.handle
    monkeypatch.setattr(Emulator, "handle", lambda self, request: requests.append(request) or handle(self, request))
    client = client_of(emulator, max_network_retries=2)

    with pytest.raises(stripe.APIError) as caught:
        client.v1.checkout.sessions.create(session_params(payment_method_configuration="pmc_1"))
    with pytest.raises(stripe.APIError) as other:
        client.v1.transfers.list()

    assert (caught.value.error.code, caught.value.http_status) == (NOT_IMPLEMENTED, 501)
    assert other.value.error.code == NOT_IMPLEMENTED
    assert len(requests) == 2


def test_a_parameter_that_an_endpoint_does_not_read_is_refused_and_nothing_is_stored(emulator, send, monkeypatch):
    monkeypatch.setattr(Params, "get", dict.get)

    status, error = send("POST", "/v1/customers", "email=sam@example.com")

    assert (status, error["code"], error["param"]) == (501, NOT_IMPLEMENTED, "email")
    assert emulator.events() == []


def test_parameters_that_are_applied_later_are_applied(emulator, client):
    expand = ["payment_intent", "subscription", "setup_intent"]
    common = {"description": "Tea", "metadata": {"order_id": "A-1"}, "on_behalf_of": "acct_1"}
    intent_data = {**common, "capture_method": "manual", "receipt_email": "a@b.example"}
    intent_data |= {"setup_future_usage": "off_session", "transfer_group": "g", "statement_descriptor_suffix": "TEA"}
    subscription_data = {**common, "trial_period_days": 7}
    month = {"currency": "eur", "unit_amount": 500, "recurring": {"interval": "month"}, "product_data": {"name": "Tea"}}
    url = "https://shop.example.com/"
    setup = {"mode": "setup", "currency": "eur", "success_url": url, "setup_intent_data": common}
    subscription = {"mode": "subscription", "success_url": url, "line_items": [{"price_data": month, "quantity": 1}]}

    def paid(params):
        session = client.v1.checkout.sessions.create(params)
        emulator.pay(session.id)
        return client.v1.checkout.sessions.retrieve(session.id, {"expand": expand}).to_dict()

    shown = paid(session_params(payment_intent_data=intent_data))["payment_intent"]
    assert {name: shown[name] for name in intent_data} == intent_data
    shown = paid(subscription | {"subscription_data": subscription_data})["subscription"]
    trial_seconds = subscription_data.pop("trial_period_days") * 24 * 3600
    assert {name: shown[name] for name in subscription_data} == subscription_data
    assert shown["trial_end"] - shown["trial_start"] == trial_seconds
    shown = paid(setup)["setup_intent"]
    assert {name: shown[name] for name in common} == common


def test_a_capture_changes_the_descriptors(client, paid):
    intent = paid(payment_intent_data={"capture_method": "manual"})

    shown = client.v1.payment_intents.capture(
        intent, {"statement_descriptor_suffix": "TEA", "expand": ["latest_charge"]}
    )

    assert shown.statement_descriptor_suffix == shown.latest_charge.statement_descriptor_suffix == "TEA"


def test_the_reason_of_a_cancellation_is_kept(emulator, client):
    month = {"currency": "eur", "unit_amount": 500, "recurring": {"interval": "month"}, "product_data": {"name": "Tea"}}
    lines = [{"price_data": month, "quantity": 1}]
    session = client.v1.checkout.sessions.create(
        {"mode": "subscription", "success_url": "https://shop.example.com/", "line_items": lines}
    )
    emulator.pay(session.id)
    subscription = client.v1.checkout.sessions.retrieve(session.id).subscription

    details = {"comment": "Enough tea", "feedback": "unused"}
    shown = client.v1.subscriptions.update(
        subscription, {"cancel_at_period_end": True, "cancellation_details": details}
    ).cancellation_details

    assert (shown.comment, shown.feedback, shown.reason) == ("Enough tea", "unused", "cancellation_requested")


def test_an_expansion_that_only_stripe_knows_is_named(client, paid):
    intent = paid()

    with pytest.raises(stripe.APIError, match="does not implement the expansion of hooks, which Stripe does"):
        client.v1.payment_intents.retrieve(intent, {"expand": ["hooks"]})
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        client.v1.payment_intents.retrieve(intent, {"expand": ["colour"]})
    assert client.v1.payment_intents.retrieve(intent, {"expand": ["on_behalf_of", "review"]}).review is None


def test_every_expansion_is_one_of_stripes():
    assert {f"{kind} {name}" for kind, names in EXPANDABLE.items() for name in names} - NOT_MARKED == {
        f"{kind} {name}" for kind, names in EXPANDABLE.items() for name in names if is_expandable(kind, name)
    }
