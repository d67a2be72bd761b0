"""Refunds: https://docs.stripe.com/api/refunds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from django_checkout import ledger, states
from django_checkout.conf import conf
from django_checkout.models import Order, Refund
from django_checkout.reconcile import reads
from django_checkout.reconcile.kinds import Kind
from django_checkout.reconcile.listed_ids import ListedIds
from django_checkout.reconcile.payments import find_payments, order_of, pages_of_payments, wrong_links
from django_checkout.reconcile.reads import with_retries
from django_checkout.reconcile.report import Difference
from django_checkout.reconcile.resource import Json, Page, Resource, Window, compare_understood, is_stuck
from django_checkout.services.syncing import apply_facts
from django_checkout.states import RefundStatus
from django_checkout.stripe_api import facts
from django_checkout.stripe_api.json_fields import is_uuid


class Refunds(Resource):
    """Refunds of our payments."""

    name = "refunds"
    object_type = "refund"
    path = "/v1/refunds"
    prefixes = ("re_", "pyr_")
    kinds = (Kind.REFUND_DIFFERS,)
    #: A refund that succeeded may fail this much later: https://docs.stripe.com/refunds#failed-refunds.
    settling_days = 30

    def compare(self, page: Page) -> Iterator[Difference]:
        listed = {str(data.get("id")): data for data in page}
        payments = find_payments(page)
        by_uuid = {uuid: stripe_id for stripe_id, data in listed.items() if (uuid := _find_uuid(data))}
        condition = Q(stripe_id__in=list(listed)) | Q(uuid__in=list(by_uuid))
        rows = {}
        for row in Refund.objects.filter(condition).exclude(stripe_id=None).select_related("payment"):
            # A row with the refund's UUID is the same refund, whatever id it has.
            rows[row.stripe_id if row.stripe_id in listed else by_uuid[str(row.uuid)]] = row
        for stripe_id, data in listed.items():
            order = order_of(data, payments)
            if order is not None:
                yield from self._compare_row(rows.get(stripe_id), data, order)

    def _compare_row(self, row: Refund | None, data: Json, order: Order) -> Iterator[Difference]:
        found = list(compare_understood(_find_difference, row, data, order))
        if found and row is not None and (found[0].kind is Kind.RELATION_DIFFERS or _is_ahead(row, data)):
            # The page may be older than our row.
            latest = self.retrieve(str(data["id"]))
            row.refresh_from_db()
            found = list(compare_understood(_find_difference, row, latest, order))
        yield from found

    def fix(self, subject: str) -> Difference | None:
        data = self.retrieve(subject)
        left = next(self.compare([data]), None)
        row = Refund.objects.filter(stripe_id=subject).first()
        has_never_been = row is not None and row.status != data.get("status") and _is_ahead(row, data)
        if left is not None and (left.kind is Kind.RELATION_DIFFERS or has_never_been):
            # Facts applied before this would announce what never happened.
            self._correct(subject)
        with_retries(partial(apply_facts, [facts.read_refund(data)]))
        left = next(self.compare([data]), None)
        return self._correct(subject) if left is not None and left.kind is Kind.REFUND_DIFFERS else left

    def _correct(self, subject: str) -> Difference | None:
        """Set a row to what a new read says where facts cannot change it; return what still differs."""
        read_at = timezone.now()
        data = self.retrieve(subject)
        uuid = _find_uuid(data)
        row = Refund.objects.filter(Q(stripe_id=subject) | (Q(uuid=uuid) if uuid else Q(pk=None))).first()
        if row is not None and (row.stripe_id == subject or not reads.exists("refund", row.stripe_id or "")):
            ledger.in_transaction(partial(ledger.correct_refund, row.pk, facts.read_refund(data), read_at=read_at))
        return next(self.compare([data]), None)

    def pages_of_order(self, order: Order) -> Iterator[Page]:
        return pages_of_payments(self.path, order)

    def rows(self, window: Window) -> QuerySet[Refund]:
        rows = Refund.objects.filter(window.extended(self.settling_days).rows, payment__livemode=conf.livemode)
        return rows.exclude(payment__order=None)

    def rows_before(self, window: Window, now: datetime) -> QuerySet[Refund]:
        """Return the earlier refunds that may still change."""
        pending = (RefundStatus.PENDING, RefundStatus.REQUIRES_ACTION)
        rows = Refund.objects.filter(status__in=pending, payment__livemode=conf.livemode)
        return rows.filter(created_at__lt=window.extended(self.settling_days).since).exclude(payment__order=None)

    def rows_of_order(self, order: Order) -> QuerySet[Refund]:
        return Refund.objects.filter(payment__order=order)

    def unknown_at_stripe(self, stripe_id: str, listed: ListedIds) -> Iterator[Difference]:
        row = Refund.objects.select_related("payment__order").get(stripe_id=stripe_id)
        here = {"status": row.status, "amount": row.amount_minor, "currency": row.currency}
        yield Difference.of(Kind.REFUND_DIFFERS, stripe_id, row.payment.order, here, {"refund": None})


REFUNDS = Refunds()


def _find_difference(row: Refund | None, data: Json, order: Order) -> Difference | None:
    fact = facts.read_refund(data)
    if row is not None and (links := wrong_links(row, fact)):
        here: dict[str, Any] = {name: ours for name, (ours, _) in links.items()}
        at_stripe: dict[str, Any] = {name: theirs for name, (_, theirs) in links.items()}
        return Difference.of(Kind.RELATION_DIFFERS, fact.stripe_id, order, here, at_stripe)
    # Raises on a status that this version does not know.
    states.join(states.REFUND_RANK, RefundStatus.CREATING, fact.status)
    status = fact.status or RefundStatus.PENDING
    expected = (status, fact.amount_minor, fact.currency, fact.balance_transaction_id)
    agrees = row is not None and (row.status, row.amount_minor, row.currency, row.balance_transaction_id) == expected
    if agrees and not (row is not None and row.status == RefundStatus.PENDING and is_stuck(row.created_at)):
        return None
    here = {"status": row.status, "amount": row.amount_minor, "currency": row.currency} if row else {"refund": None}
    at_stripe = {"status": status, "amount": fact.amount_minor, "currency": fact.currency}
    if row is not None and row.balance_transaction_id != fact.balance_transaction_id:
        # Without one, a refund that was not requested here counts as a release: ``states.find_releases``.
        here["balance_transaction"] = row.balance_transaction_id or None
        at_stripe["balance_transaction"] = fact.balance_transaction_id or None
    kind = Kind.STUCK_PROCESSING if agrees else Kind.REFUND_DIFFERS
    difference = Difference.of(kind, fact.stripe_id, order, here, at_stripe)
    return difference if row else replace(difference, answers=fact.refund_uuid)


def _find_uuid(data: Json) -> str:
    uuid = str((data.get("metadata") or {}).get(facts.REFUND_KEY) or "")
    return uuid if is_uuid(uuid) else ""


def _is_ahead(row: Refund, data: Json) -> bool:
    status = data.get("status")
    return status in states.REFUND_RANK and states.join(states.REFUND_RANK, row.status, status) == row.status
