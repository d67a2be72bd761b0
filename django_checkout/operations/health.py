"""Whether webhooks arrive and are processed; the health view, the dashboard and the doctor share this rule.

A site that sells nothing receives no events, so their absence is a problem only after a session was completed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_checkout.conf import conf
from django_checkout.ledger import announcements
from django_checkout.models import CheckoutSession, WebhookEvent
from django_checkout.models.events import EventState
from django_checkout.states import Labeled

#: An event that is unprocessed for longer is stuck: the task worker or checkout_process_events does not run.
STUCK_SECONDS = 600
#: A session's events arrive within this time of its completion; the return page may record the completion earlier.
ARRIVAL_SECONDS = 60
#: The latest event may be this much older than the latest completed session.
SLACK_SECONDS = 300
#: Older completed sessions are not considered, nor those whose events may have been pruned.
WINDOW_DAYS = 7


class Reason(Labeled):
    """Why webhooks need attention."""

    FAILED = "events_failed", _("events failed")
    STUCK = "events_stuck", _("events have waited for too long")
    PENDING = "notifications_pending", _("a receiver of the shop raised an error, or no receiver is connected")
    SILENT = "webhooks_silent", _("no event has arrived since a session was completed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The state of webhooks as ages in seconds and counts, without ids or secrets."""

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
    """Return the current state of webhooks, in six queries."""
    now = now or timezone.now()
    events = WebhookEvent.objects
    waiting = events.filter(state__in=(EventState.RECEIVED, EventState.PROCESSING))
    last = events.order_by("-pk").values_list("received_at", flat=True).first()
    oldest = waiting.order_by("pk").values_list("received_at", flat=True).first()
    failed = events.filter(state=EventState.FAILED).count()
    pending = announcements.stuck(now).count()
    return Health(
        reasons=find_reasons(
            now,
            last_event_at=last,
            oldest_waiting_at=oldest,
            failed=failed,
            pending=pending,
            completed_at=_last_completion(now),
        ),
        last_event_seconds=None if last is None else int((now - last).total_seconds()),
        oldest_waiting_seconds=None if oldest is None else int((now - oldest).total_seconds()),
        events_waiting=waiting.count(),
        events_failed=failed,
        announcements_pending=pending,
    )


def report(*, now: datetime | None = None) -> dict[str, Any]:
    """Return the current state of webhooks as plain values, for monitoring and the API."""
    found = read(now=now)
    return {"ok": found.ok, **asdict(found)}


def find_reasons(
    now: datetime,
    *,
    last_event_at: datetime | None,
    oldest_waiting_at: datetime | None,
    failed: int,
    pending: int,
    completed_at: datetime | None,
) -> tuple[Reason, ...]:
    """Return why webhooks need attention; pure. ``completed_at`` is when the latest session was completed."""
    stuck = oldest_waiting_at is not None and now - oldest_waiting_at >= timedelta(seconds=STUCK_SECONDS)
    silent = (
        completed_at is not None
        and now - completed_at >= timedelta(seconds=ARRIVAL_SECONDS)
        and (last_event_at is None or completed_at - last_event_at > timedelta(seconds=SLACK_SECONDS))
    )
    found = {Reason.FAILED: failed > 0, Reason.STUCK: stuck, Reason.PENDING: pending > 0, Reason.SILENT: silent}
    return tuple(reason for reason, holds in found.items() if holds)


def _last_completion(now: datetime) -> datetime | None:
    """Return when the latest session was completed, in the key's mode if there is a key."""
    days = min(WINDOW_DAYS, conf.find("CHECKOUT_EVENT_RETENTION_DAYS") or WINDOW_DAYS)
    sessions = CheckoutSession.objects.filter(created_at__gte=now - timedelta(days=days), completed_at__lte=now)
    livemode = conf.find("livemode")
    if livemode is not None:
        sessions = sessions.filter(livemode=livemode)
    found: datetime | None = sessions.aggregate(at=Max("completed_at"))["at"]
    return found
