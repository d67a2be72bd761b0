"""A clock that tests can move forward."""

from __future__ import annotations

import time
from collections.abc import Callable

from django_checkout.emulator.state.store import Store


class Clock:
    """The system clock plus an offset, which is stored and so shared by all processes of a store."""

    def __init__(self, store: Store, wall: Callable[[], float] = time.time) -> None:
        self._store = store
        self._wall = wall

    def now(self) -> int:
        """Return the emulator's time in whole seconds."""
        return int(self._wall()) + self.offset_seconds

    @property
    def offset_seconds(self) -> int:
        """How far the emulator is ahead of the system clock."""
        return int(self._store.setting("clock_offset_seconds", "0"))

    def move(self, seconds: int) -> None:
        """Add ``seconds``. Call it inside a transaction."""
        if seconds < 0:
            msg = f"the emulator's clock cannot run backwards: {seconds}"
            raise ValueError(msg)
        self._store.set_setting("clock_offset_seconds", str(self.offset_seconds + seconds))
