"""The connections to Stripe and their spans; the test kit mounts its own transport here."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django_checkout.stripe_api.answers import Response
from django_checkout.telemetry import spans

if TYPE_CHECKING:
    import ssl

    import httpx
    import requests

#: The SDK's log messages below a warning that contain no body; bodies hold client secrets and addresses.
_LOGGED = ("message='Request to Stripe api'", "message='Stripe API response'", "message='Initiating retry ")
_is_ours: ContextVar[bool] = ContextVar("django_checkout_is_ours", default=False)


class _WithoutBodies(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        return not _is_ours.get() or record.levelno >= logging.WARNING or any(known in text for known in _LOGGED)


_WITHOUT_BODIES = _WithoutBodies()

_async_mounts: dict[str, httpx.AsyncBaseTransport] = {}


@lru_cache(maxsize=1)
def http_session() -> requests.Session:
    """Return the connection pool of this process; the test kit mounts its transport on it."""
    import requests

    from django_checkout.stripe_api.time_limited import TimeLimitedAdapter

    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, TimeLimitedAdapter())
    return session


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


def async_client(timeout_seconds: float) -> httpx.AsyncClient:
    """Return a client for one call of a coroutine."""
    import httpx

    return httpx.AsyncClient(mounts=_async_mounts, verify=_ssl_context(), timeout=timeout_seconds)


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
def span(method: str, url: str) -> Iterator[Callable[[Response], Response]]:
    """Open a span around one attempt; yield a function that records the response and returns it."""
    route = re.sub(r"/(?!v\d/)(?=[^/]*[0-9A-Z])[^/]+", "/{id}", urlsplit(url).path)
    with spans.span(f"stripe {method.upper()} {route}", {"http.request.method": method.upper()}) as opened:

        def record(response: Response) -> Response:
            _, status, headers = response
            opened.set_attribute("http.response.status_code", status)
            opened.set_attribute("stripe.request_id", headers.get("Request-Id") or "")
            return response

        yield record
