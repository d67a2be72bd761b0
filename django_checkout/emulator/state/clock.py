"""A clock that tests and operators can move."""

from __future__ import annotations

import time
from collections.abc import Callable

from django_checkout.emulator.state.store import Store


class Clock:
    """The clock of the account: the server's clock plus how far the account was advanced.

    The server's clock is the system clock plus a correction. It signs events and dates responses. Both numbers are
    stored, and so shared by all processes of a store.
    """

    def __init__(self, store: Store, wall: Callable[[], float] = time.time) -> None:
        self._store = store
        self._wall = wall

    def now(self) -> int:
        """Return the account's time in whole seconds."""
        return self.wall_now() + self.offset_seconds

    def wall_now(self) -> int:
        """Return the server's time in whole seconds."""
        return int(self._wall()) + self.correction_seconds

    @property
    def correction_seconds(self) -> int:
        """How far the server's clock is ahead of the system clock."""
        return int(self._store.setting("clock_correction_seconds", "0"))

    def correct(self, seconds: int) -> None:
        """Set how far the server's clock is ahead of the system clock. Call it inside a transaction."""
        self._store.set_setting("clock_correction_seconds", str(seconds))

    @property
    def offset_seconds(self) -> int:
        """How far the account is ahead of the server's clock."""
        return int(self._store.setting("clock_offset_seconds", "0"))

    def move(self, seconds: int) -> None:
        """Add ``seconds``. Call it inside a transaction."""
        if seconds < 0:
            msg = f"the emulator's clock cannot run backwards: {seconds}"
            raise ValueError(msg)
        self._store.set_setting("clock_offset_seconds", str(self.offset_seconds + seconds))
