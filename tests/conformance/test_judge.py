"""Who judges the judge: each planted fault must be found, and nothing else."""

from __future__ import annotations

import json

import pytest

from tests.conformance.judge import Judge, NonconformityError, decoded

pytestmark = pytest.mark.conformance

HEADERS = {"Stripe-Version": "2026-08-26.dahlia"}
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
    "api_version": "2026-08-26.dahlia",
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


def found(judge: Judge) -> str:
    """Return the verdict's text, or nothing."""
    try:
        judge.verdict()
    except NonconformityError as error:
        return str(error)
    return ""


def refund_answer(judge: Judge, **changes: object) -> str:
    """Judge a refund as the answer to its creation; None in ``changes`` stands for null, ... takes a field out."""
    document = {name: value for name, value in {**REFUND, **changes}.items() if value is not ...}
    judge.judge_response("POST", "http://emulator.test/v1/refunds", 200, json.dumps(document).encode())
    return found(judge)


@pytest.mark.parametrize("query", ["", "limit=3&created[gte]=1&expand[0]=data.line_items&status=open"])
def test_lawful_request_passes(judge, query):
    judge.judge_request("GET", f"{SESSIONS}?{query}", HEADERS, None)
    judge.judge_request("POST", SESSIONS, HEADERS, BODY)
    judge.judge_request("POST", "http://emulator.test/v1/refunds/re_1", HEADERS, "metadata=")
    assert found(judge) == ""


@pytest.mark.parametrize(
    ("addition", "told"),
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
def test_fault_in_request_is_found(judge, addition, told):
    judge.judge_request("POST", SESSIONS, HEADERS, BODY + addition)
    assert told in found(judge)


def test_fault_in_query_path_and_version_is_found(judge):
    judge.judge_request("GET", f"{SESSIONS}?colour=red", HEADERS, None)
    assert "query: .: Additional properties" in found(judge)
    judge.judge_request("GET", f"{SESSIONS}/cs_test_{'a' * 66}", HEADERS, None)
    assert "path: session" in found(judge)
    judge.judge_request("GET", SESSIONS, {"Stripe-Version": "2024-01-01"}, None)
    assert "2024-01-01, not the pinned one" in found(judge)
    judge.judge_request("GET", "http://emulator.test/v1/bananas", HEADERS, None)
    assert "no such route" in found(judge)


@pytest.mark.parametrize("changes", [{}, {"charge": None}, {"balance_transaction": "txn_1", "status": None}])
def test_lawful_answer_passes(judge, changes):
    assert refund_answer(judge, **changes) == ""


@pytest.mark.parametrize(
    ("changes", "told"),
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
def test_fault_in_answer_is_found(judge, changes, told):
    assert told in refund_answer(judge, **changes)


def test_fault_in_error_is_found(judge):
    for error in ({"type": "banana"}, {"type": "api_error", "colour": "red"}, {}):
        body = json.dumps({"error": error}).encode()
        judge.judge_response("POST", SESSIONS, 400, body)
        assert found(judge)


def test_lawful_event_passes(judge):
    judge.judge_event(EVENT)
    assert found(judge) == ""


@pytest.mark.parametrize(
    ("changes", "told"),
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
def test_fault_in_event_is_found(judge, changes, told):
    judge.judge_event({**EVENT, **changes})
    assert told in found(judge)


def test_decodes_forms_as_stripe_does():
    assert decoded("a[0][b]=1&a[0][c]=&d=x%26y+z") == {"a": {"0": {"b": "1", "c": ""}}, "d": "x&y z"}
    assert decoded("") == {}
