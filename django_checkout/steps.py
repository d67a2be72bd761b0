"""Work that waits for somebody else, written once: as steps that are taken with a thread or without one.

A function under ``@waits`` yields what it waits for and is given the answer. Called, it blocks its thread while it
waits. Its ``awaited`` twin waits in the event loop, and takes each step in the thread that Django keeps for the
database, which is free meanwhile; it raises ``ImproperlyConfigured`` where httpx is not installed. Other steps take its
``steps`` with ``yield from``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from typing import Any, Generic, ParamSpec, Protocol, TypeAlias, TypeVar, cast

from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables

from django_checkout.exceptions import StripeUnavailableError
from django_checkout.tracebacks import forgetting_variables
from django_checkout.transport import is_async_installed

logger = logging.getLogger("django_checkout")

_GIVEN_UP = "Nobody waits for Stripe's answer any more."

P = ParamSpec("P")
T = TypeVar("T")


class Wait(Protocol):
    """Something to wait for, in either way."""

    def block(self) -> Any:
        """Wait with this thread; return the answer."""

    async def wait(self) -> Any:
        """Wait in the event loop; return the answer."""


#: What yields a ``Wait`` for each time it waits, and returns a ``T`` in the end.
Steps: TypeAlias = Generator[Wait, Any, T]


class Waiting(Protocol[P, T]):
    """A function under ``@waits``."""

    #: The work itself, for other steps: ``answer = yield from function.steps(...)``.
    steps: Callable[P, Steps[T]]
    #: The twin for coroutines: ``answer = await function.awaited(...)``.
    awaited: Callable[P, Awaitable[T]]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do the work and block this thread while it waits."""


@dataclass(frozen=True, slots=True)
class Pause:
    """So many seconds."""

    seconds: float

    def block(self) -> None:
        time.sleep(self.seconds)

    async def wait(self) -> None:
        await asyncio.sleep(self.seconds)


@dataclass(frozen=True, slots=True)
class _Done(Generic[T]):
    value: T


def waits(work: Callable[P, Steps[T]]) -> Waiting[P, T]:
    """Make steps callable, and awaitable as ``awaited``."""

    @sensitive_variables()
    @wraps(work)
    def blocking(*args: P.args, **kwargs: P.kwargs) -> T:
        steps = work(*args, **kwargs)
        reached = _resume(steps, None, None)
        while not isinstance(reached, _Done):
            answer = error = None
            try:
                answer = reached.block()
            except Exception as raised:
                error = raised
            reached = _resume(steps, answer, error)
        return reached.value

    @wraps(work)
    @sensitive_variables()
    async def awaited(*args: P.args, **kwargs: P.kwargs) -> T:
        if not is_async_installed():
            raise ImproperlyConfigured('Coroutines ask Stripe by httpx: pip install "django-checkout[async]".')
        is_given_up = asyncio.Event()
        conversation = asyncio.ensure_future(_converse(work(*args, **kwargs), is_given_up))
        try:
            return await asyncio.shield(conversation)
        except asyncio.CancelledError:
            is_given_up.set()
            while not conversation.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait({conversation})
            error = None if conversation.cancelled() else conversation.exception()
            if error is not None and not isinstance(error, StripeUnavailableError):
                logger.error("canceled_work_failed error=%s", type(error).__name__, exc_info=error)
            raise

    made = cast("Any", blocking)
    made.steps, made.awaited = work, awaited
    return cast("Waiting[P, T]", made)


async def _converse(steps: Steps[T], is_given_up: asyncio.Event) -> T:
    """Take the steps in Django's thread for the database and wait in the event loop.

    A step that has begun is taken to its end, unless the event loop itself ends. A wait that is given up is to the work
    as if Stripe had not answered: it writes that down and lets go of what it holds.
    """
    resume = sync_to_async(_resume, thread_sensitive=True)
    reached = await resume(steps, None, None)
    while not isinstance(reached, _Done):
        answer = error = None
        try:
            answer = await _unless(is_given_up, reached)
        except asyncio.CancelledError:
            # Not the caller but the event loop ends.
            with suppress(StripeUnavailableError):
                await resume(steps, None, StripeUnavailableError(_GIVEN_UP))
            raise
        except Exception as raised:
            error = raised
        reached = await resume(steps, answer, error)
    return reached.value


async def _unless(is_given_up: asyncio.Event, reached: Wait) -> Any:
    if not is_given_up.is_set():
        answer, word = asyncio.ensure_future(reached.wait()), asyncio.ensure_future(is_given_up.wait())
        try:
            await asyncio.wait({answer, word}, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
        finally:
            answer.cancel()
            word.cancel()
    raise StripeUnavailableError(_GIVEN_UP)


def _resume(steps: Steps[T], answer: Any, error: Exception | None) -> Wait | _Done[T]:
    """Go on to the next wait, or to the end."""
    with forgetting_variables(package=__package__):
        try:
            return steps.send(answer) if error is None else steps.throw(error)
        except StopIteration as end:
            return _Done(end.value)
