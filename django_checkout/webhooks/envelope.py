"""Parses a posted event, snapshot or thin, into a ``WebhookEvent`` and an ``EventData``; pure.

https://docs.stripe.com/event-destinations
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from django_checkout.exceptions import SignatureError
from django_checkout.models import WebhookEvent
from django_checkout.stripe_api import facts
from django_checkout.stripe_api.json_fields import mapping
from django_checkout.stripe_api.storable import find_instant, storable, storable_id
from django_checkout.values import EventData

#: Never stored: they authorize access. The URLs of our pages contain signed tokens.
_SECRET_KEYS = frozenset(("client_secret", "secret", "success_url", "cancel_url", "return_url"))
_SECRET_IN_URL = re.compile(r"(client_secret=)[^&#\s]+")


def keys(*lines: str) -> frozenset[str]:
    """Return the set of the words in some lines."""
    return frozenset(word for line in lines for word in line.split())


#: The keys that a settled event keeps: ids, types, statuses, amounts, times, and the rest of what ``facts`` reads
#: except personal data. Keys that Stripe adds are not kept until they are listed here.
KEPT = keys(
    # The event.
    "account api_version context created data id livemode object pending_webhooks related_object request type",
    # Ids, or objects where they are expanded.
    "balance_transaction charge customer invoice latest_charge last_payment_error payment payment_intent",
    "payment_method recovered_from",
    "refund review setup_intent subscription",
    # Statuses and kinds.
    "billing_reason cancel_at_period_end capture_method captured collection_method disputed failure_code",
    "failure_reason fraud_type mode open paid payment_status reason refunded status ui_mode",
    # Amounts.
    "amount amount_capturable amount_captured amount_discount amount_due amount_paid amount_received",
    "amount_refunded amount_remaining amount_shipping amount_subtotal amount_tax amount_total currency fee net",
    "presentment_amount presentment_currency quantity subtotal total unit_amount",
    # Times.
    "canceled_at capture_before current_period_end current_period_start due_by ended_at expires_at",
    # Objects that contain these.
    "balance_transactions card evidence_details has_more items line_items parent payment_method_details payments",
    "next_action presentment_details price recurring interval interval_count refunds subscription_details",
    "total_details",
    # Ownership.
    "client_reference_id metadata",
)
KEPT_METADATA = frozenset((facts.ORDER_KEY, facts.SESSION_KEY, facts.REFUND_KEY))
#: Written by this app, so their values are kept whole: an order's reference may contain a space.
_KEPT_WHOLE = KEPT_METADATA | {"client_reference_id"}
#: Matches ids and statuses, but no text with a space and no e-mail address.
_WORD = re.compile(r"[^\s@]{1,255}")


def read_envelope(body: Mapping[str, Any]) -> WebhookEvent:
    """Return an unsaved row for an event.

    Raises:
        SignatureError: the body is signed but is not an event.
    """
    body = storable(body)
    is_thin = body.get("object") == "v2.core.event"
    event_id, event_type, livemode = body.get("id"), body.get("type"), body.get("livemode")
    if not isinstance(event_id, str) or not isinstance(event_type, str) or not isinstance(livemode, bool):
        raise SignatureError("The signed body is not an event: id, type or livemode is missing.")
    if not event_id:
        raise SignatureError("The signed body is not an event: its id is empty.")
    stripe_object = _object_of(body, is_thin=is_thin)
    intent = stripe_object.get("payment_intent") if stripe_object.get("object") != "payment_intent" else None
    return WebhookEvent(
        stripe_id=storable_id(event_id),
        type=event_type[:255],
        is_thin=is_thin,
        api_version=str(body.get("api_version") or "")[:255],
        livemode=livemode,
        account=str(body.get("account") or body.get("context") or "")[:255],
        payload=without_secrets(body),
        object_id=str(stripe_object.get("id") or "")[:255],
        payment_intent_id=intent[:255] if isinstance(intent, str) else "",
        subscription_id=_subscription_id(stripe_object),
        request_id=str(mapping(body, "request").get("id") or "")[:255],
        created_at=_created_at(body.get("created")),
    )


def plain_type(event_type: str) -> str:
    """Return an event type without the ``v1.`` of thin events."""
    return event_type.removeprefix("v1.")


def event_data(row: WebhookEvent) -> EventData:
    """Return the event that handlers are called with."""
    return EventData(
        id=row.stripe_id,
        type=plain_type(row.type),
        livemode=row.livemode,
        created_at=row.created_at,
        object=_object_of(row.payload, is_thin=row.is_thin),
        account=row.account,
    )


def names_of(row: WebhookEvent, event: EventData) -> list[str]:
    """Return the Stripe ids that an event names, and the UUIDs of sessions in its metadata.

    ``event`` has the object as it was read from Stripe, if it was.
    """
    named = (facts.find_id(event.object, key) for key in ("id", "recovered_from", "payment_intent", "charge"))
    uuids = (facts.read_ownership(part).session_uuid for part in (event.object, _subscription_details(event.object)))
    return [name for name in (*named, row.subscription_id, _subscription_id(event.object), *uuids) if name]


def without_content(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event with only the id and type of its object, from which it can be retrieved later."""
    stripe_object = _object_of(body, is_thin=False)
    kept = {key: stripe_object[key] for key in ("id", "object") if key in stripe_object}
    return reduced({**body, "data": {"object": kept}})


def reduced(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a settled event keeps: enough to replay it, without personal data."""
    kept: dict[str, Any] = only(body, KEPT)
    return kept


def only(value: Any, kept: frozenset[str]) -> Any:
    """Return a JSON value with only the keys in ``kept``, at every depth, and without texts of more than one word.

    Our own references are kept whole.
    """
    if isinstance(value, Mapping):
        return {
            key: only(item, KEPT_METADATA if key == "metadata" else kept)
            for key, item in value.items()
            if key in kept and (key in _KEPT_WHOLE or not isinstance(item, str) or _WORD.fullmatch(item))
        }
    if isinstance(value, list | tuple):
        return [only(item, kept) for item in value if not (isinstance(item, str) and not _WORD.fullmatch(item))]
    return value


def without_secrets(value: Any) -> Any:
    """Return a JSON value without secrets."""
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, str):
        return _SECRET_IN_URL.sub(r"\1[removed]", value) if "client_secret=" in value else value
    # The concrete type comes first: the other takes a call to find out.
    if isinstance(value, (dict, Mapping)):
        return {key: without_secrets(item) for key, item in value.items() if key not in _SECRET_KEYS}
    if isinstance(value, (list, Iterable)):
        return [without_secrets(item) for item in value]
    return value


def _subscription_details(stripe_object: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(mapping(stripe_object, "parent"), "subscription_details")


def _subscription_id(stripe_object: Mapping[str, Any]) -> str:
    named = facts.find_id(_subscription_details(stripe_object), "subscription")
    return named or facts.find_id(stripe_object, "subscription")


def _object_of(body: Mapping[str, Any], *, is_thin: bool) -> Mapping[str, Any]:
    return mapping(body, "related_object") if is_thin else mapping(mapping(body, "data"), "object")


def _created_at(value: Any) -> datetime:
    if isinstance(value, str):
        with suppress(ValueError, OverflowError):
            parsed = parse_datetime(value)
            value = int(parsed.timestamp()) if parsed is not None and parsed.tzinfo else None
    return find_instant(value) or timezone.now()
