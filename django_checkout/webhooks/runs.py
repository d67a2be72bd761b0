"""One run through pending work: what it may take, and what it did."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from django_checkout.exceptions import StripeCredentialsError, StripeUnavailableError

#: The most items of each kind that one run takes, unless another limit is given.
DEFAULT_LIMIT = 100_000

#: After this many calls in a row without an answer from Stripe, the rest of a kind is left to the next run.
UNANSWERED_CALLS = 5

Progress = Callable[[str, int], None]


@dataclass(slots=True, kw_only=True)
class Run:
    """One run: what it may take, and what it did."""

    limit: int
    now: datetime
    #: Whether failed events and notifications are taken before their next attempt is due.
    ignores_backoff: bool = False
    progress: Progress | None = None
    #: When the run stops taking events, as ``time.monotonic`` has it.
    ends_at: float = math.inf
    #: Called once if there is work for another worker.
    wake: Callable[[], None] | None = None
    #: How many of the last events in a row were not processed because Stripe did not respond.
    unanswered: int = 0
    #: Whether each order's notifications are delivered in a transaction of their own: receivers have conflicted.
    delivers_alone: bool = False
    report: Counter[str] = field(default_factory=Counter)
    #: What Stripe said if it refused the key. The work without calls goes on.
    refused_key: StripeCredentialsError | None = None

    @property
    def is_unanswered(self) -> bool:
        """Whether Stripe did not answer so often that it is not asked about further events."""
        return self.unanswered >= UNANSWERED_CALLS

    def count(self, kind: str, number: int = 1, *, failed: int = 0, error: Exception | None = None) -> None:
        """Add attempted items of a kind to the report; ``error`` is why ``failed`` of them were not processed."""
        self.report[kind] += number
        if failed:
            self.report[f"{kind}_failed"] += failed
        if isinstance(error, StripeUnavailableError):
            self.report[f"{kind}_unanswered"] += failed
        elif isinstance(error, StripeCredentialsError) and error.is_revoked:
            self.refused_key = error
        if self.progress is not None and number:
            self.progress(kind.replace("_", " "), self.report[kind])
