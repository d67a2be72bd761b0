"""Reads what Stripe posts: a classic event or a thin one, into an inbox row that is not saved yet; pure.

https://docs.stripe.com/event-destinations
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from django_checkout import facts
from django_checkout.exceptions import SignatureError
from django_checkout.models import WebhookEvent
from django_checkout.storable import find_instant, storable, storable_id

#: Never stored: whoever holds one can act for the shopper, or for us. Our own links carry signed tokens.
_SECRET_KEYS = frozenset(("client_secret", "secret", "success_url", "cancel_url", "return_url"))
_SECRET_IN_URL = re.compile(r"(client_secret=)[^&#\s]+")


def words(*lines: str) -> frozenset[str]:
    """Return the words of some lines."""
    return frozenset(word for line in lines for word in line.split())


#: What a settled event keeps: ids, types, statuses, amounts, instants, and what ``facts`` reads apart from what the
#: shopper typed. Whatever Stripe adds to its objects is not kept until it is listed here.
KEPT = words(
    # The event.
    "account api_version context created data id livemode object pending_webhooks related_object request type",
    # Ids, or the objects themselves where they are expanded.
    "balance_transaction charge customer invoice latest_charge payment payment_intent recovered_from",
    "refund review setup_intent subscription",
    # Statuses and kinds.
    "billing_reason cancel_at_period_end capture_method captured collection_method disputed failure_code",
    "failure_reason fraud_type mode open paid payment_status reason refunded status ui_mode",
    # Amounts.
    "amount amount_capturable amount_captured amount_discount amount_due amount_paid amount_received",
    "amount_refunded amount_remaining amount_shipping amount_subtotal amount_tax amount_total currency fee net",
    "presentment_amount presentment_currency quantity subtotal total unit_amount",
    # Instants.
    "canceled_at capture_before current_period_end current_period_start due_by ended_at expires_at",
    # What these stand in.
    "balance_transactions card evidence_details has_more items line_items parent payment_method_details payments",
    "presentment_details price recurring interval interval_count refunds subscription_details total_details",
    # Whose it is.
    "client_reference_id metadata",
)
KEPT_METADATA = frozenset((facts.ORDER_KEY, facts.SESSION_KEY, facts.REFUND_KEY))
#: Written by us, not typed by the shopper: an order's reference may hold a space.
_KEPT_WHOLE = KEPT_METADATA | {"client_reference_id"}
#: Ids and statuses are single words; an address, a name with a space or an e-mail address is not.
_WORD = re.compile(r"[^\s@]{1,255}")


def read_envelope(body: Mapping[str, Any]) -> WebhookEvent:
    """Return the row of an event, in no state yet.

    Raises:
        SignatureError: it is signed, but is not an event.
    """
    body = storable(body)
    is_thin = body.get("object") == "v2.core.event"
    event_id, event_type, livemode = body.get("id"), body.get("type"), body.get("livemode")
    if not isinstance(event_id, str) or not isinstance(event_type, str) or not isinstance(livemode, bool):
        raise SignatureError("The signed body is not an event: it has no id, no type or no livemode.")
    if not event_id:
        raise SignatureError("The signed body is not an event: its id is empty.")
    stripe_object = body.get("related_object") if is_thin else (_mapping(body.get("data"))).get("object")
    stripe_object = _mapping(stripe_object)
    request = _mapping(body.get("request"))
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
        subscription_id=_subscription_of(stripe_object),
        request_id=str(request.get("id") or "")[:255],
        created_at=_created_at(body.get("created")),
    )


def _subscription_of(stripe_object: Mapping[str, Any]) -> str:
    details = _mapping(_mapping(stripe_object.get("parent")).get("subscription_details"))
    return facts.find_id(details, "subscription") or facts.find_id(stripe_object, "subscription")


def without_content(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event with no more of its object than what it is and which: enough to read it, if that is wanted."""
    stripe_object = _mapping(_mapping(body.get("data")).get("object"))
    kept = {key: stripe_object[key] for key in ("id", "object") if key in stripe_object}
    return reduced({**body, "data": {"object": kept}})


def reduced(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of an event once it is settled: enough to apply it again, and nothing about a person."""
    kept: dict[str, Any] = only(body, KEPT)
    return kept


def only(value: Any, kept: frozenset[str]) -> Any:
    """Return plain JSON types with the keys in ``kept`` alone, at every depth, and no text of more than a word.

    Except references of ours.
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
    """Return plain JSON types without the values that are keys to something."""
    if isinstance(value, str):
        return _SECRET_IN_URL.sub(r"\1[removed]", value)
    if isinstance(value, Mapping):
        return {key: without_secrets(item) for key, item in value.items() if key not in _SECRET_KEYS}
    if isinstance(value, Iterable):
        return [without_secrets(item) for item in value]
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _created_at(value: Any) -> datetime:
    if isinstance(value, str):
        try:
            parsed = parse_datetime(value)
            value = int(parsed.timestamp()) if parsed is not None and parsed.tzinfo else None
        except (ValueError, OverflowError):
            value = None
    return find_instant(value) or timezone.now()
