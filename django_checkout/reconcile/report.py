"""What a run found: differences, what became of each, and the report of all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from django_checkout.models import Order
from django_checkout.reconcile.kinds import NOT_JOINED, Kind


class Outcome(StrEnum):
    """What became of a difference in a run. The values are part of the report's format."""

    #: A dry run: nothing was done.
    FOUND = "found"
    #: Stripe's facts were applied, and it is gone.
    FIXED = "fixed"
    #: It is recorded as a discrepancy now, for a person.
    LISTED = "listed"
    #: It was recorded before, and has not changed.
    KNOWN = "known"
    #: A person decided to ignore it, and it has not changed since.
    IGNORED = "ignored"

    @property
    def label(self) -> str:
        """The text for people."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference: what it is about, what each side says, and what became of it."""

    kind: Kind
    #: The Stripe id, the order's reference, or the UUID of our request that it is about.
    subject: str
    #: The order's currency, or "" without an order.
    reference: str
    order_pk: int | None
    here: Mapping[str, Any]
    at_stripe: Mapping[str, Any]
    #: The UUID of the unanswered request that created Stripe's object, or "".
    answers: str = ""
    outcome: Outcome = Outcome.FOUND
    #: What ``--fix`` did at Stripe, or "".
    done: str = ""

    @classmethod
    def of(
        cls, kind: Kind, subject: str, order: Order | None, here: Mapping[str, Any], at_stripe: Mapping[str, Any]
    ) -> Difference:
        """Return a difference that has not been handled yet."""
        reference, order_pk = (order.reference, order.pk) if order else ("", None)
        here, at_stripe = dict(here), dict(at_stripe)
        return cls(kind=kind, subject=subject, reference=reference, order_pk=order_pk, here=here, at_stripe=at_stripe)

    @property
    def suggestion(self) -> str:
        """What a person can do about it."""
        return NOT_JOINED if self.at_stripe.get("differs") else self.kind.suggestion

    @property
    def is_fixed(self) -> bool:
        """Whether it is gone."""
        return self.outcome is Outcome.FIXED


@dataclass(slots=True, kw_only=True)
class Report:
    """What a run found."""

    since: datetime | None = None
    until: datetime | None = None
    #: How many objects were compared, by resource (``sessions``, ``refunds`` ...); ``unmentioned`` were read singly.
    seen: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    #: How many recorded discrepancies are gone: resolved, or, in a dry run, to be resolved.
    gone: int = 0
    #: Whether the run continued an earlier one that had stopped.
    is_resumed: bool = False
    #: False if ``limit`` stopped it; the next run with ``fix`` resumes it.
    is_complete: bool = True

    @property
    def is_clean(self) -> bool:
        """Whether every difference is fixed, or was recorded by an earlier run."""
        settled = (Outcome.FIXED, Outcome.KNOWN, Outcome.IGNORED)
        return all(difference.outcome in settled for difference in self.differences)

    def count(self, outcome: Outcome) -> int:
        """Return how many differences have this outcome."""
        return sum(difference.outcome is outcome for difference in self.differences)

    def add(self, later: Report) -> None:
        """Add the report of a following run; a difference that both runs left is reported once."""
        known = {(difference.kind, difference.subject) for difference in self.differences}
        self.differences += [
            difference
            for difference in later.differences
            if difference.is_fixed or (difference.kind, difference.subject) not in known
        ]
        self.seen += later.seen
        self.gone += later.gone
        self.until = later.until
