"""The request parameters of the installed SDK, by operation, in the form of the emulator's table."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from functools import cache
from types import UnionType
from typing import Any, Literal, NotRequired, Union, get_args, get_origin

import stripe
from stripe._request_options import RequestOptions
from typing_extensions import is_typeddict

#: A range of times or amounts is one parameter in the emulator's table.
RANGE = {"gt", "gte", "lt", "lte"}
#: The members of a parameter, or the values of an enumeration; None for other types.
Shape = dict[str, Any] | frozenset[str] | None


@cache
def operations() -> dict[str, str]:
    """Return the class of the parameters of each operation of the first API, as ``module class``, "" for none."""
    found = {}
    for item in pkgutil.walk_packages(stripe.__path__, "stripe."):
        if item.name.endswith("_service"):
            module = importlib.import_module(item.name)
            for function in _methods(module):
                text = inspect.getsource(function)
                route = re.search(r'"(get|post|delete)",\s*"(/v1[^"]*)"', text)
                params = re.search(r'params: (?:Optional\[)?"(\w+)"', text)
                if route:
                    name = f"{route[1].upper()} {re.sub(r'{[^}]*}', '{}', route[2])}"
                    found[name] = f"{_module_of(module, params[1])} {params[1]}" if params else ""
    return found


def shape_of(operation: str) -> dict[str, Any]:
    """Return the parameters of an operation, such as ``POST /v1/refunds/{}``."""
    module, _, name = operations()[operation].partition(" ")
    return _members(getattr(importlib.import_module(module), name)) if name else {}


def _methods(module: Any) -> list[Any]:
    classes = [cls for cls in vars(module).values() if inspect.isclass(cls) and cls.__module__ == module.__name__]
    return [function for cls in classes for function in vars(cls).values() if inspect.isfunction(function)]


def _module_of(module: Any, name: str) -> str:
    """Return the module of a class that a service imports for the type checker only."""
    match = re.search(rf"from (stripe\.params\S*) import \(?\s*{name}\b", inspect.getsource(module))
    assert match, name
    return match[1]


def _members(params: Any) -> dict[str, Any]:
    names = vars(sys.modules[params.__module__])
    return {name: _shape(hint, names) or None for name, hint in hints_of(params).items()}


def hints_of(params: Any) -> dict[str, Any]:
    """Return the annotations of a class of parameters, without those of every request."""
    return {name: hint for name, hint in params.__annotations__.items() if name not in RequestOptions.__annotations__}


def _shape(hint: Any, names: dict[str, Any]) -> Shape:
    hint = evaluated(hint, names)
    origin, arguments = get_origin(hint), get_args(hint)
    if is_typeddict(hint):
        return None if hints_of(hint).keys() == RANGE else _members(hint)
    if origin is Literal:
        return frozenset(str(value) for value in arguments if value != "")
    if origin in (NotRequired, list):
        return _shape(arguments[0], names)
    if origin is dict:
        return _shape(arguments[1], names)
    if origin in (Union, UnionType):
        shapes = [_shape(choice, names) for choice in arguments]
        members = [shape for shape in shapes if isinstance(shape, dict)]
        values = [shape for shape in shapes if isinstance(shape, frozenset)]
        return members[0] if members else frozenset().union(*values) or None
    return None


def evaluated(hint: Any, names: dict[str, Any]) -> Any:
    """Return an annotation as a type."""
    text = getattr(hint, "__forward_arg__", hint)
    return eval(text, names) if isinstance(text, str) else hint  # noqa: S307  # the SDK's own annotation
