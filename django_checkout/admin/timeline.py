"""What happened to an order, in the order in which we learned of it: pure, made from its rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext as _

from django_checkout.admin import display
from django_checkout.admin.kinds import kind_label
from django_checkout.admin.rows import OrderRows
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
from django_checkout.models.events import EventState
from django_checkout.models.news import AnnouncementState, DiscrepancyState
from django_checkout.states import SessionStatus

#: A delivery that took longer than this is worth a word.
_LATE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One line of the timeline: ``at · kind · title · details``, all plain text."""

    at: datetime
    #: ``order``, ``session``, ``webhook``, ``refund``, ``dispute``, ``subscription``, ``signal``, ``attention``,
    #: ``difference`` or ``admin``.
    kind: str
    title: str
    details: tuple[str, ...] = ()
    #: ``good``, ``wait``, ``bad`` or ``quiet``.
    tone: str = "quiet"
    #: The row that it is about, other than the order itself.
    row: models.Model | None = None
    #: What Stripe's dashboard can show of it.
    stripe_id: str = ""
    request_id: str = ""

    @property
    def kind_label(self) -> str:
        """What its kind is called."""
        return display.label(self.kind)

    def __str__(self) -> str:
        parts = (display.instant(self.at, seconds=True), self.kind_label, self.title, *self.details)
        return " · ".join(parts)


def build(rows: OrderRows) -> list[Happening]:
    """Return an order's timeline, oldest first."""
    happenings = [*_order(rows), *_log(rows)]
    expired_at = {row.fact: row.created_at for row in rows.announcements if row.signal == "session_expired"}
    for session in rows.sessions:
        happenings += _session(session, expired_at)
    happenings += [_event(event) for event in rows.events]
    happenings += [_refund(refund) for refund in rows.refunds]
    happenings += [_dispute(dispute) for dispute in rows.disputes]
    for subscription in rows.subscriptions:
        happenings += _subscription(subscription)
    happenings += [_announcement(row, rows.order.currency) for row in rows.announcements]
    for item in rows.attention:
        happenings += _attention(item, rows.order.currency)
    happenings += [_discrepancy(row) for row in rows.discrepancies]
    # Python's sort is stable: what happened at the same instant stays as it was listed.
    return sorted(happenings, key=lambda happening: happening.at)


def _order(rows: OrderRows) -> Iterator[Happening]:
    order = rows.order
    yield Happening(
        at=order.created_at, kind="order", title=_("placed"), details=(_amount(order.subtotal_minor, order.currency),)
    )
    if order.paid_at is not None:
        paid = _amount(order.paid_minor, order.currency)
        kept = rows.kept_payment
        yield Happening(
            at=order.paid_at,
            kind="order",
            title=_("paid"),
            details=_some(paid, kept.stripe_id if kept else ""),
            tone="good",
            row=kept,
            stripe_id=kept.stripe_id if kept else "",
        )
    if order.canceled_at is not None:
        yield Happening(at=order.canceled_at, kind="order", title=_("canceled"))


def _session(session: CheckoutSession, expired_at: dict[str, datetime]) -> Iterator[Happening]:
    name = str(session)
    created = (display.label(session.ui_mode), session.stripe_id or _("not yet at Stripe"))
    recovered = _("recovered from %(session)s") % {"session": session.recovered_from} if session.recovered_from else ""
    yield Happening(
        at=session.created_at,
        kind="session",
        title=_("created"),
        details=_some(*created, recovered),
        tone="wait" if session.status in (SessionStatus.CREATING, SessionStatus.OPEN) else "quiet",
        row=session,
        request_id=session.request_id,
    )
    if session.completed_at is not None:
        payment_status = display.payment_status(session)
        total = _amount(session.amount_total_minor, session.currency) if session.amount_total_minor is not None else ""
        yield Happening(
            at=session.completed_at,
            kind="session",
            title=_("completed"),
            details=_some(display.label(payment_status), total),
            tone=display.tone(payment_status),
            row=session,
        )
    elif session.status == SessionStatus.EXPIRED:
        at = expired_at.get(name, session.updated_at)
        yield Happening(at=at, kind="session", title=_("expired"), details=(name,), row=session)
    elif session.status == SessionStatus.FAILED:
        yield Happening(
            at=session.updated_at,
            kind="session",
            title=_("failed"),
            details=_some(session.error_code, session.error_message),
            tone="bad",
            row=session,
        )


