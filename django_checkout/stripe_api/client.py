"""Calls a method of Stripe's SDK and translates its errors.

``stripe`` is imported on first use, because the import is slow. Every call sends the pinned API version, and no global
of the SDK is changed.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from django_checkout.conf import API_VERSION, conf
from django_checkout.exceptions import (
    StripeCredentialsError,
    StripeError,
    StripeNotFoundError,
    StripeRefusedError,
    StripeUnavailableError,
)
from django_checkout.stripe_api import transport
from django_checkout.stripe_api.steps import Steps
from django_checkout.stripe_api.storable import storable
from django_checkout.stripe_api.transport import without_bodies
from django_checkout.telemetry.tracebacks import forgetting_variables

if TYPE_CHECKING:
    import stripe

#: How often the SDK retries a call, with the same idempotency key, after no response, 409 or 5xx.
MAX_NETWORK_RETRIES = 1

logger = logging.getLogger("django_checkout")

P = ParamSpec("P")
T = TypeVar("T")


def ask(blocking: Callable[P, T], awaited: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> Steps[T]:
    """Call a method of the SDK; ``awaited`` is its asynchronous twin.

    Raises:
        StripeUnavailableError: no response, 409, 429 or 5xx; retry.
        StripeRefusedError: Stripe refused the call, and a retry changes nothing.
    """
    answer: T = yield _Call(partial(blocking, *args, **kwargs), partial(awaited, *args, **kwargs))
    return answer


@dataclass(frozen=True, slots=True)
class _Call(Generic[T]):
    """A call to wait for; its ``repr`` hides the arguments, because error reports show the frames that hold it."""

    blocking: Callable[[], T] = field(repr=False)
    awaited: Callable[[], Awaitable[T]] = field(repr=False)

    def block(self) -> T:
        with forgetting_variables(), without_bodies(), translated():
            return self.blocking()

    async def wait(self) -> T:
        with forgetting_variables(), without_bodies(), translated():
            return await self.awaited()


def read_raw(path: str, **params: Any) -> Steps[tuple[dict[str, Any], Mapping[str, str]]]:
    """Read a path of the API; return its JSON and the headers.

    The SDK's objects are not built, because that takes eighteen times as long as parsing the JSON.
    """
    raw = get_client()
    answer = yield from ask(raw.raw_request, raw.raw_request_async, "get", path, **params)
    return answer.data, answer.headers


def get_client() -> stripe.StripeClient:
    """Return the client for the current settings."""
    return _build_client(conf.STRIPE_SECRET_KEY, conf.STRIPE_API_BASE, conf.CHECKOUT_STRIPE_TIMEOUT_SECONDS)


@lru_cache(maxsize=4)
def _build_client(key: str, api_base: str, timeout_seconds: int) -> stripe.StripeClient:
    import stripe

    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        max_network_retries=MAX_NETWORK_RETRIES,
        http_client=transport.traced(stripe.RequestsClient)(
            timeout=timeout_seconds,
            session=transport.http_session(),
            async_fallback_client=transport.AsyncClient(timeout=timeout_seconds, failed=stripe.APIConnectionError),  # type: ignore[arg-type]  # the part that is used
        ),
        base_addresses={"api": api_base},
    )


@contextmanager
def translated() -> Iterator[None]:
    """Raise the app's errors instead of the SDK's; keep ids and codes, drop bodies."""
    import stripe

    try:
        yield
    except stripe.APIConnectionError as error:
        raise StripeUnavailableError("Stripe did not respond.") from error
    except stripe.StripeError as error:
        raise _translate(error) from error


def _translate(error: stripe.StripeError) -> StripeError:
    import stripe

    status = error.http_status or 0
    stripe_code = getattr(error.error, "code", None) or error.code or ""
    request_id, param = error.request_id or "", getattr(error, "param", None) or ""
    details = {"stripe_code": stripe_code, "request_id": request_id, "param": param}
    note = f"Stripe responded with {status} {stripe_code} (request_id={request_id}, param={param})"
    logger.warning("stripe_error status=%s code=%s request_id=%s", status, stripe_code, request_id)
    # The SDK builds these from Stripe's own JSON; a garbled response or a proxy's error page refuses nothing.
    definite = (stripe.InvalidRequestError, stripe.CardError, stripe.AuthenticationError, stripe.PermissionError)
    if not isinstance(error, definite) or status in (409, 429) or status >= 500:
        unavailable = StripeUnavailableError(f"{note}.", **details)
        is_reused = isinstance(error, stripe.IdempotencyError) and status == 400
        unavailable.is_replayed = is_reused or (error.headers or {}).get("Idempotent-Replayed") == "true"
        return unavailable
    if status in (401, 403):
        missing = re.search(r"rak_\w+", str(error))
        hint = (
            f"the key lacks the permission {missing[0]}" if missing else "check STRIPE_SECRET_KEY and its permissions"
        )
        refused = StripeCredentialsError(f"{note}: {hint}.", **details)
        refused.is_revoked = status == 401
        return refused
    if status == 404:
        return StripeNotFoundError(f"{note}: no such object in this account and mode.", **details)
    return StripeRefusedError(f"{note}.", **details)


def checked(stripe_id: str) -> str:
    """Return an id that is safe in a path; an empty one would address the list."""
    if not stripe_id or "/" in stripe_id:
        raise StripeNotFoundError("The id is empty or malformed.")
    return stripe_id


def plain(stripe_object: stripe.StripeObject) -> dict[str, Any]:
    """Return an object of the SDK as plain JSON types."""
    data: dict[str, Any] = storable(stripe_object.to_dict(for_json=True))
    return data


def request_id_of(stripe_object: stripe.StripeObject) -> str:
    """Return Stripe's id of the request that returned an object."""
    response = stripe_object.last_response
    return (response.request_id if response else None) or ""
