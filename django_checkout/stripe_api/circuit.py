"""Answers calls at once while Stripe does not respond, so that they do not occupy every thread of the server.

The state is that of one process. https://learn.microsoft.com/azure/architecture/patterns/circuit-breaker
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django_checkout.conf import conf
from django_checkout.exceptions import StripeAnswerError, StripeError, StripeUnavailableError
from django_checkout.stripe_api.time_limit import MINIMUM_SECONDS, seconds_left

#: After this many calls in a row without a response, or with 5xx, no further call is made.
MAX_FAILURES = 3
#: After this many seconds one call is made; any response ends the outage.
PROBE_SECONDS = 5
#: While this many calls have waited for SILENT_SECONDS, and none was answered meanwhile, no further call is made.
MAX_SILENT = 2
SILENT_SECONDS = 3
#: A call that was allowed to take less time than this says nothing about Stripe if it fails.
FAIR_SECONDS = 2

logger = logging.getLogger("django_checkout")


class Circuit:
    """Counts the calls of one client that fail in a row; see ``guard``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures = 0
        self._last_failure = ""
        #: On the monotonic clock: when the next call is made although calls have failed.
        self._probe_at = 0.0
        self._probe: object = None
        self._answered_at = 0.0
        #: When each call that waits for a response began.
        self._waiting: dict[object, float] = {}

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Make one call in this block, or raise at once.

        A response ends the outage, a refusal and a rate limit included. An exception of another class says nothing.

        Raises:
            StripeUnavailableError: Stripe does not respond at present, or no time is left for a call.
        """
        seconds = seconds_left()
        if seconds < MINIMUM_SECONDS:
            raise StripeUnavailableError(
                f"Stripe did not respond within {conf.CHECKOUT_STRIPE_TIMEOUT_SECONDS} seconds "
                "(CHECKOUT_STRIPE_TIMEOUT_SECONDS)."
            )
        call = object()
        self._admit(call)
        # None says nothing about Stripe.
        is_answered: bool | None = None
        try:
            yield
            is_answered = True
        except StripeUnavailableError as error:
            if 0 < error.answered_status < 500:
                # Something else than Stripe may have answered.
                is_answered = None if isinstance(error, StripeAnswerError) else True
            elif seconds >= min(FAIR_SECONDS, conf.CHECKOUT_STRIPE_TIMEOUT_SECONDS / 2):
                is_answered = False
                self._last_failure = str(error)
            raise
        except StripeError:
            is_answered = True
            raise
        finally:
            self._settle(call, is_answered=is_answered)

    def _admit(self, call: object) -> None:
        with self._lock:
            now = time.monotonic()
            if self._failures >= MAX_FAILURES:
                if now < self._probe_at:
                    raise _unavailable(self._probe_at - now, self._last_failure)
                # No other call is made while this one waits.
                self._probe = call
                self._probe_at = now + conf.CHECKOUT_STRIPE_TIMEOUT_SECONDS + PROBE_SECONDS
            elif self._is_silent(now):
                raise _unavailable(PROBE_SECONDS)
            self._waiting[call] = now

    def _is_silent(self, now: float) -> bool:
        silent = [began for began in self._waiting.values() if now - began >= SILENT_SECONDS]
        return len(silent) >= MAX_SILENT and now - self._answered_at >= SILENT_SECONDS

    def _settle(self, call: object, *, is_answered: bool | None) -> None:
        with self._lock:
            now = time.monotonic()
            del self._waiting[call]
            if is_answered:
                if self._failures >= MAX_FAILURES:
                    logger.info("stripe_available")
                self._failures, self._answered_at = 0, now
                return
            if is_answered is False:
                self._failures += 1
                if self._failures == MAX_FAILURES:
                    logger.error("stripe_unavailable failures=%d", self._failures)
                if self._probe not in self._waiting:
                    self._probe_at = now + PROBE_SECONDS
            elif call is self._probe:
                self._probe_at = now


def _unavailable(seconds: float, last_failure: str = "") -> StripeUnavailableError:
    text = f"The last calls to Stripe failed, so this call was not made. {last_failure}"
    error = StripeUnavailableError(text.rstrip())
    error.retry_after_seconds = max(1, math.ceil(seconds))
    return error
