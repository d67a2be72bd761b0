"""Reads the parameters of a request and checks them by Stripe's document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from email.parser import HeaderParser
from typing import Any
from urllib.parse import parse_qsl

from django_checkout.emulator.api.document import Parameter
from django_checkout.emulator.api.params import Params
from django_checkout.emulator.messages import ApiError, not_implemented, read_json

Tree = dict[str, Any]

MAX_METADATA_KEYS = 50
MAX_METADATA_KEY = 40
MAX_METADATA_VALUE = 500
_POSITION = re.compile("[0-9]{1,9}")
_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An uploaded file."""

    name: str
    content: bytes


def decode(text: str) -> Tree:
    """Return ``a[0][b]=c&d[]=e`` as nested dictionaries, with list indexes as keys."""
    return _nested(parse_qsl(text, keep_blank_values=True))


def decode_multipart(content_type: str, body: bytes) -> Tree:
    """Return the fields of ``multipart/form-data`` in the form of ``decode``, files as ``Upload`` (RFC 7578)."""
    boundary = _parameter(f"Content-Type: {content_type}", "boundary", "content-type")
    _, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary.encode())
    fields: list[tuple[str, str | Upload]] = []
    for part in parts[:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        text = head.decode(errors="replace")
        name, file_name = (_parameter(text, name, "content-disposition") for name in ("name", "filename"))
        file = Upload(name=file_name.rpartition("/")[2], content=content)
        fields.append((name, file if file_name else content.decode(errors="replace")))
    return _nested(fields)


def _parameter(headers: str, name: str, header: str) -> str:
    value = HeaderParser().parsestr(headers).get_param(name, "", header)
    return value if isinstance(value, str) else ""


def _nested(fields: Iterable[tuple[str, str | Upload]]) -> Tree:
    tree: Tree = {}
    for key, value in fields:
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


def from_json(text: str) -> Tree:
    """Return a JSON object in the form of ``decode``: the second API takes JSON."""
    value = read_json(text)
    try:
        if value is not None:
            return {name: _as_sent(item) for name, item in value.items()}
    except RecursionError:
        pass
    raise ApiError("Invalid JSON in the body of the request.")


def _as_sent(value: object) -> object:
    if isinstance(value, dict):
        return {name: _as_sent(item) for name, item in value.items()}
    if isinstance(value, list):
        return {str(index): _as_sent(item) for index, item in enumerate(value)}
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def read(parameters: Parameter, tree: Tree) -> Params:
    """Return the typed parameters of a request.

    Raises ``ApiError`` for the first parameter that is unknown, missing or malformed, or that is not played.
    """
    return _object(parameters, tree, "")


def refuse_unread(params: Params) -> None:
    """Raise the emulator's own ``ApiError`` for a parameter that the endpoint has not read."""
    for path in params.unread():
        raise _not_played(path)


def _path(prefix: str, name: str) -> str:
    return f"{prefix}[{name}]" if prefix else name


def _not_played(path: str) -> ApiError:
    return not_implemented(f"the parameter {path} in this request", path)


def _object(parameter: Parameter, tree: object, prefix: str) -> Params:
    if not isinstance(tree, dict):
        raise ApiError("Invalid object", param=prefix)
    if unknown := [name for name in tree if name not in parameter.children]:
        raise _unknown(parameter, unknown, prefix)
    for name in tree:
        if not parameter.children[name].is_played:
            raise _not_played(_path(prefix, name))
    for child in parameter.children.values():
        if child.required and child.name not in tree:
            raise ApiError(
                f"Missing required param: {_path(prefix, child.name)}.",
                code="parameter_missing",
                param=_path(prefix, child.name),
            )
    return Params({name: _value(parameter.children[name], raw, _path(prefix, name)) for name, raw in tree.items()})


def _unknown(parameter: Parameter, names: list[str], prefix: str) -> ApiError:
    """Return Stripe's error for unknown parameters.

    The suggestion is as in microsoft/azure-api-management-monetization#57; which names Stripe finds close is not known.
    """
    paths = [_path(prefix, name) for name in names]
    message = f"Received unknown parameter{'s' if len(names) > 1 else ''}: {', '.join(paths)}"
    close = get_close_matches(names[0], parameter.children, 1, 0.8)
    if len(names) == 1 and close:
        message = f"{message}. Did you mean {close[0]}?"
    return ApiError(message, code="parameter_unknown", param=paths[0])


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
    return _typed(parameter, parameter.kind, raw, path)


def _typed(parameter: Parameter, kind: str, raw: object, path: str) -> object:
    word, _, rest = kind.partition(" ")
    if "|" in word and not isinstance(raw, str):
        word = kind.rpartition("|")[2]
    match word:
        case "{}":
            return _object(parameter, raw, path)
        case "[]":
            return [_typed(parameter, rest, item, place) for item, place in _items(raw, path)]
        case "<>":
            return {name: _object(parameter, item, _path(path, name)) for name, item in _mapped(raw, path)}
        case "map":
            return _map(raw, path)
        case "range":
            return _range(raw, path)
        case "file":
            return _file(raw, path)
    return _scalar(parameter, kind, raw, path)


def _items(raw: object, path: str) -> Iterator[tuple[object, str]]:
    """Yield the items of a list, each with its path."""
    if not isinstance(raw, dict) or not all(_POSITION.fullmatch(key) for key in raw):
        raise ApiError("Invalid array", param=path)
    for key in sorted(raw, key=int):
        yield raw[key], f"{path}[{key}]"


def _mapped(raw: object, path: str) -> list[tuple[str, object]]:
    if not isinstance(raw, dict):
        raise ApiError("Invalid object", param=path)
    return list(raw.items())


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


def _file(raw: object, path: str) -> Upload:
    if not isinstance(raw, Upload):
        raise ApiError(f"Invalid {path}: must be a file, sent as multipart/form-data", param=path)
    return raw


def _scalar(parameter: Parameter, kind: str, raw: object, path: str) -> object:
    if not isinstance(raw, str):
        raise ApiError(f"Invalid string: {path}", param=path)
    first, pipe, second = kind.partition("|")
    if pipe:
        try:
            return _scalar(parameter, first, raw, path)
        except ApiError:
            return _scalar(parameter, second, raw, path)
    word, _, rest = kind.partition(" ")
    match word:
        case "int":
            return _integer(raw, path)
        case "bool":
            if raw not in ("true", "false"):
                raise ApiError(f"Invalid boolean: {raw}", param=path)
            return raw == "true"
        case "num":
            if not _DECIMAL.fullmatch(raw):
                raise ApiError(f"Invalid decimal: {raw}", param=path)
            return float(raw)
        case "enum":
            return _choice(parameter, rest.split(" "), raw, path)
    limit = int(word.partition("<=")[2] or 5000)
    if len(raw) > limit:
        raise ApiError(_too_long(raw, limit, path), param=path)
    if parameter.values and raw not in parameter.values:
        raise not_implemented(f"the value {raw} of {path}", path)
    return raw


def _too_long(raw: str, limit: int, path: str) -> str:
    if path in ("success_url", "cancel_url", "return_url"):
        # vm0-ai/vm0#25340
        return f"Invalid URL: URL must be {limit} characters or less."
    return f"Invalid string: {raw[:20]}...; must be at most {limit} characters"


def _choice(parameter: Parameter, known: list[str], raw: str, path: str) -> str:
    if raw not in known:
        # stripe/stripe-python#123
        *others, last = known
        choices = f"{', '.join(others)}, or {last}" if len(others) > 1 else " or ".join(known)
        raise ApiError(f"Invalid {path}: must be one of {choices}", param=path)
    if parameter.values and raw not in parameter.values:
        raise not_implemented(f"the value {raw} of {path}", path)
    return raw
