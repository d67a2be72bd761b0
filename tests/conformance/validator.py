"""Validates requests, responses and events by Stripe's OpenAPI document."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from django_checkout.emulator.api.routes import UNDOCUMENTED, find_operation
from tests.conformance.schemas import Schema, Schemas, strict

FORM = "application/x-www-form-urlencoded"
#: The document does not describe these paths, nor what only the command line calls.
UNDESCRIBED = "/v2/"


class NonconformityError(AssertionError):
    """A request, response or event does not conform to Stripe's document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation of the API, with strict schemas."""

    name: str
    pattern: re.Pattern[str]
    path: Schema
    query: Schema
    body: Schema
    answers: Mapping[str, Schema]


@dataclass(slots=True)
class Validator:
    """Collects faults. ``raise_faults`` raises them."""

    document: dict[str, Any] = field(repr=False)
    faults: list[str] = field(default_factory=list)
    checked: set[str] = field(default_factory=set)
    schemas: Schemas = field(init=False, repr=False)
    _routes: dict[tuple[str, str], Route] = field(default_factory=dict, repr=False)
    _event_types: set[str] = field(default_factory=set, repr=False)

    def __post_init__(self) -> None:
        self.schemas = Schemas(self.document)
        endpoint = self.document["paths"]["/v1/webhook_endpoints"]["post"]
        enabled = endpoint["requestBody"]["content"][FORM]["schema"]["properties"]["enabled_events"]
        self._event_types = set(enabled["items"]["enum"])

    def raise_faults(self) -> None:
        """Raise the faults since the last call.

        Raises:
            NonconformityError: listing every fault once.
        """
        found, self.faults = sorted(set(self.faults)), []
        if found:
            raise NonconformityError("\n".join(["not as in Stripe's document:", *found]))

    def check_request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | str | None) -> None:
        """Check a request."""
        parts = urlsplit(url)
        sent = {name.lower(): value for name, value in headers.items()}
        version = sent.get("stripe-version")
        if version != self.document["info"]["version"]:
            self._add_faults(f"{method} {parts.path}: Stripe-Version", [f"{version}, not the pinned one"])
        route = self._route(method, parts.path)
        if route is None:
            return
        match = route.pattern.fullmatch(parts.path)
        assert match is not None
        self._check_tree(f"{route.name} path", route.path, match.groupdict())
        self._check_tree(f"{route.name} query", route.query, decoded(parts.query))
        if sent.get("content-type", "").startswith("multipart/"):
            text = _as_form(sent["content-type"], body if isinstance(body, bytes) else b"")
        else:
            text = body.decode() if isinstance(body, bytes) else body or ""
        self._check_tree(f"{route.name} body", route.body, decoded(text))

    def check_response(self, method: str, url: str, status: int, body: bytes) -> None:
        """Check a response."""
        route = self._route(method, urlsplit(url).path)
        if route is None:
            return
        answer = route.answers.get(str(status), route.answers["default"])
        self.checked.add(f"{route.name} {status}")
        self._add_faults(f"{route.name} {status}", self.schemas.errors(answer, json.loads(body)))

    def knows(self, method: str, url: str) -> bool:
        """Return whether the document describes this route."""
        return self._template(method, urlsplit(url).path) is not None

    def check_event(self, event: Mapping[str, Any]) -> None:
        """Check an event: its fields, its object and the previous attributes."""
        name = f"event {event.get('type')}"
        self.checked.add(name)
        self._add_faults(name, self.schemas.errors(self.schemas.named("event"), event))
        if event.get("type") not in self._event_types:
            self._add_faults(name, ["Stripe has no event of this type"])
        payload = event.get("data", {})
        shown = payload.get("object", {})
        kind = shown.get("object")
        if kind not in self.schemas.by_name:
            self._add_faults(name, [f"Stripe has no object of kind {kind}"])
            return
        schema = self.schemas.named(kind)
        self._add_faults(f"{name} data/object", self.schemas.errors(schema, shown))
        self._check_previous(name, kind, payload.get("previous_attributes"))

    def check_object(self, document: Mapping[str, Any]) -> None:
        """Check an object by its type."""
        kind = str(document.get("object"))
        self.checked.add(kind)
        if kind not in self.schemas.by_name:
            self._add_faults(kind, ["Stripe has no object of this kind"])
            return
        self._add_faults(kind, self.schemas.errors(self.schemas.named(kind), document))

    def _check_previous(self, name: str, kind: str, previous: Mapping[str, Any] | None) -> None:
        """Check previous attributes. Nested objects may be partial, and an attribute that was absent is null."""
        if previous is None:
            return
        if not name.endswith(".updated"):
            self._add_faults(name, ["previous_attributes are in events of type *.updated only"])
        schema = self.schemas.resolved(self.schemas.by_name[kind])
        members, required = schema["properties"], schema.get("required", ())
        for attribute, value in previous.items():
            where = f"{name} data/previous_attributes/{attribute}"
            if attribute not in members:
                self._add_faults(where, ["no such attribute"])
            elif not isinstance(value, dict) and (value is not None or attribute in required):
                self._add_faults(where, self.schemas.errors(members[attribute], value))

    def _check_tree(self, name: str, schema: Schema, tree: object) -> None:
        self.checked.add(name)
        self._add_faults(name, self.schemas.errors(schema, self._coerced(schema, tree)))

    def _coerced(self, schema: Schema, value: object) -> object:
        """Convert strings to the types of the schema, as the API does."""
        schema = self.schemas.resolved(schema)
        if "anyOf" in schema:
            readings = [self._coerced(branch, value) for branch in schema["anyOf"]]
            pairs = zip(schema["anyOf"], readings, strict=True)
            return next((read for branch, read in pairs if self.schemas.accepts(branch, read)), readings[0])
        if isinstance(value, dict):
            if schema.get("type") == "array":
                positions = sorted(value, key=lambda step: int(step) if step.isdigit() else 0)
                if positions == [str(position) for position in range(len(value))]:
                    return [self._coerced(schema["items"], value[position]) for position in positions]
                return value
            members, others = schema.get("properties", {}), schema.get("additionalProperties")
            others = others if isinstance(others, dict) else {}
            return {name: self._coerced(members.get(name, others), child) for name, child in value.items()}
        return _read(schema, value)

    def _route(self, method: str, path: str) -> Route | None:
        """Return the route of a path. An unknown path is a fault."""
        found = find_operation(method, path)
        if path.startswith(UNDESCRIBED) or (found and found[0] in UNDOCUMENTED):
            return None
        template = self._template(method, path)
        if template is None:
            self._add_faults(f"{method} {path}", ["Stripe has no such route"])
            return None
        key = (method, template)
        if key not in self._routes:
            self._routes[key] = _new_route(method, template, self.document["paths"][template][method.lower()])
        return self._routes[key]

    def _template(self, method: str, path: str) -> str | None:
        found = [
            template
            for template, operations in self.document["paths"].items()
            if method.lower() in operations and _pattern(template).fullmatch(path)
        ]
        # /v1/charges/search is not a charge called "search".
        return min(found, key=lambda template: template.count("{"), default=None)

    def _add_faults(self, where: str, errors: list[str]) -> None:
        self.faults += [f"{where}: {error}" for error in errors]


