"""Resumes pending work: unprocessed events, undelivered notifications, and requests that got no response from Stripe.

Everything here is safe to repeat, to run in several workers at once, and to interrupt.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from django_checkout import ledger, services
from django_checkout.conf import conf
from django_checkout.exceptions import (
    CheckoutError,
    EventBusyError,
    StripeCredentialsError,
    StripeRefusedError,
    StripeUnavailableError,
    is_database_unavailable,
)
from django_checkout.ledger import announcements
from django_checkout.models import AttentionItem, CheckoutSession, Order, Refund, WebhookEvent, sites
from django_checkout.services.lost_sessions import find_lost_session
from django_checkout.services.syncing import deleted_sessions, expire_deleted, surplus_sessions
from django_checkout.states import Attention, IgnoreReason, IntentStatus, PaymentStatus, RefundStatus, SessionStatus
from django_checkout.webhooks import batch, inbox, processing

logger = logging.getLogger("django_checkout")

#: The most items of each kind that one run takes, unless another limit is given.
DEFAULT_LIMIT = 100_000
#: How many events are processed in one transaction where that is possible.
BATCH = 100
#: After this many calls in a row without an answer from Stripe, the rest of a kind is left to the next run.
UNANSWERED_CALLS = 5
#: Events are asked about lost sessions for this long.
LOST_WITHIN_DAYS = 3
#: An open session that expired this long ago without an event is read from Stripe.
STALE_OPEN_SECONDS = 600
#: A session with a delayed or authorized payment is read from Stripe once in this time.
WAITING_SECONDS = 6 * 3600
#: A session that Stripe did not return is read again after this time.
RETRY_SECONDS = 600

Progress = Callable[[str, int], None]


@dataclass(slots=True, kw_only=True)
class _Run:
    """One run: what it may take, and what it did."""

    limit: int
    now: datetime
    #: Whether failed events and notifications are taken before their next attempt is due.
    ignores_backoff: bool = False
    progress: Progress | None = None
    report: Counter[str] = field(default_factory=Counter)
    #: What Stripe said if it refused the key. The work without calls goes on.
    refused_key: StripeCredentialsError | None = None

    def count(self, kind: str, number: int = 1, *, failed: int = 0, error: Exception | None = None) -> None:
        self.report[kind] += number
        if failed:
            self.report[f"{kind}_failed"] += failed
        if isinstance(error, StripeUnavailableError):
            self.report[f"{kind}_unanswered"] += failed
        elif isinstance(error, StripeCredentialsError) and error.is_revoked:
            self.refused_key = error
        if self.progress is not None and number:
            self.progress(kind.replace("_", " "), self.report[kind])


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
    run = _Run(limit=limit, now=now or timezone.now(), ignores_backoff=ignores_backoff, progress=progress)
    inbox.reopen_ignored_elsewhere()
    _process_events(run)
    _find_lost_sessions(run)
    for work in (_deliver_notifications, _fail_unanswered_sessions, _resume_refunds, _read_stale_sessions):
        work(run)
    _expire_surplus_sessions(run)
    _expire_deleted_orders(run)
    if conf.CHECKOUT_DOUBLE_PAYMENT == "refund":
        _return_surplus(run)
    if run.refused_key is not None:
        raise run.refused_key
    return run.report


def process_due_events(*, limit: int) -> tuple[int, int]:
    """Process due events; return how many were found, and how many were attempted: another worker has the others.

    A failing event does not stop the others.
    """
    run = _Run(limit=limit, now=timezone.now())
    found = _process_events(run)
    return found, run.report["events"]


def _process_events(run: _Run) -> int:
    """Process the events that are due, and those that arrive meanwhile; each is attempted once."""
    seen: set[int] = set()
    while len(seen) < run.limit:
        due = inbox.due(now=run.now, ignores_backoff=run.ignores_backoff, limit=run.limit + len(seen))
        pks = [pk for pk in due if pk not in seen][: run.limit - len(seen)]
        if not pks:
            break
        seen.update(pks)
        for first in range(0, len(pks), BATCH):
            _process_batch(run, pks[first : first + BATCH])
    return len(seen)


def _process_batch(run: _Run, pks: Sequence[int]) -> None:
    """Process events together as far as possible, and each of the others alone; deliver what they announce."""
    done = batch.process(pks)
    run.count("events", done.processed)
    for order_pk in done.to_deliver:
        _deliver(run, order_pk, 1)
    for row in inbox.load(done.alone):
        failure: Exception | None = None
        try:
            processing.process(row)
        except EventBusyError:
            continue
        except Exception as error:
            if is_database_unavailable(error):
                raise
            # It is recorded and logged already.
            failure = error
        run.count("events", failed=int(failure is not None), error=failure)


def _find_lost_sessions(run: _Run) -> None:
    """Find out which of the completed sessions that were ignored this site has started: their rows are lost."""

    def examine(row: WebhookEvent) -> None:
        is_lost = find_lost_session(row.object_id)
        inbox.explain(row, IgnoreReason.LOST_SESSION if is_lost else IgnoreReason.OTHER_SITE)

    rows = inbox.unexplained_sessions(run.now - timedelta(days=LOST_WITHIN_DAYS)).defer("payload")[: run.limit]
    _call_for_each(run, "unknown_sessions", [partial(examine, row) for row in rows], is_own=False)


def _deliver_notifications(run: _Run) -> None:
    pending = announcements.deliverable() if run.ignores_backoff else announcements.due(run.now)
    first_due = pending.order_by(F("next_attempt_at").asc(nulls_first=True), "pk")
    for order_pk, number in Counter(first_due.values_list("order_id", flat=True)[: run.limit]).items():
        _deliver(run, order_pk, number)


def _deliver(run: _Run, order_pk: int, number: int) -> None:
    """Deliver an order's pending notifications, also those that are not due yet; ``number`` are known."""
    try:
        results = services.deliver_pending(Order(pk=order_pk))
    except Exception as error:
        if is_database_unavailable(error):
            raise
        # A failure with one order does not stop the others.
        results = announcements.Deliveries(failed=number)
        logger.exception("processing_failed kind=notifications")
    run.count("notifications", results.delivered + results.failed, failed=results.failed)


