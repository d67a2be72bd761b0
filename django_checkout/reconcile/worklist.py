"""Keeps the work list: what could not be mended is written down for a person, and crossed out once it is gone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from django.db import IntegrityError
from django.db.models import QuerySet
from django.utils import timezone

from django_checkout import database
from django_checkout.models import Discrepancy
from django_checkout.models.news import DiscrepancyState
from django_checkout.reconcile.report import Drift, Kind, Outcome

#: What concerns payouts is found and crossed out by ``checkout_reconcile --payouts``.
PAYOUT_KINDS = (Kind.PAYOUT_DIFFERS,)


def compare(drift: Drift) -> Drift:
    """Return a difference with what the work list knows of it, changing nothing."""
    row = Discrepancy.objects.filter(kind=drift.kind, subject=drift.subject[:255]).first()
    if row is None or not _is_same(row, drift):
        return drift
    known = {DiscrepancyState.OPEN: Outcome.KNOWN, DiscrepancyState.IGNORED: Outcome.IGNORED}
    return replace(drift, outcome=known.get(DiscrepancyState(row.state), drift.outcome))


def write(drift: Drift) -> Drift:
    """Put a difference on the work list; what changed since it was ignored, or came back, is open again."""
    with database.atomic():
        rows = Discrepancy.objects.select_for_update()
        row = rows.filter(kind=drift.kind, subject=drift.subject[:255]).first()
        if row is None:
            try:
                with database.atomic():
                    Discrepancy.objects.create(
                        kind=drift.kind, subject=drift.subject[:255], order_id=drift.order_pk, **_said(drift)
                    )
            except IntegrityError:
                # Another run was faster.
                return replace(drift, outcome=Outcome.KNOWN)
            return replace(drift, outcome=Outcome.LISTED)
        compared = compare(drift)
        if compared.outcome in (Outcome.KNOWN, Outcome.IGNORED):
            row.save(update_fields=["last_seen_at"])
            return compared
        row.state, row.resolved_at, row.resolved_by = DiscrepancyState.OPEN, None, None
        row.order_id = drift.order_pk
        for name, value in _said(drift).items():
            setattr(row, name, value)
        row.save()
    return replace(drift, outcome=Outcome.LISTED)


def unseen(seen: Collection[tuple[str, str]], order_pk: int | None) -> Iterator[Discrepancy]:
    """Yield the open entries that a run did not come across: to be looked at once more, one by one."""
    rows = _open().exclude(kind__in=PAYOUT_KINDS)
    if order_pk is not None:
        rows = rows.filter(order_id=order_pk)
    for row in rows.order_by("pk").iterator(chunk_size=500):
        if (row.kind, row.subject) not in seen:
            yield row


def cross_out(row: Discrepancy) -> None:
    """Resolve an entry because it is gone."""
    _open().filter(pk=row.pk).update(
        state=DiscrepancyState.RESOLVED, resolved_at=timezone.now(), note="Gone, as a later run saw."
    )


def _open() -> QuerySet[Discrepancy]:
    return Discrepancy.objects.filter(state=DiscrepancyState.OPEN)


def _said(drift: Drift) -> dict[str, object]:
    return {"here": dict(drift.here), "at_stripe": dict(drift.at_stripe), "suggestion": drift.suggestion[:500]}


def _is_same(row: Discrepancy, drift: Drift) -> bool:
    return (row.here, _facts(row.at_stripe)) == (dict(drift.here), _facts(drift.at_stripe))


def _facts(at_stripe: Mapping[str, object]) -> dict[str, object]:
    """Return what Stripe said, without why it could not be applied."""
    return {key: value for key, value in at_stripe.items() if key != "problem"}
