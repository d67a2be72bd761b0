from __future__ import annotations

import json

import pytest

from django_checkout.emulator import ApiError
from django_checkout.emulator.api.parameters import decode, read
from django_checkout.emulator.messages import API_VERSION

from .derive_parameters import main


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
    assert read("GET /v1/events", "types[10]=b&types[9]=a") == {"types": ["a", "b"]}


@pytest.mark.parametrize(
    "query", ["types[x]=a", "types=a", "delivery_success=yes", "limit=ten", "type=", "created[gt]="]
)
def test_malformed_values_are_refused(query):
    with pytest.raises(ApiError):
        read("GET /v1/events", query)


def test_numbers_are_read():
    text = "mode=subscription&subscription_data[application_fee_percent]="

    assert read("POST /v1/checkout/sessions", f"{text}2.5")["subscription_data"] == {"application_fee_percent": 2.5}
    with pytest.raises(ApiError):
        read("POST /v1/checkout/sessions", f"{text}much")


def test_the_table_is_derived_from_a_document(tmp_path, capsys):
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
        "expand": {"type": "array", "items": {"type": "string", "maxLength": 12}},
    }
    session = {
        "automatic_tax": {"type": "object", "properties": {"enabled": {"type": "boolean"}}, "required": ["enabled"]},
        "line_items": {"type": "array", "items": {"type": "object", "properties": {"rate": {"type": "number"}}}},
        "rates": {"type": "object", "additionalProperties": {"type": "object"}},
        "up_to": {"anyOf": [{"type": "string", "enum": ["inf"]}, {"type": "integer"}]},
    }

    def body(properties):
        return {"post": {"requestBody": {"content": {"form": {"schema": {"properties": properties}}}}}}

    created = {"name": "created", "in": "query", "schema": {"anyOf": [{"type": "object"}, {"type": "integer"}]}}
    document = {
        "info": {"version": API_VERSION},
        "paths": {
            "/v1/charges": {"get": {"parameters": [created, {"name": "id", "in": "path", "schema": {}}]}},
            "/v1/checkout/sessions": body(session),
            "/v1/refunds": body(properties),
        },
    }
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(document))

    main(str(path))

    assert capsys.readouterr().out.splitlines()[3:] == [
        "GET /v1/charges",
        "  created range",
        "POST /v1/checkout/sessions",
        "  automatic_tax {}",
        "    enabled! bool",
        "  line_items []",
        "    rate num",
        "  rates tree",
        "  up_to str",
        "POST /v1/refunds",
        "  amount int",
        "  charge str",
        "  reason enum duplicate fraudulent",
        "  metadata? map",
        "  expand [] str<=12",
    ]
