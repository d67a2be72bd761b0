"""Whether webhooks arrive and are processed: one judgement for the health view, the dashboard's tile and the doctor.

Silence alone is not a fault: a site that sells nothing receives nothing. Silence after a session was completed is.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import Max
from django.utils import timezone

from django_checkout.conf import conf
from django_checkout.ledger import announcements
from django_checkout.models import CheckoutSession, WebhookEvent
from django_checkout.models.events import EventState

#: An event that waits for longer is stuck: the task worker or the sweep does not run.
STUCK_SECONDS = 600
#: A session's events arrive within this time of its completion; it may be known before them from the return page.
ARRIVAL_SECONDS = 60
#: Events of the session before may be this much older than its completion.
SLACK_SECONDS = 300
#: Completed sessions that are older say nothing about the webhooks of today; nor do those whose events are deleted.
WINDOW_DAYS = 7


class Reason(StrEnum):
    """Why webhooks need attention."""

    FAILED = "events_failed"
    STUCK = "events_stuck"
    PENDING = "notifications_pending"
    SILENT = "webhooks_silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How deliveries fare: ages in seconds and counts; no ids, no secrets."""

    reasons: tuple[Reason, ...]
    last_event_seconds: int | None
    oldest_waiting_seconds: int | None
    events_waiting: int
    events_failed: int
    announcements_pending: int

    @property
    def ok(self) -> bool:
        """Whether nothing needs attention."""
        return not self.reasons


def read(*, now: datetime | None = None) -> Health:
    """Return how webhooks fare right now, in six queries."""
    now = now or timezone.now()
    events = WebhookEvent.objects
    waiting = events.filter(state__in=(EventState.RECEIVED, EventState.PROCESSING))
    last = events.order_by("-pk").values_list("received_at", flat=True).first()
    oldest = waiting.order_by("pk").values_list("received_at", flat=True).first()
    failed = events.filter(state=EventState.FAILED).count()
    pending = announcements.pressing(now).count()
    return Health(
        reasons=judge(
            now, last_event_at=last, oldest_waiting_at=oldest, failed=failed, pending=pending, sold_at=_last_sale(now)
        ),
        last_event_seconds=None if last is None else int((now - last).total_seconds()),
        oldest_waiting_seconds=None if oldest is None else int((now - oldest).total_seconds()),
        events_waiting=waiting.count(),
        events_failed=failed,
        announcements_pending=pending,
    )


def report(*, now: datetime | None = None) -> dict[str, Any]:
    """Return how webhooks fare as plain values, for monitors and the API."""
    found = read(now=now)
    return {"ok": found.ok, **asdict(found)}


def judge(
    now: datetime,
    *,
    last_event_at: datetime | None,
    oldest_waiting_at: datetime | None,
    failed: int,
    pending: int,
    sold_at: datetime | None,
) -> tuple[Reason, ...]:
    """Return why webhooks need attention; pure. ``sold_at`` is when the latest session was completed."""
    stuck = oldest_waiting_at is not None and now - oldest_waiting_at >= timedelta(seconds=STUCK_SECONDS)
    silent = (
        sold_at is not None
        and now - sold_at >= timedelta(seconds=ARRIVAL_SECONDS)
        and (last_event_at is None or sold_at - last_event_at > timedelta(seconds=SLACK_SECONDS))
    )
    found = {Reason.FAILED: failed > 0, Reason.STUCK: stuck, Reason.PENDING: pending > 0, Reason.SILENT: silent}
    return tuple(reason for reason, holds in found.items() if holds)


def _last_sale(now: datetime) -> datetime | None:
    """Return when the latest session was completed, of the mode of our key where there is one."""
    days = min(WINDOW_DAYS, conf.find("CHECKOUT_EVENT_RETENTION_DAYS") or WINDOW_DAYS)
    sessions = CheckoutSession.objects.filter(created_at__gte=now - timedelta(days=days), completed_at__lte=now)
    livemode = conf.find("livemode")
    if livemode is not None:
        sessions = sessions.filter(livemode=livemode)
    found: datetime | None = sessions.aggregate(at=Max("completed_at"))["at"]
    return found
