"""Checkout Sessions: https://docs.stripe.com/api/checkout/sessions.

Agreement costs one query a page; only a session in doubt is read into facts. A session that is not provably ours is
ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from django_checkout import ledger, services
from django_checkout.conf import conf
from django_checkout.exceptions import StripeCredentialsError, StripeNotFoundError, UnknownFactError
from django_checkout.models import CheckoutSession, Order, sites
from django_checkout.reconcile import double_payments, reads, unlinked_sessions
from django_checkout.reconcile.customers import CUSTOMERS
from django_checkout.reconcile.kinds import Kind
from django_checkout.reconcile.listed_ids import ListedIds
from django_checkout.reconcile.reads import with_retries
from django_checkout.reconcile.report import Difference
from django_checkout.reconcile.resource import Json, Page, Resource, Window
from django_checkout.reconcile.session_differences import (
    COLUMNS,
    agrees,
    at_stripe,
    find_difference,
    session_rows,
    wrong_links,
)
from django_checkout.services.syncing import apply_facts
from django_checkout.states import IntentStatus, PaymentStatus, SessionStatus
from django_checkout.stripe_api import facts
from django_checkout.stripe_api.json_fields import is_uuid
from django_checkout.stripe_api.storable import storable, storable_text

EXPAND = ("data.payment_intent",)
#: How long before and after an order, and before now, its lost sessions are searched.
LOST_DAYS = 7
#: If Stripe does not know this many consecutive sessions, the key must belong to another account.
MAX_UNKNOWN = 50
#: Found only if a second read confirms it: a page may be older than our row.
_CONFIRMED_KINDS = (Kind.RECORDED_NOT_PAID, Kind.AMOUNT_DIFFERS, Kind.RELATION_DIFFERS, Kind.AHEAD_OF_STRIPE)


class Sessions(Resource):
    """Checkout Sessions, with their PaymentIntents expanded, and the Customers who paid them."""

    name = "sessions"
    object_type = "checkout.session"
    path = "/v1/checkout/sessions"
    prefixes = ("cs_",)
    kinds = (
        Kind.PAID_NOT_RECORDED,
        Kind.RECORDED_NOT_PAID,
        Kind.SESSION_BEHIND,
        Kind.STALE_OPEN,
        Kind.AMOUNT_DIFFERS,
        Kind.SESSION_WITHOUT_ORDER,
        Kind.AHEAD_OF_STRIPE,
    )
    compares_raw = True

    def filters(self, window: Window) -> dict[str, Any]:
        return {**super().filters(window), "expand": [*EXPAND]}

    def compare(self, page: Page) -> Iterator[Difference]:
        """Yield what differs on a page; call Stripe only if our row seems to be ahead of it."""
        listed = {storable_text(str(data.get("id"))): data for data in page}
        rows = list(CheckoutSession.objects.filter(stripe_id__in=list(listed)).values_list(*COLUMNS).order_by())
        unlinked = listed.keys() - {row[0] for row in rows}
        own_urls = sites.own_urls()
        of_others = {row[0] for row in rows if row[-1] not in own_urls}
        doubtful = [row[0] for row in rows if row[0] not in of_others and not agrees(row, listed[row[0]])]
        if doubtful:
            for session in session_rows(Q(stripe_id__in=doubtful)).order_by("pk"):
                yield from _compare_row(session, storable(listed[session.stripe_id or ""]))
        if unlinked:
            yield from unlinked_sessions.compare({i: storable(data) for i, data in listed.items() if i in unlinked})
        yield from CUSTOMERS.compare(page)

    def fix(self, subject: str) -> Difference | None:
        """Apply what Stripe says about a session, and refund a surplus payment if the site's policy says so."""
        data = self.retrieve(subject)
        row = find_row(data) or _find_row_with_wrong_id(data)
        fact = facts.read_session(data)
        if row is not None and wrong_links(row, fact):
            # Correct the links first: facts applied before that would create another row.
            row = self._correct(row, subject)
            if fact.client_reference_id not in ("", row.order.reference):
                # It may be for another order than the row's: its facts are applied to neither.
                return find_difference(row, data)
        with_retries(partial(apply_facts, facts.read_whole_session(data)))
        row = find_row(data)
        if row is None:
            return None
        if with_retries(partial(services.expire_surplus, row.order)):
            data, row = self.retrieve(subject), _reload(row)
        left = find_difference(row, data)
        if left is not None and left.kind is Kind.AHEAD_OF_STRIPE:
            row = self._correct(row, subject)
            left = find_difference(row, data)
        if double_payments.is_surplus(row) and conf.CHECKOUT_DOUBLE_PAYMENT == "refund":
            with_retries(partial(services.return_surplus, row.order))
            row = _reload(row)
            left = find_difference(row, data)
        if left is None and double_payments.is_surplus(row):
            left = double_payments.of_session(row, at_stripe(data))
        return left

    def fix_double_payment(self, difference: Difference) -> Difference | None:
        """Record all payments of the order, and refund the surplus one if the site's policy says so."""
        order = Order.objects.get(pk=difference.order_pk or 0)
        for stripe_id in order.sessions.exclude(stripe_id=None).values_list("stripe_id", flat=True):
            self.fix(stripe_id or "")
        if conf.CHECKOUT_DOUBLE_PAYMENT == "refund":
            with_retries(partial(services.return_surplus, order))
        return next((left for left in double_payments.find(order.pk) if left.subject == difference.subject), None)

    def pages_of_order(self, order: Order) -> Iterator[Page]:
        """Yield the order's sessions that Stripe knows, then those whose ids or rows we do not have."""
        for session in order.sessions.exclude(stripe_id=None):
            try:
                yield [self.retrieve(session.stripe_id or "")]
            except StripeNotFoundError:
                continue
        yield from self._unanswered_of_order(order)
        yield from self._lost_of_order(order)

    def _unanswered_of_order(self, order: Order) -> Iterator[Page]:
        """Yield the sessions that name an order and were created when its requests were not answered.

        Stripe's list has no filter for metadata, so what was created around each request is searched.
        """
        found: dict[str, dict[str, Any]] = {}
        is_unanswered = Q(status=SessionStatus.CREATING) | Q(error_code=ledger.NO_ANSWER)
        rows = order.sessions.filter(is_unanswered, stripe_id=None, livemode=conf.livemode).defer("request", "lines")
        for row in rows.order_by("pk"):
            created = Window(*row.made_between).created
            for page in reads.pages(self.path, created=created, expand=[*EXPAND]):
                found |= {str(data["id"]): data for data in page if _names(data, row, order)}
        # Those whose ids we know have been compared.
        for stripe_id in order.sessions.filter(stripe_id__in=list(found)).values_list("stripe_id", flat=True):
            found.pop(stripe_id or "")
        if found:
            yield list(found.values())

    def _lost_of_order(self, order: Order) -> Iterator[Page]:
        """Yield the sessions that name an order and have no row, for example because a backup was restored.

        What was created within ``LOST_DAYS`` of the order and of now is searched.
        """
        now, days = timezone.now(), timedelta(days=LOST_DAYS)
        around, recent = Window(order.created_at - days, order.created_at + days), Window(now - days)
        is_recent = order.created_at + days >= recent.since
        windows = [Window(around.since)] if is_recent else [around, recent]
        for window in windows:
            for page in reads.pages(self.path, created=window.created, expand=[*EXPAND]):
                named = {
                    str(data["id"]): data for data in page if facts.read_ownership(data).reference == order.reference
                }
                known = CheckoutSession.objects.filter(stripe_id__in=list(named)).values_list("stripe_id", flat=True)
                for stripe_id in known:
                    named.pop(stripe_id or "")
                if named:
                    yield list(named.values())

    def rows(self, window: Window) -> QuerySet[CheckoutSession]:
        return CheckoutSession.objects.filter(window.rows, sites.own(), livemode=conf.livemode)

    def rows_before(self, window: Window, now: datetime) -> QuerySet[CheckoutSession]:
        """Return the earlier sessions that may still change: overdue, or with a payment in processing."""
        is_processing = Q(status=SessionStatus.COMPLETE, payment_status=PaymentStatus.UNPAID, has_async_failed=False)
        is_processing &= ~Q(payment__intent_status=IntentStatus.CANCELED)
        is_overdue = Q(status=SessionStatus.OPEN, expires_at__lte=now)
        rows = CheckoutSession.objects.filter(is_processing | is_overdue, sites.own(), livemode=conf.livemode)
        return rows.filter(created_at__lt=window.since)

    def rows_of_order(self, order: Order) -> QuerySet[CheckoutSession]:
        return order.sessions.filter(sites.own(), livemode=conf.livemode)

    def unknown_at_stripe(self, stripe_id: str, listed: ListedIds) -> Iterator[Difference]:
        """Yield that Stripe does not know a session.

        Raises:
            StripeCredentialsError: Stripe knows none of many consecutive sessions.
        """
        listed.unknown_in_a_row += 1
        if listed.unknown_in_a_row >= MAX_UNKNOWN:
            raise StripeCredentialsError(
                f"Stripe does not have {listed.unknown_in_a_row} of our sessions. Set STRIPE_SECRET_KEY to a key of "
                "the account that created them."
            ) from None
        row = session_rows(Q(stripe_id=stripe_id)).get()
        here = {"session": stripe_id, "status": row.status, "payment_status": row.payment_status}
        yield Difference.of(Kind.ORDER_WITHOUT_SESSION, stripe_id, row.order, here, {"session": None})

    def _correct(self, row: CheckoutSession, stripe_id: str) -> CheckoutSession:
        """Set a row to what a new read says, because facts never take anything back."""
        read_at = timezone.now()
        fact = facts.read_session(self.retrieve(stripe_id))
        ledger.in_transaction(partial(ledger.correct_session, row.pk, fact, read_at=read_at))
        return _reload(row)


