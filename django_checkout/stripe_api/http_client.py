"""The HTTP client of the SDK: threads use ``requests``, coroutines ``httpx``; each attempt is a span.

It is imported on first use, because importing ``stripe`` is slow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import requests
import stripe

from django_checkout.stripe_api import transport
from django_checkout.stripe_api.time_limit import MINIMUM_SECONDS, seconds_left
from django_checkout.stripe_api.transport import Response

#: A connection takes two round trips. A host can have several addresses, and each is tried for this long.
CONNECT_SECONDS = 3


class Client(stripe.HTTPClient):
    """Sends each attempt of a call within the time that is left, and follows no redirect.

    A coroutine opens a connection for each call: the pool of the SDK's own httpx client breaks, or is never closed,
    where ``async_to_sync`` creates an event loop for each call.
    """

    name = "requests"

    def __init__(self, *, timeout_seconds: int) -> None:
        super().__init__()
        self._timeout_seconds = timeout_seconds

    def request(  # type: ignore[override]  # as in the SDK's own clients
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> Response:
        """Send one attempt."""
        seconds = self._seconds()
        with transport.span(method, url) as record:
            try:
                response = transport.http_session().request(
                    method,
                    url,
                    headers=headers,
                    data=post_data,
                    timeout=(min(seconds, CONNECT_SECONDS), seconds),
                    verify=stripe.ca_bundle_path,
                    allow_redirects=False,
                )
            except Exception as error:
                is_temporary = isinstance(error, requests.ConnectionError | requests.Timeout)
                is_temporary = is_temporary and not isinstance(error, requests.exceptions.SSLError)
                raise _failure(error, is_temporary=is_temporary) from error
            return record((response.content, response.status_code, response.headers))

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> Response:
        """Send one attempt."""
        import httpx

        seconds = self._seconds()
        with transport.span(method, url) as record:
            try:
                async with asyncio.timeout(seconds), transport.async_client(seconds) as client:
                    response = await client.request(method, url, headers=headers, content=post_data or None)
            except Exception as error:
                is_temporary = isinstance(error, httpx.TransportError | TimeoutError)
                raise _failure(error, is_temporary=is_temporary) from error
            return record((response.content, response.status_code, response.headers))

    async def sleep_async(self, secs: float) -> None:
        """Wait before the next attempt."""
        await asyncio.sleep(secs)

    def _should_retry(self, *args: Any, **kwargs: Any) -> bool:
        # The pause before the next attempt takes half a second.
        return seconds_left() > 1 and super()._should_retry(*args, **kwargs)

    def _seconds(self) -> float:
        return max(MINIMUM_SECONDS, min(self._timeout_seconds, seconds_left()))


def _failure(error: Exception, *, is_temporary: bool) -> stripe.APIConnectionError:
    message = f"A {type(error).__name__} was raised."
    return stripe.APIConnectionError(message, should_retry=is_temporary)  # type: ignore[no-untyped-call]  # the SDK's
