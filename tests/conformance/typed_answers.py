"""Checks objects of the API by the resource classes of the installed SDK, for the API version that the SDK has.

The classes say which fields an object may have, their types and the values of enumerations. A field that is
``Optional`` may be null or absent.
"""

from __future__ import annotations

import ast
import inspect
import sys
import types
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from importlib import import_module
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from stripe._list_object import ListObject
from stripe._object_classes import OBJECT_CLASSES, V2_OBJECT_CLASSES
from stripe._stripe_object import StripeObject, UntypedStripeObject
from stripe.events._event_classes import get_v2_event_class

from tests.conformance.schemas import UNDOCUMENTED_FIELDS

#: Fields that the classes still require and that Stripe's document no longer has.
DEPRECATED = {("Product", "type"), ("SubscriptionItem", "plan"), ("Item", "plan")}
_SCALARS = {str: str, int: int, bool: bool, float: (int, float), Decimal: str, object: object}


def faults(document: dict[str, Any]) -> list[str]:
    """Return what an object has that its class does not allow, and what it lacks."""
    kind = str(document.get("object"))
    if kind in ("list", "search_result"):
        return [fault for item in document["data"] for fault in faults(item)]
    return [f"{kind} {fault}" for fault in _of_object(document, class_of(document), "")]


def class_of(document: dict[str, Any]) -> type[StripeObject]:
    """Return the SDK's class of an object."""
    kind = document["object"]
    if kind == "v2.core.event":
        found: type[StripeObject] = get_v2_event_class(document["type"])
        return found
    module, name = {**OBJECT_CLASSES, **V2_OBJECT_CLASSES}[kind]
    return getattr(import_module(module), name)  # type: ignore[no-any-return]


def _of_object(value: Any, cls: type[StripeObject], path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is not an object"
        return
    hints, lead = _hints(cls), f"{path}." if path else ""
    for name, item in value.items():
        if name not in hints and name not in UNDOCUMENTED_FIELDS.get(str(value.get("object")), ()):
            yield f"{lead}{name}: the class has no such field"
        elif name in hints:
            yield from _of(item, hints[name], cls, f"{lead}{name}")
    for name, hint in hints.items():
        if name not in value and not _is_optional(hint) and (cls.__name__, name) not in DEPRECATED:
            yield f"{lead}{name}: missing"


def _of(value: Any, hint: Any, cls: type[StripeObject], path: str) -> Iterator[str]:
    hint = _evaluated(hint, cls)
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any or isinstance(hint, TypeVar):
        return
    if origin in (Union, types.UnionType):
        choices = _alternatives(arguments, cls)
        found = [list(_of(value, choice, cls, path)) for choice in choices]
        if all(found):
            # The alternative that fits best is most likely the one that is meant.
            yield from max(found, key=lambda these: these[0].partition(": ")[0])
    elif origin is Literal:
        if value not in arguments:
            yield f"{path}: {value!r} is not one of {', '.join(map(str, arguments))}"
    elif origin is list:
        yield from _of_list(value, arguments[0], cls, path)
    elif origin is ListObject:
        yield from _of_list(value.get("data") if isinstance(value, dict) else value, arguments[0], cls, path)
    else:
        yield from _of_class(value, origin or hint, path)


def _of_class(value: Any, hint: Any, path: str) -> Iterator[str]:
    if hint in (dict, UntypedStripeObject):
        if not isinstance(value, dict):
            yield f"{path}: {value!r} is not an object"
    elif issubclass(hint, StripeObject):
        yield from _of_object(value, hint, path)
    elif hint is type(None):
        if value is not None:
            yield f"{path}: {value!r} is not null"
    elif not isinstance(value, _SCALARS[hint]) or (isinstance(value, bool) and hint is not bool):
        yield f"{path}: {value!r} is not {hint.__name__}"


def _of_list(value: Any, hint: Any, cls: type[StripeObject], path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: {value!r} is not a list"
        return
    for item in value:
        yield from _of(item, hint, cls, f"{path}[]")


def _alternatives(choices: tuple[Any, ...], cls: type[StripeObject]) -> list[Any]:
    """Return the alternatives without "or any other string" beside the values of an enumeration."""
    choices = tuple(_evaluated(choice, cls) for choice in choices)
    is_enumeration = any(get_origin(choice) is Literal for choice in choices)
    return [choice for choice in choices if not (is_enumeration and choice is str)]


def _is_optional(hint: Any) -> bool:
    return type(None) in get_args(hint) if not isinstance(hint, str) else hint.startswith("Optional")


@cache
def _hints(cls: type[StripeObject]) -> dict[str, Any]:
    """Return the fields of a class and of its own bases in the API, without those of ``StripeObject``."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, StripeObject) and base is not StripeObject:
            own = vars(base).get("__annotations__", {})
            found.update({name: hint for name, hint in own.items() if name[0] != "_" and name != "OBJECT_NAME"})
    return found


def _evaluated(hint: Any, cls: type[StripeObject]) -> Any:
    text = getattr(hint, "__forward_arg__", hint)
    if not isinstance(text, str):
        return hint
    return eval(text, _names(cls.__module__))  # noqa: S307  # the SDK's own annotation


@cache
def _names(module: str) -> dict[str, Any]:
    """Return the names of a module, including those that it imports for the type checker only."""
    names = dict(vars(sys.modules[module]))
    for node in ast.walk(ast.parse(inspect.getsource(sys.modules[module]))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("stripe."):
            for alias in node.names:
                names[alias.asname or alias.name] = getattr(import_module(node.module), alias.name)
    return names
