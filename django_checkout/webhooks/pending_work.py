"""Resumes pending work: unprocessed events, undelivered notifications, and requests that got no response from Stripe.

Everything here is safe to repeat, to run in several workers at once, and to interrupt.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.db.models import Q
from django.utils import timezone

from django_checkout import ledger, services
from django_checkout.conf import conf
from django_checkout.exceptions import CheckoutError
from django_checkout.ledger import announcements
from django_checkout.models import AttentionItem, CheckoutSession, Order, Refund
from django_checkout.services.syncing import surplus_sessions
from django_checkout.states import Attention, IntentStatus, PaymentStatus, RefundStatus, SessionStatus
from django_checkout.webhooks import inbox, processing

logger = logging.getLogger("django_checkout")

#: An open session that expired this long ago without an event is read from Stripe.
STALE_OPEN_SECONDS = 600
#: A session with a delayed or authorized payment is read from Stripe once in this time.
WAITING_SECONDS = 6 * 3600


def process_pending(*, limit: int = 1000, now: datetime | None = None) -> Counter[str]:
    """Process pending work, up to ``limit`` items of each kind.

    Return for each kind how many items were attempted, and as ``<kind>_failed`` how many of them were not processed.
    """
    now = now or timezone.now()
    report: Counter[str] = Counter()
    process_due_events(limit=limit, now=now, report=report)
    for work in (_deliver_notifications, _fail_unanswered_sessions, _resume_refunds, _read_stale_sessions):
        work(report, limit, now)
    _expire_surplus_sessions(report, limit)
    if conf.CHECKOUT_DOUBLE_PAYMENT == "refund":
        _return_surplus(report, limit)
    return report


def process_due_events(*, limit: int, now: datetime | None = None, report: Counter[str] | None = None) -> int:
    """Process due events, oldest first; return how many were found. A failing event does not stop the others."""
    report = Counter() if report is None else report
    for row in inbox.due(now=now, limit=limit):
        report["events"] += 1
        try:
            processing.process(row)
        except Exception:
            # It is recorded and logged already, or another worker is processing the event.
            report["events_failed"] += 1
    return report["events"]


def _deliver_notifications(report: Counter[str], limit: int, now: datetime) -> None:
    due = announcements.due(now).order_by("next_attempt_at", "pk")
    for order_pk, number in Counter(due.values_list("order_id", flat=True)[:limit]).items():
        try:
            # Delivers those of the order that are not due yet as well.
            results = services.deliver_pending(Order.objects.get(pk=order_pk))
        except Exception:
            # A failure with one order does not stop the others.
            results = announcements.Deliveries(failed=number)
            logger.exception("processing_failed kind=notifications")
        report["notifications"] += results.delivered + results.failed
        report["notifications_failed"] += results.failed


def _fail_unanswered_sessions(report: Counter[str], limit: int, now: datetime) -> None:
    rows = CheckoutSession.objects.filter(status=SessionStatus.CREATING, expires_at__lte=now)
    for session in rows.only("order_id")[:limit]:
        services.fail_unanswered_session(session)
        report["unanswered_sessions"] += 1


def _resume_refunds(report: Counter[str], limit: int, now: datetime) -> None:
    rows = Refund.objects.filter(status=RefundStatus.CREATING, is_ours=True)
    unanswered = rows.filter(leased_until=None) | rows.filter(leased_until__lte=now)
    for row in unanswered.select_related("payment__order").order_by("pk")[:limit]:
        _attempt(report, "unanswered_refunds", partial(services.resume_refund, row))


def _read_stale_sessions(report: Counter[str], limit: int, now: datetime) -> None:
    overdue = now - timedelta(seconds=STALE_OPEN_SECONDS)
    rows = CheckoutSession.objects.filter(livemode=conf.livemode).exclude(stripe_id=None)
    over = rows.filter(status=SessionStatus.OPEN, expires_at__lte=overdue)
    waiting = rows.filter(
        status=SessionStatus.COMPLETE,
        payment_status=PaymentStatus.UNPAID,
        has_async_failed=False,
        completed_at__lte=now - timedelta(seconds=WAITING_SECONDS),
    ).exclude(payment__intent_status=IntentStatus.CANCELED)
    unread = Q(synced_at=None) | Q(synced_at__lte=now - timedelta(seconds=WAITING_SECONDS))
    for session in (over | waiting).filter(unread).order_by("pk")[:limit]:
        ledger.mark_synced(session.pk, now=now, min_age_seconds=0)
        _attempt(report, "stale_sessions", partial(services.sync, session))


def _expire_surplus_sessions(report: Counter[str], limit: int) -> None:
    rows = surplus_sessions().order_by("order_id").values_list("order_id", flat=True)
    for pk in dict.fromkeys(rows[:limit]):
        _attempt(report, "surplus_sessions", partial(services.expire_surplus, Order.objects.get(pk=pk)))


def _return_surplus(report: Counter[str], limit: int) -> None:
    flagged = AttentionItem.objects.filter(
        code=Attention.DOUBLE_PAYMENT, resolved_at=None, order__livemode=conf.livemode
    )
    for pk in dict.fromkeys(flagged.order_by("pk").values_list("order_id", flat=True)[:limit]):
        _attempt(report, "double_payments", partial(services.return_surplus, Order.objects.get(pk=pk)))


def _attempt(report: Counter[str], kind: str, work: Callable[[], object]) -> None:
    report[kind] += 1
    try:
        work()
    except CheckoutError as error:
        report[f"{kind}_failed"] += 1
        logger.warning("processing_failed kind=%s code=%s", kind, error.code)
