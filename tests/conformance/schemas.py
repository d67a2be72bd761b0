"""Turns Stripe's OpenAPI 3.0 schemas into strict JSON Schema: nullable is a type, and unknown keys are errors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

Schema = dict[str, Any]

URI = "urn:stripe:openapi"
_KEPT = frozenset(("type", "enum", "maxLength", "pattern", "minimum", "format", "required"))
_IGNORED = frozenset(("description", "title", "nullable", "deprecated", "example"))

formats = FormatChecker(formats=())


@formats.checks("currency")
def _is_currency(value: object) -> bool:
    return not isinstance(value, str) or re.fullmatch("[a-z]{3}", value) is not None


@formats.checks("decimal")
def _is_decimal(value: object) -> bool:
    return not isinstance(value, str) or re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value) is not None


def strict(schema: Mapping[str, Any]) -> Schema:
    """Return one schema of the document as strict JSON Schema.

    Raises:
        LookupError: it uses a keyword that would silently be lost.
    """
    result: Schema = {}
    for keyword, value in schema.items():
        if keyword in _KEPT:
            result[keyword] = value
        elif keyword == "properties":
            result["properties"] = {name: strict(member) for name, member in value.items()}
            result.setdefault("additionalProperties", False)
        elif keyword == "additionalProperties":
            result[keyword] = value if isinstance(value, bool) else strict(value)
        elif keyword == "items":
            result[keyword] = strict(value)
        elif keyword in ("anyOf", "oneOf"):
            # Stripe's branches overlap (an id is any string), so "one of" is read as "any of".
            result["anyOf"] = [strict(branch) for branch in value]
        elif keyword == "$ref":
            result[keyword] = f"{URI}{value}"
        elif keyword not in _IGNORED and not keyword.startswith("x-"):
            raise LookupError(f"unknown keyword {keyword}")
    return _nullable(result) if schema.get("nullable") else result


def _nullable(schema: Schema) -> Schema:
    if "anyOf" in schema:
        # Null first: it is met most often, and the others are costly to rule out.
        return {**schema, "anyOf": [{"type": "null"}, *schema["anyOf"]]}
    if "type" not in schema:
        return {"anyOf": [{"type": "null"}, schema]}
    changed = {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        changed["enum"] = [*schema["enum"], None]
    return changed


class Schemas:
    """All schemas of the document, by name, with validators that are made once."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._raw = document["components"]["schemas"]
        self._validators: dict[str, Draft202012Validator] = {}

    @cached_property
    def by_name(self) -> dict[str, Schema]:
        """Every schema under ``components``, made strict."""
        return {name: strict(schema) for name, schema in self._raw.items()}

    @cached_property
    def _registry(self) -> Registry[Any]:
        contents = {"components": {"schemas": self.by_name}}
        resource = Resource.from_contents(contents, default_specification=DRAFT202012)
        registry: Registry[Any] = Registry().with_resource(URI, resource)
        return registry

    def resolved(self, schema: Schema) -> Schema:
        """Return what a schema that only refers to another one means."""
        while "$ref" in schema:
            schema = self.by_name[schema["$ref"].rpartition("/")[2]]
        return schema

    def named(self, name: str) -> Schema:
        """Return a schema that refers to the one called ``name``."""
        return {"$ref": f"{URI}#/components/schemas/{name}"}

    def errors(self, schema: Schema, value: object) -> list[str]:
        """Return what is wrong with a value, each as ``where: what``, deepest cause first."""
        return sorted({text for error in self._validator(schema).iter_errors(value) for text in _told(error)})

    def accepts(self, schema: Schema, value: object) -> bool:
        """Return whether nothing is wrong with a value."""
        return self._validator(schema).is_valid(value)

    def _validator(self, schema: Schema) -> Draft202012Validator:
        # Schemas live as long as this object does, so their identity is a key.
        key = schema.get("$ref") or f"#{id(schema)}"
        if key not in self._validators:
            validator = Draft202012Validator(schema, registry=self._registry, format_checker=formats)
            self._validators[key] = validator
        return self._validators[key]


def _told(error: ValidationError) -> Iterator[str]:
    """Yield the messages of an error; of alternatives, those of the one that was evidently meant."""
    if error.validator != "anyOf":
        where = "/".join(str(step) for step in error.absolute_path) or "."
        what = error.message if len(error.message) < 200 else f"{error.message[:80]} ... {error.message[-110:]}"
        yield f"{where}: {what}"
        return
    branches: dict[object, list[ValidationError]] = {}
    for cause in error.context or ():
        branches.setdefault(cause.schema_path[0], []).append(cause)
    depth = len(error.absolute_path)
    meant = min(branches.values(), key=lambda causes: _strangeness(causes, depth))
    for cause in meant:
        yield from _told(cause)


def _strangeness(causes: list[ValidationError], depth: int) -> tuple[bool, bool, int]:
    """Rank a failed alternative: one of another type, or of an object of another kind, was not meant."""
    is_other_type = any(c.validator == "type" and len(c.absolute_path) == depth for c in causes)
    is_other_kind = any(c.validator == "enum" and list(c.absolute_path)[depth:] == ["object"] for c in causes)
    return is_other_type, is_other_kind, len(causes)
