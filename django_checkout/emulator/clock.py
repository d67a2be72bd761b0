"""A clock that a test may move forward."""

from __future__ import annotations

import time
from collections.abc import Callable

from .store import Store


class Clock:
    """The wall clock plus what was added; what was added is kept in the store, so all its processes agree."""

    def __init__(self, store: Store, wall: Callable[[], float] = time.time) -> None:
        self._store = store
        self._wall = wall

    def now(self) -> int:
        """Return the emulator's time in whole seconds."""
        return int(self._wall()) + self.offset_seconds

    @property
    def offset_seconds(self) -> int:
        """How far the emulator is ahead of the wall clock."""
        return int(self._store.setting("clock_offset_seconds", "0"))

    def move(self, seconds: int) -> None:
        """Add ``seconds``; call it inside a transaction."""
        if seconds < 0:
            msg = f"the emulator's clock does not run backwards: {seconds}"
            raise ValueError(msg)
        self._store.set_setting("clock_offset_seconds", str(self.offset_seconds + seconds))
