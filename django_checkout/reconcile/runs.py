"""The rows of runs: they allow one run at a time, let it be resumed, and determine where the next one begins.

The row of an active run holds a lock and a lease, which the run renews. A run that was killed on this machine is
recognized by its process; one on another machine when its lease, of at most ``LEASE_SECONDS``, has ended.
"""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Self

from django.db import IntegrityError
from django.db.models import Q
from django.utils import timezone

from django_checkout.exceptions import RunBusyError
from django_checkout.models import ReconciliationRun, database
from django_checkout.models.reconciliation import RunState

#: Longer than all attempts of one call to Stripe take.
LEASE_SECONDS = 300
#: How far back the first run begins: as far as Stripe keeps events.
FIRST_DAYS = 30
#: How far before the end of the last run the next one begins: a session is open for a day.
OVERLAP_HOURS = 48
#: How often progress is saved; a killed run loses at most this much.
SAVE_SECONDS = 1.0


@dataclass(slots=True)
class ActiveRun:
    """A run and its row. As a context manager it stops the run if it raises; the next run resumes it."""

    row: ReconciliationRun
    is_resumed: bool
    #: The lease is renewed more often than the cursor is saved, and must not delay that.
    _renewed_at: float = -math.inf
    _saved_at: float = -math.inf
    _seen_before: Counter[str] = field(init=False)

    def __post_init__(self) -> None:
        self._seen_before = Counter(self.row.seen)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error_type: type[BaseException] | None, *args: object) -> None:
        if error_type is not None:
            self.stop()

    def set_window(self, *, since: datetime | None, until: datetime | None, find_time: Callable[[], datetime]) -> None:
        """Set the run's window by Stripe's clock, unless something was compared with the window that it has.

        The end says up to when Stripe's objects were read, and our clock may be ahead of that.
        """
        if self.row.stage:
            return
        found = _window(self.row.lock or "", since, until, find_time())
        self.row.scope, self.row.since, self.row.until = found.scope, min(self.row.since, found.since), found.until

    def save_cursor(self, stage: str, cursor: str, seen: Counter[str]) -> None:
        """Set how far the run has got; it is written every ``SAVE_SECONDS``, or with the next renewal of the lease.

        Raises:
            RunBusyError: the lease had ended and another run has taken over.
        """
        self.row.stage, self.row.cursor = stage, cursor
        self._set_seen(seen)
        if self.is_due:
            self._write()
            self._saved_at = time.monotonic()

    def count(self, *, is_fixed: bool) -> None:
        """Count a difference, and renew the lease. Raises as ``save_cursor`` does."""
        if is_fixed:
            self.row.fixed += 1
        else:
            self.row.found += 1
        self.renew()

    def renew(self) -> None:
        """Renew the lease. Raises as ``save_cursor`` does."""
        if time.monotonic() - self._renewed_at >= SAVE_SECONDS:
            self._write()

    @property
    def is_due(self) -> bool:
        """Whether the cursor was saved long enough ago to be saved again."""
        return time.monotonic() - self._saved_at >= SAVE_SECONDS

    def finish(self, *, is_complete: bool, seen: Counter[str]) -> None:
        """End the run; the next one may begin."""
        state = RunState.COMPLETE if is_complete else RunState.STOPPED
        self._set_seen(seen)
        self._write(lock=None, state=state, finished_at=timezone.now())

    def stop(self) -> None:
        """End a run that raised."""
        rows = ReconciliationRun.objects.filter(pk=self.row.pk, holder=self.row.holder)
        ended = {"lock": None, "state": RunState.STOPPED, "finished_at": timezone.now()}
        rows.exclude(lock=None).update(**ended, **self._progress())

    def _set_seen(self, seen: Counter[str]) -> None:
        self.row.seen = dict(self._seen_before + seen)

    def _progress(self) -> dict[str, Any]:
        names = ("scope", "since", "until", "stage", "cursor", "seen", "found", "fixed")
        return {name: getattr(self.row, name) for name in names}

    def _write(self, **values: object) -> None:
        rows = ReconciliationRun.objects.filter(pk=self.row.pk, holder=self.row.holder).exclude(lock=None)
        leased_until = timezone.now() + timedelta(seconds=LEASE_SECONDS)
        if not rows.update(leased_until=leased_until, **self._progress(), **values):
            raise RunBusyError("Another run has taken over, because this one did not renew its lease in time.")
        self._renewed_at = time.monotonic()


