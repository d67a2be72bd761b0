"""The fields that Stripe's API can expand, by object type, from Stripe's OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MAX_DEPTH = 2


def expansions(document: dict[str, Any]) -> Iterator[str]:
    """Yield a heading for each type of object, and its expandable fields, those of nested hashes with a dot."""
    schemas = document["components"]["schemas"]
    found: dict[str, set[str]] = {}
    for schema in schemas.values():
        kinds = schema.get("properties", {}).get("object", {}).get("enum", [])
        for kind in kinds:
            found.setdefault(kind, set()).update(_fields(schemas, schema))
    for kind, names in sorted(found.items()):
        if names:
            yield f"%{kind}"
            yield f" {' '.join(sorted(names))}"


def _fields(schemas: dict[str, Any], schema: dict[str, Any], prefix: str = "", depth: int = 0) -> Iterator[str]:
    listed, required = schema.get("x-expandableFields", ()), schema.get("required", ())
    for name, member in schema.get("properties", {}).items():
        items = member.get("items", member)
        if "x-expansionResources" in items:
            yield f"{prefix}{name}"
            continue
        # A field that may be missing is included by an expansion; deeper ones are missing for other reasons.
        is_list = member.get("properties", {}).get("object", {}).get("enum") == ["list"]
        if depth == 0 and name in listed and name not in required and (is_list or not member.get("nullable")):
            yield name
        for choice in items.get("anyOf", [items]):
            nested = schemas[choice["$ref"].rpartition("/")[2]] if "$ref" in choice else choice
            if depth < MAX_DEPTH and "object" not in nested.get("properties", {}):
                yield from _fields(schemas, nested, f"{prefix}{name}.", depth + 1)
