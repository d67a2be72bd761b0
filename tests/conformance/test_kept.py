"""A settled event keeps only ids and Stripe's own terms: every text of its object is a marker here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from django_checkout.webhooks import registry
from django_checkout.webhooks.envelope import reduced
from tests.conformance.schemas import Schemas
from tests.conformance.validator import Validator

pytestmark = pytest.mark.conformance

MARKER = "M4rker"
DEPTH = 7
#: Kept texts that are not enumerations in the document: ids and Stripe's own terms.
IDS = {"id", "balance_transaction", "charge", "customer", "invoice", "latest_charge", "payment", "payment_intent"}
IDS |= {"client_reference_id", "recovered_from", "review", "setup_intent", "subscription", "account", "context"}
IDS |= {"payment_method"}
STRIPES_TERMS = {
    "api_version",
    "currency",
    "failure_code",
    "failure_reason",
    "fraud_type",
    "object",
    "reason",
    "status",
}
STRIPES_TERMS |= {"presentment_currency", "type"}
OBJECTS = {
    "checkout.session": "checkout.session",
    "payment_intent": "payment_intent",
    "charge": "charge",
    "charge.refund": "refund",
    "refund": "refund",
    "charge.dispute": "dispute",
    "radar.early_fraud_warning": "radar.early_fraud_warning",
    "customer.subscription": "subscription",
    "customer": "customer",
    "invoice": "invoice",
    "review": "review",
}


def _marked(schemas: Schemas, schema: Mapping[str, Any], depth: int = DEPTH, *, expands: bool = True) -> Any:
    """Return a value of a schema with the marker for every text that is not an enumeration, and objects expanded."""
    schema = schemas.resolved(schema)
    if "anyOf" in schema:
        options = [schemas.resolved(option) for option in schema["anyOf"]]
        objects = [option for option in options if "properties" in option or "items" in option]
        is_id = any(option.get("type") == "string" for option in options)
        if objects and depth and (expands or not is_id):
            return _marked(schemas, objects[0], depth, expands=expands and not is_id)
        return MARKER if is_id or not objects else None
    kind = schema.get("type", "")
    kind = next((each for each in kind if each != "null"), "") if isinstance(kind, list) else kind
    if "properties" in schema:
        if not depth:
            return None
        made = {name: _marked(schemas, item, depth - 1, expands=expands) for name, item in schema["properties"].items()}
        return {**made, "note": MARKER}
    if kind == "array":
        return [_marked(schemas, schema["items"], depth, expands=expands)]
    if "enum" in schema:
        return schema["enum"][0]
    if kind == "object":
        return {"note": MARKER, "order_id": "A-1"}
    return {"integer": 1, "number": 1.0, "boolean": True}.get(kind, MARKER)


def _left(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _left(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _left(item, key)
    elif value == MARKER:
        yield key


@pytest.mark.parametrize("prefix", sorted({kind.rpartition(".")[0] for kind in registry.handled_types()}))
def test_a_settled_event_keeps_ids_and_stripes_terms(prefix: str, validator: Validator) -> None:
    stripe_object = _marked(validator.schemas, validator.schemas.named(OBJECTS[prefix]))
    event = _marked(validator.schemas, validator.schemas.named("event")) | {
        "data": {"object": stripe_object, "previous_attributes": stripe_object}
    }

    assert sum(1 for _ in _left(event)) > 20
    assert set(_left(reduced(event))) <= IDS | STRIPES_TERMS
