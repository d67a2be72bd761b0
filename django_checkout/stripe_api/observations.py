"""Records what is seen of the connection with Stripe, for the alerts: one row per kind and subject.

Recording is never the reason why a request fails: an error of the database is logged. Inside a transaction a row is
written after the commit, so that no lock is held; it is lost on rollback.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import Error, IntegrityError
from django.db.models import F, Q
from django.utils import timezone

from django_checkout.exceptions import (
    StripeAnswerError,
    StripeCredentialsError,
    StripeError,
    StripeRefusedError,
    StripeUnavailableError,
)
from django_checkout.models import Observation, database

logger = logging.getLogger("django_checkout")


class Kind(StrEnum):
    """What is observed. The first proof to the contrary deletes the row of a problem."""

    #: A delivery verified; the subject is the secret's fingerprint, the detail the event's API version.
    DELIVERED = "delivered"
    #: A delivery about one of our sessions verified.
    SESSION_EVENT = "session_event"
    #: A delivery about one of our sessions or payments has another signature.
    REFUSED = "deliveries_refused"
    #: A delivery is signed with a secret of ours, but its time is too far from ours.
    LATE = "deliveries_late"
    #: A verified event has the other mode than the key.
    OTHER_MODE = "deliveries_other_mode"
    #: Stripe responded with 401.
    KEY_REFUSED = "key_refused"
    #: Stripe responded with 403; the subject is a resource, and "read" or "write".
    FORBIDDEN = "permission_missing"
    #: Stripe did not respond, or with 5xx.
    SILENT = "stripe_silent"
    #: An endpoint at Stripe is disabled.
    DISABLED = "endpoint_disabled"
    #: An endpoint that was created here; the subject is its id, the detail the fingerprint of its secret.
    ENDPOINT = "endpoint"
    #: When the database last accepted a write of ``check_writable``.
    WRITTEN = "written"
    #: An alert; the subject is its reason.
    ALERT = "alert"
    #: When the newest evaluation of the alerts began.
    EVALUATED = "evaluated"
    #: When the newest look at the endpoints at Stripe began.
    LOOKED = "looked"
    #: Until when a worker waits for events, and how often it was asked to go on; see ``webhooks.waiting``.
    WAITING = "waiting"


#: The first observations of a row are counted exactly; after these, at most one in ``PAUSE`` is.
EXACT = 10
PAUSE = timedelta(seconds=5)
#: No reading takes this long; a time so far in the future is of a wrong clock.
CLOCK_SLACK = timedelta(minutes=5)


def observe(kind: Kind, subject: str = "", *, detail: str = "") -> None:
    """Record that something was seen, and count it."""
    _after_commit(lambda: _observe(kind, subject[:255], detail[:255]))


def forget(kinds: Collection[Kind], *, where: Callable[[Observation], bool] = lambda row: True) -> None:
    """Delete rows of some kinds, because the opposite was proven: one query if there are none."""

    def work() -> None:
        delete([row.pk for row in Observation.objects.filter(kind__in=kinds) if where(row)])

    _after_commit(work)


def record_answer(permission: str) -> None:
    """Record that Stripe accepted the key, and its permission for a call."""
    calls = (Kind.SILENT, Kind.KEY_REFUSED, Kind.FORBIDDEN)
    forget(calls, where=lambda row: row.kind != Kind.FORBIDDEN or row.subject == permission)


def record_error(error: StripeError, permission: str) -> None:
    """Record that Stripe refused the key, or did not respond; what else it refuses is an answer."""
    if isinstance(error, StripeCredentialsError):
        forget((Kind.SILENT,) if error.is_revoked else (Kind.SILENT, Kind.KEY_REFUSED))
        observe(Kind.KEY_REFUSED) if error.is_revoked else observe(Kind.FORBIDDEN, permission)
    elif isinstance(error, StripeRefusedError):
        record_answer(permission)
    elif isinstance(error, StripeUnavailableError) and _is_silent(error):
        observe(Kind.SILENT)


def _is_silent(error: StripeUnavailableError) -> bool:
    """Whether a call was made, and Stripe did not respond, or with 5xx or something other than its JSON."""
    if isinstance(error, StripeAnswerError):
        return True
    # Without a cause the call was not made, or the caller stopped waiting.
    return error.__cause__ is not None and error.answered_status not in (409, 429) and not error.is_replayed


def check_writable() -> None:
    """Write a row, at most once in ``PAUSE``.

    Raises:
        DatabaseError: the database refuses writes, for example because its file system is full.
    """
    rows, now = Observation.objects.filter(kind=Kind.WRITTEN), timezone.now()
    row = rows.first()
    if row is None:
        insert(Kind.WRITTEN, "")
    elif abs(now - row.last_at) >= PAUSE:
        rows.update(last_at=now)


def supersede(kind: Kind, *, began_at: datetime) -> bool:
    """Record when something was read; False if something that was read later is recorded already.

    Inside a transaction, what was read can then be written: the row is locked, so that an older reading cannot be
    written after a newer one. A time in the future, from a machine whose clock is wrong, is replaced.
    """
    rows = Observation.objects.filter(kind=kind)
    is_older = Q(last_at__lte=began_at) | Q(last_at__gt=began_at + CLOCK_SLACK)
    if rows.filter(is_older).update(last_at=began_at):
        return True
    return not rows.exists() and insert(kind, "", at=began_at)


def delete(pks: Collection[int]) -> None:
    """Delete rows by their primary keys, if there are any."""
    if pks:
        Observation.objects.filter(pk__in=pks).delete()


@contextmanager
def best_effort() -> Iterator[None]:
    """Log an error of the database instead of raising it."""
    try:
        yield
    except Error as error:
        logger.warning("observation_failed error=%s", type(error).__name__)


def insert(kind: Kind, subject: str, *, detail: str = "", at: datetime | None = None) -> bool:
    """Insert a row now; False if it exists. ``at`` is when it was observed, by default now."""
    now = at or timezone.now()
    try:
        with database.atomic():
            Observation.objects.create(kind=kind, subject=subject, detail=detail, first_at=now, last_at=now)
    except IntegrityError:
        return False
    return True


def _observe(kind: Kind, subject: str, detail: str) -> None:
    rows, now = Observation.objects.filter(kind=kind, subject=subject), timezone.now()
    row = rows.first()
    if row is None and insert(kind, subject, detail=detail):
        return
    row = row or rows.first()
    if row is not None and (row.count < EXACT or now - row.last_at >= PAUSE or row.detail != detail):
        rows.update(count=F("count") + 1, last_at=now, detail=detail)


def _after_commit(work: Callable[[], None]) -> None:
    def attempt() -> None:
        with best_effort():
            work()

    if database.is_in_transaction():
        database.on_commit(attempt)
    else:
        attempt()
