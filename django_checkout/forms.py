"""Reads what a browser or a client of the API posts as JSON: types checked, nothing believed about money."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from django_checkout.exceptions import ParameterError
from django_checkout.storable import storable_text

MAXIMUM_BYTES = 16 * 1024
#: How deeply lists and objects are nested in anything that we take.
MAXIMUM_DEPTH = 16
MAXIMUM_QUANTITY = 999_999


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """A shopper's wish: another address (then ``address`` is not None), or another quantity of an article."""

    name: str = ""
    address: Mapping[str, str] | None = None
    sku: str = ""
    quantity: int = 0


def read_update(body: bytes) -> Update:
    """Read the body of the update endpoint.

    Raises:
        ParameterError: it is not JSON of the expected shape.
    """
    data = read_json(body, maximum_bytes=MAXIMUM_BYTES)
    if not isinstance(data, dict):
        raise ParameterError("The body is not a JSON object.")
    shipping, quantity = data.get("shipping"), data.get("quantity")
    if isinstance(shipping, dict) and isinstance(shipping.get("address"), dict):
        address = {key: value for key, value in shipping["address"].items() if _is_text(value)}
        name = shipping.get("name")
        return Update(name=name if _is_text(name) else "", address=address)
    if isinstance(quantity, dict) and _is_text(quantity.get("sku")):
        count = quantity.get("quantity")
        if isinstance(count, int) and not isinstance(count, bool) and 1 <= count <= MAXIMUM_QUANTITY:
            return Update(sku=quantity["sku"], quantity=count)
    raise ParameterError("The update names neither an address nor a quantity.")


def _is_text(value: Any) -> TypeGuard[str]:
    """Whether a value is a text that every database holds."""
    return isinstance(value, str) and storable_text(value) == value


def read_json(body: bytes, *, maximum_bytes: int) -> Any:
    """Return what a stranger sent as JSON, in UTF-8 and no deeper than anything that we take.

    Raises:
        ParameterError: it is not that, or holds a number that JSON does not have. Texts may hold NUL and half of a
            surrogate pair.
    """
    if len(body) > maximum_bytes:
        raise ParameterError("The body is too large.")
    try:
        data = json.loads(body.decode())
        if not _is_shallow(data):
            raise ParameterError("The body is nested too deeply.")
        json.dumps(data, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise ParameterError("The body is not JSON.") from error
    return data


def _is_shallow(data: Any) -> bool:
    """Whether plain JSON types are nested no deeper than ``MAXIMUM_DEPTH``; asks without recursion."""
    level = [data]
    for _depth in range(MAXIMUM_DEPTH):
        level = [child for item in level for child in _children(item)]
        if not level:
            return True
    return False


def _children(item: Any) -> Iterable[Any]:
    if isinstance(item, dict):
        return item.values()
    return item if isinstance(item, list) else ()
