"""OpenTelemetry spans around calls to Stripe and the processing of events, if opentelemetry-api is installed.

Attributes are ids and codes; they contain no secrets, amounts or personal data.
https://opentelemetry.io/docs/languages/python/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from typing import Any, Protocol


class Span(Protocol):
    """The part of OpenTelemetry's span that is used."""

    def set_attribute(self, key: str, value: str | int) -> None:
        """Set an attribute."""


class _NoSpan:
    def set_attribute(self, key: str, value: str | int) -> None:
        """Do nothing."""


@lru_cache(maxsize=1)
def find_tracer() -> Any | None:
    """Return OpenTelemetry's tracer for this app, or None if the package is not installed."""
    try:
        return import_module("opentelemetry.trace").get_tracer("django_checkout")
    except ImportError:
        return None


@contextmanager
def span(name: str, attributes: Mapping[str, str | int]) -> Iterator[Span]:
    """Run a block in a span; an exception is recorded by its type and re-raised."""
    tracer = find_tracer()
    if tracer is None:
        yield _NoSpan()
        return
    # Exception messages may contain personal data.
    with tracer.start_as_current_span(name, attributes=attributes, record_exception=False) as current:
        try:
            yield current
        except Exception as error:
            current.set_attribute("error.type", type(error).__name__)
            raise
