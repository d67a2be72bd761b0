"""The OpenAPI document: up to date, valid, without warnings, with examples that match."""

from __future__ import annotations

import json

import jsonschema
import pytest
from rest_framework import serializers

from django_checkout.api import document, inputs, schema, urls
from django_checkout.api.examples import EXAMPLES, STAFF_DETAILS
from tests.api.conftest import Api


@pytest.fixture(scope="module")
def generated():
    from drf_spectacular.drainage import GENERATOR_STATS, reset_generator_stats

    reset_generator_stats()
    made = document.generate()
    assert (dict(GENERATOR_STATS._warn_cache), dict(GENERATOR_STATS._error_cache)) == ({}, {})
    return made


def operations(made):
    return [
        (method, path, operation)
        for path, item in made["paths"].items()
        for method, operation in item.items()
        if method in ("get", "post", "put", "patch", "delete")
    ]


#: Keys that differ between releases of Django REST framework and drf-spectacular.
SPELLING = {"format", "pattern", "minimum", "maximum", "minLength", "maxLength", "readOnly"}


def ours(part):
    """A part of the document without the keys that only the generator decides."""
    if isinstance(part, dict):
        kept = {name for name in part if not name.startswith("x-") and name not in SPELLING}
        return {name: ours(part[name]) for name in sorted(kept)}
    return [ours(one) for one in part] if isinstance(part, list) else part


def test_committed_document_is_up_to_date(generated):
    """If this fails, run ``python -m tests.api.write_document``."""
    committed = json.loads(document.PATH.read_text(encoding="utf-8"))

    assert ours(generated["paths"]) == ours(committed["paths"])
    assert ours(generated["components"]) == ours(committed["components"])


def test_examples_of_errors_for_staff_have_the_details_for_staff(generated):
    """HTTP errors have the same text for everyone."""
    for _method, path, operation in operations(generated):
        if not path.startswith("/staff/"):
            continue
        for answer in operation["responses"].values():
            shown = answer.get("content", {}).get(schema.PROBLEM, {}).get("examples", {})
            for problem in [one["value"] for one in shown.values() if one["value"]["code"] not in schema.PROTOCOL]:
                assert problem["detail"] == STAFF_DETAILS[problem["code"]], path


def test_document_is_valid_openapi(generated):
    validator = pytest.importorskip("openapi_spec_validator")

    assert generated["openapi"] == "3.1.0"
    validator.validate(generated)


def test_every_path_is_described(generated):
    assert len(generated["paths"]) == len(urls.urlpatterns) - 1


def test_every_operation_has_examples_of_its_request_response_and_errors(generated):
    bare = [
        (operation["operationId"], status)
        for _method, _path, operation in operations(generated)
        for status, answer in [*operation["responses"].items(), ("body", operation.get("requestBody", {}))]
        for content in answer.get("content", {}).values()
        if not content.get("examples")
    ]

    assert bare == []


def test_examples_match_their_schemas(generated):
    checked = 0
    for _method, _path, operation in operations(generated):
        for answer in [*operation["responses"].values(), operation.get("requestBody", {})]:
            for content in answer.get("content", {}).values():
                schema = {**content["schema"], "components": generated["components"]}
                for example in content["examples"].values():
                    jsonschema.Draft202012Validator(schema).validate(example["value"])
                    checked += 1
    assert checked > 200


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name.endswith("Input")])
def test_example_of_an_input_is_valid(name):
    serializer = getattr(inputs, name)(data=EXAMPLES[name], context={"request": _Request()})
    serializer.is_valid(raise_exception=True)
    assert isinstance(serializer, serializers.Serializer)


class _Request:
    @staticmethod
    def get_host():
        return "shop.example"

    @staticmethod
    def is_secure():
        return True


def test_document_is_served_with_the_sites_url():
    response = Api().client.get("/api/openapi.json")

    assert response.json()["servers"] == [{"url": "/api"}]
    assert response.json()["paths"] == json.loads(document.PATH.read_text(encoding="utf-8"))["paths"]
