"""The validator finds each planted fault and nothing else."""

from __future__ import annotations

import json

import pytest

from tests.conformance.document import VERSION
from tests.conformance.validator import NonconformityError, Validator, decoded

pytestmark = pytest.mark.conformance

HEADERS = {"Stripe-Version": VERSION}
SESSIONS = "http://emulator.test/v1/checkout/sessions"
REFUND = {
    "id": "re_1",
    "object": "refund",
    "amount": 500,
    "balance_transaction": None,
    "charge": "ch_1",
    "created": 1,
    "currency": "eur",
    "metadata": {"order_id": "A-1"},
    "payment_intent": "pi_1",
    "reason": None,
    "receipt_number": None,
    "source_transfer_reversal": None,
    "status": "succeeded",
    "transfer_reversal": None,
}
EVENT = {
    "id": "evt_1",
    "object": "event",
    "api_version": VERSION,
    "created": 1,
    "data": {"object": REFUND, "previous_attributes": {"status": "pending", "metadata": {}}},
    "livemode": False,
    "pending_webhooks": 1,
    "request": {"id": None, "idempotency_key": None},
    "type": "refund.updated",
}
BODY = (
    "mode=payment&line_items[0][quantity]=2&line_items[0][price_data][currency]=eur"
    "&line_items[0][price_data][unit_amount]=500&line_items[0][price_data][product_data][name]=Tea"
    "&metadata[order_id]=A-1&automatic_tax[enabled]=true"
)


def found(validator: Validator) -> str:
    """Return the text of the faults, or ""."""
    try:
        validator.raise_faults()
    except NonconformityError as error:
        return str(error)
    return ""


def refund_response(validator: Validator, **changes: object) -> str:
    """Check a refund as the response to its creation. ``...`` in ``changes`` removes a field."""
    document = {name: value for name, value in {**REFUND, **changes}.items() if value is not ...}
    validator.check_response("POST", "http://emulator.test/v1/refunds", 200, json.dumps(document).encode())
    return found(validator)


@pytest.mark.parametrize("query", ["", "limit=3&created[gte]=1&expand[0]=data.line_items&status=open"])
def test_valid_request_passes(validator, query):
    validator.check_request("GET", f"{SESSIONS}?{query}", HEADERS, None)
    validator.check_request("POST", SESSIONS, HEADERS, BODY)
    validator.check_request("POST", "http://emulator.test/v1/refunds/re_1", HEADERS, "metadata=")
    assert found(validator) == ""


@pytest.mark.parametrize(
    ("addition", "message"),
    [
        ("&colour=red", "'colour' was unexpected"),
        ("&line_items[0][price_data][product_data][colour]=red", "line_items/0/price_data/product_data"),
        ("&line_items[0][price_data][recurring][interval]=hour", "'hour' is not one of"),
        ("&line_items[1][quantity]=two", "line_items/1/quantity: 'two' is not of type 'integer'"),
        ("&line_items[3][quantity]=1", "is not of type 'array'"),
        ("&shipping_options[0][shipping_rate_data][type]=fixed_amount", "'display_name' is a required property"),
        ("&ui_mode=hosted", "'hosted' is not one of"),
        ("&allow_promotion_codes=yes", "'yes' is not of type 'boolean'"),
        (f"&client_reference_id={'x' * 201}", "is too long"),
    ],
)
def test_fault_in_request_is_found(validator, addition, message):
    validator.check_request("POST", SESSIONS, HEADERS, BODY + addition)
    assert message in found(validator)


def test_parameters_of_a_deletion_are_checked_in_the_query(validator):
    validator.check_request("DELETE", "/v1/subscriptions/sub_1?prorate=true", HEADERS, None)
    validator.raise_faults()

    validator.check_request("DELETE", "/v1/subscriptions/sub_1?colour=red", HEADERS, None)
    assert "query: .: Additional properties" in found(validator)


def test_fault_in_query_path_and_version_is_found(validator):
    validator.check_request("GET", f"{SESSIONS}?colour=red", HEADERS, None)
    assert "query: .: Additional properties" in found(validator)
    validator.check_request("GET", f"{SESSIONS}/cs_test_{'a' * 66}", HEADERS, None)
    assert "path: session" in found(validator)
    validator.check_request("GET", SESSIONS, {"Stripe-Version": "2024-01-01"}, None)
    assert "2024-01-01, not the pinned one" in found(validator)
    validator.check_request("GET", "http://emulator.test/v1/bananas", HEADERS, None)
    assert "no such route" in found(validator)


@pytest.mark.parametrize("changes", [{}, {"charge": None}, {"balance_transaction": "txn_1", "status": None}])
def test_valid_response_passes(validator, changes):
    assert refund_response(validator, **changes) == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"amount": ...}, "'amount' is a required property"),
        ({"amount": None}, "amount: None is not of type 'integer'"),
        ({"amount": "500"}, "amount: '500' is not of type 'integer'"),
        ({"colour": "red"}, "'colour' was unexpected"),
        ({"currency": "EUR"}, "currency: 'EUR' is not a 'currency'"),
        ({"metadata": {"order_id": 1}}, "metadata/order_id: 1 is not of type 'string'"),
        ({"object": "charge"}, "object: 'charge' is not one of"),
        ({"destination_details": {"type": "card", "card": {"type": "gift"}}}, "destination_details/card/type"),
        ({"balance_transaction": {"object": "balance_transaction"}}, "balance_transaction: 'amount' is a required"),
        ({"payment_intent": {"object": "payment_intent", "x": 1}}, "payment_intent: Additional properties"),
    ],
)
def test_fault_in_response_is_found(validator, changes, message):
    assert message in refund_response(validator, **changes)


def test_fault_in_error_is_found(validator):
    for error in ({"type": "banana"}, {"type": "api_error", "colour": "red"}, {}):
        body = json.dumps({"error": error}).encode()
        validator.check_response("POST", SESSIONS, 400, body)
        assert found(validator)


def test_valid_event_passes(validator):
    validator.check_event(EVENT)
    assert found(validator) == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "red"}, "'colour' was unexpected"),
        ({"type": "refund.boiled"}, "no event of this type"),
        ({"data": {"object": {"object": "banana"}}}, "no object of kind banana"),
        ({"data": {"object": {**REFUND, "colour": "red"}}}, "data/object: .: Additional properties"),
        ({"data": {"object": REFUND, "previous_attributes": {"colour": "red"}}}, "colour: no such attribute"),
        ({"data": {"object": REFUND, "previous_attributes": {"status": 1}}}, "status: .: 1 is not of type"),
        ({"type": "refund.created"}, "in events of type *.updated only"),
    ],
)
def test_fault_in_event_is_found(validator, changes, message):
    validator.check_event({**EVENT, **changes})
    assert message in found(validator)


def test_forms_are_decoded_as_stripe_does():
    assert decoded("a[0][b]=1&a[0][c]=&d=x%26y+z") == {"a": {"0": {"b": "1", "c": ""}}, "d": "x&y z"}
    assert decoded("") == {}
