"""The diary of runs: one at a time, resumable where a run was killed or stopped, and where the next one begins.

The row of a running run holds a lock, and a lease that is renewed as it goes on. A run that was killed on this machine
is recognised by its process; one on another machine when its lease, at most ``LEASE_SECONDS`` old, is over.
"""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import IntegrityError
from django.db.models import Q
from django.utils import timezone

from django_checkout import database
from django_checkout.exceptions import RunBusyError
from django_checkout.models import ReconciliationRun
from django_checkout.models.payouts import RunState

#: Longer than all tries of one call to Stripe take.
LEASE_SECONDS = 300
#: Where the first run begins: as far back as Stripe keeps events.
FIRST_DAYS = 30
#: How far a run looks back beyond the last one's end: a session lives for a day.
OVERLAP_HOURS = 48
#: So much of its progress a killed run may lose.
NOTE_SECONDS = 1.0


@dataclass(slots=True)
class Entry:
    """The diary entry of a run that is going on."""

    row: ReconciliationRun
    is_resumed: bool
    #: The lease is kept more often than the cursor moves, and must not put that off.
    _written_at: float = -math.inf
    _noted_at: float = -math.inf
    _seen_before: Counter[str] = field(init=False)

    def __post_init__(self) -> None:
        self._seen_before = Counter(self.row.seen)

    def note(self, stage: str, cursor: str, seen: Counter[str]) -> None:
        """Note how far the run has got, and keep the lease; written every ``NOTE_SECONDS``, or with the next lease.

        Raises:
            RunBusyError: the lease was over and another run has taken over.
        """
        self.row.stage, self.row.cursor = stage, cursor
        self._count(seen)
        if self.is_due:
            self._write()
            self._noted_at = time.monotonic()

    def count(self, is_mended: bool) -> None:
        """Count a difference, and keep the lease. Raises as ``note`` does."""
        if is_mended:
            self.row.mended += 1
        else:
            self.row.found += 1
        self.renew()

    def renew(self) -> None:
        """Keep the lease. Raises as ``note`` does."""
        if time.monotonic() - self._written_at >= NOTE_SECONDS:
            self._write()

    @property
    def is_due(self) -> bool:
        """Whether it was noted long enough ago how far the run has got to note it again."""
        return time.monotonic() - self._noted_at >= NOTE_SECONDS

    def finish(self, *, is_complete: bool, seen: Counter[str]) -> None:
        """Close the entry and let the next run begin."""
        state = RunState.COMPLETE if is_complete else RunState.STOPPED
        self._count(seen)
        self._write(lock=None, state=state, finished_at=timezone.now())

    def stop(self) -> None:
        """Close the entry of a run that raised; the next one goes on where it stopped."""
        rows = ReconciliationRun.objects.filter(pk=self.row.pk, holder=self.row.holder)
        ended = {"lock": None, "state": RunState.STOPPED, "finished_at": timezone.now()}
        rows.exclude(lock=None).update(**ended, **self._progress())

    def _count(self, seen: Counter[str]) -> None:
        self.row.seen = dict(self._seen_before + seen)

    def _progress(self) -> dict[str, Any]:
        return {name: getattr(self.row, name) for name in ("stage", "cursor", "seen", "found", "mended")}

    def _write(self, **values: object) -> None:
        rows = ReconciliationRun.objects.filter(pk=self.row.pk, holder=self.row.holder).exclude(lock=None)
        leased_until = timezone.now() + timedelta(seconds=LEASE_SECONDS)
        if not rows.update(leased_until=leased_until, **self._progress(), **values):
            raise RunBusyError("Another run has taken over, because this one had not been heard of for too long.")
        self._written_at = time.monotonic()


def begin(
    *, scope: str, since: datetime | None, until: datetime | None, is_fixing: bool, resumes: bool, now: datetime
) -> Entry:
    """Open an entry; with ``resumes`` go on where a run of the same window, or of none given, was killed or stopped.

    Raises:
        RunBusyError: another run is going on.
    """
    _end_dead_run(scope, now)
    unfinished = _unfinished(scope, since, until) if resumes else None
    if unfinished is not None and _take(unfinished, scope, now):
        unfinished.refresh_from_db()
        return Entry(unfinished, is_resumed=True)
    start, has_gap = _start(scope, since, now)
    row = ReconciliationRun(
        # A window that leaves a gap, or ends in the past, tells the next run nothing.
        scope=f"{scope}:window" if has_gap or until is not None else scope,
        lock=scope,
        holder=holder(),
        leased_until=now + timedelta(seconds=LEASE_SECONDS),
        is_fixing=is_fixing,
        since=start,
        until=until or now,
    )
    try:
        with database.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise _busy(scope) from error
    return Entry(row, is_resumed=False)


def _end_dead_run(scope: str, now: datetime) -> None:
    row = ReconciliationRun.objects.filter(lock=scope).first()
    if row is None:
        return
    # A lease far in the future was written by a clock that has been moved back since.
    is_leased = row.leased_until is not None and now < row.leased_until <= now + timedelta(seconds=2 * LEASE_SECONDS)
    if is_leased and not is_dead(row.holder):
        raise _busy(scope)
    same = ReconciliationRun.objects.filter(pk=row.pk, holder=row.holder, lock=scope, leased_until=row.leased_until)
    same.update(lock=None, state=RunState.STOPPED, finished_at=now)


def _busy(scope: str) -> RunBusyError:
    row = ReconciliationRun.objects.filter(lock=scope).first()
    since = f" since {row.started_at:%Y-%m-%d %H:%M:%S} UTC" if row else ""
    return RunBusyError(
        f"Another run is going on{since}. It can be waited for; a killed one is forgotten in 5 minutes."
    )


def _unfinished(scope: str, since: datetime | None, until: datetime | None) -> ReconciliationRun | None:
    """Return the last run if it can be gone on with: it was mending, and is of the window that is wanted now."""
    is_given = since is not None or until is not None
    rows = ReconciliationRun.objects.filter(scope__in=(scope, f"{scope}:window") if is_given else (scope,))
    row = rows.first()
    if row is None or row.state != RunState.STOPPED or not row.is_fixing:
        return None
    return row if since in (None, row.since) and until in (None, row.until) else None


def _take(row: ReconciliationRun, scope: str, now: datetime) -> bool:
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


def _start(scope: str, since: datetime | None, now: datetime) -> tuple[datetime, bool]:
    """Return where a run begins, and whether that leaves a gap after the last one.

    Only a run that mended, or had nothing to mend, is built upon: what a dry run found is found again.
    """
    complete = ReconciliationRun.objects.filter(Q(is_fixing=True) | Q(found=0), scope=scope, state=RunState.COMPLETE)
    last = complete.order_by("-until").values_list("until", flat=True).first()
    overlap = timedelta(hours=OVERLAP_HOURS)
    # A clock that was moved back must not make the window empty.
    default = min(last, now) - overlap if last else now - timedelta(days=FIRST_DAYS)
    if since is None:
        return default, False
    return since, since > default + overlap


def holder() -> str:
    """Return what names this process on this machine: boot, process namespace, process, and when it started."""
    return ":".join((*_machine(), str(os.getpid()), _started(os.getpid())))


def is_dead(name: str) -> bool:
    """Return whether the process that a holder names has certainly ended; False where that cannot be known."""
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
    """Return when a process started, in the kernel's ticks; "gone" if there is none."""
    try:
        # The name of the program, in brackets, may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return "gone" if Path("/proc/self/stat").exists() else "unknown"
    return "gone" if fields[0] in "ZX" else fields[19]
