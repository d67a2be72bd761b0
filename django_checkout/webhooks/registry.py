"""The registry of event handlers: ``@handles`` adds to it, and webhook endpoints subscribe to its event types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django_checkout import ledger
from django_checkout.models import WebhookEvent
from django_checkout.stripe_api import facts, gateway
from django_checkout.stripe_api.steps import Steps
from django_checkout.values import EventData, PaymentFact, SessionFact
from django_checkout.webhooks.envelope import plain_type

#: Handles an event; returns False if the event's object is not the site's.
Handler = Callable[[EventData], bool | None]
#: Reads the facts in an event's payload.
FactReader = Callable[[EventData], Sequence[SessionFact | PaymentFact]]
#: Reads an event's object from Stripe, outside transactions.
Reader = Callable[[EventData], Steps[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Registered:
    """A handler, and the function that reads the event's object before the handler is called."""

    handler: Handler
    reads: Reader | None = None
    #: What the handler applies, if that is all that it does: events like this can be processed together.
    read_facts: FactReader | None = None
    #: Whether an object that names no row of ours is not ours, whatever arrives later.
    is_named: bool = False

    @property
    def is_built_in(self) -> bool:
        """Whether the handler is one of the app's own."""
        return self.read_facts is not None or self.handler.__module__ == "django_checkout.webhooks.handlers"


#: The handlers of each event type.
HANDLERS: dict[str, list[Registered]] = {}


def handles(*types: str, reads: bool | Reader = False, is_named: bool = False) -> Callable[[Handler], Handler]:
    """Register a handler for event types; the app's own handlers run before the host's.

    The handler is called with an ``EventData`` in the transaction that marks the event as processed, and is called
    again if that is rolled back. With ``reads`` the event's object is retrieved from Stripe first, because the payload
    may be stale; a function returns the generator that reads it. Events of connected accounts (``account``) reach only
    the host's handlers, and their objects are not read. ``is_named`` is for the app's own handlers: see ``Registered``.
    """
    reader = read_object if reads is True else reads or None

    def register(handler: Handler) -> Handler:
        for event_type in types:
            HANDLERS.setdefault(event_type, []).append(Registered(handler, reader, is_named=is_named))
        return handler

    return register


def applies(*types: str) -> Callable[[FactReader], FactReader]:
    """Register a function that reads facts, as a handler that applies them to the ledger; for the app's own only."""

    def register(read_facts: FactReader) -> FactReader:
        def handler(event: EventData) -> bool:
            return ledger.apply(read_facts(event)) is not None

        for event_type in types:
            HANDLERS.setdefault(event_type, []).append(Registered(handler, read_facts=read_facts, is_named=True))
        return read_facts

    return register


def handled_types() -> list[str]:
    """Return the event types that a webhook endpoint should be subscribed to."""
    return sorted(HANDLERS)


def handlers_of(row: WebhookEvent) -> list[Registered]:
    """Return the handlers of an event, the app's own first; those do not get events of connected accounts."""
    registered = HANDLERS.get(plain_type(row.type), ())
    allowed = [entry for entry in registered if not (row.account and entry.is_built_in)]
    return sorted(allowed, key=lambda entry: not entry.is_built_in)


def must_be_named(row: WebhookEvent) -> bool:
    """Whether the event is ignored if its object names no row of ours: nothing is stored of it, and no handler runs."""
    handlers = handlers_of(row)
    return not row.is_thin and bool(handlers) and all(entry.is_named for entry in handlers)


def needs_read(row: WebhookEvent) -> bool:
    """Whether the event's object is read from Stripe before the event is processed."""
    return not row.account and (row.is_thin or any(entry.reads for entry in handlers_of(row)))


def fact_reader_of(row: WebhookEvent) -> FactReader | None:
    """Return the function that reads an event's facts, if to apply them is all that has to be done."""
    handlers = handlers_of(row)
    return handlers[0].read_facts if len(handlers) == 1 and not needs_read(row) else None


def reader_of(row: WebhookEvent) -> Reader:
    """Return the function that reads the event's object."""
    readers = (entry.reads for entry in HANDLERS.get(plain_type(row.type), ()))
    return next(filter(None, readers), read_object)


def needs_ticket(row: WebhookEvent) -> bool:
    """Whether the reads of the event's object are numbered: not those of a list whose items only move forward."""
    return reader_of(row) is read_object


def read_object(event: EventData) -> Steps[Mapping[str, Any]]:
    """Retrieve the event's object from Stripe."""
    return gateway.retrieve_object(event.type.rpartition(".")[0], facts.find_id(event.object, "id"))
