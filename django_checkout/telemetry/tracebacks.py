"""Clears local variables from tracebacks: error reports show them, and they hold keys, tokens and personal data."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType


@contextmanager
def forgetting_variables(*, package: str = "") -> Iterator[None]:
    """Clear the frames of an exception that the block raises, and of its causes; files and lines remain.

    With ``package`` only frames of this package are cleared.
    """
    before = sys.exception()
    try:
        yield
    except BaseException as error:
        _clear(error, before, package)
        raise


def _clear(error: BaseException, before: BaseException | None, package: str) -> None:
    """Clear the frames of an error and its causes, but not of ``before``, which was handled when the block began."""
    seen: list[BaseException] = []
    causes: list[BaseException | None] = [error]
    while causes:
        cause = causes.pop()
        if cause is None or cause is before or cause in seen:
            continue
        seen.append(cause)
        causes += (cause.__cause__, cause.__context__)
        step = cause.__traceback__
        while step is not None:
            if not package or _is_of(step.tb_frame, package):
                # A running frame cannot be cleared.
                with suppress(RuntimeError):
                    step.tb_frame.clear()
            step = step.tb_next


def _is_of(frame: FrameType, package: str) -> bool:
    """Whether a frame belongs to a package and not to a coroutine: clearing a suspended coroutine would close it."""
    is_coroutine = bool(frame.f_code.co_flags & inspect.CO_COROUTINE)
    return not is_coroutine and f"{frame.f_globals.get('__name__')}.".startswith(f"{package}.")
