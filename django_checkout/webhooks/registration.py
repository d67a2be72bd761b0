"""Registers event handlers: ``@handles`` of the host, and the app's own.

Hosts import it while Django starts, so it imports only what every process needs; ``registry`` reads what it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django_checkout.ledger import AnnouncedRefund
    from django_checkout.models import WebhookEvent
    from django_checkout.stripe_api.steps import Steps
    from django_checkout.values import EventData, PaymentFact, SessionFact

    #: Handles an event; returns False if the event's object is not the site's.
    Handler = Callable[[EventData], bool | None]
    #: Reads the facts in an event's payload.
    FactReader = Callable[[EventData], Sequence[SessionFact | PaymentFact]]
    #: Reads an event's object from Stripe, outside transactions.
    Reader = Callable[[EventData], Steps[Mapping[str, Any]]]
    #: Reads what an event announces from its payload.
    AnnouncedReader = Callable[[WebhookEvent], AnnouncedRefund | None]


@dataclass(frozen=True, slots=True)
class Registered:
    """A handler, and how the event's object is read before the handler is called."""

    handler: Handler
    #: The function that reads the object; True if it is retrieved, False if the payload is sufficient.
    reads: Reader | bool = False
    #: What the handler applies, if that is all that it does: events like this can be processed together.
    read_facts: FactReader | None = None
    #: Whether an object that names no row of ours is not ours, whatever arrives later.
    is_named: bool = False
    #: Reads what a payload announces, if nothing is to be read or done once that is known.
    read_announced: AnnouncedReader | None = None
    #: Whether an event's object is one to handle; None for every object of these types.
    concerns: Callable[[Mapping[str, Any]], bool] | None = None

    @property
    def is_built_in(self) -> bool:
        """Whether the handler is one of the app's own."""
        return self.handler.__module__ == "django_checkout.webhooks.handlers"


#: The handlers of each event type; the app's own are here once ``registry`` is imported.
HANDLERS: dict[str, list[Registered]] = {}


def handles(
    *types: str, reads: bool | Reader = False, is_named: bool = False, read_announced: AnnouncedReader | None = None
) -> Callable[[Handler], Handler]:
    """Register a handler for event types; the app's own handlers run before the host's.

    The handler is called with an ``EventData`` in the transaction that marks the event as processed, and is called
    again if that is rolled back. With ``reads`` the event's object is retrieved from Stripe first, because the payload
    may be stale; a function returns the generator that reads it. Events of connected accounts (``account``) reach only
    the host's handlers, and their objects are not read. ``is_named`` and ``read_announced`` are for the app's own
    handlers: see ``Registered``.
    """

    def register(handler: Handler) -> Handler:
        for event_type in types:
            HANDLERS.setdefault(event_type, []).append(
                Registered(handler, reads, is_named=is_named, read_announced=read_announced)
            )
        return handler

    return register
