"""Resumes pending work: unprocessed events, undelivered notifications, and requests that got no response from Stripe.

Everything here is safe to repeat, to run in several workers at once, and to interrupt.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from django_checkout import ledger, services
from django_checkout.conf import conf
from django_checkout.exceptions import (
    CheckoutError,
    StripeRefusedError,
    StripeUnavailableError,
    is_database_unavailable,
)
from django_checkout.ledger import announcements
from django_checkout.models import AttentionItem, CheckoutSession, Order, Refund, WebhookEvent, sites
from django_checkout.services.credit_notes import issue_due_credit_note
from django_checkout.services.lost_sessions import find_lost_session
from django_checkout.services.reminders import due_reminders, remind
from django_checkout.services.syncing import deleted_sessions, expire_deleted, surplus_sessions
from django_checkout.states import Attention, IgnoreReason, IntentStatus, PaymentStatus, RefundStatus, SessionStatus
from django_checkout.webhooks import inbox
from django_checkout.webhooks.due_events import deliver, process_events
from django_checkout.webhooks.runs import DEFAULT_LIMIT, UNANSWERED_CALLS, Progress, Run

logger = logging.getLogger("django_checkout")

#: Events are asked about lost sessions for this long.
LOST_WITHIN_DAYS = 3
#: An open session that expired this long ago without an event is read from Stripe.
STALE_OPEN_SECONDS = 600
#: A session with a delayed or authorized payment is read from Stripe once in this time.
WAITING_SECONDS = 6 * 3600
#: A session that Stripe did not return is read again after this time.
RETRY_SECONDS = 600


def process_pending(
    *,
    limit: int = DEFAULT_LIMIT,
    now: datetime | None = None,
    ignores_backoff: bool = False,
    progress: Progress | None = None,
) -> Counter[str]:
    """Process pending work until none is due, up to ``limit`` items of each kind; each item is attempted once.

    With ``ignores_backoff``, failed events and notifications are taken before they are due. Return how many items of
    each kind were attempted, as ``<kind>_failed`` how many were not processed, and as ``<kind>_unanswered`` how many
    because Stripe did not respond. Must run outside transactions.

    Raises:
        StripeCredentialsError: Stripe refused the key; what needs no call has been done.
    """
    run = Run(limit=limit, now=now or timezone.now(), ignores_backoff=ignores_backoff, progress=progress)
    inbox.reopen_ignored_elsewhere()
    process_events(run)
    _find_lost_sessions(run)
    for work in (_deliver_notifications, _fail_unanswered_sessions, _resume_refunds, _read_stale_sessions):
        work(run)
    _remind(run)
    _expire_surplus_sessions(run)
    _expire_deleted_orders(run)
    if conf.CHECKOUT_DOUBLE_PAYMENT == "refund":
        _return_surplus(run)
    if conf.CHECKOUT_CREDIT_NOTES:
        _issue_credit_notes(run)
    if run.refused_key is not None:
        raise run.refused_key
    return run.report


def _find_lost_sessions(run: Run) -> None:
    """Find out which of the completed sessions that were ignored this site has started: their rows are lost."""

    def examine(row: WebhookEvent) -> None:
        is_lost = find_lost_session(row.object_id)
        inbox.explain(row, IgnoreReason.LOST_SESSION if is_lost else IgnoreReason.OTHER_SITE)

    rows = inbox.unexplained_sessions(run.now - timedelta(days=LOST_WITHIN_DAYS)).defer("payload")[: run.limit]
    _call_for_each(run, "unknown_sessions", [partial(examine, row) for row in rows], is_own=False)


def _deliver_notifications(run: Run) -> None:
    pending = announcements.deliverable() if run.ignores_backoff else announcements.due(run.now)
    first_due = pending.order_by(F("next_attempt_at").asc(nulls_first=True), "pk")
    for order_pk, number in Counter(first_due.values_list("order_id", flat=True)[: run.limit]).items():
        deliver(run, order_pk, number)


def _remind(run: Run) -> None:
    rows = due_reminders(run.now).order_by("payment__action_expires_at", "pk")[: run.limit]
    _call_for_each(run, "voucher_reminders", [partial(remind, session, now=run.now) for session in rows])


def _fail_unanswered_sessions(run: Run) -> None:
    rows = CheckoutSession.objects.filter(sites.own(), status=SessionStatus.CREATING, expires_at__lte=run.now)
    work = [partial(services.fail_unanswered_session, row) for row in rows.only("order_id")[: run.limit]]
    _call_for_each(run, "unanswered_sessions", work)


def _resume_refunds(run: Run) -> None:
    unanswered = unanswered_refunds().filter(Q(leased_until=None) | Q(leased_until__lte=run.now))
    # A lease writes updated_at, so a refund that is never answered does not hold up the others.
    rows = unanswered.select_related("payment__order").order_by("updated_at", "pk")[: run.limit]
    _call_for_each(run, "unanswered_refunds", [partial(services.resume_refund, row) for row in rows])


def unanswered_refunds() -> QuerySet[Refund]:
    """Return the refunds that we requested and Stripe has not confirmed."""
    of_this_site = Q(payment__order=None) | sites.own("payment__order__")
    return Refund.objects.filter(of_this_site, status=RefundStatus.CREATING, is_ours=True)


def _read_stale_sessions(run: Run) -> None:
    def read(session: CheckoutSession) -> object:
        # Claims the read: another worker may have listed the same sessions.
        if not ledger.mark_synced(session.pk, now=run.now, min_age_seconds=WAITING_SECONDS):
            return None
        try:
            services.sync(session)
        except CheckoutError as error:
            ledger.note_read(session, is_read=False)
            if isinstance(error, StripeUnavailableError):
                # Until it is read again, the others come first.
                waited = timedelta(seconds=WAITING_SECONDS - RETRY_SECONDS)
                ledger.postpone_read(session.pk, synced_at=run.now - waited)
            raise
        if session.error_code == ledger.UNREAD:
            session.refresh_from_db()
            ledger.note_read(session, is_read=True)
        return None

    rows = stale_sessions(run.now).order_by("pk")[: run.limit]
    _call_for_each(run, "stale_sessions", [partial(read, session) for session in rows])


def stale_sessions(now: datetime) -> QuerySet[CheckoutSession]:
    """Return the sessions to read from Stripe now: their news is overdue, and they were not read lately."""
    unread = Q(synced_at=None) | Q(synced_at__lte=now - timedelta(seconds=WAITING_SECONDS))
    return _overdue_sessions(now).filter(unread)


def unread_sessions(now: datetime) -> QuerySet[CheckoutSession]:
    """Return the sessions whose news is overdue and that Stripe did not return when they were last read."""
    return _overdue_sessions(now).filter(error_code=ledger.UNREAD)


def _overdue_sessions(now: datetime) -> QuerySet[CheckoutSession]:
    overdue = now - timedelta(seconds=STALE_OPEN_SECONDS)
    rows = CheckoutSession.objects.filter(sites.own(), livemode=conf.livemode).exclude(stripe_id=None)
    over = rows.filter(status=SessionStatus.OPEN, expires_at__lte=overdue)
    waiting = rows.filter(
        status=SessionStatus.COMPLETE,
        payment_status=PaymentStatus.UNPAID,
        has_async_failed=False,
        completed_at__lte=now - timedelta(seconds=WAITING_SECONDS),
    ).exclude(payment__intent_status=IntentStatus.CANCELED)
    return over | waiting


def _expire_surplus_sessions(run: Run) -> None:
    pks = dict.fromkeys(surplus_sessions().order_by("order_id").values_list("order_id", flat=True)[: run.limit])
    work = [partial(lambda pk: services.expire_surplus(Order.objects.get(pk=pk)), pk) for pk in pks]
    _call_for_each(run, "surplus_sessions", work)


def _expire_deleted_orders(run: Run) -> None:
    """Expire the sessions of orders that the host has deleted: nobody may pay them any more."""

    def expire(pk: int) -> object:
        return expire_deleted(CheckoutSession.objects.select_related("order").get(pk=pk))

    _call_for_each(run, "deleted_orders", [partial(expire, pk) for pk in islice(deleted_sessions(), run.limit)])


def _return_surplus(run: Run) -> None:
    flagged = AttentionItem.objects.filter(
        sites.own("order__"), code=Attention.DOUBLE_PAYMENT, resolved_at=None, order__livemode=conf.livemode
    )
    pks = dict.fromkeys(flagged.order_by("pk").values_list("order_id", flat=True)[: run.limit])
    work = [partial(lambda pk: services.return_surplus(Order.objects.get(pk=pk)), pk) for pk in pks]
    _call_for_each(run, "double_payments", work)


def _issue_credit_notes(run: Run) -> None:
    due = due_credit_notes().filter(credit_note_due_at__lte=run.now)
    # A request puts it off, so a credit note that is never answered does not hold up the others.
    rows = due.select_related("payment__order").order_by("credit_note_due_at", "pk")[: run.limit]
    _call_for_each(run, "credit_notes", [partial(issue_due_credit_note, row, now=run.now) for row in rows])


def due_credit_notes() -> QuerySet[Refund]:
    """Return the refunds whose credit note Stripe has neither issued nor refused."""
    return Refund.objects.filter(
        sites.own("payment__order__"), credit_note_due_at__isnull=False, payment__order__livemode=conf.livemode
    )


def _call_for_each(run: Run, kind: str, work: Sequence[Callable[[], object]], *, is_own: bool = True) -> None:
    """Do each of the work; what calls Stripe stops while it does not answer or refuses the key.

    What is most likely another site's (not ``is_own``) has not failed if the key may not read it.
    """
    unanswered = 0
    for number, call in enumerate(work, start=1):
        failure: Exception | None = None
        try:
            call()
        except CheckoutError as error:
            failure = error
            logger.warning("processing_failed kind=%s code=%s", kind, error.code)
        except Exception as error:
            if is_database_unavailable(error):
                # Every other item would fail as well.
                raise
            # A bug that one item shows, perhaps the site's own, does not stop the others.
            failure = error
            logger.exception("processing_failed kind=%s", kind)
        unanswered = unanswered + 1 if isinstance(failure, StripeUnavailableError) else 0
        is_counted = is_own or not isinstance(failure, StripeRefusedError)
        run.count(kind, int(is_counted), failed=int(is_counted and failure is not None), error=failure)
        if (run.refused_key is not None or unanswered == UNANSWERED_CALLS) and number < len(work):
            logger.warning("processing_stopped kind=%s left=%s", kind, len(work) - number)
            return
