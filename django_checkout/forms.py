"""Reads what a browser posts as JSON: types checked, nothing believed about money."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django_checkout.exceptions import ParameterError

MAXIMUM_BYTES = 16 * 1024
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
    data = _read_object(body)
    shipping, quantity = data.get("shipping"), data.get("quantity")
    if isinstance(shipping, dict) and isinstance(shipping.get("address"), dict):
        address = {key: value for key, value in shipping["address"].items() if isinstance(value, str)}
        return Update(name=str(shipping.get("name") or ""), address=address)
    if isinstance(quantity, dict) and isinstance(quantity.get("sku"), str):
        count = quantity.get("quantity")
        if isinstance(count, int) and not isinstance(count, bool) and 1 <= count <= MAXIMUM_QUANTITY:
            return Update(sku=quantity["sku"], quantity=count)
    raise ParameterError("The update names neither an address nor a quantity.")


def _read_object(body: bytes) -> dict[str, Any]:
    if len(body) > MAXIMUM_BYTES:
        raise ParameterError("The body is too large.")
    try:
        data = json.loads(body)
    except ValueError as error:
        raise ParameterError("The body is not JSON.") from error
    if not isinstance(data, dict):
        raise ParameterError("The body is not a JSON object.")
    return data
