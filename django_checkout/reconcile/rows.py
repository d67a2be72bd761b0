"""Our session rows as reconciliation loads them, and what a session of Stripe's says, in the report's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from django_checkout import facts
from django_checkout.models import CheckoutSession

_WORDS = {"status": "status", "payment_status": "payment_status", "total": "amount_total", "currency": "currency"}


def session_rows(which: Q) -> QuerySet[CheckoutSession]:
    """Return sessions with their orders and payments, without what is large."""
    return CheckoutSession.objects.filter(which).select_related("order", "payment__order").defer("request", "lines")


def words(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a session, and its expanded payment, says."""
    said = {name: data.get(key) for name, key in _WORDS.items()}
    intent = data.get("payment_intent")
    if isinstance(intent, Mapping):
        said |= {"captured": intent.get("amount_received"), "payment_intent": intent.get("id")}
    if data.get("subscription"):
        said["subscription"] = facts.find_id(data, "subscription")
    return said


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID."""
    try:
        return bool(text) and UUID(text) is not None
    except ValueError:
        # Another integration's metadata may hold anything under our key.
        return False
