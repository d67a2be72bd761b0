"""Encodes parameters as Stripe's libraries do: ``a[0][b]=c``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import quote_plus


def fields(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the fields of a form for a parameter, with its members; nothing for what is empty."""
    if isinstance(value, dict | list):
        members: Iterable[tuple[object, object]] = value.items() if isinstance(value, dict) else enumerate(value)
        for step, member in members:
            yield from fields(member, f"{name}[{step}]" if name else str(step))
    elif isinstance(value, bool):
        yield name, str(value).lower()
    else:
        yield name, "" if value is None else str(value)


def encode(pairs: Iterable[tuple[str, str]]) -> str:
    """Return fields as a body; surrogates are encoded, as no client should."""
    return "&".join(
        f"{quote_plus(key, safe='[]', errors='surrogatepass')}={quote_plus(text, errors='surrogatepass')}"
        for key, text in pairs
    )
