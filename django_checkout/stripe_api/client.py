"""Calls a method of Stripe's SDK and translates its errors.

``stripe`` is imported on first use, because the import is slow. Every call sends the pinned API version, and no global
of the SDK is changed.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from django_checkout.conf import conf
from django_checkout.exceptions import (
    StripeAnswerError,
    StripeCredentialsError,
    StripeError,
    StripeNotFoundError,
    StripeRefusedError,
    StripeUnavailableError,
)
from django_checkout.stripe_api import observations
from django_checkout.stripe_api.circuit import Circuit
from django_checkout.stripe_api.steps import Steps
from django_checkout.stripe_api.storable import storable
from django_checkout.stripe_api.transport import without_bodies
from django_checkout.telemetry.tracebacks import forgetting_variables

if TYPE_CHECKING:
    import stripe

#: How often the SDK retries a call, with the same idempotency key, after no response, 409 or 5xx.
MAX_NETWORK_RETRIES = 1

#: The code of the emulator's errors for what it does not implement. A repetition cannot help.
NOT_IMPLEMENTED = "emulator_not_implemented"
#: The parts of paths that contain resources.
_NAMESPACES = ("checkout", "billing_portal", "radar")
#: How the names of the SDK's methods that only read begin.
_READS = ("retrieve", "list", "search")

logger = logging.getLogger("django_checkout")

P = ParamSpec("P")
T = TypeVar("T")


def ask(blocking: Callable[P, T], awaited: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> Steps[T]:
    """Call a method of the SDK; ``awaited`` is its asynchronous twin.

    Raises:
        StripeUnavailableError: no response, 409, 429 or 5xx; retry.
        StripeRefusedError: Stripe refused the call, and a retry changes nothing.
    """
    call = _Call(partial(blocking, *args, **kwargs), partial(awaited, *args, **kwargs))
    return (yield from _recorded(call, permission_for(blocking, args)))


def ask_expecting_refusal(
    blocking: Callable[P, T], awaited: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
) -> Steps[T]:
    """Call a method as ``ask`` does, and log no warning if Stripe refuses it, except for the key.

    A missing permission is no alert: the site may not need what was only tried, and the caller reports it.
    """
    call = _Call(partial(blocking, *args, **kwargs), partial(awaited, *args, **kwargs), is_refusal_expected=True)
    return (yield from _recorded(call, permission_for(blocking, args)))


def _recorded(call: _Call[T], permission: str) -> Steps[T]:
    """Make the call, and record whether the key was accepted."""
    try:
        answer: T = yield call
    except StripeError as error:
        is_missing = isinstance(error, StripeCredentialsError) and not error.is_revoked
        if not (is_missing and call.is_refusal_expected):
            observations.record_error(error, permission)
        raise
    observations.record_answer(permission)
    return answer


def permission_for(method: Callable[..., Any], args: Sequence[Any]) -> str:
    """Return what a restricted key needs for a call: the resource, and "read" or "write"."""
    if method.__name__ == "raw_request":
        verb, path = args[:2]
        names = [part for part in path.split("/")[2:] if re.fullmatch(r"[a-z_]+", part)]
        resource = ".".join(name.removesuffix("s") for name in names[: 2 if names[0] in _NAMESPACES else 1])
        return f"{resource} {'read' if verb == 'get' else 'write'}"
    resource = method.__module__.removeprefix("stripe.").replace("._", ".").removeprefix("_").removesuffix("_service")
    return f"{resource} {'read' if method.__name__.startswith(_READS) else 'write'}"


@dataclass(frozen=True, slots=True)
class _Call(Generic[T]):
    """A call to wait for; its ``repr`` hides the arguments, because error reports show the frames that hold it."""

    blocking: Callable[[], T] = field(repr=False)
    awaited: Callable[[], Awaitable[T]] = field(repr=False)
    is_refusal_expected: bool = False

    def block(self) -> T:
        with forgetting_variables(), without_bodies(), _circuit().guard(), translated(self.is_refusal_expected):
            return self.blocking()

    async def wait(self) -> T:
        with forgetting_variables(), without_bodies(), _circuit().guard(), translated(self.is_refusal_expected):
            return await self.awaited()


def read_raw(path: str, **params: Any) -> Steps[tuple[dict[str, Any], Mapping[str, str]]]:
    """Read a path of the API; return its JSON and the headers.

    The SDK's objects are not built, because that takes eighteen times as long as parsing the JSON.
    """
    raw = get_client()
    answer = yield from ask(raw.raw_request, raw.raw_request_async, "get", path, **params)
    return answer.data, answer.headers


def read_raw_expecting_refusal(path: str, **params: Any) -> Steps[tuple[dict[str, Any], Mapping[str, str]]]:
    """Read a path as ``read_raw`` does, and log no warning if Stripe refuses it, except for the key."""
    raw = get_client()
    answer = yield from ask_expecting_refusal(raw.raw_request, raw.raw_request_async, "get", path, **params)
    return answer.data, answer.headers


def get_client() -> stripe.StripeClient:
    """Return the client for the current settings."""
    key, base, seconds = conf.STRIPE_SECRET_KEY, conf.STRIPE_API_BASE, conf.CHECKOUT_STRIPE_TIMEOUT_SECONDS
    return _build_client(key, base, seconds, conf.CHECKOUT_API_VERSION)


def forget_clients() -> None:
    """Forget the clients of this process, and whether Stripe responded to them; the test kit calls this."""
    _build_client.cache_clear()
    _build_circuit.cache_clear()


@lru_cache(maxsize=4)
def _build_client(key: str, api_base: str, timeout_seconds: int, version: str) -> stripe.StripeClient:
    import stripe

    from django_checkout.stripe_api.http_client import Client

    return stripe.StripeClient(
        key,
        stripe_version=version,
        max_network_retries=MAX_NETWORK_RETRIES,
        http_client=Client(timeout_seconds=timeout_seconds, livemode=conf.find("livemode")),
        base_addresses={"api": api_base},
    )


def _circuit() -> Circuit:
    return _build_circuit(conf.STRIPE_SECRET_KEY, conf.STRIPE_API_BASE)


@lru_cache(maxsize=4)
def _build_circuit(key: str, api_base: str) -> Circuit:
    return Circuit()


@contextmanager
def translated(is_refusal_expected: bool = False) -> Iterator[None]:
    """Raise the app's errors instead of the SDK's; keep ids and codes, drop bodies."""
    import stripe

    try:
        yield
    except StripeAnswerError as error:
        logger.info("stripe_answer_invalid %s", error)
        raise
    except stripe.APIConnectionError as error:
        raise StripeUnavailableError("Stripe did not respond.") from error
    except stripe.StripeError as error:
        raise _translate(error, is_refusal_expected) from error


def _translate(error: stripe.StripeError, is_refusal_expected: bool) -> StripeError:
    import stripe

    status = error.http_status or 0
    stripe_code = getattr(error.error, "code", None) or error.code or ""
    request_id, param = error.request_id or "", getattr(error.error, "param", None) or ""
    details = {"stripe_code": stripe_code, "request_id": request_id, "param": param}
    named = ", ".join(f"{name}={value}" for name, value in (("request_id", request_id), ("param", param)) if value)
    note = " ".join(filter(None, ("Stripe responded with", str(status), stripe_code, named and f"({named})")))
    level = logging.DEBUG if is_refusal_expected and status not in (401, 403) else logging.WARNING
    logger.log(level, "stripe_error status=%s code=%s request_id=%s", status, stripe_code, request_id)
    definite = (stripe.InvalidRequestError, stripe.CardError, stripe.AuthenticationError, stripe.PermissionError)
    if stripe_code == NOT_IMPLEMENTED:
        return StripeRefusedError(f"{note}: {error.user_message}", **details)
    if not isinstance(error, definite) or status in (409, 429) or status >= 500:
        unavailable = StripeUnavailableError(f"{note}.", **details)
        unavailable.answered_status = status
        is_reused = isinstance(error, stripe.IdempotencyError) and status == 400
        unavailable.is_replayed = is_reused or (error.headers or {}).get("Idempotent-Replayed") == "true"
        return unavailable
    if status in (401, 403):
        # "the 'rak_charge_read' permission", or "Charges Read" ('charge_read').
        missing = re.search(r"(?<=')(rak_)?[a-z_]+_(read|write)(?=')", str(error))
        hint = (
            f"the key lacks the permission {missing[0]}" if missing else "check STRIPE_SECRET_KEY and its permissions"
        )
        refused = StripeCredentialsError(f"{note}: {hint}.", **details)
        refused.is_revoked = status == 401
        return refused
    if status == 404 or stripe_code == "resource_missing":
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