def _fail_unanswered_sessions(run: _Run) -> None:
    rows = CheckoutSession.objects.filter(sites.own(), status=SessionStatus.CREATING, expires_at__lte=run.now)
    work = [partial(services.fail_unanswered_session, row) for row in rows.only("order_id")[: run.limit]]
    _call_for_each(run, "unanswered_sessions", work)


def _resume_refunds(run: _Run) -> None:
    unanswered = unanswered_refunds().filter(Q(leased_until=None) | Q(leased_until__lte=run.now))
    # A lease writes updated_at, so a refund that is never answered does not hold up the others.
    rows = unanswered.select_related("payment__order").order_by("updated_at", "pk")[: run.limit]
    _call_for_each(run, "unanswered_refunds", [partial(services.resume_refund, row) for row in rows])


def unanswered_refunds() -> QuerySet[Refund]:
    """Return the refunds that we requested and Stripe has not confirmed."""
    of_this_site = Q(payment__order=None) | sites.own("payment__order__")
    return Refund.objects.filter(of_this_site, status=RefundStatus.CREATING, is_ours=True)


def _read_stale_sessions(run: _Run) -> None:
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


def _expire_surplus_sessions(run: _Run) -> None:
    pks = dict.fromkeys(surplus_sessions().order_by("order_id").values_list("order_id", flat=True)[: run.limit])
    work = [partial(lambda pk: services.expire_surplus(Order.objects.get(pk=pk)), pk) for pk in pks]
    _call_for_each(run, "surplus_sessions", work)


def _expire_deleted_orders(run: _Run) -> None:
    """Expire the sessions of orders that the host has deleted: nobody may pay them any more."""

    def expire(pk: int) -> object:
        return expire_deleted(CheckoutSession.objects.select_related("order").get(pk=pk))

    _call_for_each(run, "deleted_orders", [partial(expire, pk) for pk in islice(deleted_sessions(), run.limit)])


def _return_surplus(run: _Run) -> None:
    flagged = AttentionItem.objects.filter(
        sites.own("order__"), code=Attention.DOUBLE_PAYMENT, resolved_at=None, order__livemode=conf.livemode
    )
    pks = dict.fromkeys(flagged.order_by("pk").values_list("order_id", flat=True)[: run.limit])
    work = [partial(lambda pk: services.return_surplus(Order.objects.get(pk=pk)), pk) for pk in pks]
    _call_for_each(run, "double_payments", work)


def _call_for_each(run: _Run, kind: str, work: Sequence[Callable[[], object]], *, is_own: bool = True) -> None:
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
