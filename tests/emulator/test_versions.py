"""The versions of Stripe's API over HTTP: what a request may contain, what an answer and an event contain.

Each row names its source. ``changelog`` is https://docs.stripe.com/changelog/endive, ``sdk`` the difference between the
parameters and docstrings of the stripe library 15.6 and 16.1, ``node`` the types of stripe-node 23.1, which tell null
from absent.
"""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
import requests

from django_checkout.emulator import Emulator
from django_checkout.emulator.reference.versions import KNOWN, PLAYED
from django_checkout.emulator.server import EmulatorServer

from .conftest import SECRET, client_of

DAHLIA, ENDIVE = PLAYED
CARD = "4242424242424242"
DISPUTED = "4000000000000259"
CHALLENGED = "4000002500003155"
SESSIONS = "/v1/checkout/sessions"
SESSION: dict[str, Any] = {
    "mode": "payment",
    "success_url": "https://shop.example.com/",
    "line_items[0][quantity]": 2,
    "line_items[0][price_data][currency]": "eur",
    "line_items[0][price_data][unit_amount]": 500,
    "line_items[0][price_data][product_data][name]": "Tea",
}
PLAN = {**SESSION, "mode": "subscription", "line_items[0][price_data][recurring][interval]": "month"}
RETURN = {"return_url": "https://shop.example.com/"}
ELEMENTS = {**SESSION, **RETURN, "ui_mode": "elements", "success_url": None}
SETUP = {"mode": "setup", "success_url": "https://shop.example.com/"}
UNKNOWN = (400, "parameter_unknown")
GONE = (400, "payment_method_types_no_longer_supported")
UNPLAYED = (501, "emulator_not_implemented")
OK = (200, None)


@pytest.fixture
def server(emulator):
    server = EmulatorServer(("127.0.0.1", 0), emulator)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def call(server):
    """Send a raw request and return the response."""

    def call(method, path, version=None, **params):
        headers = {"Authorization": "Bearer sk_test_raw", **({"Stripe-Version": version} if version else {})}
        sent = {name: value for name, value in params.items() if value is not None}
        where = "data" if method == "POST" else "params"
        return requests.request(method, f"{server.url}{path}", headers=headers, timeout=60, **{where: sent})

    return call


def outcome(response):
    """Return the status and code of a response."""
    return response.status_code, response.json().get("error", {}).get("code")


def numbered(rows):
    """Return rows with ids."""
    return [pytest.param(*row, id=f"{number}-{(list(row[2]) or ['nothing'])[-1]}") for number, row in enumerate(rows)]


def label(length):
    return {
        "custom_fields[0][key]": "a",
        "custom_fields[0][type]": "text",
        "custom_fields[0][label][type]": "custom",
        "custom_fields[0][label][custom]": "x" * length,
    }


def option(method, name, value):
    return {f"payment_method_options[{method}][{name}]": value}


TOO_LONG = (400, None)
INVALID = (400, None)
MISSING = (400, "parameter_missing")
METHODS = {"payment_method_types[0]": "card"}
FILTER = {"allowed_payment_method_types[0]": "card"}
SAVED = ("setup_future_usage", "off_session")
PRODUCT = "line_items[0][price_data][product_data]"
REMOVED = "changelog 2026-09-30/remove-payment-method-types-checkout-sessions"
TICKETS = "changelog 2026-09-30/stripe-tax-tickets"
SEQURA = "changelog 2026-09-30/sequra-payments"
PAYPAY = "changelog 2026-09-30/paypay-payments-japan"
BANCONTACT = "changelog 2026-09-30/bancontact-off-session-payments-checkout"
REMOVED_FROM_INTENTS = (
    "changelog 2026-09-30/removes-the-payment-method-types-parameter-from-payment-intents-and-setup-intents"
)

