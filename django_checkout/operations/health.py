"""Reads what the alerts are about, in a fixed number of queries and without calling Stripe.

Nothing is counted beyond ``alerts.MAX_COUNT`` rows, and an index serves each query, so that a backlog does not slow
the answer down.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import Error
from django.db.models import QuerySet
from django.utils import timezone

from django_checkout import ledger, thresholds
from django_checkout.conf import conf
from django_checkout.exceptions import UNANSWERED_CODES, is_schema_missing
from django_checkout.ledger import announcements
from django_checkout.models import (
    Announcement,
    AttentionItem,
    CheckoutSession,
    Observation,
    Order,
    WebhookEvent,
    database,
    sites,
)
from django_checkout.models.announcements import AnnouncementState
from django_checkout.models.events import EventState
from django_checkout.operations import alert_log, silence
from django_checkout.operations.alerts import MAX_COUNT, Alert, Reason, Seen, find_alerts
from django_checkout.states import SessionStatus
from django_checkout.stripe_api import observations
from django_checkout.stripe_api.observations import Kind
from django_checkout.webhooks import inbox, pending_work

logger = logging.getLogger("django_checkout")

#: The reasons that only what was seen of deliveries and calls gives.
OBSERVED: Mapping[Kind, Reason] = {
    kind: Reason(kind.value)
    for kind in (
        *(Kind.REFUSED, Kind.LATE, Kind.OTHER_MODE, Kind.DISABLED),
        *(Kind.KEY_REFUSED, Kind.FORBIDDEN, Kind.SILENT),
    )
}
#: Deliveries that were refused or ignored are forgotten this long after the last one.
FORGOTTEN = timedelta(days=7)
_FORGOTTEN_KINDS = (Kind.REFUSED, Kind.LATE, Kind.OTHER_MODE)
#: An event that fails because Stripe does not respond is retried for this long before it counts.
RETRIED_FOR = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The alerts, and the state of webhooks as ages in seconds and counts, without ids or secrets.

    While the database cannot be read, ages and counts are None.
    """

    alerts: tuple[Alert, ...]
    last_event_seconds: int | None = None
    oldest_waiting_seconds: int | None = None
    #: Counted up to ``alerts.MAX_COUNT``, as the next two are.
    events_waiting: int | None = None
    events_failed: int | None = None
    announcements_pending: int | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing needs attention."""
        return not self.alerts

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The reasons of the alerts."""
        return tuple(alert.reason for alert in self.alerts)

    @property
    def numbers(self) -> dict[str, int]:
        """The number of problems of each alert, counted up to ``alerts.MAX_COUNT``."""
        return {alert.reason.value: alert.number for alert in self.alerts}

    @property
    def is_complete(self) -> bool:
        """Whether the database could be read, so that there are no other alerts than these."""
        return self.events_waiting is not None

    def with_error(self, error: Error) -> Health:
        """Return a copy with the alert that an error of the database raises."""
        reason = Reason.MIGRATIONS if is_schema_missing(error) else Reason.DATABASE
        if reason in self.reasons:
            return self
        logger.error("health_failed error=%s reason=%s", type(error).__name__, reason)
        return replace(self, alerts=(Alert(reason=reason, number=1), *self.alerts))


def read(*, now: datetime | None = None) -> Health:
    """Return the alerts and the state of webhooks.

    Raises:
        Error: the database does not respond, or lacks a table or a column.
    """
    database.check_schema()
    now = now or timezone.now()
    events = WebhookEvent.objects
    last = events.order_by("-pk").values_list("received_at", flat=True).first()
    waiting = [events.filter(state=state) for state in (EventState.RECEIVED, EventState.PROCESSING)]
    oldest = min(filter(None, (_oldest(rows, "received_at") for rows in waiting)), default=None)
    events_waiting = min(sum(count(rows, "received_at") for rows in waiting) if oldest else 0, MAX_COUNT)
    failures = events.filter(state=EventState.FAILED).order_by("received_at")
    failed = list(failures.values_list("error_code", "received_at")[:MAX_COUNT])
    pending, pending_elsewhere = _pending_notifications(now)
    rows = list(Observation.objects.filter(kind__in=(*OBSERVED, Kind.SESSION_EVENT)))
    is_queue = conf.find("CHECKOUT_PROCESS_EVENTS") == "task"
    seen = {
        Reason.FAILED: _failed_events(failed, now),
        Reason.STUCK: Seen(number=events_waiting, since=oldest),
        Reason.QUEUE: Seen(number=events_waiting if is_queue else 0, since=oldest),
        Reason.PENDING: Seen(number=pending),
        Reason.SILENT: silence.silent_sessions(rows, now),
        Reason.REFUNDS: _unconfirmed_refunds(),
        Reason.OTHER_SITE: Seen(number=min(_sessions_elsewhere(now) + pending_elsewhere, MAX_COUNT)),
        Reason.BASE_URLS: _other_base_urls(now),
        Reason.ATTENTION: _attention(),
        **_observed(rows, now),
    }
    return Health(
        alerts=find_alerts(seen, conf.find("CHECKOUT_ALERTS") or thresholds.DEFAULTS, now=now),
        last_event_seconds=None if last is None else int((now - last).total_seconds()),
        oldest_waiting_seconds=None if oldest is None else int((now - oldest).total_seconds()),
        events_waiting=events_waiting,
        events_failed=len(failed),
        announcements_pending=pending,
    )


def evaluate(*, now: datetime | None = None) -> Health:
    """Return what ``read`` does; if the database cannot be read, only the alert about it."""
    try:
        return read(now=now)
    except Error as error:
        return Health(alerts=()).with_error(error)


