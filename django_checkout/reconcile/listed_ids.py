"""Remembers which ids one of Stripe's lists contained, in little memory."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any


class ListedIds:
    """The ids that a list contained, in 24 bytes each."""

    def __init__(self, on_unlisted: Callable[[], None] = lambda: None) -> None:
        #: Called for each of our rows that is not listed and has to be read singly.
        self.on_unlisted = on_unlisted
        #: How many consecutive rows Stripe does not know.
        self.unknown_in_a_row = 0
        # In the list's order, newest first; and sorted, once they are looked up.
        self._created = array("q")
        self._fingerprints = array("q")
        self._sorted: array[int] | None = None

    def add(self, page: Iterable[Mapping[str, Any]]) -> None:
        """Remember the objects of a page."""
        for data in page:
            self._created.append(data.get("created") or 0)
            self._fingerprints.append(hash(data["id"]))
        self._sorted = None

    def forget(self, after: datetime) -> None:
        """Forget what Stripe created after an instant, once all of our rows of that time have been compared."""
        instant = after.timestamp()
        number = next((n for n, created in enumerate(self._created) if created <= instant), len(self._created))
        del self._created[:number], self._fingerprints[:number]
        self._sorted = None

    def __contains__(self, stripe_id: object) -> bool:
        if self._sorted is None:
            self._sorted = array("q", sorted(self._fingerprints))
        fingerprint = hash(stripe_id)
        at = bisect_left(self._sorted, fingerprint)
        return at < len(self._sorted) and self._sorted[at] == fingerprint
