"""The timeline of an order, built from its rows without queries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import models
from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_checkout import ledger
from django_checkout.admin import display, kinds
from django_checkout.admin.order_rows import OrderRows
from django_checkout.models import (
    Announcement,
    AttentionItem,
    CheckoutSession,
    Discrepancy,
    Dispute,
    Refund,
    Subscription,
    WebhookEvent,
)
from django_checkout.models.announcements import AnnouncementState
from django_checkout.models.events import EventState
from django_checkout.models.reconciliation import DiscrepancyState
from django_checkout.states import (
    Attention,
    DisputeReason,
    DisputeStatus,
    IgnoreReason,
    RefundReason,
    RefundStatus,
    SessionPayment,
    SessionStatus,
    SubscriptionStatus,
    Tone,
    UIMode,
    find_label,
)

#: A delivery or processing that took longer than this is shown.
_LATE = timedelta(minutes=1)
#: The enumerations of the reason of a notification.
_REASONS = (Attention, DisputeReason, DisputeStatus, SubscriptionStatus)


class Kind(TextChoices):
    """What an entry of the timeline is about."""

    ORDER = "order", gettext_lazy("order")
    SESSION = "session", gettext_lazy("session")
    WEBHOOK = "webhook", gettext_lazy("webhook")
    REFUND = "refund", gettext_lazy("refund")
    DISPUTE = "dispute", gettext_lazy("dispute")
    SUBSCRIPTION = "subscription", gettext_lazy("subscription")
    SIGNAL = "signal", gettext_lazy("notification")
    ATTENTION = "attention", gettext_lazy("attention")
    DIFFERENCE = "difference", gettext_lazy("difference")
    ADMIN = "admin", gettext_lazy("admin")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One entry of the timeline, as text: ``at · kind · title · details``."""

    at: datetime
    kind: Kind
    title: str
    details: tuple[str, ...] = ()
    tone: Tone = Tone.QUIET
    #: The row to link to, other than the order.
    row: models.Model | None = None
    #: The Stripe IDs to link to.
    stripe_id: str = ""
    request_id: str = ""

    def __str__(self) -> str:
        parts = (display.instant(self.at, seconds=True), str(self.kind.label), self.title, *self.details)
        return " · ".join(parts)


def build(rows: OrderRows) -> list[TimelineEntry]:
    """Return an order's timeline, oldest first."""
    entries = [*_order(rows), *_log(rows)]
    expired_at = {row.fact: row.created_at for row in rows.announcements if row.signal == "session_expired"}
    for session in rows.sessions:
        entries += _session(session, expired_at)
    entries += [_event(event) for event in rows.events]
    entries += [_refund(refund) for refund in rows.refunds]
    entries += [_dispute(dispute) for dispute in rows.disputes]
    for subscription in rows.subscriptions:
        entries += _subscription(subscription)
    entries += [_announcement(row, rows.order.currency) for row in rows.announcements]
    for item in rows.attention:
        entries += _attention(item)
    entries += [_discrepancy(row) for row in rows.discrepancies]
    # The sort is stable, so entries of the same time keep this order.
    return sorted(entries, key=lambda entry: entry.at)


def _order(rows: OrderRows) -> Iterator[TimelineEntry]:
    order = rows.order
    yield TimelineEntry(
        at=order.created_at,
        kind=Kind.ORDER,
        title=_("placed"),
        details=(display.amount(order.subtotal_minor, order.currency),),
    )
    if order.paid_at is not None:
        kept = rows.kept_payment
        kept_id = kept.stripe_id if kept else ""
        yield TimelineEntry(
            at=order.paid_at,
            kind=Kind.ORDER,
            title=_("paid"),
            details=_non_empty(display.amount(order.paid_minor, order.currency), kept_id),
            tone=Tone.GOOD,
            row=kept,
            stripe_id=kept_id,
        )
    if order.canceled_at is not None:
        yield TimelineEntry(at=order.canceled_at, kind=Kind.ORDER, title=_("canceled"))


def _session(session: CheckoutSession, expired_at: dict[str, datetime]) -> Iterator[TimelineEntry]:
    entry = partial(TimelineEntry, kind=Kind.SESSION, row=session)
    name = str(session)
    created = (UIMode.label_of(session.ui_mode), session.stripe_id or _("not created at Stripe yet"))
    recovered = _("recovered from %(session)s") % {"session": session.recovered_from} if session.recovered_from else ""
    yield entry(
        at=session.created_at,
        title=_("created"),
        details=_non_empty(*created, recovered),
        tone=Tone.WAIT if session.status in (SessionStatus.CREATING, SessionStatus.OPEN) else Tone.QUIET,
        request_id=session.request_id,
    )
    if session.completed_at is not None:
        payment = display.session_payment(session)
        minor = session.amount_total_minor
        total = "" if minor is None else display.amount(minor, session.currency)
        yield entry(
            at=session.completed_at,
            title=_("completed"),
            details=_non_empty(SessionPayment.label_of(payment), total),
            tone=SessionPayment.tone_of(payment),
        )
    elif session.status == SessionStatus.EXPIRED:
        at = expired_at.get(name, session.updated_at)
        yield entry(at=at, title=_("expired"), details=(name,))
    elif session.status == SessionStatus.FAILED:
        why = _non_empty(session.error_code, session.error_message)
        yield entry(at=session.updated_at, title=_("failed"), details=why, tone=Tone.BAD)


