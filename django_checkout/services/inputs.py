"""Reads posted JSON: the limits that pages and API share, and the update of an open Elements checkout."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from django_checkout.exceptions import ParameterError
from django_checkout.stripe_api.storable import storable_text

#: The largest update that is read.
MAXIMUM_BYTES = 16 * 1024
#: How deeply lists and objects may be nested.
MAXIMUM_DEPTH = 16
MAXIMUM_QUANTITY = 999_999


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippingUpdate:
    """Another shipping address, with Stripe's keys."""

    name: str
    address: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityUpdate:
    """Another quantity of an article."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentUpdate:
    """What the shopper agrees to, by the names of Stripe's ``consent_collection``."""

    given: Mapping[str, bool]


def read_update(body: bytes) -> ShippingUpdate | QuantityUpdate | ConsentUpdate:
    """Read what the script of the Elements checkout posts; the API has an endpoint for each kind of update.

    Raises:
        ParameterError: the body is not JSON of the expected shape.
    """
    data = read_json(body, maximum_bytes=MAXIMUM_BYTES)
    if not isinstance(data, dict):
        raise ParameterError("The body is not a JSON object.")
    shipping, quantity = data.get("shipping"), data.get("quantity")
    if isinstance(shipping, dict) and isinstance(shipping.get("address"), dict):
        address = {key: value for key, value in shipping["address"].items() if _is_text(value)}
        name = shipping.get("name")
        return ShippingUpdate(name=name if _is_text(name) else "", address=address)
    if isinstance(quantity, dict) and _is_text(quantity.get("sku")):
        count = quantity.get("quantity")
        if isinstance(count, int) and not isinstance(count, bool) and 1 <= count <= MAXIMUM_QUANTITY:
            return QuantityUpdate(sku=quantity["sku"], quantity=count)
    if isinstance(consent := data.get("consent"), dict):
        return ConsentUpdate(given={name: value is True for name, value in consent.items()})
    raise ParameterError("The update has no address, quantity or consent.")


def _is_text(value: Any) -> TypeGuard[str]:
    """Whether a value is a text that every database can store."""
    return isinstance(value, str) and storable_text(value) == value


def read_json(body: bytes, *, maximum_bytes: int) -> Any:
    """Return what was posted as JSON.

    Texts in it may still contain NUL or half of a surrogate pair, which databases refuse.

    Raises:
        ParameterError: the body is too large or nested too deeply, is not JSON in UTF-8, or contains NaN or Infinity.
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


def _is_shallow(data: Any, depth: int = MAXIMUM_DEPTH) -> bool:
    """Whether plain JSON types are nested at most ``depth`` deep."""
    children = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return depth > 0 and all(_is_shallow(child, depth - 1) for child in children)
