"""Disputes: https://docs.stripe.com/api/disputes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from django.db.models import QuerySet
from django.utils import timezone

from django_checkout import ledger, states
from django_checkout.conf import conf
from django_checkout.models import Dispute, Order
from django_checkout.reconcile.kinds import Kind
from django_checkout.reconcile.listed_ids import ListedIds
from django_checkout.reconcile.payments import find_payments, order_of, pages_of_payments, wrong_links
from django_checkout.reconcile.report import Difference
from django_checkout.reconcile.resource import Json, Page, Resource, Window, compare_understood
from django_checkout.services.syncing import apply_facts
from django_checkout.stripe_api import facts
from django_checkout.values import DisputeFact


class Disputes(Resource):
    """Disputes of our payments."""

    name = "disputes"
    object_type = "charge.dispute"
    path = "/v1/disputes"
    prefixes = ("du_", "dp_")
    kinds = (Kind.DISPUTE_UNKNOWN, Kind.DISPUTE_DIFFERS)
    #: A dispute takes months, and an appeal may reopen it: https://docs.stripe.com/disputes/how-disputes-work.
    settling_days = 180

    def compare(self, page: Page) -> Iterator[Difference]:
        """Yield the disputes of our payments that are unknown or differ."""
        payments = find_payments(page)
        found = Dispute.objects.filter(stripe_id__in=[data.get("id") for data in page]).select_related("payment")
        rows = {row.stripe_id: row for row in found}
        for data in page:
            order = order_of(data, payments)
            if order is not None:
                yield from compare_understood(_find_difference, rows.get(str(data.get("id"))), data, order)

    def fix(self, subject: str) -> Difference | None:
        """Read a dispute with a ticket, so that a slow read cannot undo a later one; return what still differs."""
        read_at = timezone.now()
        ticket = ledger.in_transaction(partial(ledger.take_ticket, subject))
        data = self.retrieve(subject)
        fact = facts.read_dispute(data, ticket=ticket)
        row = Dispute.objects.filter(stripe_id=subject).select_related("payment").first()
        if row is not None and wrong_links(row, fact):
            ledger.in_transaction(partial(ledger.correct_dispute, row.pk, fact, read_at=read_at))
        apply_facts([fact])
        return next(self.compare([data]), None)

    def pages_of_order(self, order: Order) -> Iterator[Page]:
        return pages_of_payments(self.path, order)

    def rows(self, window: Window) -> QuerySet[Dispute]:
        """Return the open disputes, whenever they were opened."""
        return _open_disputes().filter(payment__livemode=conf.livemode)

    def rows_of_order(self, order: Order) -> QuerySet[Dispute]:
        return _open_disputes().filter(payment__order=order)

    def unknown_at_stripe(self, stripe_id: str, listed: ListedIds) -> Iterator[Difference]:
        row = Dispute.objects.select_related("payment__order").get(stripe_id=stripe_id)
        here = {"status": row.status, "amount": row.amount_minor, "currency": row.currency}
        yield Difference.of(Kind.DISPUTE_DIFFERS, stripe_id, row.payment.order, here, {"dispute": None})


DISPUTES = Disputes()


def _open_disputes() -> QuerySet[Dispute]:
    return Dispute.objects.exclude(payment__order=None).exclude(status__in=states.CLOSED_DISPUTE_STATUSES)


def _find_difference(row: Dispute | None, data: Json, order: Order) -> Difference | None:
    fact = facts.read_dispute(data, ticket=0)
    at_stripe = _shown(fact)
    if row is None:
        return Difference.of(Kind.DISPUTE_UNKNOWN, fact.stripe_id, order, {"dispute": None}, at_stripe)
    if links := wrong_links(row, fact):
        ours, theirs = links["payment"]
        return Difference.of(Kind.RELATION_DIFFERS, fact.stripe_id, order, {"payment": ours}, {"payment": theirs})
    here = _shown(row)
    return None if here == at_stripe else Difference.of(Kind.DISPUTE_DIFFERS, fact.stripe_id, order, here, at_stripe)


def _shown(dispute: Dispute | DisputeFact) -> Json:
    shown = {"status": dispute.status, "amount": dispute.amount_minor, "currency": dispute.currency}
    return shown | {"withdrawn": dispute.withdrawn_minor, "withdrawn_currency": dispute.withdrawn_currency}
