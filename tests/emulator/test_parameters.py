from __future__ import annotations

from pathlib import Path

import pytest

from django_checkout.emulator import ApiError
from django_checkout.emulator.api import document
from django_checkout.emulator.api.document import Parameter, operations, parameters_of
from django_checkout.emulator.api.parameters import decode, from_json, read
from django_checkout.emulator.api.routes import ROUTES, table
from django_checkout.emulator.messages import API_VERSION
from tests.conformance.fixtures import session_validator

from .derive_parameters import lines_of

__all__ = ["session_validator"]

TABLE = Path(document.__file__).with_name("parameters.txt")


def test_nested_keys_are_decoded():
    assert decode("a[0][b]=1&a[1][b]=2&c[]=x&c[]=y&d=") == {
        "a": {"0": {"b": "1"}, "1": {"b": "2"}},
        "c": {"0": "x", "1": "y"},
        "d": "",
    }


def test_a_key_that_is_both_a_value_and_a_parent_is_refused():
    with pytest.raises(ApiError):
        decode("a=1&a[b]=2")


def test_lists_keep_the_order_of_their_positions():
    assert read(table("GET /v1/events"), decode("types[10]=b&types[9]=a")) == {"types": ["a", "b"]}


@pytest.mark.parametrize(
    "query", ["types[x]=a", "types=a", "delivery_success=yes", "limit=ten", "type=", "created[gt]="]
)
def test_malformed_values_are_refused(query):
    with pytest.raises(ApiError):
        read(table("GET /v1/events"), decode(query))


def test_numbers_are_read():
    text = "mode=subscription&subscription_data[application_fee_percent]="
    parameters = table("POST /v1/checkout/sessions")

    assert read(parameters, decode(f"{text}2.5"))["subscription_data"] == {"application_fee_percent": 2.5}
    with pytest.raises(ApiError):
        read(parameters, decode(f"{text}much"))


def test_one_of_two_types_is_read():
    up_to = Parameter("", children={"up_to": Parameter("up_to", "int|enum inf")})

    assert read(up_to, {"up_to": "7"}) == {"up_to": 7}
    assert read(up_to, {"up_to": "inf"}) == {"up_to": "inf"}
    with pytest.raises(ApiError):
        read(up_to, {"up_to": "all"})


def test_json_is_read_as_a_form_is():
    assert from_json('{"a": [{"b": true}], "c": null, "d": 1}') == {"a": {"0": {"b": "true"}}, "c": "", "d": "1"}
    with pytest.raises(ApiError):
        from_json("[]")


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_excludes_only_what_stripe_has(route):
    assert route in operations()
    assert {parameter.name for parameter in table(route).children.values()} == set(parameters_of(route).children)


@pytest.mark.conformance
def test_the_table_is_that_of_stripes_document(session_validator):
    derived = lines_of(session_validator.document)

    assert TABLE.read_text(encoding="utf-8").splitlines()[: len(derived)] == derived, "derive parameters.txt again"


def test_the_table_is_derived_from_a_document():
    properties = {
        "amount": {"type": "integer"},
        "charge": {"type": "string", "maxLength": 5000},
        "reason": {"type": "string", "enum": ["duplicate", "fraudulent"]},
        "origin": {"type": "string"},
        "metadata": {
            "anyOf": [
                {"type": "object", "additionalProperties": {"type": "string"}},
                {"type": "string", "enum": [""]},
            ]
        },
        "expand": {"type": "array", "items": {"type": "string", "maxLength": 5000}},
    }
    session = {
        "automatic_tax": {"type": "object", "properties": {"enabled": {"type": "boolean"}}, "required": ["enabled"]},
        "line_items": {"type": "array", "items": {"type": "object", "properties": {"rate": {"type": "number"}}}},
        "rates": {"type": "object", "additionalProperties": {"type": "object"}},
        "up_to": {"anyOf": [{"type": "string", "enum": ["inf"]}, {"type": "integer"}]},
    }

    charge = {
        "properties": {
            "object": {"type": "string", "enum": ["charge"]},
            "customer": {"type": "string", "x-expansionResources": {}},
            "refunds": {"nullable": True, "properties": {"object": {"enum": ["list"]}}},
            "outcome": {"properties": {"rule": {"type": "string", "x-expansionResources": {}}}},
        },
        "x-expandableFields": ["customer", "outcome", "refunds"],
        "required": ["object", "outcome"],
    }

    def body(properties):
        return {"post": {"requestBody": {"content": {"form": {"schema": {"properties": properties}}}}}}

    range_of = {"type": "object", "properties": {key: {"type": "integer"} for key in ("gt", "gte", "lt", "lte")}}
    created = {"name": "created", "in": "query", "schema": {"anyOf": [range_of, {"type": "integer"}]}}
    described = {
        "info": {"version": API_VERSION},
        "components": {"schemas": {"charge": charge}},
        "paths": {
            "/v1/charges": {"get": {"parameters": [created, {"name": "id", "in": "path", "schema": {}}]}},
            "/v1/checkout/sessions": body(session),
            "/v1/refunds": body(properties),
        },
    }

    lines = lines_of(described)

    assert [line for line in lines if not line.startswith("#")] == [
        "GET /v1/charges",
        " created: range",
        "POST /v1/checkout/sessions",
        " rates: map",
        " up_to: int|enum inf",
        " automatic_tax: {}",
        "  enabled!: bool",
        " line_items: [] {}",
        "  rate: num",
        "POST /v1/refunds +",
        " amount: int",
        " charge origin: str",
        " metadata?: map",
        " reason: enum duplicate fraudulent",
        "%charge",
        " customer outcome.rule refunds",
    ]