def report(*, now: datetime | None = None) -> dict[str, Any]:
    """Return the alerts and the state of webhooks as plain values, for monitoring; log alerts that begin or end.

    It has the same members whatever is wrong. It writes, so that a database that refuses writes is noticed.
    """
    now = now or timezone.now()
    found = evaluate(now=now)
    try:
        alert_log.update(found.alerts, at=now, is_complete=found.is_complete)
    except Error as error:
        found = found.with_error(error)
        alert_log.log_unstored(found.alerts)
    return {"ok": found.ok, "reasons": found.reasons, **asdict(found), "alerts": found.numbers}


def count(rows: QuerySet[Any], *order: str) -> int:
    """Return the number of rows, or ``alerts.MAX_COUNT`` if there are more.

    ``order`` is the order of the index to read: without it, a database that expects many rows reads the table.
    """
    return rows.order_by(*order)[:MAX_COUNT].count()


def _failed_events(failed: Collection[tuple[str, datetime]], now: datetime) -> Seen:
    """Return the failed events, without those that the next attempts are likely to process."""
    return Seen(number=sum(code not in UNANSWERED_CODES or now - at >= RETRIED_FOR for code, at in failed))


def _oldest(rows: QuerySet[Any], column: str) -> datetime | None:
    found: datetime | None = rows.order_by(column).values_list(column, flat=True).first()
    return found


def _observed(rows: Collection[Observation], now: datetime) -> dict[Reason, Seen]:
    """Return what was seen of deliveries and calls; of several subjects, such as permissions, their number."""
    # A site without traffic gets no delivery that ends the alert, and whoever knows the id of a session can begin one.
    rows = [row for row in rows if row.kind not in _FORGOTTEN_KINDS or now - row.last_at < FORGOTTEN]
    return {
        reason: Seen(
            number=sum(row.count for row in found) if is_counted else len(found),
            is_minimum=is_counted and any(row.count >= observations.EXACT for row in found),
            since=min((row.first_at for row in found), default=None),
            # No call since is no proof that Stripe still does not respond.
            until=max((row.last_at for row in found), default=None) if kind is Kind.SILENT else None,
        )
        for kind, reason in OBSERVED.items()
        for found in [[row for row in rows if row.kind == kind]]
        for is_counted in [kind not in (Kind.FORBIDDEN, Kind.DISABLED)]
    }


def _unconfirmed_refunds() -> Seen:
    requested = pending_work.unanswered_refunds().order_by("-pk").values_list("created_at", flat=True)
    return _seen_of(requested[:MAX_COUNT])


def _other_base_urls(now: datetime) -> Seen:
    """Return the events that another process has ignored, and the sessions that it has started."""
    # Their next attempt was due when they were ignored.
    ignored = inbox.ignored_elsewhere().order_by("received_at").values_list("next_attempt_at", flat=True)
    return _seen_of([*ignored[:MAX_COUNT], *_started_elsewhere(now)])


def _started_elsewhere(now: datetime) -> list[datetime]:
    """Return when another process started sessions in this database, of the latest ones of a week.

    In a copy of the database, the sessions of the original are older than its own.
    """
    rows = CheckoutSession.objects.filter(created_at__gt=now - FORGOTTEN).order_by("-created_at")
    latest, own = list(rows.values_list("site_url", "created_at")[:MAX_COUNT]), {*filter(None, sites.own_urls())}
    oldest_own = max((place for place, (url, _) in enumerate(latest) if url in own), default=0)
    return [at for url, at in latest[:oldest_own] if url and url not in own]


def _seen_of(instants: Iterable[datetime | None]) -> Seen:
    """Return the number of some instants, and the first of them."""
    found = list(instants)
    return Seen(number=min(len(found), MAX_COUNT), since=min(filter(None, found), default=None))


def _attention() -> Seen:
    """Return the unresolved reasons for attention of this site's orders; the orders are read by their keys."""
    unresolved = AttentionItem.objects.filter(resolved_at=None).order_by("raised_at")
    raised = list(unresolved.values_list("order_id", "raised_at")[:MAX_COUNT])
    own = _own_orders({pk for pk, _ in raised})
    since = [at for pk, at in raised if pk in own]
    return Seen(number=len(since), since=min(since, default=None))


def _own_orders(pks: Collection[int]) -> dict[int, Order]:
    """Return which of the orders are this site's, with their status."""
    return Order.objects.filter(sites.own()).only("status").in_bulk(pks) if pks else {}


def _pending_notifications(now: datetime) -> tuple[int, int]:
    """Return how many notifications are stuck, and how many are pending that another installation has to deliver.

    The orders are read by their keys: a database that joins them may read all of them instead of the index.
    """
    stuck, pending = (
        list(rows.order_by("signal", "next_attempt_at").values_list("order_id", "signal")[:MAX_COUNT])
        for rows in (
            announcements.stuck_on_any_site(now),
            Announcement.objects.filter(state=AnnouncementState.PENDING),
        )
    )
    own = _own_orders({pk for pk, _ in (*stuck, *pending)})
    stuck = [(pk, signal) for pk, signal in stuck if pk in own and not ledger.is_superseded(own[pk], signal)]
    return len(stuck), sum(pk not in own for pk, _ in pending)


def _sessions_elsewhere(now: datetime) -> int:
    """Return how many open sessions another installation has to finish."""
    live = CheckoutSession.objects.filter(status=SessionStatus.OPEN, expires_at__gt=now).order_by("-expires_at")
    # A slice of an index: a copy has no newer sessions of its own, or few.
    own = set(sites.own_urls())
    return sum(site_url not in own for site_url in live.values_list("site_url", flat=True)[:MAX_COUNT])
