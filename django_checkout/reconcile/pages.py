"""Reads Stripe patiently: calls that are refused for their rate, or not answered, are tried again with back-off."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from django_checkout import gateway
from django_checkout.exceptions import StripeUnavailableError

T = TypeVar("T")

#: How often a call is tried; with doubling pauses that is about two minutes.
ATTEMPTS = 8
FIRST_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 30.0

logger = logging.getLogger("django_checkout")


def patiently(call: Callable[[], T]) -> T:
    """Return what a call to Stripe returns, trying again after 409, 429, 5xx and silence.

    Raises:
        StripeUnavailableError: it still does not answer after ``ATTEMPTS`` tries.
    """
    for attempt in range(1, ATTEMPTS):
        try:
            return call()
        except StripeUnavailableError as error:
            pause = min(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), MAX_PAUSE_SECONDS)
            logger.info("reconcile_waits seconds=%.1f attempt=%d code=%s", pause, attempt, error.stripe_code)
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311  # jitter, not a secret
    return call()


def pages(path: str, *, after: str = "", **filters: Any) -> Iterator[list[dict[str, Any]]]:
    """Yield a list of Stripe's page by page, newest first, going on after an id; see ``gateway.read_page``."""
    has_more = True
    while has_more:
        page, has_more = patiently(partial(gateway.read_page, path, starting_after=after, **filters))
        if not page:
            return
        yield page
        after = str(page[-1]["id"])
