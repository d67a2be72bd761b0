"""Clears the variables of what has failed: error reports show them, and they hold keys, tokens and personal data."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType


@contextmanager
def forgetting_variables(*, package: str = "") -> Iterator[None]:
    """Clear the frames of what a block raises, and of its causes; the files and lines stay.

    With ``package`` only the frames of this package are cleared.
    """
    before = sys.exception()
    try:
        yield
    except BaseException as error:
        _forget(error, before, package)
        raise


def _forget(error: BaseException, before: BaseException | None, package: str) -> None:
    """Do so; ``before`` is what was being handled when the block began, and is somebody else's."""
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
                # A frame that still runs cannot be cleared.
                with suppress(RuntimeError):
                    step.tb_frame.clear()
            step = step.tb_next


def _is_of(frame: FrameType, package: str) -> bool:
    """Whether a frame is a package's and no coroutine's: that may be suspended, and clearing would end it."""
    is_coroutine = bool(frame.f_code.co_flags & inspect.CO_COROUTINE)
    return not is_coroutine and f"{frame.f_globals.get('__name__')}.".startswith(f"{package}.")
