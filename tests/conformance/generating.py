"""Prepares Stripe's document for a generator of requests: what the emulator plays, with the ids that are stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django_checkout.emulator import Request
from django_checkout.emulator.api.document import Parameter
from django_checkout.emulator.api.routes import ROUTES, find_operation, table
from tests.conformance.schemas import Schema

#: Optional parameters that are sent together. With more, nearly every request is refused for one of them.
MAX_OPTIONAL = 4
#: Ids that are tried of one kind, the newest.
MAX_IDS = 12
#: Bounds that contain most amounts, quantities and periods, and the times from two years before to two after ``NOW``.
NOW = 1_790_000_000
YEAR_SECONDS = 365 * 24 * 3600
NUMBERS = ({"type": "integer", "minimum": -1, "maximum": 2000}, {"type": "integer"})
TIMES = ({"type": "integer", "minimum": NOW - 2 * YEAR_SECONDS, "maximum": NOW + 2 * YEAR_SECONDS}, {"type": "integer"})
TEXTS = ("Tea", "sam@example.com", "https://shop.example.com/", "DE", "now", "42")
TEXTS_BY_FORMAT = {"currency": ("eur", "usd", "jpy", "EUR", "xxx"), "decimal": ("1", "10.5", "0.000000000001")}
EXPANDED = ("customer", "data.customer", "payment_intent.latest_charge", "lines", "latest_invoice", "data")
UNKNOWN = Parameter("")


class SeenIds:
    """The ids in the paths of requests, by operation and by the name of the parameter."""

    def __init__(self, requests: Iterable[Request]) -> None:
        self.of_operation: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        for request in requests:
            found = find_operation(request.method, request.path)
            for name, value in (found[1] if found else {}).items():
                self.of_operation[found[0] if found else "", name][value] = None

    def of(self, operation: str, name: str) -> list[str]:
        """Return the ids for a parameter of a path."""
        return list(self.of_operation[operation, name])[-MAX_IDS:]


class Played:
    """The document with the operations and parameters that are played, with ``seen`` ids and those ``stored`` by type.

    Without the schemas of responses: ``Validator`` judges these.
    """

    def __init__(self, document: Mapping[str, Any], seen: SeenIds, stored: Mapping[str, list[str]]) -> None:
        self._seen, self._stored = seen, stored
        self.document: dict[str, Any] = {"openapi": document["openapi"], "info": document["info"], "paths": {}}
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                name = f"{method.upper()} {path}"
                if name in ROUTES:
                    self.document["paths"].setdefault(path, {})[method] = self._prepared(name, operation)

    def _prepared(self, name: str, operation: Mapping[str, Any]) -> Schema:
        known, parameters = table(name), []
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path":
                ids: Schema = {"type": "string", "enum": self._seen.of(name, parameter["name"])}
                parameters.append({**parameter, "schema": ids if ids["enum"] else parameter["schema"]})
            elif (child := known.children.get(parameter["name"], UNKNOWN)).is_played:
                parameters.append({**parameter, "schema": self._usable(parameter["schema"], child)})
        result: Schema = {"parameters": parameters, "responses": {"200": {"description": "Validated apart."}}}
        content = operation.get("requestBody", {}).get("content", {})
        schemas = [media["schema"] for media in content.values() if media["schema"].get("properties")]
        if schemas and not name.startswith("GET"):
            # As JSON, so that the generator leaves nested values as they are. ``form`` encodes them.
            body = {"application/json": {"schema": self._usable(schemas[0], known)}}
            result["requestBody"] = {"required": True, "content": body}
        return result

    def _usable(self, schema: Mapping[str, Any], known: Parameter) -> Schema:
        """Return a schema that prefers the values that the emulator may accept."""
        result = {name: value for name, value in schema.items() if name in ("type", "enum", "required", "maxLength")}
        if "anyOf" in schema:
            result["anyOf"] = [self._usable(branch, known) for branch in schema["anyOf"]]
        elif "items" in schema:
            result |= {"items": self._usable(schema["items"], known), "maxItems": 3}
        elif "properties" in schema:
            members = {
                name: self._usable(member, child)
                for name, member in schema["properties"].items()
                if (child := known.children.get(name, UNKNOWN)).is_played
            }
            result |= {"properties": members, "additionalProperties": False}
            result["maxProperties"] = len(schema.get("required", ())) + MAX_OPTIONAL
        elif schema.get("type") == "object":
            result |= {"additionalProperties": {"type": "string", "maxLength": 40}, "maxProperties": 2}
        elif schema.get("type") == "integer":
            result = {"anyOf": list(TIMES if schema.get("format") == "unix-time" else NUMBERS)}
        elif known.values:
            result["enum"] = list(known.values)
        elif schema.get("type") == "string" and "enum" not in schema:
            result = self._text(schema, known.name)
        return result

    def _text(self, schema: Mapping[str, Any], name: str) -> Schema:
        usual = EXPANDED if name == "expand" else TEXTS_BY_FORMAT.get(schema.get("format", ""), TEXTS)
        choices = [*self._stored.get(name, ())[-MAX_IDS:], *usual]
        return {"anyOf": [{"type": "string", "enum": choices}, {"type": "string", "maxLength": 40}]}
