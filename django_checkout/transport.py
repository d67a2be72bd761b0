"""How calls to Stripe leave the process: threads use ``requests``, coroutines ``httpx``; each try is a span."""

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

from django_checkout import telemetry

if TYPE_CHECKING:
    import ssl

    import httpx
    import requests
    import stripe

#: What the SDK may log of our calls below a warning; it also logs bodies, with client secrets and addresses in them.
_LOGGED = ("message='Request to Stripe api'", "message='Stripe API response'", "message='Initiating retry ")
_is_ours: ContextVar[bool] = ContextVar("django_checkout_is_ours", default=False)


class _WithoutBodies(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        return not _is_ours.get() or record.levelno >= logging.WARNING or any(known in text for known in _LOGGED)


_WITHOUT_BODIES = _WithoutBodies()

Answer = tuple[bytes, int, Mapping[str, str]]

_async_mounts: dict[str, httpx.AsyncBaseTransport] = {}


@lru_cache(maxsize=1)
def http_session() -> requests.Session:
    """Return the connection pool of this process; a test kit mounts its transport on it."""
    import requests

    return requests.Session()


def is_async_installed() -> bool:
    """Return whether coroutines can speak to Stripe: ``httpx`` comes with ``django-checkout[async]``."""
    return find_spec("httpx") is not None


@lru_cache(maxsize=1)
def _ssl_context() -> ssl.SSLContext:
    """Return what is dear about a client, and belongs to no event loop."""
    import httpx

    return httpx.create_ssl_context()


def mount_async(address: str, answers: httpx.AsyncBaseTransport | None) -> None:
    """Let a test kit answer coroutines in the place of a host; None: no more."""
    _async_mounts.pop(address, None)
    if answers is not None:
        _async_mounts[address] = answers


def traced(client: type[stripe.RequestsClient]) -> type[stripe.RequestsClient]:
    """Return the SDK's HTTP client, each of its tries a span."""

    class TracedClient(client):  # type: ignore[misc, valid-type]  # the base is imported on first use
        def request(self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None) -> Answer:
            with _span(method, url) as note:
                return note(super().request(method, url, headers, post_data))

    return TracedClient


class AsyncClient:
    """The part of the SDK's ``HTTPClient`` that its ``*_async`` methods use; ``failed`` is its ``APIConnectionError``.

    A connection for each call: the SDK's own client by ``httpx`` keeps a pool, which breaks, or is never closed, where
    ``async_to_sync`` makes an event loop for each call.
    """

    def __init__(self, *, timeout: int, failed: type[stripe.APIConnectionError]) -> None:
        self._timeout = timeout
        self._failed = failed

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | None = None
    ) -> Answer:
        """Try once."""
        import httpx

        with _span(method, url) as note:
            try:
                async with httpx.AsyncClient(
                    mounts=_async_mounts, verify=_ssl_context(), timeout=self._timeout
                ) as client:
                    response = await client.request(method, url, headers=headers, content=post_data or None)
            except Exception as error:
                is_passing = isinstance(error, httpx.TransportError)
                raise self._failed(f"A {type(error).__name__} was raised.", should_retry=is_passing) from error
            return note((response.content, response.status_code, response.headers))

    async def sleep_async(self, seconds: float) -> None:
        """Wait before the next try."""
        await asyncio.sleep(seconds)


@contextmanager
def without_bodies() -> Iterator[None]:
    """Let the SDK log no bodies of the calls in this block; calls of the host's own are logged as ever."""
    # It is added once, however often this is called.
    logging.getLogger("stripe").addFilter(_WITHOUT_BODIES)
    token = _is_ours.set(True)
    try:
        yield
    finally:
        _is_ours.reset(token)


@contextmanager
def _span(method: str, url: str) -> Iterator[Callable[[Answer], Answer]]:
    """Run one try as a span; yield what notes the answer in it and returns it."""
    route = re.sub(r"/(?!v\d/)(?=[^/]*[0-9A-Z])[^/]+", "/{id}", urlsplit(url).path)
    with telemetry.span(f"stripe {method.upper()} {route}", {"http.request.method": method.upper()}) as span:

        def note(answer: Answer) -> Answer:
            _, status, headers = answer
            span.set_attribute("http.response.status_code", status)
            span.set_attribute("stripe.request_id", headers.get("Request-Id") or "")
            return answer

        yield note