def begin(
    *, scope: str, since: datetime | None, until: datetime | None, is_fixing: bool, resumes: bool, now: datetime
) -> ActiveRun:
    """Begin a run; with ``resumes`` continue a killed or stopped run of the same window, or of no window.

    Raises:
        RunBusyError: another run is active.
    """
    _end_dead_run(scope, now)
    unfinished = _unfinished(scope, since, until) if resumes else None
    if unfinished is not None and _take_over(unfinished, scope, now):
        unfinished.refresh_from_db()
        return ActiveRun(unfinished, is_resumed=True)
    window = _window(scope, since, until, now)
    row = ReconciliationRun(
        scope=window.scope,
        since=window.since,
        until=window.until,
        lock=scope,
        holder=holder(),
        leased_until=now + timedelta(seconds=LEASE_SECONDS),
        is_fixing=is_fixing,
    )
    try:
        with database.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise _busy(scope) from error
    return ActiveRun(row, is_resumed=False)


def _end_dead_run(scope: str, now: datetime) -> None:
    row = ReconciliationRun.objects.filter(lock=scope).first()
    if row is None:
        return
    # A lease far in the future was written before the clock was set back.
    is_leased = row.leased_until is not None and now < row.leased_until <= now + timedelta(seconds=2 * LEASE_SECONDS)
    if is_leased and not is_dead(row.holder):
        raise _busy(scope)
    same = ReconciliationRun.objects.filter(pk=row.pk, holder=row.holder, lock=scope, leased_until=row.leased_until)
    same.update(lock=None, state=RunState.STOPPED, finished_at=now)


def _busy(scope: str) -> RunBusyError:
    row = ReconciliationRun.objects.filter(lock=scope).first()
    since = f" since {row.started_at:%Y-%m-%d %H:%M:%S} UTC" if row else ""
    return RunBusyError(
        f"Another run is active{since}. Wait until it ends; a run that was killed no longer counts after 5 minutes."
    )


def _unfinished(scope: str, since: datetime | None, until: datetime | None) -> ReconciliationRun | None:
    """Return the last run if it can be resumed: it ran with ``fix`` and has the requested window."""
    is_given = since is not None or until is not None
    rows = ReconciliationRun.objects.filter(scope__in=(scope, f"{scope}:window") if is_given else (scope,))
    row = rows.first()
    if row is None or row.state != RunState.STOPPED or not row.is_fixing:
        return None
    return row if since in (None, row.since) and until in (None, row.until) else None


def _take_over(row: ReconciliationRun, scope: str, now: datetime) -> bool:
    try:
        with database.atomic():
            rows = ReconciliationRun.objects.filter(pk=row.pk, lock=None, state=RunState.STOPPED)
            leased_until = now + timedelta(seconds=LEASE_SECONDS)
            taken = rows.update(
                lock=scope, state=RunState.RUNNING, holder=holder(), leased_until=leased_until, finished_at=None
            )
    except IntegrityError as error:
        raise _busy(scope) from error
    return bool(taken)


class _Window(NamedTuple):
    """The columns of a run's row that say what it compares."""

    scope: str
    since: datetime
    until: datetime


def _window(scope: str, since: datetime | None, until: datetime | None, now: datetime) -> _Window:
    """Return what a run compares. The next run cannot begin at the end of one that leaves a gap or ends in the past.

    It begins at the end of the last run that had ``fix`` or found nothing: what a dry run found must be found again.
    """
    complete = ReconciliationRun.objects.filter(Q(is_fixing=True) | Q(found=0), scope=scope, state=RunState.COMPLETE)
    # Not the one with the latest end: a run whose clock was ahead has an end that it never reached.
    last = complete.order_by("-pk").values_list("until", flat=True).first()
    overlap = timedelta(hours=OVERLAP_HOURS)
    # A clock that was set back must not make the window empty.
    default = min(last, now) - overlap if last else now - timedelta(days=FIRST_DAYS)
    has_gap = since is not None and since > default + overlap
    name = f"{scope}:window" if has_gap or until is not None else scope
    return _Window(name, since or default, until or now)


def holder() -> str:
    """Return an identifier of this process: boot, process namespace, process id and start time."""
    return ":".join((*_machine(), str(os.getpid()), _started(os.getpid())))


def is_dead(name: str) -> bool:
    """Return whether the process of a holder has certainly ended; False if that is unknown."""
    machine, _, process = name.rpartition(":")[0].rpartition(":")
    started = name.rpartition(":")[2]
    if not machine or machine != ":".join(_machine()) or "unknown" in name:
        return False
    return _started(int(process)) != started


def _machine() -> tuple[str, str]:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return boot, str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return "unknown", "unknown"


def _started(pid: int) -> str:
    """Return when a process started, in ticks of the kernel; "gone" if it has ended."""
    try:
        # The program's name, in brackets, may contain anything.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return "gone" if Path("/proc/self/stat").exists() else "unknown"
    return "gone" if fields[0] in "ZX" else fields[19]
