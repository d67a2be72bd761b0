"""Answers and events in the API version of the installed SDK, validated by its resource classes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import stripe
from stripe._api_version import _ApiVersion

from django_checkout.emulator import Emulator, Request, Response, requests_session
from django_checkout.emulator.messages import API_VERSION
from django_checkout.emulator.reference.versions import PLAYED
from tests.conformance import visit_intents, visit_vouchers
from tests.conformance.typed_answers import faults
from tests.conformance.visits import paid, visit_every_route

pytestmark = pytest.mark.conformance

VERSION = _ApiVersion.CURRENT
if VERSION not in PLAYED:
    pytest.skip(f"the emulator does not play {VERSION}, the version of the installed SDK", allow_module_level=True)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An emulator whose events have the version of the SDK."""
    made = Emulator(webhook_version=VERSION)
    yield made
    made.close()


@pytest.fixture
def client(emulator: Emulator) -> stripe.StripeClient:
    """The real library, in its own version."""
    return stripe.StripeClient(
        "sk_test_conformance",
        http_client=stripe.RequestsClient(session=requests_session(emulator)),
        base_addresses={"api": "http://emulator.test"},
    )


@pytest.fixture(autouse=True)
def _without_lists_of_methods(monkeypatch):
    """Leave out or change the calls that set ``payment_method_types``, which only the account's version has."""
    if VERSION != API_VERSION:
        monkeypatch.setattr(visit_vouchers, "TYPES", "allowed_payment_method_types")
        monkeypatch.setattr(visit_intents, "visit", lambda client, emulator: None)


def test_answers_match_the_classes_of_the_sdk(emulator, client, monkeypatch):
    handle, kinds, found = Emulator.handle, set(), set()

    def handled(self: Emulator, request: Request) -> Response:
        response = handle(self, request)
        document = json.loads(response.body) if request.path.startswith(("/v1/", "/v2/")) else {}
        is_deleted = "deleted" in document or document.keys() == {"id", "object"}
        if response.status == 200 and "object" in document and not is_deleted:
            kinds.add(document["object"])
            # An event has the version of the account.
            found.update(faults(document) if document["object"] != "event" else [])
        return response

    monkeypatch.setattr(Emulator, "handle", handled)
    visit_every_route(client, emulator)

    assert not found, "\n".join(sorted(found))
    assert len(kinds) > 20


def test_events_match_the_classes_of_the_sdk(emulator, client):
    visit_every_route(client, emulator)

    bodies = [json.loads(delivery.body) for delivery in emulator.pending_deliveries()]
    own = [body for body in bodies if body["object"] == "event" and body["api_version"] == VERSION]
    assert len({body["type"] for body in own}) > 30
    found = {f"{body['type']} {fault}" for body in own for fault in [*faults(body), *faults(body["data"]["object"])]}
    assert not found, "\n".join(sorted(found))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"colour": "red"}, "colour: the class has no such field"),
        ({"amount_total": "1000"}, "amount_total: '1000' is not int"),
        ({"amount_total": True}, "amount_total: True is not int"),
        ({"livemode": None}, "livemode: None is not bool"),
        ({"ui_mode": "hosted"}, "ui_mode: 'hosted' is not one of"),
        ({"automatic_tax": {}}, "automatic_tax.enabled: missing"),
        ({"automatic_tax": []}, "automatic_tax: [] is not an object"),
        ({"payment_method_types": "card"}, "payment_method_types: 'card' is not a list"),
        ({"payment_intent": {"id": "pi_1", "object": "payment_intent"}}, "payment_intent.amount: missing"),
        ({"customer": {"id": "cus_1", "object": "teapot"}}, "customer"),
    ],
)
def test_fault_is_found(emulator, client, change, fault):
    paid(client, emulator)
    session = emulator.latest("checkout.session", 1)[0]
    before = faults(session)

    assert fault in "\n".join(set(faults({**session, **change})) - set(before))


def test_missing_field_is_found(emulator, client):
    paid(client, emulator)
    session = emulator.latest("checkout.session", 1)[0]
    del session["payment_status"]

    assert "checkout.session payment_status: missing" in faults(session)
