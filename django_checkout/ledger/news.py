"""News: what the host should hear, before it is written down and told."""

from __future__ import annotations

from dataclasses import dataclass

from django_checkout.models import CheckoutSession, Dispute, Refund, Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What the host should hear: a signal's name, the fact it is about, and what goes with it."""

    signal: str
    fact: str
    session: CheckoutSession | None = None
    refund: Refund | None = None
    dispute: Dispute | None = None
    subscription: Subscription | None = None
    amount_minor: int | None = None
    reason: str = ""
