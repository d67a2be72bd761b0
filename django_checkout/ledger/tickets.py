"""Numbers the reads of Stripe objects that can go back to an earlier state: a slow read must not undo a later one."""

from __future__ import annotations

from django_checkout.ledger.rows import write
from django_checkout.models import ReadTicket


def take_ticket(stripe_id: str) -> int:
    """Return the next number for a read of this object; commit before reading."""
    row, _ = ReadTicket.objects.get_or_create(stripe_id=stripe_id)
    row = ReadTicket.objects.select_for_update().get(pk=row.pk)
    write(row, issued=row.issued + 1)
    return row.issued


def use_ticket(stripe_id: str, ticket: int) -> bool:
    """Return whether a read may be written, because no later one was; the ticket stays locked."""
    row, _ = ReadTicket.objects.get_or_create(stripe_id=stripe_id)
    row = ReadTicket.objects.select_for_update().get(pk=row.pk)
    if ticket <= row.applied:
        return False
    write(row, applied=ticket, issued=max(row.issued, ticket))
    return True
