"""Reads from Stripe: an object or a list, with retries if Stripe limits the rate or does not respond."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar

from django_checkout.exceptions import StripeAnswerError, StripeNotFoundError, StripeUnavailableError
from django_checkout.stripe_api import gateway
from django_checkout.stripe_api.steps import Steps, run

P = ParamSpec("P")
T = TypeVar("T")

#: The most attempts of a call; with doubling pauses they take about two minutes.
ATTEMPTS = 8
FIRST_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 30.0

logger = logging.getLogger("django_checkout")


def with_retries(call: Callable[[], T]) -> T:
    """Return the result of a call to Stripe, retried with back-off after 409, 429, 5xx and no response.

    Raises:
        StripeAnswerError: something else than Stripe responds.
        StripeUnavailableError: Stripe does not respond after ``ATTEMPTS`` attempts.
    """
    for attempt in range(1, ATTEMPTS):
        try:
            return call()
        except StripeUnavailableError as error:
            if isinstance(error, StripeAnswerError) and error.answered_status < 500:
                raise
            pause = min(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), MAX_PAUSE_SECONDS)
            code = error.stripe_code or error.code
            logger.info("reconcile_waits seconds=%.1f attempt=%d of=%d code=%s", pause, attempt, ATTEMPTS, code)
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311  # jitter, not a secret
    return call()


def fetch(request: Callable[P, Steps[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return the result of a request of the gateway; see ``with_retries``."""
    return with_retries(lambda: run(request(*args, **kwargs)))


def pages(path: str, *, after: str = "", **filters: Any) -> Iterator[list[dict[str, Any]]]:
    """Yield one of Stripe's lists page by page, newest first, starting after an id; see ``gateway.read_page``."""
    has_more = True
    while has_more:
        page, has_more = fetch(gateway.read_page, path, starting_after=after, **filters)
        if not page:
            return
        yield page
        after = str(page[-1]["id"])


def retrieve(object_type: str, stripe_id: str) -> dict[str, Any]:
    """Read one object by the prefix of its event types, e.g. ``charge.dispute``; see ``gateway.retrieve_object``.

    Raises:
        StripeNotFoundError: Stripe does not know it.
    """
    return fetch(gateway.retrieve_object, object_type, stripe_id)


def exists(object_type: str, stripe_id: str) -> bool:
    """Return whether Stripe knows an object by this id."""
    try:
        retrieve(object_type, stripe_id)
    except StripeNotFoundError:
        return False
    return True