#: Parameters of a new session: source, other parameters, these, the outcome in dahlia and in endive.
OF_SESSIONS = [
    (REMOVED, SESSION, METHODS, OK, UNKNOWN),
    (REMOVED, SESSION, FILTER, UNKNOWN, OK),
    ("sdk", SESSION, {"allowed_payment_method_types[0]": "giftcard"}, UNKNOWN, INVALID),
    ("sdk", SETUP, METHODS, OK, UNKNOWN),
    ("sdk", SETUP, FILTER, UNKNOWN, OK),
    ("sdk", SETUP, {}, MISSING, MISSING),
    (SEQURA, SESSION, {"excluded_payment_method_types[0]": "sequra"}, INVALID, OK),
    (PAYPAY, SESSION, {"excluded_payment_method_types[0]": "paypay"}, INVALID, OK),
    ("node 23.1.0", SESSION, {"locale": "hi-IN"}, INVALID, OK),
    ("sdk", SESSION, label(50), OK, OK),
    ("sdk", SESSION, label(51), TOO_LONG, OK),
    ("sdk", SESSION, label(100), TOO_LONG, OK),
    ("sdk", SESSION, label(101), TOO_LONG, TOO_LONG),
    (BANCONTACT, SESSION, option("bancontact", *SAVED), UNPLAYED, UNPLAYED),
    ("sdk", SESSION, option("pix", "expires_after_seconds", 60), OK, OK),
    ("changelog 2026-09-30/blik-recurring-off-session-payments", SESSION, option("blik", *SAVED), UNKNOWN, UNPLAYED),
    (SEQURA, SESSION, option("sequra", "capture_method", "manual"), UNKNOWN, UNPLAYED),
    (TICKETS, SESSION, {f"{PRODUCT}[tax_details][tax_code]": "txcd_99999999"}, UNKNOWN, UNPLAYED),
]
#: Other requests, in the same form.
OF_OTHERS = [
    (REMOVED_FROM_INTENTS, "/v1/payment_intents", {**METHODS, "amount": 1000, "currency": "eur"}, OK, GONE),
    (REMOVED_FROM_INTENTS, "/v1/payment_intents/pi_1", METHODS, (404, "resource_missing"), GONE),
    (REMOVED_FROM_INTENTS, "/v1/payment_intents/pi_1/confirm", METHODS, (404, "resource_missing"), GONE),
    (REMOVED_FROM_INTENTS, "/v1/setup_intents", METHODS, OK, GONE),
    (REMOVED_FROM_INTENTS, "/v1/setup_intents/seti_1", METHODS, (404, "resource_missing"), GONE),
    ("changelog 2026-09-30/pause-subscription", "/v1/subscriptions/sub_1/pause", {}, (404, None), UNPLAYED),
    (TICKETS, "/v1/products", {"name": "Tea", "tax_details[tax_code]": "txcd_99999999"}, UNKNOWN, UNPLAYED),
]


@pytest.mark.parametrize(("source", "base", "sent", "dahlia", "endive"), numbered(OF_SESSIONS))
def test_parameter_of_a_session_is_accepted_or_refused_by_version(call, source, base, sent, dahlia, endive):
    outcomes = [outcome(call("POST", SESSIONS, version, **base, **sent)) for version in PLAYED]

    assert outcomes == [dahlia, endive], source


@pytest.mark.parametrize(("source", "path", "sent", "dahlia", "endive"), numbered(OF_OTHERS))
def test_request_is_accepted_or_refused_by_version(call, source, path, sent, dahlia, endive):
    outcomes = [outcome(call("POST", path, version, **sent)) for version in PLAYED]

    assert outcomes == [dahlia, endive], source


@pytest.mark.parametrize(("version", "expected"), [(DAHLIA, UNKNOWN), (ENDIVE, OK)])
def test_intent_data_of_an_open_session_is_updated_by_version(call, version, expected):
    session = call("POST", SESSIONS, version, **ELEMENTS).json()

    response = call("POST", f"{SESSIONS}/{session['id']}", version, **{"payment_intent_data[description]": "Tea"})

    assert outcome(response) == expected


def test_intent_data_is_applied_to_the_intent_of_the_session(call, emulator):
    sent = {"payment_intent_data[description]": "Tea", "payment_intent_data[metadata][a]": "1"}
    session = call("POST", SESSIONS, ENDIVE, **ELEMENTS, **sent).json()["id"]
    emulator.pay(session, CHALLENGED)
    intent = f"/v1/payment_intents/{call('GET', f'{SESSIONS}/{session}').json()['payment_intent']}"
    assert call("GET", intent).json()["status"] == "requires_action"

    values = {
        "description": "",
        "metadata][b": "2",
        "setup_future_usage": "off_session",
        "statement_descriptor_suffix": "TEA",
    }
    changes = {f"payment_intent_data[{name}]": value for name, value in values.items()}
    response = call("POST", f"{SESSIONS}/{session}", ENDIVE, **changes)

    assert outcome(response) == OK, response.text
    shown = call("GET", intent).json()
    assert (shown["status"], shown["next_action"]) == ("requires_payment_method", None)
    assert (shown["description"], shown["metadata"]) == (None, {"a": "1", "b": "2"})
    assert (shown["setup_future_usage"], shown["statement_descriptor_suffix"]) == ("off_session", "TEA")
    emulator.pay(session, CARD)
    assert call("GET", intent).json()["status"] == "succeeded"


