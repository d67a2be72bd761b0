"""Finds out whether a Stripe object belongs to an order of ours, and whether its personal data was erased."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from uuid import UUID

from django.db.models import Q

from django_checkout.models import CheckoutSession, Payment, Subscription


def is_known(stripe_ids: Collection[str], *, session_uuid: str) -> bool:
    """Return whether one of the ids, or a session's UUID, is that of a row of ours; at most four queries."""
    about = [
        CheckoutSession.objects.filter(stripe_id__in=stripe_ids),
        Payment.objects.filter(stripe_id__in=stripe_ids),
        Payment.objects.filter(charge_id__in=stripe_ids),
        Subscription.objects.filter(stripe_id__in=stripe_ids),
    ]
    with suppress(ValueError):
        about.insert(0, CheckoutSession.objects.filter(uuid=UUID(session_uuid)))
    return any(rows.exists() for rows in about)


def is_erased(stripe_ids: Collection[str], *, customer_id: str) -> bool:
    """Return whether one of the ids, or a subscription of the customer, belongs to an erased order; three queries."""
    about = (
        CheckoutSession.objects.filter(stripe_id__in=stripe_ids),
        Payment.objects.filter(Q(stripe_id__in=stripe_ids) | Q(charge_id__in=stripe_ids)),
        # A renewal's charge has no id of ours except its customer.
        Subscription.objects.filter(Q(stripe_id__in=stripe_ids) | Q(customer_id=customer_id or None)),
    )
    return any(rows.filter(order__erased_at__isnull=False).exists() for rows in about)
