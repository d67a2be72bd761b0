"""A clock that tests and operators can move."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django_checkout.emulator.state.store import Store


class Clock:
    """The clock of the account: the server's clock plus how far the account was advanced.

    The server's clock is the system clock plus a correction. It signs events and dates responses. Both numbers are
    stored, and so shared by all processes of a store.
    """

    def __init__(self, store: Store, wall: Callable[[], float] = time.time) -> None:
        self._store = store
        self._wall = wall
        self._known_correction = 0
        self._frozen = threading.local()

    def now(self) -> int:
        """Return the time in whole seconds: the account's, or within ``frozen`` that of a test clock."""
        at: int | None = getattr(self._frozen, "at", None)
        return self.account_now() if at is None else at

    def account_now(self) -> int:
        """Return the account's time in whole seconds."""
        return self.wall_now() + self.offset_seconds

    @contextmanager
    def frozen(self, at: int) -> Iterator[None]:
        """Stop the clock at a time for the block, in this thread."""
        outer, self._frozen.at = getattr(self._frozen, "at", None), at
        try:
            yield
        finally:
            self._frozen.at = outer

    def wall_now(self) -> int:
        """Return the server's time in whole seconds."""
        return int(self._wall()) + self.correction_seconds

    def known_now(self) -> int:
        """Return the server's time as this process knows it, without waiting for the store."""
        return int(self._wall()) + self._known_correction

    @property
    def correction_seconds(self) -> int:
        """How far the server's clock is ahead of the system clock."""
        self._known_correction = int(self._store.setting("clock_correction_seconds", "0"))
        return self._known_correction

    def correct(self, seconds: int) -> None:
        """Set how far the server's clock is ahead of the system clock. Call it inside a transaction."""
        self._store.set_setting("clock_correction_seconds", str(seconds))
        self._known_correction = seconds

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
