"""Processes events: each is applied once, and one that fails is retried.

An event whose payload is sufficient is stored and applied in one transaction. If that fails, the failure is stored in a
transaction of its own, and Stripe's next delivery or ``checkout_process_events`` retries the event. Otherwise the event
is leased, its object is read from Stripe outside transactions, and then applied.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django_checkout import ledger
from django_checkout.conf import conf
from django_checkout.exceptions import EventBusyError, HandlerError, IncompleteFactError
from django_checkout.models import WebhookEvent, database
from django_checkout.models.statements import run as run_statements
from django_checkout.states import IgnoreReason
from django_checkout.stripe_api import facts
from django_checkout.stripe_api.json_fields import is_uuid
from django_checkout.stripe_api.steps import Steps, run
from django_checkout.telemetry import spans
from django_checkout.values import EventData
from django_checkout.webhooks import inbox
from django_checkout.webhooks.envelope import event_data, names_of, plain_type, read_envelope, reduced, without_content
from django_checkout.webhooks.registration import HANDLERS
from django_checkout.webhooks.registry import (
    find_announced,
    handlers_of,
    must_be_named,
    needs_read,
    needs_ticket,
    reader_of,
)

logger = logging.getLogger("django_checkout")

#: Reasons to ignore an event without keeping its object.
_NO_HANDLER = (IgnoreReason.UNHANDLED_TYPE, IgnoreReason.OTHER_ACCOUNT)


def receive(body: Mapping[str, Any]) -> WebhookEvent:
    """Store a verified event and process it, unless a task does that; a duplicate of a settled one changes nothing.

    Raises:
        SignatureError: the body is signed but is not an event.
        EventBusyError: another worker is processing the event.
        Exception: processing failed; the event is stored as failed.
    """
    return run(receive_steps(body))


def receive_steps(body: Mapping[str, Any]) -> Steps[WebhookEvent]:
    """Do the same as ``receive`` as a generator."""
    row = read_envelope(body)
    if reason := _ignore_reason(row):
        keep = without_content if reason in _NO_HANDLER else reduced
        return inbox.insert_ignored(row, reason, keep(row.payload))
    if conf.CHECKOUT_PROCESS_EVENTS == "task":
        return inbox.insert(row)
    if names := _needed_names(row):
        stored, *named = run_statements(inbox.STORED.of(row.stripe_id), *ledger.naming(names))
        if not stored and not any(named):
            row.attempts = 1
            stored = [inbox.insert_ignored(row, IgnoreReason.NOT_OURS, reduced(row.payload))]
        if stored:
            return stored[0] if inbox.is_settled(stored[0]) else (yield from process_steps(stored[0]))
    reads = needs_read(row)
    if reads and needs_ticket(row):
        known, is_leased = inbox.insert_leased(row)
        return known if inbox.is_settled(known) else (yield from process_steps(known, is_leased=is_leased))
    if reads and (found := _find_known(row)):
        return found if inbox.is_settled(found) else (yield from process_steps(found))
    try:
        # Two workers may read at once: nothing is stored before.
        event = (yield from _read(row, event_data(row))) if reads else event_data(row)
        with spans.span("django_checkout.event", _attributes(row)):
            known = _insert_and_apply(row, event)
    except IncompleteFactError:
        return (yield from process_steps(inbox.insert(row), reads=True))
    except HandlerError:
        raise
    except Exception as error:
        inbox.record_failure(inbox.insert(row), error)
        raise
    return known if inbox.is_settled(known) else (yield from process_steps(known))


def _find_known(row: WebhookEvent) -> WebhookEvent | None:
    """Return the stored row of an event whose object need not be read: a copy, or one that announces what is known."""
    announced = find_announced(row)
    stored: list[WebhookEvent]
    stored, *results = run_statements(inbox.STORED.of(row.stripe_id), *(announced.statements() if announced else ()))
    if stored:
        return stored[0]
    if announced is None or not announced.is_known(results):
        return None
    return inbox.insert_processed(row) or inbox.get_stored(row.stripe_id)


def process(row: WebhookEvent) -> WebhookEvent:
    """Process a stored event once; a settled one is returned unchanged.

    Raises:
        EventBusyError: another worker is processing the event.
        Exception: processing failed; the event is stored as failed.
    """
    return run(process_steps(row))


def process_steps(row: WebhookEvent, *, reads: bool = False, is_leased: bool = False) -> Steps[WebhookEvent]:
    """Do the same as ``process`` as a generator; with ``reads`` the event's object is read from Stripe.

    ``is_leased`` says that the caller has leased the event.
    """
    reads = reads or needs_read(row)
    try:
        return (yield from _process(row, reads=reads, is_leased=is_leased))
    except (EventBusyError, HandlerError):
        raise
    except IncompleteFactError as error:
        if not reads:
            return (yield from process_steps(row, reads=True))
        inbox.record_failure(row, error)
        raise
    except Exception as error:
        inbox.record_failure(row, error)
        raise


def replay(row: WebhookEvent) -> WebhookEvent:
    """Process a settled event again, for example after the cause of a failure is fixed; this does no harm."""
    reason = _ignore_reason(row)
    inbox.reopen(row, ignore_reason=reason)
    return row if reason else process(row)


def _ignore_reason(row: WebhookEvent) -> str:
    """Return why an event is not processed, or ""."""
    if not handlers_of(row):
        is_others = bool(row.account) and plain_type(row.type) in HANDLERS
        return IgnoreReason.OTHER_ACCOUNT if is_others else IgnoreReason.UNHANDLED_TYPE
    return IgnoreReason.LIVEMODE_MISMATCH if row.livemode != conf.livemode else ""


def _needed_names(row: WebhookEvent) -> set[str]:
    """Return the ids of which one is that of a row here, or else the event's object cannot be ours; none if it can."""
    event = event_data(row)
    # What our metadata names is looked at under the lock of its order.
    if facts.read_ownership(event.object).session_uuid or not must_be_named(row):
        return set()
    # An object whose content was removed no longer says what it names.
    names = {*names_of(row, event)} if event.object.keys() - {"id", "object"} else set()
    return set() if any(map(is_uuid, names)) else names