SESSIONS = Sessions()


def find_row(data: Json) -> CheckoutSession | None:
    """Return our row of a session at Stripe, by its id or by our UUID in its metadata."""
    uuid = facts.read_ownership(data).session_uuid
    which = Q(stripe_id=data["id"])
    if is_uuid(uuid):
        which |= Q(uuid=uuid, stripe_id=None)
    return session_rows(which).first()


def _find_row_with_wrong_id(data: Json) -> CheckoutSession | None:
    """Return the row that has a session's UUID and an id that Stripe does not know."""
    uuid = facts.read_ownership(data).session_uuid
    if data.get("recovered_from") or not is_uuid(uuid):
        return None
    row = session_rows(Q(uuid=uuid)).exclude(stripe_id=data["id"]).exclude(stripe_id=None).first()
    return None if row is None or reads.exists("checkout.session", row.stripe_id or "") else row


def _compare_row(row: CheckoutSession, data: Json) -> Iterator[Difference]:
    try:
        difference = find_difference(row, data)
        if difference is not None and difference.kind in _CONFIRMED_KINDS:
            latest = SESSIONS.retrieve(str(data["id"]))
            difference = find_difference(_reload(row), latest)
    except UnknownFactError as error:
        here = {"status": row.status, "payment_status": row.payment_status}
        there = {**at_stripe(data), "problem": error.code}
        difference = Difference.of(Kind.NOT_UNDERSTOOD, str(data.get("id")), row.order, here, there)
    if difference is not None:
        yield difference


def _reload(row: CheckoutSession) -> CheckoutSession:
    return session_rows(Q(pk=row.pk)).get()


def _names(data: Json, row: CheckoutSession, order: Order) -> bool:
    owner = facts.read_ownership(data)
    return owner.session_uuid == str(row.uuid) or owner.reference == order.reference
