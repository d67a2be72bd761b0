"""Reads form-encoded parameters and checks them against ``parameters.txt``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl

from django_checkout.emulator.messages import ApiError

Tree = dict[str, Any]

MAX_METADATA_KEYS = 50
MAX_METADATA_KEY = 40
MAX_METADATA_VALUE = 500


@dataclass(slots=True)
class Parameter:
    """One line of ``parameters.txt`` with its nested lines."""

    name: str
    kind: str = "{}"
    required: bool = False
    may_be_empty: bool = False
    children: dict[str, Parameter] = field(default_factory=dict)


@cache
def table() -> dict[str, Parameter]:
    """Return the parameters by route, such as ``POST /v1/refunds``."""
    routes: dict[str, Parameter] = {}
    stack: list[Parameter] = []
    text = files(__package__).joinpath("parameters.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        depth = (len(line) - len(line.lstrip())) // 2
        if depth == 0:
            stack = [routes.setdefault(line, Parameter(line))]
            continue
        name, kind = line.strip().split(" ", 1)
        parameter = Parameter(name.rstrip("!?"), kind, "!" in name, name.endswith("?"))
        del stack[depth:]
        stack[-1].children[parameter.name] = parameter
        stack.append(parameter)
    return routes


def decode(text: str) -> Tree:
    """Return ``a[0][b]=c&d[]=e`` as nested dictionaries, with list indexes as keys."""
    tree: Tree = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        steps = [step.rstrip("]") for step in key.split("[")]
        node = tree
        for step in steps[:-1]:
            child = node.setdefault(step, {})
            if not isinstance(child, dict):
                raise ApiError(f"Invalid parameter: {key}", param=key)
            node = child
        last = steps[-1] if steps[-1] or len(steps) == 1 else str(len(node))
        node[last] = value
    return tree


def read(route: str, text: str) -> Tree:
    """Return the typed parameters of a request to ``route``.

    Raises ``ApiError`` for the first unknown, missing or malformed parameter.
    """
    return _object(table()[route], decode(text), "")


def _path(prefix: str, name: str) -> str:
    return f"{prefix}[{name}]" if prefix else name


def _object(parameter: Parameter, tree: object, prefix: str) -> Tree:
    if not isinstance(tree, dict):
        raise ApiError("Invalid object", param=prefix, code="parameter_invalid_object")
    for name in tree:
        if name not in parameter.children:
            raise ApiError(
                f"Received unknown parameter: {_path(prefix, name)}",
                code="parameter_unknown",
                param=_path(prefix, name),
            )
    for child in parameter.children.values():
        if child.required and child.name not in tree:
            raise ApiError(
                f"Missing required param: {_path(prefix, child.name)}.",
                code="parameter_missing",
                param=_path(prefix, child.name),
            )
    return {name: _value(parameter.children[name], raw, _path(prefix, name)) for name, raw in tree.items()}


def _value(parameter: Parameter, raw: object, path: str) -> object:
    if raw == "":
        if parameter.may_be_empty:
            return ""
        raise ApiError(
            f"You passed an empty string for '{path}'. We assume empty values are an attempt to unset a parameter; "
            f"however '{path}' cannot be unset. You should remove '{path}' from your request or supply a "
            "non-empty value.",
            code="parameter_invalid_empty",
            param=path,
        )
    match parameter.kind.partition(" "):
        case ("{}", _, _):
            return _object(parameter, raw, path)
        case ("[]", _, kind):
            return _list(parameter, kind, raw, path)
        case ("map", _, _):
            return _map(raw, path)
        case ("range", _, _):
            return _range(raw, path)
        case ("tree", _, _):
            return raw
        case _:
            return _scalar(parameter.kind, raw, path)


def _list(parameter: Parameter, kind: str, raw: object, path: str) -> list[object]:
    if not isinstance(raw, dict) or not all(key.isdigit() for key in raw):
        raise ApiError("Invalid array", code="parameter_invalid_array", param=path)
    keys = sorted(raw, key=int)
    if kind:
        return [_scalar(kind, raw[key], f"{path}[{key}]") for key in keys]
    return [_object(parameter, raw[key], f"{path}[{key}]") for key in keys]


def _map(raw: object, path: str) -> dict[str, str]:
    if not isinstance(raw, dict) or not all(isinstance(value, str) for value in raw.values()):
        raise ApiError(f"Invalid {path}: must be a set of key-value pairs of strings", param=path)
    if len(raw) > MAX_METADATA_KEYS:
        raise ApiError(f"You can only specify up to {MAX_METADATA_KEYS} keys in {path}", param=path)
    for key, value in raw.items():
        if len(key) > MAX_METADATA_KEY:
            raise ApiError(f"Metadata keys must be at most {MAX_METADATA_KEY} characters: {key}", param=path)
        if len(value) > MAX_METADATA_VALUE:
            raise ApiError(f"Metadata values must be at most {MAX_METADATA_VALUE} characters: {key}", param=path)
    return raw


def _range(raw: object, path: str) -> dict[str, int]:
    if not isinstance(raw, dict):
        return {"gte": _integer(raw, path), "lte": _integer(raw, path)}
    for name in raw:
        if name not in ("gt", "gte", "lt", "lte"):
            raise ApiError(f"Received unknown parameter: {path}[{name}]", code="parameter_unknown", param=path)
    return {name: _integer(value, f"{path}[{name}]") for name, value in raw.items()}


def _integer(raw: object, path: str) -> int:
    if not isinstance(raw, str) or not re.fullmatch(r"-?[0-9]{1,18}", raw):
        raise ApiError(f"Invalid integer: {raw}", code="parameter_invalid_integer", param=path)
    return int(raw)


def _scalar(kind: str, raw: object, path: str) -> object:
    if not isinstance(raw, str):
        raise ApiError(f"Invalid string: {path}", code="parameter_invalid_string", param=path)
    name, _, rest = kind.partition(" ")
    match name:
        case "int":
            return _integer(raw, path)
        case "bool":
            if raw not in ("true", "false"):
                raise ApiError(f"Invalid boolean: {raw}", param=path)
            return raw == "true"
        case "num":
            if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", raw):
                raise ApiError(f"Invalid decimal: {raw}", param=path)
            return float(raw)
        case "enum":
            if raw not in rest.split(" "):
                raise ApiError(f"Invalid {path}: must be one of {', '.join(rest.split(' '))}", param=path)
            return raw
    limit = int(name.partition("<=")[2] or 5000)
    if len(raw) > limit:
        raise ApiError(
            f"Invalid string: {raw[:20]}...; must be at most {limit} characters",
            code="parameter_invalid_string_too_long",
            param=path,
        )
    return raw
