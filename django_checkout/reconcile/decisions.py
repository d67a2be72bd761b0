"""What a person decides about an entry of the work list."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from django_checkout.models import Discrepancy
from django_checkout.models.news import DiscrepancyState


def settle(pk: int, state: DiscrepancyState, *, note: str, by: Any) -> bool:
    """Take an open entry off the list, resolved or ignored, with a note; return whether it was open."""
    rows = Discrepancy.objects.filter(pk=pk, state=DiscrepancyState.OPEN)
    return bool(rows.update(state=state, note=note, resolved_by=by, resolved_at=timezone.now()))


def reopen(pk: int) -> bool:
    """Put an entry back on the list; return whether it was off it."""
    rows = Discrepancy.objects.filter(pk=pk).exclude(state=DiscrepancyState.OPEN)
    return bool(rows.update(state=DiscrepancyState.OPEN, resolved_by=None, resolved_at=None))
