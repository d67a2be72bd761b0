"""Limits visitors' requests that may call Stripe, per order and minute, across all processes."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q
from django.utils import timezone

from django_checkout.exceptions import TooManyRequestsError
from django_checkout.models import Order

#: Enough for a shopper who changes a quantity every other second.
REQUESTS_PER_MINUTE = 30
_WINDOW = timedelta(minutes=1)


def count_request(order_pk: int, *, now: datetime | None = None) -> None:
    """Count a request that may call Stripe, in one or two atomic statements.

    Raises:
        TooManyRequestsError: the order has had ``REQUESTS_PER_MINUTE`` since the first of them, less than a minute ago.
    """
    now = now or timezone.now()
    rows = Order.objects.filter(pk=order_pk)
    is_over = Q(requests_since=None) | Q(requests_since__lte=now - _WINDOW) | Q(requests_since__gt=now + _WINDOW)
    if rows.filter(is_over).update(requests_since=now, requests_count=1):
        return
    if rows.filter(requests_count__lt=REQUESTS_PER_MINUTE).update(requests_count=F("requests_count") + 1):
        return
    since = rows.values_list("requests_since", flat=True).first() or now
    seconds = max(1, math.ceil((since + _WINDOW - now).total_seconds()))
    raise TooManyRequestsError("This order has had too many requests within a minute.", retry_after_seconds=seconds)


def count_request_of_user(user_pk: Any) -> None:
    """Count a user's request that may call Stripe and is not about an order, in the row of their first order.

    A user without an order is not counted: they have no Customer, so Stripe is not called.

    Raises:
        TooManyRequestsError: see ``count_request``.
    """
    order_pk = Order.objects.filter(user=user_pk).order_by("pk").values_list("pk", flat=True).first()
    if order_pk is not None:
        count_request(order_pk)
