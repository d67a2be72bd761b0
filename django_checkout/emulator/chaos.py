"""Chaos on demand: failing requests, dropped responses, and lost, duplicate, late or reordered deliveries."""

from __future__ import annotations

import fnmatch
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from django_checkout.emulator.messages import ApiError, DroppedError

When = Literal["before", "after"]
DeliveryFaultKind = Literal["lose", "duplicate", "delay"]
Item = TypeVar("Item")


def key_in_use(key: str) -> ApiError:
    """Return the error for a key whose request is not answered yet. Reports: stripe-go#647, stripity-stripe#564."""
    return ApiError(
        "There is currently another in-progress request using this Idempotent Key (that probably means you submitted "
        f"twice, and the other request is still going through): {key}. Please try again later.",
        status=409,
        code="idempotency_key_in_use",
    )


def _rate_limit() -> ApiError:
    message = (
        "Request rate limit exceeded. You can learn more about rate limits here https://stripe.com/docs/rate-limits."
    )
    headers = {"Stripe-Rate-Limited-Reason": "global-rate"}
    return ApiError(message, status=429, code="rate_limit", headers=headers)


def _lock_timeout() -> ApiError:
    """https://docs.stripe.com/rate-limits#object-lock-timeouts"""
    message = (
        "This object cannot be accessed right now because another API request or Stripe process is currently accessing "
        "it. If you see this error intermittently, retry the request. If you see this error frequently and are making "
        "multiple concurrent requests to a single object, make your requests serially or at a lower rate."
    )
    return ApiError(message, status=429, code="lock_timeout", headers={"Stripe-Should-Retry": "true"})


#: The errors by status and code; the first of a status is the usual one.
ERRORS: dict[tuple[int, str], Callable[[], ApiError]] = {
    (409, "idempotency_key_in_use"): lambda: key_in_use("key"),
    (429, "rate_limit"): _rate_limit,
    (429, "lock_timeout"): _lock_timeout,
    (500, ""): lambda: ApiError("An unknown error occurred.", status=500, kind="api_error"),
    (503, ""): lambda: ApiError("Stripe is temporarily unavailable.", status=503, kind="api_error"),
}
STATUSES = sorted({status for status, _ in ERRORS})


@dataclass(slots=True, kw_only=True)
class Fault:
    """A failure of the next ``remaining`` matching requests. ``status`` 0 means no response."""

    match: str
    when: When
    remaining: int
    status: int
    code: str = ""
    timeout: bool = False


@dataclass(slots=True, kw_only=True)
class DeliveryFault:
    """A fault of the next ``remaining`` deliveries of matching events."""

    kind: DeliveryFaultKind
    types: str
    remaining: int
    seconds: int = 0


class Chaos:
    """The active faults. Each applies to a number of requests or deliveries."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.faults: list[Fault] = []
        self.delivery_faults: list[DeliveryFault] = []
        self._order: Literal["", "reverse", "shuffle"] = ""
        self._random = random.Random(0)  # noqa: S311 - repeatable, not secret

    def reset(self) -> None:
        """Turn everything off."""
        with self._lock:
            self.faults.clear()
            self.delivery_faults.clear()
            self._order = ""

    def fail(
        self, count: int = 1, *, status: int = 500, code: str = "", when: When = "before", match: str = "*"
    ) -> None:
        """Answer the next requests with an error; ``match`` is a pattern such as ``POST /v1/refunds*``.

        ``after`` performs the request first; a 500 is then replayed for its idempotency key. ``code`` chooses
        between the errors of a status: 429 is ``rate_limit`` or ``lock_timeout``.
        """
        codes = [known for known_status, known in ERRORS if known_status == status]
        if not codes:
            msg = f"the emulator cannot answer {status}, only {STATUSES}"
            raise ValueError(msg)
        if code and code not in codes:
            msg = f"the emulator cannot answer {status} with the code {code}, only {codes}"
            raise ValueError(msg)
        with self._lock:
            self.faults.append(Fault(match=match, when=when, remaining=count, status=status, code=code or codes[0]))

    def drop(self, count: int = 1, *, when: When = "after", match: str = "*", timeout: bool = False) -> None:
        """Drop the responses to the next requests, by default after performing them."""
        with self._lock:
            self.faults.append(Fault(match=match, when=when, remaining=count, status=0, timeout=timeout))

    def lose(self, count: int = 1, *, types: str = "*") -> None:
        """Never deliver the next events of matching types. The API still lists them as undelivered."""
        self._add("lose", count, types)

    def duplicate(self, count: int = 1, *, types: str = "*") -> None:
        """Deliver the next events of matching types twice."""
        self._add("duplicate", count, types)

    def delay(self, seconds: int, count: int = 1, *, types: str = "*") -> None:
        """Deliver the next events of matching types after ``seconds``, or in process at the next call."""
        self._add("delay", count, types, seconds)

    def reorder(self, order: Literal["", "reverse", "shuffle"] = "shuffle", *, seed: int = 0) -> None:
        """Deliver simultaneously due events in reverse or random order, until reset with ``""``."""
        with self._lock:
            self._order = order
            self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret

    @property
    def order(self) -> str:
        """The order of deliveries; "" is chronological."""
        return self._order

    def raise_fault(self, method: str, path: str, when: When) -> None:
        """Raise the next fault of a request, if there is one."""
        with self._lock:
            fault = self._next_fault(f"{method} {path}", when)
        if fault is None:
            return
        if fault.status == 0:
            raise DroppedError(timeout=fault.timeout)
        error = ERRORS[fault.status, fault.code]()
        error.is_stored = when == "after" and fault.status >= 500
        raise error

    def next_delivery_fault(self, event_type: str) -> DeliveryFault | None:
        """Return the next fault of a delivery of this event type and count it, or None."""
        with self._lock:
            for fault in self.delivery_faults:
                if fault.remaining > 0 and fnmatch.fnmatchcase(event_type, fault.types):
                    fault.remaining -= 1
                    return fault
        return None

    def ordered(self, items: list[Item]) -> list[Item]:
        """Return the items in the order of delivery."""
        with self._lock:
            if self._order == "reverse":
                return items[::-1]
            if self._order == "shuffle":
                return self._random.sample(items, len(items))
        return items

    def _add(self, kind: DeliveryFaultKind, count: int, types: str, seconds: int = 0) -> None:
        with self._lock:
            self.delivery_faults.append(DeliveryFault(kind=kind, types=types, remaining=count, seconds=seconds))

    def _next_fault(self, request: str, when: When) -> Fault | None:
        for fault in self.faults:
            if fault.remaining > 0 and fault.when == when and fnmatch.fnmatchcase(request, fault.match):
                fault.remaining -= 1
                return fault
        return None