def decoded(text: str) -> dict[str, Any]:
    """Return ``a[0][b]=c&a[0][d]=e`` as nested dictionaries of strings, with list indexes as keys."""
    tree: dict[str, Any] = {}
    for key, value in parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text)):
        head, *steps = re.findall(r"[^\[\]]+", key)
        path = [head, *steps]
        node = tree
        for step in path[:-1]:
            node = node.setdefault(step, {})
        assert path[-1] not in node, f"{key} is sent twice"
        node[path[-1]] = value
    return tree


def _as_form(content_type: str, body: bytes) -> str:
    """Return ``multipart/form-data`` as a form, with the names of files in their place."""
    message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    parts = [part for part in message.walk() if not part.is_multipart()]
    names = [part.get_param("name", header="content-disposition") for part in parts]
    return urlencode([(name, p.get_filename() or p.get_payload()) for name, p in zip(names, parts, strict=True)])


def _read(schema: Schema, value: object) -> object:
    kind = schema.get("type")
    if not isinstance(value, str):
        return value
    if schema.get("format") == "currency":
        # Stripe accepts currencies in upper case and returns them in lower case.
        return value.lower()
    if kind == "integer" and re.fullmatch("-?[0-9]+", value):
        return int(value)
    if kind == "number" and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value):
        return float(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    return value


def _new_route(method: str, template: str, operation: Mapping[str, Any]) -> Route:
    parameters = operation.get("parameters", [])
    body = operation.get("requestBody", {}).get("content", {})
    answers = {status: answer["content"] for status, answer in operation["responses"].items()}
    form = strict(next(iter(body.values()))["schema"]) if body else _parameters([], "body")
    return Route(
        name=f"{method} {template}",
        pattern=_pattern(template),
        path=_parameters(parameters, "path"),
        # The document describes parameters of DELETE as a body; the libraries send them in the query.
        query=form if method == "DELETE" else _parameters(parameters, "query"),
        body=form,
        answers={status: strict(next(iter(content.values()))["schema"]) for status, content in answers.items()},
    )


def _parameters(parameters: list[Mapping[str, Any]], place: str) -> Schema:
    chosen = [parameter for parameter in parameters if parameter["in"] == place]
    return {
        "type": "object",
        "properties": {parameter["name"]: strict(parameter["schema"]) for parameter in chosen},
        "required": [parameter["name"] for parameter in chosen if parameter.get("required")],
        "additionalProperties": False,
    }


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template))
