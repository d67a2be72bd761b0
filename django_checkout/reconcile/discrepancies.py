"""Records what ``--fix`` could not resolve as discrepancies, for a person, and resolves them once they are gone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from django.db import IntegrityError
from django.db.models import QuerySet
from django.utils import timezone

from django_checkout.models import Discrepancy, database
from django_checkout.models.reconciliation import DiscrepancyState
from django_checkout.reconcile.kinds import Kind
from django_checkout.reconcile.report import Difference, Outcome

#: Found and resolved by ``checkout_reconcile --payouts``.
PAYOUT_KINDS = (Kind.PAYOUT_DIFFERS,)
_OUTCOMES = {DiscrepancyState.OPEN: Outcome.KNOWN, DiscrepancyState.IGNORED: Outcome.IGNORED}


def compare(difference: Difference) -> Difference:
    """Return a difference with the outcome of its discrepancy, if any; nothing is written."""
    row = Discrepancy.objects.filter(kind=difference.kind, subject=difference.subject[:255]).first()
    sides = (dict(difference.here), _facts(difference.at_stripe))
    if row is None or (row.here, _facts(row.at_stripe)) != sides:
        return difference
    return replace(difference, outcome=_OUTCOMES.get(DiscrepancyState(row.state), difference.outcome))


def record(difference: Difference) -> Difference:
    """Record a difference; one that returned, or changed since it was ignored, is open again."""
    with database.atomic():
        key = {"kind": difference.kind, "subject": difference.subject[:255]}
        row = Discrepancy.objects.select_for_update().filter(**key).first()
        if row is None:
            try:
                with database.atomic():
                    Discrepancy.objects.create(**key, order_id=difference.order_pk, **_columns(difference))
            except IntegrityError:
                # Another run has just recorded it.
                return replace(difference, outcome=Outcome.KNOWN)
            return replace(difference, outcome=Outcome.LISTED)
        compared = compare(difference)
        if compared.outcome in (Outcome.KNOWN, Outcome.IGNORED):
            row.save(update_fields=["last_seen_at"])
            return compared
        row.state, row.resolved_at, row.resolved_by = DiscrepancyState.OPEN, None, None
        row.order_id = difference.order_pk
        for name, value in _columns(difference).items():
            setattr(row, name, value)
        row.save()
    return replace(difference, outcome=Outcome.LISTED)


def find_open(*, except_for: Collection[tuple[str, str]], order_pk: int | None) -> Iterator[Discrepancy]:
    """Yield the open discrepancies that a run has not found again, to be rechecked one by one."""
    rows = _open().exclude(kind__in=PAYOUT_KINDS)
    if order_pk is not None:
        rows = rows.filter(order_id=order_pk)
    for row in rows.order_by("pk").iterator(chunk_size=500):
        if (row.kind, row.subject) not in except_for:
            yield row


def resolve(row: Discrepancy) -> None:
    """Resolve a discrepancy that is gone."""
    settle(row.pk, DiscrepancyState.RESOLVED, note="A later run no longer found this difference.", by=None)


def resolve_fixed(difference: Difference) -> None:
    """Resolve the open discrepancy of a difference that is fixed, if there is one."""
    note = f"checkout_reconcile --fix resolved it. {difference.done}".rstrip()
    for row in _open().filter(kind=difference.kind, subject=difference.subject[:255]):
        settle(row.pk, DiscrepancyState.RESOLVED, note=note, by=None)


def settle(pk: int, state: DiscrepancyState, *, note: str, by: Any) -> bool:
    """Resolve or ignore an open discrepancy, with a note; return whether it was open."""
    return bool(_open().filter(pk=pk).update(state=state, note=note, resolved_by=by, resolved_at=timezone.now()))


def reopen(pk: int) -> bool:
    """Open a discrepancy again; return whether it was resolved or ignored."""
    rows = Discrepancy.objects.filter(pk=pk).exclude(state=DiscrepancyState.OPEN)
    return bool(rows.update(state=DiscrepancyState.OPEN, resolved_by=None, resolved_at=None))


def _open() -> QuerySet[Discrepancy]:
    return Discrepancy.objects.filter(state=DiscrepancyState.OPEN)


def _columns(difference: Difference) -> dict[str, Any]:
    sides = {"here": dict(difference.here), "at_stripe": dict(difference.at_stripe)}
    return {**sides, "suggestion": difference.suggestion[:500]}


def _facts(at_stripe: Mapping[str, object]) -> dict[str, object]:
    """Return what Stripe reported, without the reason why it could not be applied."""
    return {key: value for key, value in at_stripe.items() if key != "problem"}
