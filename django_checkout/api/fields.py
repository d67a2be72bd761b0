"""Strict JSON fields, and money as the API writes it: minor units, currency, and a formatted text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from django_checkout import money

_UNKNOWN = "Unknown field."


class Text(serializers.CharField):
    """A JSON string, without the characters that a database refuses; other types are not converted."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 500)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        try:
            data.encode()
        except UnicodeEncodeError:
            # JSON can contain half of a surrogate pair.
            self.fail("invalid")
        return str(super().to_internal_value(data))


class Whole(serializers.IntegerField):
    """A JSON integer: no string, no float, no boolean."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return data


class Flag(serializers.BooleanField):
    """A JSON boolean: no string, no number."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Choice(serializers.ChoiceField):
    """One of some JSON strings."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return str(super().to_internal_value(data))


class Instant(serializers.DateTimeField):
    """An instant in the format of RFC 3339."""

    def to_internal_value(self, value: Any) -> Any:
        if not isinstance(value, str):
            self.fail("invalid", format="RFC 3339")
        try:
            return super().to_internal_value(value)
        except OverflowError:
            self.fail("overflow")


class Input(serializers.Serializer[Any]):
    """A JSON object without unknown fields."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [name for name in data if name not in self.fields]
            if unknown:
                raise serializers.ValidationError(
                    {name: [serializers.ErrorDetail(_UNKNOWN, code="unknown_field")] for name in unknown}
                )
        return super().to_internal_value(data)


MONEY_SCHEMA = {
    "type": "object",
    "properties": {
        "amount_minor": {"type": "integer", "description": "In minor units of the currency, as at Stripe."},
        "currency": {"type": "string", "pattern": "^[a-z]{3}$"},
        "formatted": {"type": "string", "description": "For display, in the language of the request."},
    },
    "required": ["amount_minor", "currency", "formatted"],
    "additionalProperties": False,
    "example": {"amount_minor": 1250, "currency": "eur", "formatted": "€12.50"},
}
OPTIONAL_MONEY_SCHEMA = {"oneOf": [MONEY_SCHEMA, {"type": "null"}]}


def price(amount_minor: int | None, currency: str) -> dict[str, Any] | None:
    """Return an amount as the API writes it, or None if there is none yet."""
    if amount_minor is None or not currency:
        return None
    return {"amount_minor": amount_minor, "currency": currency, "formatted": money.format_minor(amount_minor, currency)}


class _Money(serializers.Field[Any, Any, Any, Any]):
    def __init__(self, amount: str, currency: str = "currency") -> None:
        super().__init__(read_only=True, source="*")
        self._amount, self._currency = amount, currency

    def to_representation(self, value: Any) -> Any:
        currency = value
        for name in self._currency.split("."):
            currency = getattr(currency, name)
        return price(getattr(value, self._amount), currency)


@extend_schema_field(MONEY_SCHEMA)
class Money(_Money):
    """An amount that is always present: ``Money("paid_minor")``."""


@extend_schema_field(OPTIONAL_MONEY_SCHEMA)
class OptionalMoney(_Money):
    """An amount that may be missing."""
