"""The HTTP client of the SDK: threads use ``requests``, coroutines ``httpx``; each attempt is a span.

It is imported on first use, because importing ``stripe`` is slow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
import stripe
from requests.exceptions import ChunkedEncodingError, ContentDecodingError, SSLError

from django_checkout.stripe_api import transport
from django_checkout.stripe_api.answers import Response, answer_error, check_answer
from django_checkout.stripe_api.time_limit import MINIMUM_SECONDS, seconds_left, time_limit

#: A connection takes two round trips. A host can have several addresses, and each is tried for this long.
CONNECT_SECONDS = 3


class Client(stripe.HTTPClient):
    """Sends each attempt of a call within the time that is left, and follows no redirect.

    A coroutine opens a connection for each call: the pool of the SDK's own httpx client breaks, or is never closed,
    where ``async_to_sync`` creates an event loop for each call.
    """

    name = "requests"

    def __init__(self, *, timeout_seconds: int, livemode: bool | None) -> None:
        super().__init__()
        self._timeout_seconds = timeout_seconds
        self._livemode = livemode

    def request_with_retries(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        """Send a call, with retries, and return the response if it is Stripe's."""
        with _whole_answer(method, url):
            response: Any = super().request_with_retries(method, url, *args, **kwargs)
        check_answer(method, url, response, livemode=self._livemode)
        return response

    async def request_with_retries_async(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        """Send a call, with retries, and return the response if it is Stripe's."""
        with _whole_answer(method, url):
            response: Any = await super().request_with_retries_async(method, url, *args, **kwargs)
        check_answer(method, url, response, livemode=self._livemode)
        return response

    def request(  # type: ignore[override]  # as in the SDK's own clients
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> Response:
        """Send one attempt."""
        seconds = self._seconds()
        response = None
        with transport.span(method, url) as record, time_limit(seconds):
            try:
                response = transport.http_session().request(
                    method,
                    url,
                    headers=headers,
                    data=post_data,
                    timeout=(min(seconds, CONNECT_SECONDS), seconds),
                    verify=stripe.ca_bundle_path,
                    allow_redirects=False,
                    stream=True,
                )
                return record((response.content, response.status_code, response.headers))
            except Exception as error:
                if response is not None:
                    response.close()
                is_temporary = isinstance(error, requests.ConnectionError | requests.Timeout | ChunkedEncodingError)
                is_temporary = is_temporary and not isinstance(error, SSLError)
                is_half = isinstance(error, ChunkedEncodingError | ContentDecodingError)
                raise _failure(error, response if is_half else None, is_temporary=is_temporary) from error

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> Response:
        """Send one attempt."""
        import httpx

        seconds = self._seconds()
        response = None
        with transport.span(method, url) as record:
            try:
                async with (
                    asyncio.timeout(seconds),
                    transport.async_client(seconds) as client,
                    client.stream(method, url, headers=headers, content=post_data or None) as response,
                ):
                    return record((await response.aread(), response.status_code, response.headers))
            except Exception as error:
                is_temporary = isinstance(error, httpx.TransportError | TimeoutError)
                is_half = isinstance(error, httpx.RemoteProtocolError | httpx.DecodingError)
                raise _failure(error, response if is_half else None, is_temporary=is_temporary) from error

    async def sleep_async(self, secs: float) -> None:
        """Wait before the next attempt."""
        await asyncio.sleep(secs)

    def _should_retry(self, *args: Any, **kwargs: Any) -> bool:
        # The pause before the next attempt takes half a second.
        return seconds_left() > 1 and super()._should_retry(*args, **kwargs)

    def _seconds(self) -> float:
        return max(MINIMUM_SECONDS, min(self._timeout_seconds, seconds_left()))


class _HalfAnswerError(stripe.APIConnectionError):
    """The body of a response cannot be read."""

    status: int
    received: Mapping[str, str]


def _failure(error: Exception, answered: Any, *, is_temporary: bool) -> stripe.APIConnectionError:
    """Return the SDK's error for an attempt; ``answered`` is the response whose body cannot be read."""
    message = f"A {type(error).__name__} was raised."
    if answered is None:
        return stripe.APIConnectionError(message, should_retry=is_temporary)  # type: ignore[no-untyped-call]  # the SDK's
    half = _HalfAnswerError(message, should_retry=is_temporary)  # type: ignore[no-untyped-call]  # the SDK's
    half.status, half.received = answered.status_code, answered.headers
    return half


@contextmanager
def _whole_answer(method: str, url: str) -> Iterator[None]:
    """Raise ``StripeAnswerError`` if the body cannot be read, after the last attempt."""
    try:
        yield
    except _HalfAnswerError as error:
        raise answer_error(method, url, error.status, error.received, "a body that cannot be read") from error
