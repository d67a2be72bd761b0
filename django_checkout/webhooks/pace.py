"""Limits how often a process does something: what costs a query is not done for every delivery."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable
from dataclasses import dataclass, field

#: The most subjects that are remembered.
MOST = 1000


@dataclass(slots=True)
class Pace:
    """Allows something once in so many seconds for each subject, and ``burst`` times at once after a pause.

    Each process has its own, which its threads share. Time is measured by a clock that does not jump.
    """

    seconds: float
    burst: int = 1
    #: By subject, when it would be allowed next if there were no bursts.
    _due: dict[Hashable, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def allows(self, subject: Hashable) -> bool:
        """Return whether it is allowed now, and count it if so."""
        now = time.monotonic()
        with self._lock:
            due = max(now, self._due.get(subject, now))
            if due - now > (self.burst - 1) * self.seconds:
                return False
            if len(self._due) >= MOST:
                self._due.clear()
            self._due[subject] = due + self.seconds
            return True

    def forget(self) -> None:
        """Allow everything at once again."""
        with self._lock:
            self._due.clear()
