"""Does what is pending: events that wait, announcements to deliver, requests that Stripe never answered.

Everything here is safe to run at any time, twice, by several workers at once, and to be killed.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.db.models import Q
from django.utils import timezone

from django_checkout import inbox, ledger, services
from django_checkout.conf import conf
from django_checkout.exceptions import CheckoutError, EventBusyError
from django_checkout.ledger import announcements
from django_checkout.models import AttentionItem, CheckoutSession, Order, Refund
from django_checkout.services.settling import surplus_sessions
from django_checkout.states import Attention, IntentStatus, PaymentStatus, RefundStatus, SessionStatus

logger = logging.getLogger("django_checkout")

#: A session that should have ended this long ago without our hearing of it is read from Stripe.
STALE_OPEN_SECONDS = 600
#: A delayed or an authorised payment that was not heard of for this long is read from Stripe, again and again.
WAITING_SECONDS = 6 * 3600


def sweep(*, limit: int = 1000, now: datetime | None = None) -> Counter[str]:
    """Do what is pending, up to ``limit`` of each kind; return how many of each kind were seen and failed."""
    now = now or timezone.now()
    report: Counter[str] = Counter()
    report["events"] = process_due_events(limit=limit, now=now, report=report)
    _deliver_pending(report, limit, now)
    _fail_unanswered_sessions(report, limit, now)
    _finish_refunds(report, limit, now)
    _read_stale_sessions(report, limit, now)
    _expire_surplus_sessions(report, limit)
    if conf.CHECKOUT_DOUBLE_PAYMENT == "refund":
        _return_surplus(report, limit)
    return report


def process_due_events(*, limit: int, now: datetime | None = None, report: Counter[str] | None = None) -> int:
    """Process events that wait, oldest first; a failing one is kept and does not stop the others."""
    seen = 0
    for row in inbox.due(now=now, limit=limit):
        seen += 1
        try:
            inbox.process(row)
        except EventBusyError:
            continue
        except Exception:
            # inbox has recorded and logged it.
            if report is not None:
                report["events_failed"] += 1
    return seen


def _deliver_pending(report: Counter[str], limit: int, now: datetime) -> None:
    due = announcements.due(now).order_by("next_attempt_at", "pk")
    for order_pk in dict.fromkeys(due.values_list("order_id", flat=True)[:limit]):
        report["orders_pending"] += 1
        try:
            report["announcements_delivered"] += services.deliver_pending(Order.objects.get(pk=order_pk))
        except Exception:
            # One order's receivers do not stop the others'.
            report["orders_failed"] += 1
            logger.exception("sweep_failed kind=orders_pending")


def _fail_unanswered_sessions(report: Counter[str], limit: int, now: datetime) -> None:
    rows = CheckoutSession.objects.filter(status=SessionStatus.CREATING, expires_at__lte=now)
    for pk, order_pk in rows.values_list("pk", "order_id")[:limit]:
        fail_unanswered_session(pk, order_pk)
        report["sessions_failed"] += 1


def fail_unanswered_session(pk: int, order_pk: int) -> None:
    """Record that Stripe never answered for a session that could not be paid any more; frees the order for another."""

    def work() -> None:
        locked = ledger.lock_order(pk=order_pk)
        session = next(row for row in locked.sessions if row.pk == pk)
        if session.status == SessionStatus.CREATING:
            ledger.fail_session(session, error_code="no_answer", error_message="Stripe never answered.")

    ledger.in_transaction(work)


def _finish_refunds(report: Counter[str], limit: int, now: datetime) -> None:
    rows = Refund.objects.filter(status=RefundStatus.CREATING, is_ours=True)
    unanswered = rows.filter(leased_until=None) | rows.filter(leased_until__lte=now)
    for row in unanswered.select_related("payment__order").order_by("pk")[:limit]:
        report["refunds_unanswered"] += 1
        _attempt(report, "refunds_failed", partial(services.resume_refund, row))


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
        report["sessions_stale"] += 1
        _attempt(report, "sessions_unread", partial(services.sync, session))


def _expire_surplus_sessions(report: Counter[str], limit: int) -> None:
    rows = surplus_sessions().order_by("order_id").values_list("order_id", flat=True)
    for pk in dict.fromkeys(rows[:limit]):
        report["sessions_surplus"] += 1
        _attempt(report, "sessions_surplus_kept", partial(services.expire_surplus, Order.objects.get(pk=pk)))


def _return_surplus(report: Counter[str], limit: int) -> None:
    flagged = AttentionItem.objects.filter(
        code=Attention.DOUBLE_PAYMENT, resolved_at=None, order__livemode=conf.livemode
    )
    for pk in dict.fromkeys(flagged.order_by("pk").values_list("order_id", flat=True)[:limit]):
        report["double_payments"] += 1
        _attempt(report, "double_payments_kept", partial(services.return_surplus, Order.objects.get(pk=pk)))


def _attempt(report: Counter[str], failure: str, work: Callable[[], object]) -> None:
    try:
        work()
    except CheckoutError as error:
        report[failure] += 1
        logger.warning("sweep_failed kind=%s code=%s", failure, error.code)