def _is_nobodys(row: WebhookEvent) -> bool:
    """Whether an event's object has neither our metadata nor an id of a row here, and so cannot be ours."""
    names = _needed_names(row)
    return bool(names) and not any(run_statements(*ledger.naming(names)))


def _insert_and_apply(row: WebhookEvent, event: EventData) -> WebhookEvent:
    """Insert an event as processed and apply it, in one transaction; return the stored row of a duplicate."""

    def work() -> tuple[WebhookEvent, Exception | None] | None:
        fresh = inbox.insert_processed(row)
        if fresh is None:
            return None
        handled = _run_handlers(fresh, event)
        if handled.failure is not None:
            fresh.payload = row.payload
        if handled.failure is not None or not handled.is_ours:
            inbox.settle(fresh, handled)
        return fresh, handled.failure

    done = ledger.in_transaction(work)
    if done is None:
        return inbox.get_stored(row.stripe_id)
    return _raise_failure(*done)


def _process(row: WebhookEvent, *, reads: bool, is_leased: bool) -> Steps[WebhookEvent]:
    event = event_data(row)
    if reads and _is_nobodys(row):
        # Stripe need not be asked.
        return ledger.in_transaction(lambda: _settle_unread(row, is_ours=False, is_leased=is_leased))
    if reads and (announced := find_announced(row)) and announced.is_known(run_statements(*announced.statements())):
        return ledger.in_transaction(lambda: _settle_unread(row, is_ours=True, is_leased=is_leased))
    if reads:
        if not is_leased and not inbox.lease(row.pk):
            return WebhookEvent.objects.get(pk=row.pk)
        event = yield from _read(row, event)

    def work() -> tuple[WebhookEvent, Exception | None]:
        fresh = inbox.lock(row.pk, is_leased=reads)
        if inbox.is_settled(fresh):
            return fresh, None
        handled = _run_handlers(fresh, event)
        fresh.attempts += 1
        inbox.settle(fresh, handled)
        return fresh, handled.failure

    with spans.span("django_checkout.event", _attributes(row)):
        return _raise_failure(*ledger.in_transaction(work))


def _settle_unread(row: WebhookEvent, *, is_ours: bool, is_leased: bool) -> WebhookEvent:
    fresh = inbox.lock(row.pk, is_leased=is_leased)
    if not inbox.is_settled(fresh):
        fresh.attempts += 1
        inbox.settle(fresh, inbox.Handled(is_ours=is_ours))
    return fresh


def _read(row: WebhookEvent, event: EventData) -> Steps[EventData]:
    """Return the event with its object as Stripe has it now, outside transactions."""
    ticket = 0
    if needs_ticket(row):
        # The ticket is the number of this read: a slow read must not undo a later one.
        object_id = facts.find_id(event.object, "id")
        ticket = ledger.in_transaction(lambda: ledger.take_ticket(object_id))
    try:
        latest = yield from reader_of(row)(event)
    except Exception:
        with spans.span("django_checkout.event", _attributes(row)):
            raise
    return replace(event, object=latest, ticket=ticket)


def _run_handlers(row: WebhookEvent, event: EventData) -> inbox.Handled:
    """Run the handlers of an event; those of the host are not called for another site's object.

    An exception of a built-in handler rolls the transaction back. A handler of the host runs in a savepoint: its
    exception makes the event fail and be retried, but does not undo the facts.
    """
    handlers = handlers_of(row)
    built_in = [entry.handler(event) is not False for entry in handlers if entry.is_built_in]
    is_ours = any(built_in)
    if built_in and not is_ours:
        other_site = ledger.find_other_sites({row.pk: names_of(row, event)}).get(row.pk)
        if other_site:
            return inbox.Handled(is_ours=False, other_site=other_site)
    is_unclaimed = bool(built_in) and not is_ours and not must_be_named(row) and _names_payment(event)
    failure: Exception | None = None
    for entry in handlers:
        if entry.is_built_in:
            continue
        try:
            with database.atomic(), database.site_atomic(None), database.host_code():
                is_ours |= entry.handler(event) is not False
        except Exception as error:
            if database.is_retryable(error):
                raise
            failure = error
    return inbox.Handled(is_ours=is_ours, is_unclaimed=is_unclaimed, failure=failure)


def _names_payment(event: EventData) -> bool:
    """Whether an event's object is stored with its payment: it names one, or a charge, beside its own id."""
    return any(facts.find_id(event.object, name) for name in ("payment_intent", "charge"))


def _raise_failure(row: WebhookEvent, failure: Exception | None) -> WebhookEvent:
    """Return the event, or raise that a handler of the host failed, after the facts are committed."""
    if failure is None:
        return row
    logger.error("handler_failed event=%s type=%s", row.stripe_id, row.type, exc_info=failure)
    raise HandlerError(f"A handler of the site failed on {row.type}; the event will be retried.") from failure


def _attributes(row: WebhookEvent) -> dict[str, str | int]:
    return {"stripe.event_id": row.stripe_id, "stripe.event_type": row.type, "stripe.object_id": row.object_id}
