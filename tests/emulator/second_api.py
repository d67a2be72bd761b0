"""The operations of Stripe's second API, which the OpenAPI document lacks, from the stripe library's types."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import types
import typing
from typing import Any

import stripe.params.v2
import stripe.v2
import typing_extensions

METHOD = re.compile(r"^    def \w+\(.*?(?=^    (?:async )?def |\Z)", re.MULTILINE | re.DOTALL)
REQUEST = re.compile(r'_request\(\s*"(\w+)",\s*"(/v2/[^"]+)"')
PARAMS = re.compile(r'params: (?:Optional\[)?"(\w+)"')
SCALARS = {bool: "boolean", int: "integer", float: "number"}


def second_api() -> dict[str, Any]:
    """Return the operations, each with the schema of its parameters."""
    classes = {
        name: value
        for module in _modules(stripe.params.v2)
        for name, value in inspect.getmembers(module, inspect.isclass)
    }
    operations = {}
    for module in _modules(stripe.v2):
        for method in METHOD.findall(inspect.getsource(module)):
            request, params = REQUEST.search(method), PARAMS.search(method)
            if request:
                schema = _object(classes[params[1]]) if params else {"properties": {}}
                operations[f"{request[1].upper()} {request[2]}"] = schema
    return dict(sorted(operations.items()))


def _modules(package: types.ModuleType) -> list[types.ModuleType]:
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [importlib.import_module(item.name) for item in found]


def _object(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind, vars(importlib.import_module(kind.__module__)))
    required = [name for name in hints if name in kind.__required_keys__]
    return {"type": "object", "properties": {name: _schema(hint) for name, hint in hints.items()}, "required": required}


def _schema(hint: Any) -> dict[str, Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if typing_extensions.is_typeddict(hint):
        return _object(hint)
    if getattr(origin, "__name__", "") in ("NotRequired", "Required"):
        return _schema(arguments[0])
    if origin is typing.Literal:
        return {"type": "string", "enum": list(arguments)}
    if origin is list:
        return {"type": "array", "items": _schema(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(arguments[1])}
    if origin is typing.Union:
        kinds = [argument for argument in arguments if argument is not type(None)]
        return _schema(kinds[0])
    return {"type": SCALARS.get(hint, "string")}