def _event(event: WebhookEvent) -> TimelineEntry:
    details = [EventState.label_of(event.state)]
    if event.state in (EventState.FAILED, EventState.IGNORED):
        details += [IgnoreReason.label_of(event.error_code), event.error_message]
    if event.attempts > 1:
        details.append(_("%(count)d attempts") % {"count": event.attempts})
    if event.state == EventState.FAILED and event.next_attempt_at:
        details.append(_("next attempt %(at)s") % {"at": display.instant(event.next_attempt_at, seconds=True)})
    if event.received_at - event.created_at > _LATE:
        details.append(_("created %(at)s") % {"at": display.instant(event.created_at, seconds=True)})
    if event.processed_at and event.processed_at - event.received_at > _LATE:
        details.append(_("processed %(at)s") % {"at": display.instant(event.processed_at, seconds=True)})
    return TimelineEntry(
        at=event.received_at,
        kind=Kind.WEBHOOK,
        title=event.type,
        details=_non_empty(*details),
        tone=EventState.tone_of(event.state),
        row=event,
        stripe_id=event.stripe_id,
        request_id=event.request_id,
    )


def _refund(refund: Refund) -> TimelineEntry:
    if refund.asked_by is not None:
        origin = _("requested by %(user)s") % {"user": refund.asked_by}
    else:
        origin = _("requested here") if refund.is_ours else _("created at Stripe")
    return TimelineEntry(
        at=refund.occurred_at,
        kind=Kind.REFUND,
        title=display.amount(refund.amount_minor, refund.currency),
        details=_non_empty(
            RefundStatus.label_of(refund.status),
            RefundReason.label_of(refund.reason),
            refund.failure_reason or refund.error_code,
            origin,
            refund.stripe_id or "",
        ),
        tone=RefundStatus.tone_of(refund.status),
        row=refund,
        request_id=refund.request_id,
    )


def _dispute(dispute: Dispute) -> TimelineEntry:
    labels = (DisputeStatus.label_of(dispute.status), DisputeReason.label_of(dispute.reason))
    is_due = dispute.is_open and dispute.due_by is not None
    due = _("evidence due by %(at)s") % {"at": display.instant(dispute.due_by)} if is_due else ""
    return TimelineEntry(
        at=dispute.created_at,
        kind=Kind.DISPUTE,
        title=display.amount(dispute.amount_minor, dispute.currency),
        details=_non_empty(*labels, due, dispute.stripe_id),
        tone=DisputeStatus.tone_of(dispute.status),
        row=dispute,
        stripe_id=dispute.stripe_id,
    )


def _subscription(subscription: Subscription) -> Iterator[TimelineEntry]:
    entry = partial(TimelineEntry, kind=Kind.SUBSCRIPTION, row=subscription)
    name = subscription.stripe_id
    yield entry(
        at=subscription.created_at,
        title=_("started"),
        details=(SubscriptionStatus.label_of(subscription.status), name),
        tone=SubscriptionStatus.tone_of(subscription.status),
        stripe_id=name,
    )
    if subscription.ended_at is not None:
        yield entry(at=subscription.ended_at, title=_("ended"), details=(name,))


def _announcement(row: Announcement, currency: str) -> TimelineEntry:
    details = [AnnouncementState.label_of(row.state)]
    if row.amount_minor is not None:
        details.append(display.amount(row.amount_minor, currency))
    if row.state == AnnouncementState.PENDING:
        details.append(row.last_error)
        # Without a receiver there is no attempt.
        if row.next_attempt_at and ledger.has_receiver(row.signal):
            details.append(_("next attempt %(at)s") % {"at": display.instant(row.next_attempt_at, seconds=True)})
    if row.attempts > 1:
        details.append(_("%(count)d attempts") % {"count": row.attempts})
    return TimelineEntry(
        at=row.announced_at or row.created_at,
        kind=Kind.SIGNAL,
        title=row.signal,
        details=_non_empty(*details, find_label(row.reason, *_REASONS)),
        tone=AnnouncementState.tone_of(row.state),
        row=row,
    )


def _attention(item: AttentionItem) -> Iterator[TimelineEntry]:
    entry = partial(TimelineEntry, kind=Kind.ATTENTION, row=item)
    name = Attention.label_of(item.code)
    tone = Tone.QUIET if item.resolved_at else Tone.BAD
    yield entry(at=item.raised_at, title=name, details=_non_empty(item.detail_text, item.fact), tone=tone)
    if item.resolved_at is not None:
        by = _("by %(user)s") % {"user": item.resolved_by} if item.resolved_by else ""
        details = _non_empty(name, by, item.note)
        yield entry(at=item.resolved_at, title=_("resolved"), details=details, tone=Tone.GOOD)


def _discrepancy(row: Discrepancy) -> TimelineEntry:
    """Show when reconciliation found a difference; the log shows what staff did about it."""
    is_open = row.state == DiscrepancyState.OPEN
    return TimelineEntry(
        at=row.first_seen_at,
        kind=Kind.DIFFERENCE,
        title=kinds.label_of(row.kind),
        details=_non_empty(row.subject, DiscrepancyState.label_of(row.state), "" if is_open else row.note),
        tone=Tone.BAD if is_open else Tone.QUIET,
        row=row,
    )


def _log(rows: OrderRows) -> Iterator[TimelineEntry]:
    for entry in rows.log_entries:
        details = _non_empty(str(entry.get_change_message()))
        yield TimelineEntry(at=entry.action_time, kind=Kind.ADMIN, title=str(entry.user), details=details)


def _non_empty(*details: str) -> tuple[str, ...]:
    return tuple(detail for detail in details if detail)
