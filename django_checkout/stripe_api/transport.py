"""Sends requests to Stripe: threads use ``requests``, coroutines ``httpx``; each attempt is a span."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django_checkout.telemetry import spans

if TYPE_CHECKING:
    import ssl

    import httpx
    import requests
    import stripe

#: The SDK's log messages below a warning that contain no body; bodies hold client secrets and addresses.
_LOGGED = ("message='Request to Stripe api'", "message='Stripe API response'", "message='Initiating retry ")
_is_ours: ContextVar[bool] = ContextVar("django_checkout_is_ours", default=False)


class _WithoutBodies(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        return not _is_ours.get() or record.levelno >= logging.WARNING or any(known in text for known in _LOGGED)


_WITHOUT_BODIES = _WithoutBodies()

Response = tuple[bytes, int, Mapping[str, str]]

_async_mounts: dict[str, httpx.AsyncBaseTransport] = {}


@lru_cache(maxsize=1)
def http_session() -> requests.Session:
    """Return the connection pool of this process; the test kit mounts its transport on it."""
    import requests

    return requests.Session()


def is_async_installed() -> bool:
    """Return whether httpx, which coroutines need, is installed."""
    return find_spec("httpx") is not None


@lru_cache(maxsize=1)
def _ssl_context() -> ssl.SSLContext:
    """Return the TLS context: slow to create, and safe to share between event loops."""
    import httpx

    return httpx.create_ssl_context()


def mount_async(address: str, mount: httpx.AsyncBaseTransport | None) -> None:
    """Mount a test kit's transport for coroutines on an address; None unmounts it."""
    _async_mounts.pop(address, None)
    if mount is not None:
        _async_mounts[address] = mount


def traced(client: type[stripe.RequestsClient]) -> type[stripe.RequestsClient]:
    """Return the SDK's HTTP client with a span around each attempt."""

    class TracedClient(client):  # type: ignore[misc, valid-type]  # the base is imported on first use
        def request(self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None) -> Response:
            with _span(method, url) as record:
                return record(super().request(method, url, headers, post_data))

    return TracedClient


class AsyncClient:
    """Implements the part of the SDK's ``HTTPClient`` that its ``*_async`` methods use.

    It opens a connection for each call: the pool of the SDK's own httpx client breaks, or is never closed, where
    ``async_to_sync`` creates an event loop for each call. ``failed`` is the SDK's ``APIConnectionError``.
    """

    def __init__(self, *, timeout: int, failed: type[stripe.APIConnectionError]) -> None:
        self._timeout = timeout
        self._failed = failed

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | None = None
    ) -> Response:
        """Send one attempt."""
        import httpx

        with _span(method, url) as record:
            try:
                async with httpx.AsyncClient(
                    mounts=_async_mounts, verify=_ssl_context(), timeout=self._timeout
                ) as client:
                    response = await client.request(method, url, headers=headers, content=post_data or None)
            except Exception as error:
                is_temporary = isinstance(error, httpx.TransportError)
                raise self._failed(f"A {type(error).__name__} was raised.", should_retry=is_temporary) from error
            return record((response.content, response.status_code, response.headers))

    async def sleep_async(self, seconds: float) -> None:
        """Wait before the next attempt."""
        await asyncio.sleep(seconds)


@contextmanager
def without_bodies() -> Iterator[None]:
    """Keep the bodies of the calls in this block out of the SDK's log; the host's own calls are logged as usual."""
    # Adding a filter again changes nothing.
    logging.getLogger("stripe").addFilter(_WITHOUT_BODIES)
    token = _is_ours.set(True)
    try:
        yield
    finally:
        _is_ours.reset(token)


@contextmanager
def _span(method: str, url: str) -> Iterator[Callable[[Response], Response]]:
    """Open a span around one attempt; yield a function that records the response and returns it."""
    route = re.sub(r"/(?!v\d/)(?=[^/]*[0-9A-Z])[^/]+", "/{id}", urlsplit(url).path)
    with spans.span(f"stripe {method.upper()} {route}", {"http.request.method": method.upper()}) as span:

        def record(response: Response) -> Response:
            _, status, headers = response
            span.set_attribute("http.response.status_code", status)
            span.set_attribute("stripe.request_id", headers.get("Request-Id") or "")
            return response

        yield record
