"""Work that waits for Stripe, written once as a generator and run with a thread or in the event loop.

A function that returns ``Steps[T]`` is a generator: it yields each ``Wait`` and is sent its result. ``run`` blocks the
thread at each wait; ``arun`` waits in the event loop. Other generators take its steps with ``yield from``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables

from django_checkout.exceptions import StripeUnavailableError
from django_checkout.stripe_api.time_limit import default_time_limit
from django_checkout.stripe_api.transport import is_async_installed
from django_checkout.telemetry.tracebacks import forgetting_variables

logger = logging.getLogger("django_checkout")

_CANCELED = "The caller stopped waiting for Stripe's response."

T = TypeVar("T")


class Wait(Protocol):
    """Something to wait for, in a thread or in the event loop."""

    def block(self) -> Any:
        """Block this thread and return the result."""

    async def wait(self) -> Any:
        """Wait in the event loop and return the result."""


#: Yields a ``Wait`` each time it waits, and returns a ``T``.
Steps: TypeAlias = Generator[Wait, Any, T]


@dataclass(frozen=True, slots=True)
class Pause:
    """A wait for a number of seconds."""

    seconds: float

    def block(self) -> None:
        time.sleep(self.seconds)

    async def wait(self) -> None:
        await asyncio.sleep(self.seconds)


@dataclass(frozen=True, slots=True)
class _Done(Generic[T]):
    value: T


@sensitive_variables()
def run(steps: Steps[T]) -> T:
    """Run the steps and return their result, blocking this thread at each wait.

    All calls to Stripe together take CHECKOUT_STRIPE_TIMEOUT_SECONDS at most, unless the caller has set another limit.
    """
    with default_time_limit():
        reached = _resume(steps, None, None)
        while not isinstance(reached, _Done):
            answer = error = None
            try:
                answer = reached.block()
            except Exception as raised:
                error = raised
            reached = _resume(steps, answer, error)
        return reached.value


@sensitive_variables()
async def arun(steps: Steps[T]) -> T:
    """Run the steps in Django's thread for the database and wait in the event loop, holding no thread meanwhile.

    If the caller is canceled, the step that has begun is finished, and a wait ends for the steps as if Stripe had not
    responded: they record that and release what they hold. The time is limited as in ``run``.

    Raises:
        ImproperlyConfigured: httpx is not installed.
    """
    if not is_async_installed():
        raise ImproperlyConfigured('Calling Stripe from a coroutine needs httpx: pip install "django-checkout[async]".')
    is_canceled = asyncio.Event()
    with default_time_limit():
        work = asyncio.ensure_future(_run_in_loop(steps, is_canceled))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        is_canceled.set()
        while not work.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait({work})
        error = None if work.cancelled() else work.exception()
        if error is not None and not isinstance(error, StripeUnavailableError):
            logger.error("canceled_work_failed error=%s", type(error).__name__, exc_info=error)
        raise


async def _run_in_loop(steps: Steps[T], is_canceled: asyncio.Event) -> T:
    resume = sync_to_async(_resume, thread_sensitive=True)
    reached = await resume(steps, None, None)
    while not isinstance(reached, _Done):
        answer = error = None
        try:
            answer = await _wait_unless(is_canceled, reached)
        except asyncio.CancelledError:
            # The event loop itself is ending.
            with suppress(StripeUnavailableError):
                await resume(steps, None, StripeUnavailableError(_CANCELED))
            raise
        except Exception as raised:
            error = raised
        reached = await resume(steps, answer, error)
    return reached.value


async def _wait_unless(is_canceled: asyncio.Event, reached: Wait) -> Any:
    if not is_canceled.is_set():
        answer, canceled = asyncio.ensure_future(reached.wait()), asyncio.ensure_future(is_canceled.wait())
        try:
            await asyncio.wait({answer, canceled}, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
        finally:
            answer.cancel()
            canceled.cancel()
    raise StripeUnavailableError(_CANCELED)


def _resume(steps: Steps[T], answer: Any, error: Exception | None) -> Wait | _Done[T]:
    """Run the steps up to their next wait or their end."""
    # StopIteration cannot be raised through a future, hence _Done.
    with forgetting_variables(package="django_checkout"):
        try:
            return steps.send(answer) if error is None else steps.throw(error)
        except StopIteration as end:
            return _Done(end.value)
