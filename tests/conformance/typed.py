"""A second validator: the SDK's own ``TypedDict`` of a request, strictly.

Stripe's types allow any string besides the values of an enumeration, so that old SDKs accept new values, and a
``TypedDict`` checks nothing at run time. Here unknown keys and values are errors, with any installed SDK.
"""

from __future__ import annotations

import sys
import types
from functools import cache
from typing import Any, ForwardRef, Literal, NotRequired, Union, get_args, get_origin

from pydantic import ConfigDict, TypeAdapter
from stripe._request_options import RequestOptions
from typing_extensions import TypedDict, is_typeddict

_STRICT = ConfigDict(extra="forbid", strict=True)


@cache
def adapter(params: Any) -> TypeAdapter[Any]:
    """Return a validator for one of the classes in ``stripe.params``."""
    return TypeAdapter(_strict_dict(params))


@cache
def _strict_dict(params: Any) -> Any:
    names = vars(sys.modules[params.__module__])
    fields = {
        name: _strict(_evaluated(hint, names), names)
        for name, hint in params.__annotations__.items()
        if name not in RequestOptions.__annotations__
    }
    make: Any = TypedDict
    made = make(params.__name__, fields)
    made.__pydantic_config__ = _STRICT
    return made


def _evaluated(hint: Any, names: dict[str, Any]) -> Any:
    text = hint.__forward_arg__ if isinstance(hint, ForwardRef) else hint
    return eval(text, names) if isinstance(text, str) else hint  # noqa: S307  # the SDK's own annotation


def _strict(hint: Any, names: dict[str, Any]) -> Any:
    hint = _evaluated(hint, names)
    origin, arguments = get_origin(hint), get_args(hint)
    if is_typeddict(hint):
        return _strict_dict(hint)
    if origin is NotRequired:
        return NotRequired[_strict(arguments[0], names)]
    if origin in (Union, types.UnionType):
        return Union[tuple(_strict(choice, names) for choice in _alternatives(arguments, names))]  # noqa: UP007  # at run time
    if origin is list:
        return list[_strict(arguments[0], names)]  # type: ignore[misc]  # at run time
    if origin is dict:
        return dict[str, _strict(arguments[1], names)]  # type: ignore[misc]  # at run time
    return hint


def _alternatives(choices: tuple[Any, ...], names: dict[str, Any]) -> list[Any]:
    """Return the alternatives of a parameter in a plain request, without "or any other string"."""
    choices = tuple(_evaluated(choice, names) for choice in choices)
    values = [value for choice in choices if get_origin(choice) is Literal for value in get_args(choice)]
    is_enumeration = any(value != "" for value in values)
    kept = [choice for choice in choices if "StripeObject" not in str(choice)]
    return [choice for choice in kept if not (is_enumeration and choice is str)]
