"""Caches the statistics of the dashboard."""

from __future__ import annotations

from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from django_checkout.conf import conf
from django_checkout.operations import statistics

#: The statistics of a large shop take the database some tenths of a second.
CACHE_SECONDS = 30


def read() -> statistics.Dashboard:
    """Return the statistics, at most ``CACHE_SECONDS`` seconds old."""
    cached: statistics.Dashboard | None = cache.get(_key())
    if cached is None:
        cached = statistics.dashboard()
        cache.set(_key(), cached, CACHE_SECONDS)
    return cached


def clear() -> None:
    """Clear the cache, after an operation."""
    try:
        cache.delete(_key())
    except ImproperlyConfigured:
        # Without a secret key there is no mode, and nothing is cached.
        return


def _key() -> str:
    # Days start at midnight in the current time zone.
    zone = timezone.get_current_timezone_name().encode().hex()
    return f"django_checkout:dashboard:1:{'live' if conf.livemode else 'test'}:{zone}"
