"""Reads single fields of Stripe's JSON: a field that is absent or has another type is None. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django_checkout.exceptions import IncompleteFactError
from django_checkout.stripe_api.storable import MAXIMUM_ID_LENGTH, MAXIMUM_INTEGER, find_instant

Json = Mapping[str, Any]


def mapping(stripe_object: Json, key: str) -> Json:
    """Return the object in a field, or an empty one."""
    value = stripe_object.get(key)
    return value if isinstance(value, Mapping) else {}


def mappings(stripe_object: Json, key: str) -> list[Json]:
    """Return the objects of an array."""
    value = stripe_object.get(key)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def text(stripe_object: Json, key: str) -> str | None:
    value = stripe_object.get(key)
    return value if isinstance(value, str) and value else None


def integer(stripe_object: Json, key: str) -> int | None:
    value = stripe_object.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAXIMUM_INTEGER:
        return None
    return value


def boolean(stripe_object: Json, key: str) -> bool | None:
    value = stripe_object.get(key)
    return value if isinstance(value, bool) else None


def instant(stripe_object: Json, key: str) -> datetime | None:
    return find_instant(stripe_object.get(key))


def object_id(stripe_object: Json, key: str) -> str | None:
    """Return the id in a field that holds an id or an expanded object."""
    value = stripe_object.get(key)
    found = text(value, "id") if isinstance(value, Mapping) else text(stripe_object, key)
    return found if found is not None and len(found) <= MAXIMUM_ID_LENGTH else None


def required_id(stripe_object: Json) -> str:
    """Return the object's own id, or raise ``IncompleteFactError``."""
    value = object_id(stripe_object, "id")
    if value is None:
        raise IncompleteFactError("The object has no id, or one that is too long.")
    return value


def required_text(stripe_object: Json, key: str) -> str:
    """Return a text, or raise ``IncompleteFactError``."""
    value = text(stripe_object, key)
    if value is None:
        raise IncompleteFactError(f"The object has no {key}.")
    return value


def required_integer(stripe_object: Json, key: str) -> int:
    """Return an integer, or raise ``IncompleteFactError``."""
    value = integer(stripe_object, key)
    if value is None:
        raise IncompleteFactError(f"The object has no {key}.")
    return value


def is_uuid(text: str) -> bool:
    """Return whether a text is a UUID; the metadata of other integrations may hold anything under our key."""
    try:
        return bool(text) and UUID(text) is not None
    except ValueError:
        return False
