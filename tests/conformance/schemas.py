"""Converts Stripe's OpenAPI 3.0 schemas into strict JSON Schema: unknown keys are errors."""

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

#: Fields that Stripe returns and neither its document nor the types of its library have: stripe/stripe-dotnet#2269.
UNDOCUMENTED_FIELDS: dict[str, Schema] = {"ephemeral_key": {"associated_objects": {"type": "array"}}}

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
        LookupError: it uses an unsupported keyword.
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
            # Stripe's alternatives overlap (an id is any string), so "one of" means "any of".
            result["anyOf"] = [strict(branch) for branch in value]
        elif keyword == "$ref":
            result[keyword] = f"{URI}{value}"
        elif keyword not in _IGNORED and not keyword.startswith("x-"):
            raise LookupError(f"unknown keyword {keyword}")
    return _nullable(result) if schema.get("nullable") else result


def _nullable(schema: Schema) -> Schema:
    if "anyOf" in schema:
        # Null first: it is the most frequent value, and the others take longer to check.
        return {**schema, "anyOf": [{"type": "null"}, *schema["anyOf"]]}
    if "type" not in schema:
        return {"anyOf": [{"type": "null"}, schema]}
    changed = {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        changed["enum"] = [*schema["enum"], None]
    return changed


class Schemas:
    """All schemas of the document by name, with cached validators."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._raw = document["components"]["schemas"]
        self._validators: dict[str, Draft202012Validator] = {}

    @cached_property
    def by_name(self) -> dict[str, Schema]:
        """The strict schemas of ``components``."""
        found = {name: strict(schema) for name, schema in self._raw.items()}
        for name, fields in UNDOCUMENTED_FIELDS.items():
            found[name]["properties"] |= fields
        return found

    @cached_property
    def _registry(self) -> Registry[Any]:
        contents = {"components": {"schemas": self.by_name}}
        resource = Resource.from_contents(contents, default_specification=DRAFT202012)
        registry: Registry[Any] = Registry().with_resource(URI, resource)
        return registry

    def resolved(self, schema: Schema) -> Schema:
        """Return the schema that a reference points to."""
        while "$ref" in schema:
            schema = self.by_name[schema["$ref"].rpartition("/")[2]]
        return schema

    def named(self, name: str) -> Schema:
        """Return a reference to a schema."""
        return {"$ref": f"{URI}#/components/schemas/{name}"}

    def errors(self, schema: Schema, value: object) -> list[str]:
        """Return the errors of a value as ``path: message``."""
        return sorted({text for error in self._validator(schema).iter_errors(value) for text in _messages(error)})

    def accepts(self, schema: Schema, value: object) -> bool:
        """Return whether a value is valid."""
        return self._validator(schema).is_valid(value)

    def _validator(self, schema: Schema) -> Draft202012Validator:
        # Schemas live as long as this object, so their identity is a valid key.
        key = schema.get("$ref") or f"#{id(schema)}"
        if key not in self._validators:
            validator = Draft202012Validator(schema, registry=self._registry, format_checker=formats)
            self._validators[key] = validator
        return self._validators[key]


def _messages(error: ValidationError) -> Iterator[str]:
    """Yield the messages of an error; of alternatives, only those of the most likely one."""
    if error.validator != "anyOf":
        where = "/".join(str(step) for step in error.absolute_path) or "."
        what = error.message if len(error.message) < 200 else f"{error.message[:80]} ... {error.message[-110:]}"
        yield f"{where}: {what}"
        return
    branches: dict[object, list[ValidationError]] = {}
    for cause in error.context or ():
        branches.setdefault(cause.schema_path[0], []).append(cause)
    depth = len(error.absolute_path)
    likely = min(branches.values(), key=lambda causes: _unlikeliness(causes, depth))
    for cause in likely:
        yield from _messages(cause)


def _unlikeliness(causes: list[ValidationError], depth: int) -> tuple[bool, bool, int]:
    """Rank a failed alternative: another type, or another kind of object, is unlikely."""
    is_other_type = any(c.validator == "type" and len(c.absolute_path) == depth for c in causes)
    is_other_kind = any(c.validator == "enum" and list(c.absolute_path)[depth:] == ["object"] for c in causes)
    return is_other_type, is_other_kind, len(causes)