@pytest.mark.parametrize("params", [SESSION, {**PLAN, "ui_mode": "elements", "success_url": None, **RETURN}])
def test_intent_data_is_updated_in_payment_mode_with_elements_only(call, params):
    session = call("POST", SESSIONS, ENDIVE, **params).json()["id"]

    response = call("POST", f"{SESSIONS}/{session}", ENDIVE, **{"payment_intent_data[description]": "Tea"})

    assert outcome(response) == INVALID
    assert response.json()["error"]["param"] == "payment_intent_data"


def test_intent_data_of_a_completed_session_is_not_updated(call, emulator):
    session = call("POST", SESSIONS, ENDIVE, **ELEMENTS).json()["id"]
    emulator.pay(session, CARD)

    response = call("POST", f"{SESSIONS}/{session}", ENDIVE, **{"payment_intent_data[description]": "Tea"})

    assert response.status_code == 400


@pytest.mark.parametrize(("version", "expected"), [(DAHLIA, UNKNOWN), (ENDIVE, OK)])
def test_submission_of_a_dispute_is_intended_by_version(call, emulator, version, expected):
    dispute = disputed(call, emulator)

    response = call("POST", f"/v1/disputes/{dispute}", version, intended_submission_method="prefer_manual")

    assert outcome(response) == expected
    if expected == OK:
        assert response.json()["intended_submission_method"] == "prefer_manual"


#: A path in an answer, and its value in endive. dahlia does not have it.
FIELDS = [
    ("checkout.session", "allowed_payment_method_types", None),
    ("payment_intent", "payment_record", None),
    ("charge", "payment_method_details.card.electronic_commerce_indicator", None),
    ("product", "tax_details", None),
    ("dispute", "intended_submission_method", None),
    ("dispute", "evidence_details.submission_method", "not_submitted"),
    ("subscription", "trial_settings.end_behavior.billing_cycle_anchor", None),
    ("subscription_item", "current_trial", None),
]


@pytest.fixture
def paths(call, emulator):
    """Create an object of each kind and return their paths."""
    dispute = disputed(call, emulator)
    charge = call("GET", f"/v1/disputes/{dispute}").json()["charge"]
    intent = call("GET", f"/v1/charges/{charge}").json()["payment_intent"]
    session = call("GET", SESSIONS, payment_intent=intent).json()["data"][0]["id"]
    line = call("GET", f"{SESSIONS}/{session}/line_items").json()["data"][0]
    plan = call("POST", SESSIONS, **PLAN).json()["id"]
    emulator.pay(plan, CARD)
    subscription = call("GET", f"{SESSIONS}/{plan}").json()["subscription"]
    return {
        "charge": f"/v1/charges/{charge}",
        "checkout.session": f"{SESSIONS}/{session}",
        "dispute": f"/v1/disputes/{dispute}",
        "payment_intent": f"/v1/payment_intents/{intent}",
        "product": f"/v1/products/{line['price']['product']}",
        "subscription": f"/v1/subscriptions/{subscription}",
        "subscription_item": f"/v1/subscription_items?subscription={subscription}",
    }


def test_answer_has_the_fields_of_its_version(call, paths):
    for kind, path, value in FIELDS:
        old, new = (call("GET", paths[kind], version).json() for version in PLAYED)
        old, new = (shown["data"][0] if shown["object"] == "list" else shown for shown in (old, new))
        assert new["object"] == kind
        assert (find(old, path), find(new, path)) == (["absent"], ["found", value]), path


def test_expanded_and_listed_objects_have_the_fields_of_the_version(call, paths):
    expand = {"expand[0]": "data.charge.payment_intent"}
    old, new = (call("GET", "/v1/disputes", version, **expand).json()["data"][0] for version in PLAYED)

    for path in ("intended_submission_method", "charge.payment_intent.payment_record"):
        assert (find(old, path), find(new, path)) == (["absent"], ["found", None])


def test_allowed_methods_filter_what_the_currency_offers(call):
    def created(**params):
        return call("POST", SESSIONS, ENDIVE, **SESSION, **params)

    names = [f"allowed_payment_method_types[{index}]" for index in range(3)]
    both = created(**dict(zip(names, ["sepa_debit", "card", "alipay"], strict=True))).json()
    assert both["payment_method_types"] == ["card", "sepa_debit"]
    assert both["allowed_payment_method_types"] == ["sepa_debit", "card", "alipay"]
    assert created(**{names[0]: "sepa_debit"}).json()["payment_method_types"] == ["sepa_debit"]
    assert "No valid payment method types" in created(**{names[0]: "alipay"}).json()["error"]["message"]


def test_event_has_the_version_of_the_account_whoever_reads_it(call, paths):
    for version in PLAYED:
        listed = call("GET", "/v1/events", version, type="charge.dispute.created").json()["data"][0]
        read = call("GET", f"/v1/events/{listed['id']}", version).json()
        assert listed == read
        assert read["api_version"] == DAHLIA
        assert "intended_submission_method" not in read["data"]["object"]


