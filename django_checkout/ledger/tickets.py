"""Numbers the reads of Stripe objects that can move back, so that a slow read cannot undo a later one."""

from __future__ import annotations

from django_checkout.models import ReadTicket


def take_ticket(stripe_id: str) -> int:
    """Return the next number for a read of this object; commit before reading."""
    row, _ = ReadTicket.objects.get_or_create(stripe_id=stripe_id)
    row = ReadTicket.objects.select_for_update().get(pk=row.pk)
    row.issued += 1
    row.save(update_fields=["issued"])
    return row.issued


def use_ticket(stripe_id: str, ticket: int) -> bool:
    """Return whether a read with this number may be written: no later one has been. Holds the ticket's lock."""
    row, _ = ReadTicket.objects.get_or_create(stripe_id=stripe_id)
    row = ReadTicket.objects.select_for_update().get(pk=row.pk)
    if ticket <= row.applied:
        return False
    row.applied = ticket
    row.issued = max(row.issued, ticket)
    row.save(update_fields=["applied", "issued"])
    return True
