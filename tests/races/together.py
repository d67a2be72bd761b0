"""Things that happen at the same moment: real threads with a connection each, or a hook on a named function."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from django.db import connection, connections
from django.utils.module_loading import import_string

from django_checkout.steps import Steps, waits

#: Races that are run again and again.
RACES = 12
#: How often each of them is run, so that all together make RACE_ROUNDS.
ROUNDS = -(-int(os.environ.get("RACE_ROUNDS", "33")) // RACES)
TIMEOUT_SECONDS = 60


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Run every call in a thread of its own, all released at once; return what each returned or raised."""
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
    """Run ``action`` once, when the named function has returned for the first time and its caller does not know yet."""
    with _hooked(name, before=None, after=action):
        yield


@contextmanager
def _hooked(name: str, *, before: Callable[[], Any] | None, after: Callable[[], Any] | None) -> Iterator[None]:
    real = import_string(name)
    todo = [action for action in (before or after,) if action]

    def hooked(*args: Any, **kwargs: Any) -> Steps[Any]:
        if before and todo:
            todo.pop()()
        result = (yield from real.steps(*args, **kwargs)) if hasattr(real, "steps") else real(*args, **kwargs)
        if after and todo:
            todo.pop()()
        return result

    with patch(name, waits(hooked)):
        yield
    assert not todo, f"{name} was never called"
