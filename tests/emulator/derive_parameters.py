"""Derives ``parameters.txt`` from Stripe's OpenAPI document and, for its second API, from the stripe library.

``python -m tests.emulator.derive_parameters DOCUMENT > django_checkout/emulator/api/parameters.txt``
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.emulator.derive_expansions import expansions
from tests.emulator.second_api import second_api

METHODS = ("get", "post", "delete")
#: Longer enumerations, such as time zones and event types, are texts here.
MAX_ENUMERATION = 1200
#: A shape in one place is written where it is used.
MIN_USES = 2
MIN_SHARED = 24
RANGE = {"gt", "gte", "lt", "lte"}
HEADER = """\
# The operations of Stripe's API and their request parameters, by type.
# Derived from Stripe's OpenAPI document {version}, (c) Stripe, Inc., MIT licence; /v2/ from the stripe library.
# "!" is required, "?" may be emptied with "". {{}} is an object, <> a map to objects, map one to texts, [] a list,
# | is "or", range is {{gt,gte,lt,lte}} or int, @1 a shape that is described once, below. "+" is "expand: [] str".
# file is an uploaded file. % are the expandable fields of an object.\
"""


class Parameter(NamedTuple):
    """A parameter with its marks, its type and its nested parameters."""

    name: str
    kind: str
    children: tuple[Parameter, ...] = ()


EXPAND = Parameter("expand", "[] str")


def main(path: str) -> None:
    """Print the table."""
    second = {name: of_object(schema) for name, schema in second_api().items()}
    print("\n".join([*lines_of(json.loads(Path(path).read_text())), *Table(second, "2.").lines()]))


def lines_of(document: dict[str, Any]) -> list[str]:
    """Return the lines of the table for the operations of the document."""
    operations = {
        f"{method.upper()} {path}": of_operation(operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    }
    header = HEADER.format(version=document["info"]["version"]).splitlines()
    return [*header, *Table(operations).lines(), *expansions(document)]


def of_operation(operation: dict[str, Any]) -> tuple[Parameter, ...]:
    """Return the parameters of an operation, in query or body."""
    query = [item for item in operation.get("parameters", []) if item["in"] == "query"]
    content = operation.get("requestBody", {}).get("content", {})
    body = next(iter(content.values()))["schema"] if content else {}
    properties = {item["name"]: item["schema"] for item in query} | body.get("properties", {})
    required = [item["name"] for item in query if item.get("required")] + body.get("required", [])
    return of_object({"properties": properties, "required": required})


def of_object(*schemas: dict[str, Any]) -> tuple[Parameter, ...]:
    """Return the members of an object, or of its alternatives."""
    found = {}
    for schema in schemas:
        for name, member in schema["properties"].items():
            choices = member.get("anyOf", [member])
            emptied = any("" in choice.get("enum", []) for choice in choices)
            is_required = len(schemas) == 1 and name in schema.get("required", ())
            kind, children = described(choices)
            found[name] = Parameter(name + "!" * is_required + "?" * emptied, kind, children)
    return tuple(found[name] for name in sorted(found))


def described(choices: list[dict[str, Any]]) -> tuple[str, tuple[Parameter, ...]]:
    """Return the type of a parameter, and its nested parameters."""
    choices = [choice for choice in choices if choice.get("enum") != [""]]
    objects = [choice for choice in choices if choice.get("properties")]
    if any(choice["properties"].keys() == RANGE for choice in objects):
        return "range", ()
    if objects:
        return "{}" if len(objects) == len(choices) else "str|{}", of_object(*objects)
    if len(choices) > 1:
        return "|".join(sorted((word(choice) for choice in choices), key=len)), ()
    (chosen,) = choices
    if chosen.get("type") == "array":
        kind, children = described(chosen["items"].get("anyOf", [chosen["items"]]))
        return f"[] {kind}", children
    values = chosen.get("additionalProperties")
    if isinstance(values, dict) and values.get("properties"):
        return "<>", of_object(values)
    return word(chosen), ()


def word(schema: dict[str, Any]) -> str:
    """Return the type of a scalar or a map."""
    if schema.get("format") == "binary":
        return "file"
    values = " ".join(str(value) for value in schema.get("enum", []) if value != "")
    if values and len(values) < MAX_ENUMERATION:
        return f"enum {values}"
    known = {"boolean": "bool", "integer": "int", "number": "num", "object": "map"}
    limit = schema.get("maxLength", 5000)
    return known.get(schema["type"]) or ("str" if limit == 5000 else f"str<={limit}")


class Table:
    """Writes operations, with repeated shapes and enumerations described once."""

    def __init__(self, operations: dict[str, tuple[Parameter, ...]], prefix: str = "") -> None:
        self._operations = operations
        self._prefix = prefix
        self._uses: Counter[object] = Counter()
        self._shared: dict[object, tuple[int, str]] = {}
        for parameters in operations.values():
            self._count(parameters)

    def lines(self) -> Iterator[str]:
        """Yield the lines."""
        for name, parameters in self._operations.items():
            expands = EXPAND in parameters
            yield f"{name} +" if expands else name
            yield from self._members((parameter for parameter in parameters if parameter != EXPAND), 1)
        described = 0
        while described < len(self._shared):
            shape, (number, name) = list(self._shared.items())[described]
            yield f"@{self._prefix}{number} {name}"
            if isinstance(shape, str):
                yield f" {shape}"
            else:
                yield from self._members(shape, 1)  # type: ignore[arg-type]  # parameters
            described += 1

    def _count(self, parameters: Iterable[Parameter]) -> None:
        for parameter in parameters:
            self._uses[_enumeration(parameter)] += 1
            self._uses[parameter.children] += 1
            if self._uses[parameter.children] == 1:
                self._count(parameter.children)

    def _members(self, parameters: Iterable[Parameter], depth: int) -> Iterator[str]:
        """Yield the parameters of an object, those of the same type on one line."""
        plain: dict[str, list[str]] = {}
        nested = []
        for parameter in parameters:
            if parameter.children and self._uses[parameter.children] < MIN_USES:
                nested.append(parameter)
            else:
                plain.setdefault(self._kind(parameter), []).append(parameter.name)
        for kind, names in plain.items():
            yield f"{' ' * depth}{' '.join(names)}: {kind}"
        for parameter in nested:
            yield f"{' ' * depth}{parameter.name}: {parameter.kind}"
            yield from self._members(parameter.children, depth + 1)

    def _kind(self, parameter: Parameter) -> str:
        if parameter.children:
            return f"{parameter.kind} {self._reference(parameter.children, parameter.name)}"
        values = _enumeration(parameter)
        if len(values) > MIN_SHARED and self._uses[values] >= MIN_USES:
            return parameter.kind.replace(values, self._reference(values, parameter.name))
        return parameter.kind

    def _reference(self, shape: object, name: str) -> str:
        number, _ = self._shared.setdefault(shape, (len(self._shared) + 1, name.rstrip("!?")))
        return f"@{self._prefix}{number}"


def _enumeration(parameter: Parameter) -> str:
    """Return the values of an enumeration, with the word "enum"."""
    at = parameter.kind.find("enum ")
    return parameter.kind[at:].partition("|")[0] if at >= 0 else ""


if __name__ == "__main__":
    main(sys.argv[1])
