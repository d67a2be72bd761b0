"""Lets one worker at a time wait for events that no task of their own announces.

A process enqueues at most one task in ``tasks.PAUSE_SECONDS``. An event that it stores within that time is found by the
worker of that task, whose last look begins later than that. If another worker is waiting already, it is asked to do
this: one waits, however many processes there are. A worker that dies while it waits is asked in vain for ``LEASE``; the
next task or ``checkout_process_events`` finds the events of that time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import F, Q
from django.utils import timezone

from django_checkout.models import Observation
from django_checkout.stripe_api import observations
from django_checkout.stripe_api.observations import Kind

#: How long a waiting worker sleeps between two looks.
SLEEP_SECONDS = 0.2
#: How long a worker counts as waiting after it has written that it is.
LEASE = timedelta(seconds=5)
#: What a worker writes that waits no longer: a time that is past on every machine, whatever its clock says.
ENDED = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Waiting:
    """One worker's part in it. The row's ``last_at`` is until when a worker waits, ``count`` how often it was asked."""

    #: How much later the last look begins than the first, or than when this worker was asked to go on.
    seconds: float
    #: When the last look begins at the earliest, as ``time.monotonic`` has it; None while this worker does not wait.
    _last_look_at: float | None = None
    _written_at: float = 0
    _asked: int = 0

    def goes_on(self, looked_at: float) -> bool:
        """Sleep and return whether to look again, after a look that began at ``looked_at`` and found nothing."""
        if self._last_look_at is None:
            if _ask_another():
                return False
            self._begin()
        elif looked_at >= self._last_look_at:
            if self._end():
                return False
            self._begin()
        elif time.monotonic() - self._written_at > LEASE.total_seconds() / 5:
            self._write()
        time.sleep(SLEEP_SECONDS)
        return True

    def stop(self) -> None:
        """Wait no longer: another task looks for what this worker was asked to find."""
        if self._last_look_at is not None:
            Observation.objects.filter(kind=Kind.WAITING).update(last_at=ENDED)

    def _begin(self) -> None:
        # Whoever asked before this is served by the last look, which begins later.
        self._write(count=0)
        rows = Observation.objects.filter(kind=Kind.WAITING)
        self._asked = rows.values_list("count", flat=True).first() or 0
        self._last_look_at = time.monotonic() + self.seconds

    def _write(self, **values: int) -> None:
        until = timezone.now() + LEASE
        if not Observation.objects.filter(kind=Kind.WAITING).update(last_at=until, **values):
            observations.insert(Kind.WAITING, "", at=until)
        self._written_at = time.monotonic()

    def _end(self) -> bool:
        """End the wait, unless this worker has been asked to go on."""
        rows = Observation.objects.filter(kind=Kind.WAITING, count=self._asked)
        return bool(rows.update(last_at=ENDED))


def _ask_another() -> bool:
    """Ask the worker that is waiting to look once more; False if there is none."""
    now = timezone.now()
    # A time in the future is of a wrong clock.
    is_live = Q(last_at__gt=now, last_at__lte=now + LEASE)
    return bool(Observation.objects.filter(is_live, kind=Kind.WAITING).update(count=F("count") + 1))
