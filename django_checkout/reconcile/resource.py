"""The base class of what reconciliation knows about one type of Stripe object."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.utils import timezone

from django_checkout.exceptions import StripeNotFoundError, UnknownFactError
from django_checkout.models import Order
from django_checkout.reconcile import reads
from django_checkout.reconcile.kinds import Kind
from django_checkout.reconcile.listed_ids import ListedIds
from django_checkout.reconcile.reads import with_retries
from django_checkout.reconcile.report import Difference
from django_checkout.services.syncing import apply_facts
from django_checkout.values import Fact

Json = Mapping[str, Any]
Page = Sequence[dict[str, Any]]

#: No delayed method keeps a shop waiting longer than this; bank debits take up to two weeks.
STUCK_AFTER_DAYS = 21


@dataclass(frozen=True, slots=True)
class Window:
    """The time of creation that a run compares."""

    since: datetime
    #: None compares everything since; our clock, which may be behind Stripe's, does not decide what is left out.
    until: datetime | None = None

    def extended(self, days: int) -> Window:
        """Return the window with an earlier beginning."""
        return Window(self.since - timedelta(days=days), self.until)

    @property
    def created(self) -> dict[str, int]:
        """The ``created`` parameter of Stripe's lists."""
        until = {} if self.until is None else {"lte": int(self.until.timestamp())}
        return {"gte": int(self.since.timestamp()), **until}

    @property
    def rows(self) -> Q:
        """The condition on our rows."""
        return Q(created_at__gte=self.since) & self.until_rows

    @property
    def until_rows(self) -> Q:
        """The condition that our rows are not later."""
        return Q() if self.until is None else Q(created_at__lte=self.until)


class Resource(ABC):
    """One type of Stripe object: how to list, compare and fix it, and what to do with rows that no list contains."""

    #: What reports and ``ReconciliationRun.stage`` call it.
    name: ClassVar[str]
    #: The prefix of its event types, by which ``gateway.retrieve_object`` reads one object.
    object_type: ClassVar[str]
    path: ClassVar[str] = ""
    #: The prefixes of its ids.
    prefixes: ClassVar[tuple[str, ...]]
    #: The kinds of differences that no other resource finds.
    kinds: ClassVar[tuple[Kind, ...]] = ()
    #: How many days after its creation an object may still change.
    settling_days: ClassVar[int] = 0
    #: Whether ``compare`` itself makes storable what it stores or looks up.
    compares_raw: ClassVar[bool] = False
    #: The columns with the object's id and creation time.
    id_field: ClassVar[str] = "stripe_id"
    created_field: ClassVar[str] = "created_at"

    def is_used(self) -> bool:
        """Return whether the site has any such objects to compare."""
        return True

    def filters(self, window: Window) -> dict[str, Any]:
        """Return the parameters of Stripe's list."""
        return {"created": window.extended(self.settling_days).created}

    @abstractmethod
    def compare(self, page: Page) -> Iterator[Difference]:
        """Yield what differs on a page of Stripe's list; nothing is written, and objects of others are ignored."""

    def fix(self, subject: str) -> Difference | None:
        """Read an object, apply what Stripe says, and return what still differs. Must run outside transactions."""
        data = self.retrieve(subject)
        fact = self.read(data)
        if fact is not None:
            with_retries(partial(apply_facts, [fact]))
        return next(self.compare([data]), None)

    def read(self, data: Json) -> Fact | None:
        """Return the fact that ``fix`` applies; None where the object is not one of ours."""
        return None

    def retrieve(self, stripe_id: str) -> dict[str, Any]:
        """Read one object. Raises ``StripeNotFoundError``."""
        return reads.retrieve(self.object_type, stripe_id)

    def recheck(self, subject: str) -> Iterator[Difference]:
        """Read an object and yield what differs now. Raises ``StripeNotFoundError``."""
        return self.compare([self.retrieve(subject)])

    def pages_of_order(self, order: Order) -> Iterator[Page]:
        """Yield what Stripe has for one order."""
        return iter(())

    def rows(self, window: Window) -> QuerySet[Any] | None:
        """Return our rows that Stripe's list of a window should contain."""
        return None

    def rows_before(self, window: Window, now: datetime) -> QuerySet[Any] | None:
        """Return our rows from before the window that may still change."""
        return None

    def rows_of_order(self, order: Order) -> QuerySet[Any] | None:
        """Return our rows that ``pages_of_order`` should contain."""
        return None

    def compare_unlisted(
        self,
        rows: QuerySet[Any] | None,
        listed: ListedIds,
        *,
        above: datetime | None = None,
        up_to: datetime | None = None,
    ) -> Iterator[Difference]:
        """Read each of our rows, created within bounds, that no list contained, and yield what differs."""
        if rows is None:
            return
        bounds = {f"{self.created_field}__gt": above, f"{self.created_field}__lte": up_to}
        rows = rows.filter(**{name: bound for name, bound in bounds.items() if bound is not None})
        ids = rows.exclude(**{self.id_field: None}).order_by().values_list(self.id_field, flat=True)
        for stripe_id in ids.iterator(chunk_size=2000):
            if stripe_id in listed:
                continue
            listed.on_unlisted()
            try:
                data = self.retrieve(stripe_id)
            except StripeNotFoundError:
                yield from self.unknown_at_stripe(stripe_id, listed)
            else:
                listed.unknown_in_a_row = 0
                yield from self.compare([data])

    def unknown_at_stripe(self, stripe_id: str, listed: ListedIds) -> Iterator[Difference]:
        """Yield the difference of a row whose id Stripe does not know."""
        return iter(())


def compare_understood(
    compare: Callable[[Any, Json, Order], Difference | None], row: Any, data: Json, order: Order
) -> Iterator[Difference]:
    """Yield how a row differs; a status that this version does not know is a difference, and does not end the run."""
    try:
        difference = compare(row, data, order)
    except UnknownFactError as error:
        at_stripe = {"status": data.get("status"), "problem": error.code}
        here = {"status": row.status if row else None}
        difference = Difference.of(Kind.NOT_UNDERSTOOD, str(data.get("id")), order, here, at_stripe)
    if difference is not None:
        yield difference


def is_stuck(since: datetime) -> bool:
    """Return whether something has been processing for longer than Stripe ever takes."""
    return since < timezone.now() - timedelta(days=STUCK_AFTER_DAYS)
