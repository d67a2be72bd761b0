"""What pending work is left, by error and with its next attempt: the last lines of ``checkout_process_events``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, QuerySet
from django.utils import timezone

from django_checkout import ledger
from django_checkout.conf import conf
from django_checkout.exceptions import UNANSWERED_CODES
from django_checkout.ledger import announcements
from django_checkout.models import AttentionItem, CheckoutSession, WebhookEvent, sites
from django_checkout.models.events import EventState
from django_checkout.states import SessionStatus
from django_checkout.webhooks import pending_work


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """Some work that is left, for one reason."""

    #: ``events``, ``notifications``, ``refunds``, ``credit notes``, ``sessions`` or ``orders``.
    kind: str
    #: What is the matter with them, with an error code or the name of an exception.
    reason: str
    count: int
    #: When the first of them is due; None if only a person can go on, or if the next run takes it.
    next_attempt_at: datetime | None = None
    #: Whether it failed, so that someone has to look at the cause.
    has_failed: bool = False
    #: Whether it failed because Stripe did not respond, so that it is retried until Stripe does.
    is_unanswered: bool = False
    #: Whether it ends by itself, so that nothing is left to do.
    is_waiting: bool = False
    #: When the latest of what waits began.
    waiting_since: datetime | None = None


def find(*, now: datetime | None = None) -> list[Remaining]:
    """Return what is left, what has failed first."""
    now = now or timezone.now()
    found = [*_events(), *_notifications(now), *_refunds(now), *_credit_notes(), *_sessions(now), *_orders()]
    found = [replace(group, next_attempt_at=_later(group.next_attempt_at, now)) for group in found]
    return sorted(found, key=lambda group: not group.has_failed)


def _later(at: datetime | None, now: datetime) -> datetime | None:
    return at if at is not None and at > now else None


def _events() -> Iterator[Remaining]:
    failed = WebhookEvent.objects.filter(state=EventState.FAILED)
    for code, count, at in _grouped(failed, "error_code", at="next_attempt_at"):
        is_unanswered = code in UNANSWERED_CODES
        reason = f"failed with {code}"
        yield Remaining(
            kind="events", reason=reason, count=count, next_attempt_at=at, has_failed=True, is_unanswered=is_unanswered
        )
    waiting = WebhookEvent.objects.filter(state__in=(EventState.RECEIVED, EventState.PROCESSING))
    for state, count, at in _grouped(waiting, "state", at="leased_until"):
        # The request of a delivery, a task, another run, or one of them that was killed.
        reason = (
            "not processed yet" if state == EventState.RECEIVED else "being read from Stripe by a request or worker"
        )
        yield Remaining(kind="events", reason=reason, count=count, next_attempt_at=at)


def _notifications(now: datetime) -> Iterator[Remaining]:
    pending = announcements.deliverable().exclude(announcements.superseded(now))
    for signal, error, count, at in _grouped(pending.exclude(attempts=0), "signal", "last_error", at="next_attempt_at"):
        reason = f"of {signal}, because a receiver raised {error}"
        yield Remaining(kind="notifications", reason=reason, count=count, next_attempt_at=at, has_failed=True)
    for signal, count, at in _grouped(pending.filter(attempts=0), "signal", at="next_attempt_at"):
        reason = f"of {signal}, not delivered yet" if at else f"of {signal}, which follows order_paid"
        yield Remaining(kind="notifications", reason=reason, count=count, next_attempt_at=at)
    paid = announcements.stuck(now).filter(signal="order_paid")
    if not ledger.has_receiver("order_paid") and (count := paid.count()):
        reason = "of order_paid, because no receiver is connected"
        yield Remaining(kind="notifications", reason=reason, count=count, has_failed=True)


def _refunds(now: datetime) -> Iterator[Remaining]:
    unanswered = pending_work.unanswered_refunds()
    for code, count in _grouped(unanswered.exclude(leased_until__gt=now), "error_code"):
        reason = f"not confirmed by Stripe ({code or 'no answer'})"
        yield Remaining(kind="refunds", reason=reason, count=count, has_failed=True, is_unanswered=True)
    for count, at in _grouped(unanswered.filter(leased_until__gt=now), at="leased_until"):
        yield Remaining(kind="refunds", reason="requested by another process now", count=count, next_attempt_at=at)


def _credit_notes() -> Iterator[Remaining]:
    if not conf.CHECKOUT_CREDIT_NOTES:
        return
    due = pending_work.due_credit_notes()
    for count, at in _grouped(due.filter(credit_note_error=""), at="credit_note_due_at"):
        yield Remaining(kind="credit notes", reason="not issued yet", count=count, next_attempt_at=at)
    for count, at in _grouped(due.exclude(credit_note_error=""), at="credit_note_due_at"):
        reason = "not issued by Stripe; see the refund in the admin"
        yield Remaining(kind="credit notes", reason=reason, count=count, next_attempt_at=at, has_failed=True)


def _sessions(now: datetime) -> Iterator[Remaining]:
    unanswered = CheckoutSession.objects.filter(sites.own(), status=SessionStatus.CREATING)
    latest = unanswered.order_by("-created_at").values_list("created_at", flat=True).first()
    for count, at in _grouped(unanswered, at="expires_at"):
        # The shopper's next attempt repeats the request; the others are given up when they would have expired.
        reason, is_waiting = "not confirmed by Stripe", at > now
        yield Remaining(
            kind="sessions",
            reason=reason,
            count=count,
            next_attempt_at=at,
            is_waiting=is_waiting,
            waiting_since=latest if is_waiting else None,
        )
    for count, read_at in _grouped(pending_work.unread_sessions(now), at="synced_at"):
        at = read_at + timedelta(seconds=pending_work.WAITING_SECONDS)
        reason = "that Stripe did not return"
        yield Remaining(kind="sessions", reason=reason, count=count, next_attempt_at=at, has_failed=True)
    if count := pending_work.stale_sessions(now).exclude(error_code=ledger.UNREAD).count():
        yield Remaining(kind="sessions", reason="to be read from Stripe", count=count)


def _orders() -> Iterator[Remaining]:
    for code, count in _grouped(AttentionItem.objects.filter(sites.own("order__"), resolved_at=None), "code"):
        yield Remaining(kind="orders", reason=f"with a reason for attention ({code})", count=count)


def _grouped(rows: QuerySet[Any], *names: str, at: str = "") -> Iterator[tuple[Any, ...]]:
    """Yield the values of the columns, how many rows have them, and, with ``at``, the earliest of its times."""
    counts = {"number": Count("pk")} | ({"first_at": Min(at)} if at else {})
    if names:
        yield from rows.order_by(*names).values_list(*names).annotate(**counts)
    else:
        found = rows.aggregate(**counts)
        if found["number"]:
            yield tuple(found.values())
