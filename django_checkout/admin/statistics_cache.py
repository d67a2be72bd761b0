"""Caches the statistics of the dashboard."""

from __future__ import annotations

from uuid import uuid4

from django.core.cache import cache
from django.utils import timezone

from django_checkout.conf import conf
from django_checkout.operations import statistics

#: The statistics of a large shop take the database some tenths of a second.
CACHE_SECONDS = 30
#: Names the last operation, while statistics from before it may be cached.
_OPERATION = "django_checkout:dashboard:operation"


def read() -> statistics.Dashboard:
    """Return the statistics, at most ``CACHE_SECONDS`` seconds old."""
    # What was read before an operation is stored under the former key.
    key = _key()
    cached: statistics.Dashboard | None = cache.get(key)
    if cached is None:
        cached = statistics.dashboard()
        cache.set(key, cached, CACHE_SECONDS)
    return cached


def clear() -> None:
    """Clear the cache, after an operation."""
    cache.set(_OPERATION, uuid4().hex, 2 * CACHE_SECONDS)


def _key() -> str:
    # Days start at midnight in the current time zone.
    zone = timezone.get_current_timezone_name().encode().hex()
    mode, operation = "live" if conf.livemode else "test", cache.get(_OPERATION, "")
    return f"django_checkout:dashboard:2:{mode}:{zone}:{operation}"