def _event(event: WebhookEvent) -> Happening:
    late = event.received_at - event.created_at
    details = [display.label(event.state)]
    if event.state in (EventState.FAILED, EventState.IGNORED):
        details += [display.label(event.error_code), event.error_message]
    if event.attempts > 1:
        details.append(_("%(count)d tries") % {"count": event.attempts})
    if event.state == EventState.FAILED and event.next_attempt_at:
        details.append(_("next try %(at)s") % {"at": display.instant(event.next_attempt_at, seconds=True)})
    if late > _LATE:
        details.append(_("happened %(at)s") % {"at": display.instant(event.created_at, seconds=True)})
    if event.processed_at and event.processed_at - event.received_at > _LATE:
        details.append(_("processed %(at)s") % {"at": display.instant(event.processed_at, seconds=True)})
    return Happening(
        at=event.received_at,
        kind="webhook",
        title=event.type,
        details=_some(*details),
        tone=display.tone(event.state),
        row=event,
        stripe_id=event.stripe_id,
        request_id=event.request_id,
    )


def _refund(refund: Refund) -> Happening:
    if refund.asked_by is not None:
        origin = _("asked for by %(user)s") % {"user": refund.asked_by}
    else:
        origin = _("asked for here") if refund.is_ours else _("made at Stripe")
    return Happening(
        at=refund.created_at,
        kind="refund",
        title=_amount(refund.amount_minor, refund.currency),
        details=_some(
            display.label(refund.status),
            display.label(refund.reason),
            refund.failure_reason or refund.error_code,
            origin,
            refund.stripe_id or "",
        ),
        tone=display.tone(refund.status),
        row=refund,
        request_id=refund.request_id,
    )


def _dispute(dispute: Dispute) -> Happening:
    is_due = dispute.is_open and dispute.due_by is not None
    due = _("evidence due by %(at)s") % {"at": display.instant(dispute.due_by)} if is_due else ""
    return Happening(
        at=dispute.created_at,
        kind="dispute",
        title=_amount(dispute.amount_minor, dispute.currency),
        details=_some(display.label(dispute.status), display.label(dispute.reason), due, dispute.stripe_id),
        tone=display.tone(dispute.status),
        row=dispute,
        stripe_id=dispute.stripe_id,
    )


def _subscription(subscription: Subscription) -> Iterator[Happening]:
    name = subscription.stripe_id
    status = display.label(subscription.status)
    yield Happening(
        at=subscription.created_at,
        kind="subscription",
        title=_("started"),
        details=(status, name),
        tone=display.tone(subscription.status),
        row=subscription,
        stripe_id=name,
    )
    if subscription.ended_at is not None:
        yield Happening(
            at=subscription.ended_at, kind="subscription", title=_("ended"), details=(name,), row=subscription
        )


def _announcement(row: Announcement, currency: str) -> Happening:
    details = [display.label(row.state)]
    if row.amount_minor is not None:
        details.append(_amount(row.amount_minor, currency))
    if row.state == AnnouncementState.PENDING:
        details.append(row.last_error)
        if row.next_attempt_at:
            details.append(_("next try %(at)s") % {"at": display.instant(row.next_attempt_at, seconds=True)})
    if row.attempts > 1:
        details.append(_("%(count)d tries") % {"count": row.attempts})
    return Happening(
        at=row.announced_at or row.created_at,
        kind="signal",
        title=row.signal,
        details=_some(*details, display.label(row.reason)),
        tone=display.tone(row.state),
        row=row,
    )


def _attention(item: AttentionItem, currency: str) -> Iterator[Happening]:
    name = display.attention_label(item.code)
    yield Happening(
        at=item.raised_at,
        kind="attention",
        title=name,
        details=_some(display.detail(item.detail, currency), item.fact),
        tone="quiet" if item.resolved_at else "bad",
        row=item,
    )
    if item.resolved_at is not None:
        by = _("by %(user)s") % {"user": item.resolved_by} if item.resolved_by else ""
        yield Happening(
            at=item.resolved_at,
            kind="attention",
            title=_("resolved"),
            details=_some(name, by, item.note),
            tone="good",
            row=item,
        )


def _discrepancy(row: Discrepancy) -> Happening:
    """Tell when reconciliation found a difference; what staff did about it is in the log."""
    is_open = row.state == DiscrepancyState.OPEN
    return Happening(
        at=row.first_seen_at,
        kind="difference",
        title=kind_label(row.kind),
        details=_some(row.subject, display.label(row.state), "" if is_open else row.note),
        tone="bad" if is_open else "quiet",
        row=row,
    )


def _log(rows: OrderRows) -> Iterator[Happening]:
    for entry in rows.log_entries:
        said = entry.get_change_message()
        yield Happening(at=entry.action_time, kind="admin", title=str(entry.user), details=_some(str(said)))


def _amount(minor: int | None, currency: str) -> str:
    return display.amount(minor, currency)


def _some(*details: str) -> tuple[str, ...]:
    return tuple(detail for detail in details if detail)
