"""Calls at the same moment: threads with a connection each, or a hook on a named function."""

from __future__ import annotations

import inspect
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from django.db import connection, connections
from django.utils.module_loading import import_string

from django_checkout.stripe_api.steps import Steps

#: How many races are repeated.
RACES = 16
#: How often each is repeated, so that all together make RACE_ROUNDS.
ROUNDS = -(-int(os.environ.get("RACE_ROUNDS", "33")) // RACES)
TIMEOUT_SECONDS = 60


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Run every call in its own thread, started at the same moment; return what each returned or raised."""
    outcomes: list[Any] = [None] * len(calls)
    barrier = threading.Barrier(len(calls))

    def run(index: int, call: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(TIMEOUT_SECONDS)
            outcomes[index] = call()
        except Exception as error:
            outcomes[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_SECONDS)
        assert not thread.is_alive(), "a thread hangs"
    return outcomes


def errors(outcomes: list[Any]) -> list[Exception]:
    return [outcome for outcome in outcomes if isinstance(outcome, Exception)]


@contextmanager
def run_before(name: str, action: Callable[[], Any]) -> Iterator[None]:
    """Run ``action`` once, just before the named function is called for the first time in this block."""
    with _hooked(name, before=action, after=None):
        yield


@contextmanager
def run_after(name: str, action: Callable[[], Any]) -> Iterator[None]:
    """Run ``action`` once, after the named function has returned for the first time, before its caller continues."""
    with _hooked(name, before=None, after=action):
        yield


@contextmanager
def _hooked(name: str, *, before: Callable[[], Any] | None, after: Callable[[], Any] | None) -> Iterator[None]:
    real = import_string(name)
    todo = [action for action in (before or after,) if action]

    def act(hook: Callable[[], Any] | None) -> None:
        if hook and todo:
            todo.pop()()

    def hooked(*args: Any, **kwargs: Any) -> Any:
        act(before)
        result = real(*args, **kwargs)
        act(after)
        return result

    def hooked_steps(*args: Any, **kwargs: Any) -> Steps[Any]:
        act(before)
        result = yield from real(*args, **kwargs)
        act(after)
        return result

    with patch(name, hooked_steps if inspect.isgeneratorfunction(real) else hooked):
        yield
    assert not todo, f"{name} was never called"
