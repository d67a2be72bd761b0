"""The registered handlers of an event, and what they need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from django_checkout.models import WebhookEvent
from django_checkout.stripe_api import facts, gateway
from django_checkout.stripe_api.steps import Steps
from django_checkout.values import EventData
from django_checkout.webhooks import handlers  # noqa: F401  # registers the app's own
from django_checkout.webhooks.envelope import event_data, plain_type
from django_checkout.webhooks.registration import HANDLERS, Registered

if TYPE_CHECKING:
    from django_checkout.ledger import AnnouncedRefund
    from django_checkout.webhooks.registration import FactReader, Reader


def handled_types() -> list[str]:
    """Return the event types that a webhook endpoint should be subscribed to."""
    return sorted(HANDLERS)


def handlers_of(row: WebhookEvent) -> list[Registered]:
    """Return the handlers of an event, the app's own first; those do not get events of connected accounts."""
    registered = HANDLERS.get(plain_type(row.type), ())
    allowed = [
        entry
        for entry in registered
        if not (row.account and entry.is_built_in) and (entry.concerns is None or _concerns(row, entry.concerns))
    ]
    return sorted(allowed, key=lambda entry: not entry.is_built_in)


def _concerns(row: WebhookEvent, concerns: Callable[[Mapping[str, Any]], bool]) -> bool:
    return row.is_thin or concerns(event_data(row).object)


def must_be_named(row: WebhookEvent) -> bool:
    """Whether the event is ignored if its object names no row of ours: nothing is stored of it, and no handler runs."""
    entries = handlers_of(row)
    return not row.is_thin and bool(entries) and all(entry.is_named for entry in entries)


def needs_read(row: WebhookEvent) -> bool:
    """Whether the event's object is read from Stripe before the event is processed."""
    return not row.account and (row.is_thin or any(entry.reads for entry in handlers_of(row)))


def find_announced(row: WebhookEvent) -> AnnouncedRefund | None:
    """Return what the event announces, if nothing is to be done once that is known."""
    entries = handlers_of(row)
    read = entries[0].read_announced if len(entries) == 1 and not row.is_thin else None
    return read(row) if read else None


def fact_reader_of(row: WebhookEvent) -> FactReader | None:
    """Return the function that reads an event's facts, if to apply them is all that has to be done."""
    entries = handlers_of(row)
    return entries[0].read_facts if len(entries) == 1 and not needs_read(row) else None


def reader_of(row: WebhookEvent) -> Reader:
    """Return the function that reads the event's object: the app's own, whatever a handler of the host asks for."""
    readers = (entry.reads for entry in handlers_of(row) if entry.reads)
    reader = next(readers, True)
    return read_object if isinstance(reader, bool) else reader


def needs_ticket(row: WebhookEvent) -> bool:
    """Whether the reads of the event's object are numbered: not those of a list whose items only move forward."""
    return reader_of(row) is read_object


def read_object(event: EventData) -> Steps[Mapping[str, Any]]:
    """Retrieve the event's object from Stripe."""
    return gateway.retrieve_object(event.type.rpartition(".")[0], facts.find_id(event.object, "id"))
