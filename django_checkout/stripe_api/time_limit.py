"""Limits the time that calls to Stripe take: a web request waits for Stripe for a bounded time, retries included."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django_checkout.conf import conf

#: No attempt is made if less time is left.
MINIMUM_SECONDS = 0.2

#: When the current limit ends, on the monotonic clock; None without a limit.
_ends_at: ContextVar[float | None] = ContextVar("django_checkout_stripe_ends_at", default=None)


@contextmanager
def time_limit(seconds: float | None = None) -> Iterator[None]:
    """Limit the time of all calls to Stripe in this block together.

    The default is CHECKOUT_STRIPE_TIMEOUT_SECONDS. A limit inside another one can only end earlier.
    """
    if seconds is None:
        # A malformed setting is reported where Stripe is called.
        seconds = conf.find("CHECKOUT_STRIPE_TIMEOUT_SECONDS") or 0
    outer = _ends_at.get()
    with _until(min(time.monotonic() + seconds, math.inf if outer is None else outer)):
        yield


@contextmanager
def default_time_limit() -> Iterator[None]:
    """Limit the calls in this block as ``time_limit`` does, unless the caller has decided."""
    if _ends_at.get() is not None:
        yield
        return
    with time_limit():
        yield


@contextmanager
def no_time_limit() -> Iterator[None]:
    """Limit only each attempt of a call, for commands and workers, which nobody waits for."""
    with _until(math.inf):
        yield


def seconds_left() -> float:
    """Return how long calls to Stripe may still take."""
    ends_at = _ends_at.get()
    return math.inf if ends_at is None else ends_at - time.monotonic()


@contextmanager
def _until(ends_at: float) -> Iterator[None]:
    token = _ends_at.set(ends_at)
    try:
        yield
    finally:
        _ends_at.reset(token)