@pytest.mark.parametrize(
    ("version", "has_new_field"),
    [(None, False), (DAHLIA, False), ("2026-09-30.endive", False), (ENDIVE, True), ("2026-11-18.endive", True)],
)
def test_endpoint_receives_events_in_its_own_version(call, emulator, version, has_new_field):
    events = {"enabled_events[0]": "charge.dispute.created", "enabled_events[1]": "charge.dispute.updated"}
    made = call("POST", "/v1/webhook_endpoints", url="https://shop.example.com/", api_version=version, **events).json()
    dispute = disputed(call, emulator)
    evidence = {"evidence[product_description]": "Tea"}
    call("POST", f"/v1/disputes/{dispute}", **evidence)

    bodies = [json.loads(one.body) for one in emulator.pending_deliveries() if one.endpoint_id == made["id"]]

    assert [body["type"].rpartition(".")[2] for body in bodies] == ["created", "updated"]
    assert {body["api_version"] for body in bodies} == {version or DAHLIA}
    previous = bodies[1]["data"]["previous_attributes"]
    for body in bodies:
        assert ("intended_submission_method" in body["data"]["object"]) is has_new_field
    assert ("submission_method" in previous["evidence_details"]) is has_new_field


def test_configured_endpoint_has_the_version_it_was_given():
    emulator = Emulator(webhook_secret=SECRET, webhook_version=ENDIVE)
    try:
        client_of(emulator).v1.products.create({"name": "Tea"})
        (delivery,) = emulator.pending_deliveries()
    finally:
        emulator.close()

    assert json.loads(delivery.body)["api_version"] == ENDIVE
    assert "tax_details" in json.loads(delivery.body)["data"]["object"]


def test_thin_event_leads_to_its_snapshot_and_changes_since_endive(call, paths):
    call("POST", paths["dispute"], **{"evidence[product_description]": "Tea"})
    snapshot = call("GET", "/v1/events", type="charge.dispute.updated").json()["data"][0]
    thin = snapshot["id"].replace("evt_", "evt_test_")

    old, new = (call("GET", f"/v2/core/events/{thin}", version).json() for version in PLAYED)

    assert new["snapshot_event"] == snapshot["id"]
    assert new["changes"]["before"]["status"] == "needs_response"
    assert new["changes"]["after"]["status"] == "under_review"
    assert not {"snapshot_event", "changes"} & old.keys()


def test_account_version_is_dahlia(call):
    response = call("POST", SESSIONS, **SESSION)

    assert response.headers["Stripe-Version"] == DAHLIA
    assert "allowed_payment_method_types" not in response.json()


@pytest.mark.parametrize("version", PLAYED)
def test_response_names_the_version_of_the_request(call, version):
    assert call("GET", SESSIONS, version).headers["Stripe-Version"] == version


@pytest.mark.parametrize("version", ["2026-08-27.dahlia", "2026-08-26", "dahlia", "2026-08-26.endive", "v1"])
def test_version_that_stripe_does_not_have_is_refused_as_by_stripe(call, version):
    response = call("GET", SESSIONS, version)

    assert outcome(response) == (400, None)
    assert response.json()["error"]["message"] == f"Invalid Stripe API version: {version}"


@pytest.mark.parametrize(
    "version",
    [
        "2024-06-20",
        "2026-09-30.endive",
        "2026-11-18.endive",
        "2026-08-26.preview",
        "2026-08-26.dahlia; embedded_connect_beta=v2",
    ],
)
def test_version_that_is_not_played_is_an_error_of_the_emulator_that_lists_those_played(call, version):
    response = call("GET", SESSIONS, version)

    assert outcome(response) == UNPLAYED
    assert all(name in response.json()["error"]["message"] for name in (version, *PLAYED))


def test_endpoint_cannot_have_a_version_that_stripe_does_not_have(call):
    params = {"url": "https://shop.example.com/", "enabled_events[0]": "*"}

    assert call("POST", "/v1/webhook_endpoints", api_version="2026-08-27.dahlia", **params).status_code == 400
    assert set(PLAYED) <= KNOWN


def disputed(call, emulator):
    """Pay with a card that is disputed, and return the id of the dispute."""
    emulator.pay(call("POST", SESSIONS, **SESSION).json()["id"], DISPUTED)
    return call("GET", "/v1/disputes").json()["data"][0]["id"]


def find(document, path):
    """Return whether a document has a path, and its value."""
    for step in path.split("."):
        if step not in document:
            return ["absent"]
        document = document[step]
    return ["found", document]
