"""The limits of requests per second, https://docs.stripe.com/rate-limits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Literal, get_args

from django_checkout.emulator.messages import ApiError

Mode = Literal["", "sandbox", "live"]
MODES: tuple[Mode, ...] = get_args(Mode)
#: Requests per second of an account, and of each of its operations.
PER_SECOND: dict[Mode, int] = {"sandbox": 25, "live": 100}
PER_OPERATION = 25
PER_SEARCH = 20
_TESTMODE = "Testmode request rate limit exceeded, the rate limits in testmode are lower than livemode."
_LIVE = "Request rate limit exceeded."
_HELP = "You can learn more about rate limits here https://stripe.com/docs/rate-limits."


class RateLimits:
    """Token buckets for the account and for each operation; off by default. All methods are thread-safe."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._lock = threading.Lock()
        self._mode: Mode = ""
        #: The requests that are left, and when that was, by the name of an operation; "" is the account.
        self._left: dict[str, tuple[float, float]] = {}

    @property
    def mode(self) -> Mode:
        """Whose limits apply: those of a ``sandbox``, of ``live`` mode, or none."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        if mode not in MODES:
            msg = f"no such rate limit: {mode!r}; choose one of {', '.join(MODES[1:])}"
            raise ValueError(msg)
        with self._lock:
            self._mode = mode
            self._left.clear()

    def check(self, operation: str) -> None:
        """Count a request, or raise Stripe's error for one too many. ``operation`` is its method and path."""
        with self._lock:
            if not self._mode:
                return
            per_operation = PER_SEARCH if operation.endswith("/search") else PER_OPERATION
            if not self._take(operation, per_operation):
                raise self._refusal("endpoint-rate")
            if not self._take("", PER_SECOND[self._mode]):
                raise self._refusal("global-rate")

    def _take(self, name: str, per_second: int) -> bool:
        now = self._wall()
        left, at = self._left.get(name, (per_second, now))
        left = min(per_second, left + (now - at) * per_second)
        self._left[name] = (left - 1 if left >= 1 else left, now)
        return left >= 1

    def _refusal(self, reason: str) -> ApiError:
        return ApiError(
            f"{_LIVE if self._mode == 'live' else _TESTMODE} {_HELP}",
            status=429,
            code="rate_limit",
            headers={"Stripe-Rate-Limited-Reason": reason},
        )
